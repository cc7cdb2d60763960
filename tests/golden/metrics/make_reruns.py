"""Goldens of the metrics that hide at random or run the method again: infidelity, mufidelity, sensitivity, mprt,
randomlogit. Run once in the environment of each oracle:

  --oracle captum   ../methods/requirements-captum.txt
  --oracle xplique  ../methods/requirements-xplique.txt, with pip's --no-deps (see there)
  --oracle quantus  requirements-quantus.txt, with pip's --no-deps (see there)

Maps are made by Captum in PyTorch, in float64, as the engine's own goldens have them, and graded by the oracle; what is
random is drawn here, and given to the oracle and, as draws, to the engine. Bounds: 1e-3 of the value (of correlations: of
1), or three times what PyTorch's float32 differs from float64; set before the engine is asked.
"""
import copy
import json
import sys
import warnings
from importlib import metadata
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F

METHODS = Path(__file__).resolve().parents[1] / "methods"
sys.path.insert(0, str(METHODS))

import subjects  # noqa: E402

BOUND = 1e-3
RANK_SEEDS, RANKS_AGREE = 3, 0.7  # of the order of methods: Spearman's correlation, at least


# ---------------------------------------------------------------- maps

def tensor(net, x) -> torch.Tensor:
    return torch.as_tensor(x).to(next(net.parameters()).dtype)


def saliency(net, x, target, _layer):
    import captum.attr as ca
    return ca.Saliency(net).attribute(x, target=target).amax(1)


def inputxgradient(net, x, target, _layer):
    import captum.attr as ca
    return ca.InputXGradient(net).attribute(x, target=target).sum(1)


def integratedgradients(net, x, target, _layer):
    import captum.attr as ca
    return ca.IntegratedGradients(net).attribute(x, target=target, n_steps=8).sum(1)


def gradcam(net, x, target, layer):
    import captum.attr as ca
    return ca.LayerGradCam(net, layer).attribute(x, target=target, relu_attributions=True)[:, 0]


def signed(net, x, target, layer):
    """Grad-CAM without its ReLU, which on a network of random weights may leave nothing."""
    import captum.attr as ca
    return ca.LayerGradCam(net, layer).attribute(x, target=target)[:, 0]


def guidedbackprop(net, x, target, _layer):
    import captum.attr as ca
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it sets hooks
        return ca.GuidedBackprop(net).attribute(x, target=target).sum(1)


def deconvnet(net, x, target, _layer):
    import captum.attr as ca
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ca.Deconvolution(net).attribute(x, target=target).sum(1)


def activationmap(net, x, _target, layer):
    import captum.attr as ca
    return ca.LayerActivation(net, layer).attribute(x).mean(1)


# What the engine calls them; and `layer`, where there is one.
CALLS = {saliency: ("saliency", {}), inputxgradient: ("inputxgradient", {}), gradcam: ("gradcam", {}),
         integratedgradients: ("integratedgradients", {"steps": 8}), signed: ("gradcam", {"relu": False}),
         guidedbackprop: ("guidedbackprop", {}), deconvnet: ("deconvnet", {}), activationmap: ("activationmap", {})}


class Maker:
    """The cases of one subject: maps of one method on each sample, graded."""

    def __init__(self, subject: subjects.Subject, out: subjects.Cases):
        self.s, self.out, self.net = subject, out, subject.net

    def method(self, explain) -> dict:
        name, params = CALLS[explain]
        layer = {"layer": list(self.s.layers)[-1]} if name in ("gradcam", "activationmap") else {}
        return {"method": name, "params": {**params, **layer}}

    def maps(self, explain, net, x, target) -> torch.Tensor:
        """Of a batch; with the modules of `net`, which may be a copy with other weights."""
        module = dict(net.named_modules())[self.layer_name()]
        return explain(net, tensor(net, x), target, module).detach()

    def layer_name(self) -> str:
        wanted = list(self.s.layers.values())[-1]
        return next(name for name, module in self.net.named_modules() if module is wanted)

    def over_input(self, explain, x, target) -> torch.Tensor:
        maps = self.maps(explain, self.net, x, target)
        return F.interpolate(maps[:, None], x.shape[2:], mode="bilinear", align_corners=False)[:, 0]

    def add(self, name, explain, target, metric, params, grade, *, relative, draws=None) -> None:
        """grade(x [1,3,H,W]) gives the value, or the values of a curve, of one sample."""
        rows = [np.atleast_1d(grade(x[None])) for x in self.s.x]
        self.net.float()
        with torch.backends.mkldnn.flags(enabled=False):
            rough = [np.atleast_1d(grade(x[None])) for x in self.s.x]
        self.net.double()
        scale = [np.abs(row) if relative else 1 for row in rows]
        error = max(float((np.abs(a - b) / s).max()) for a, b, s in zip(rows, rough, scale))
        case = {"id": f"{self.s.name}-{name}", "oracle": self.out.oracle, "model": self.s.model, "input": self.s.input,
                **self.method(explain), "target": target, "metric": metric, "metric_params": params,
                "expected": [[float(v) for v in row] for row in rows], "relative": relative,
                "bound": max(BOUND, 3 * error)}
        if draws:
            case["draws"] = draws
        print(f"{case['id']}: {case['expected']}, float32 differs by {error:.1e}")
        self.out.cases.append(case)

    def draws(self, name, **arrays) -> str:
        """Numbers of 0 and 1 are kept as bytes."""
        place = self.out.folder / "draws" / f"{self.s.name}-{name}"
        place.mkdir(parents=True, exist_ok=True)
        for key, values in arrays.items():
            few = np.isin(values, (0, 1)).all()
            np.save(place / f"{key}.npy", np.ascontiguousarray(values, np.uint8 if few else np.float32))
        return str(place.relative_to(subjects.DATA))


# ---------------------------------------------------------------- captum

def squares(rng, count, height, width) -> np.ndarray:
    sides = rng.randint(1, min(height, width) // 2 + 1, count)
    return np.stack([rng.randint(0, height - sides + 1), rng.randint(0, width - sides + 1), sides], 1)


def hidden_by(boxes, height, width) -> np.ndarray:
    masks = np.zeros((len(boxes), height, width), np.float32)
    for mask, (top, left, side) in zip(masks, boxes):
        mask[top:top + side, left:left + side] = 1
    return masks


def captum(m: Maker) -> None:
    from captum.metrics import infidelity, sensitivity_max
    height, width = m.s.x.shape[2:]
    small, rng, t = m.s.stride == 1, np.random.RandomState(500), m.s.classes[0]
    boxes = squares(rng, 40 if small else 12, height, width)
    hidden = torch.from_numpy(hidden_by(boxes, height, width))[:, None]
    noise = torch.from_numpy(rng.normal(0, 0.2, (30, height, width)).astype(np.float32))[:, None]

    def shares(x):  # not by the decorator, which takes what is 0 already for not hidden
        mask = hidden.to(x.dtype).expand_as(x)
        return mask, x * (1 - mask)

    def slopes(x):
        step = noise.to(x.dtype).expand_as(x)
        return step, x - step

    def infidelities(explain, perturb, count, normalize):
        def grade(x):
            attribution = m.over_input(explain, x, t)[:, None].expand(-1, 3, -1, -1) / 3  # of a pixel, to its channels
            return infidelity(m.net, perturb, tensor(m.net, x), attribution, target=t, n_perturb_samples=count,
                              normalize=normalize).double().numpy()
        return grade

    folder = m.draws("squares", **{"infidelity-squares": boxes})
    for explain in (inputxgradient, gradcam, integratedgradients) if small else (gradcam,):
        for normalize in (True, False):
            m.add(f"infidelity-{explain.__name__}{'' if normalize else '-plain'}", explain, t, "infidelity",
                  {"samples": len(boxes), "normalize": normalize}, infidelities(explain, shares, len(boxes), normalize),
                  relative=True, draws=folder)
    if small:
        folder = m.draws("noise", **{"infidelity-noise": noise[:, 0].numpy()})
        m.add("infidelity-noise", saliency, t, "infidelity", {"samples": len(noise), "perturbation": "noise"},
              infidelities(saliency, slopes, len(noise), True), relative=True, draws=folder)

    count = 5 if small else 2
    drawn = rng.rand(count, 3, height, width) if small else rng.randint(0, 2, (count, 3, height, width))
    drawn = drawn.astype(np.float32)
    folder = m.draws("move", **{"sensitivity-noise": drawn})

    def sensitivities(explain):
        def grade(x):
            def moved(inputs):
                return (inputs[0] if isinstance(inputs, tuple) else inputs) + tensor(m.net, (2 * drawn - 1) * 0.02)

            def explained(inputs):  # tuples for tuples: Captum looks at the first explanation as it comes
                with torch.enable_grad():
                    maps = m.maps(explain, m.net, inputs[0] if isinstance(inputs, tuple) else inputs, t)
                return (maps,) if isinstance(inputs, tuple) else maps
            return sensitivity_max(explained, tensor(m.net, x), moved, n_perturb_samples=count).double().numpy()
        return grade

    for explain in (saliency, inputxgradient, gradcam) if small else (gradcam,):
        m.add(f"sensitivity-{explain.__name__}", explain, t, "sensitivity", {"samples": count}, sensitivities(explain),
              relative=True, draws=folder)


# ---------------------------------------------------------------- xplique

def xplique(m: Maker) -> None:
    import tensorflow as tf
    from xplique.metrics import MuFidelity
    t = m.s.classes[0]

    def fidelities(explain, uniform, grid, share):
        def grade(x):
            def operator(_model, batch, _labels):
                with torch.no_grad():
                    scores = m.net(tensor(m.net, np.float64(np.asarray(batch).transpose(0, 3, 1, 2))))[:, t]
                return tf.constant(scores.double().numpy(), tf.float64)
            given = mock.patch.object(tf.random, "uniform", lambda shape, *_a, **_k: tf.constant(uniform))
            with given:
                tf.config.run_functions_eagerly(True)
                metric = MuFidelity(lambda x: x, x.transpose(0, 2, 3, 1), np.ones((1, 1), np.float32), grid_size=grid,
                                    subset_percent=share, nb_samples=len(uniform), batch_size=len(uniform),
                                    operator=operator)
                metric.base_predictions = tf.cast(metric.base_predictions, tf.float64)
                return metric.evaluate(np.float32(m.over_input(explain, x, t)))
        return grade

    rng = np.random.RandomState(501)
    for explain, grid, share in ((gradcam, 9, 0.2), (inputxgradient, 5, 0.4)):
        uniform = rng.rand(120 if m.s.stride == 1 else 30, grid * grid).astype(np.float32)
        folder = m.draws(f"masks-{grid}", **{"mufidelity-masks": (uniform > share).reshape(-1, grid, grid)})
        m.add(f"mufidelity-{explain.__name__}", explain, t, "mufidelity",
              {"samples": len(uniform), "grid": grid, "share": share}, fidelities(explain, uniform, grid, share),
              relative=False, draws=folder)


# ---------------------------------------------------------------- quantus

def quantus(m: Maker) -> None:
    small = m.s.stride == 1
    if small:
        blocks(m)
    another_class(m)
    if not any(isinstance(module, torch.nn.BatchNorm2d) for module in m.net.modules()):
        other_weights(m)
    elif small:
        ranks(m)


def explainer(m: Maker, explain, asked=None):
    """Quantus wants maps of the input's size: cells are repeated, which changes no rank correlation."""
    def explained(model, inputs, targets, **_):
        if asked is not None:
            asked.append(int(np.atleast_1d(targets)[0]))
        maps = m.maps(explain, model, inputs, int(np.atleast_1d(targets)[0])).double().numpy()[:, None]
        return maps.repeat(inputs.shape[2] // maps.shape[2], 2).repeat(inputs.shape[3] // maps.shape[3], 3)
    return explained


def blocks(m: Maker) -> None:
    import quantus as q
    t = m.s.classes[0]

    def grade(x):
        maps = m.over_input(inputxgradient, x, t).double().numpy()[:, None]
        metric = q.Infidelity(perturb_baseline=0.0, perturb_patch_sizes=[8], n_perturb_samples=1, disable_warnings=True)
        # its models are asked in float32 however they are: so it gets the numbers
        with mock.patch.object(q.helpers.model.pytorch_model.PyTorchModel, "predict",
                               lambda _self, v, **_k: m.net(tensor(m.net, v)).detach().double().numpy()):
            return metric(model=m.net, x_batch=np.float64(x), y_batch=np.array([t]), a_batch=maps, softmax=False)[0]

    m.add("infidelity-blocks", inputxgradient, t, "infidelity",
          {"perturbation": "blocks", "side": 8, "normalize": False}, grade, relative=True)


def another_class(m: Maker) -> None:
    """The class that numpy draws for Quantus is named to the engine; SSIM in two dimensions is scikit-image's."""
    import quantus as q
    from skimage.metrics import structural_similarity
    t, classes = m.s.classes[0], m.s.net(tensor(m.s.net, m.s.x[:1])).shape[1]

    def by_quantus(explain, similarity, asked=None):
        def grade(x):
            metric = q.RandomLogit(num_classes=classes, similarity_func=similarity, disable_warnings=True)
            explain_func = explainer(m, explain, asked)
            maps = explain_func(m.net, np.float64(x), np.array([t]))
            return np.atleast_1d(metric(model=m.net, x_batch=np.float64(x), y_batch=np.array([t]), a_batch=maps,
                                        explain_func=explain_func, softmax=False))[0]
        return grade

    def by_skimage(explain, other):
        def grade(x):
            a, b = (m.maps(explain, m.net, x, k)[0].double().numpy() for k in (t, other))
            a, b = a / np.abs(a).max(), b / np.abs(b).max()
            return structural_similarity(a, b, data_range=max(a.max(), b.max()) - min(a.min(), b.min()))
        return grade

    for explain in (saliency, inputxgradient) if m.s.stride == 1 else (gradcam, inputxgradient):
        asked, name = [], explain.__name__
        by_quantus(explain, q.similarity_func.ssim, asked)(m.s.x[:1])
        other = asked[-1]
        assert other != t
        for choice, grade in (("ssim_rows", by_quantus(explain, q.similarity_func.ssim)),
                              ("spearman", by_quantus(explain, q.similarity_func.correlation_spearman)),
                              ("ssim", by_skimage(explain, other))):
            if choice == "ssim_rows" and explain is gradcam:
                continue  # repeated cells are other rows
            m.add(f"randomlogit-{name}-{choice}", explain, t, "randomlogit", {"other": other, "similarity": choice}, grade,
                  relative=False)


def other_weights(m: Maker) -> None:
    """Quantus's own resets, rounded to float32, which are the engine's draws too; its curve without the unchanged
    network."""
    import quantus as q
    t = m.s.classes[0]
    products = [k for k in m.net.modules() if isinstance(k, (torch.nn.Conv2d, torch.nn.Linear))]
    drawn = {}
    for i, k in enumerate(products):
        k.fresh = [copy.deepcopy(k)]  # in a list, so that it is no module of the network
        torch.manual_seed(42 + 1)  # as Quantus does before each reset
        k.fresh[0].reset_parameters()
        for name, p in k.fresh[0].named_parameters():
            p.data.copy_(p.data.float())
            drawn[f"mprt-{name}-{i}"] = p.data.float().numpy()
    folder = m.draws("weights", **drawn)

    def reset(self):
        for mine, fresh in zip(self.parameters(recurse=False), self.fresh[0].parameters(recurse=False)):
            mine.data.copy_(fresh.data)

    def curve(explain, order):
        def grade(x):
            metric = q.MPRT(layer_order=order, disable_warnings=True)
            explain_func = explainer(m, explain)
            scores = metric(model=m.net, x_batch=np.float64(x), y_batch=np.array([t]), explain_func=explain_func,
                            a_batch=np.abs(explain_func(m.net, np.float64(x), np.array([t]))), softmax=False)
            assert next(iter(scores)) == "original" and abs(scores["original"][0] - 1) < 1e-9
            return np.array([v[0] for k, v in scores.items() if k != "original"])
        return grade

    with mock.patch.object(torch.nn.Conv2d, "reset_parameters", reset), \
            mock.patch.object(torch.nn.Linear, "reset_parameters", reset), \
            mock.patch.object(q.helpers.asserts, "assert_attributions"):  # which refuses maps that are negative all over
        for explain in (saliency, signed):
            for order in ("top_down", "bottom_up"):
                m.add(f"mprt-{explain.__name__}-{order}", explain, t, "mprt",
                      {"order": order, "stages": len(products), "weights": "uniform"}, curve(explain, order),
                      relative=False, draws=folder)
    for k in products:
        del k.fresh


def ranks(m: Maker) -> None:
    """A network with batch normalisations, which Quantus resets as layers of their own: methods in order of their mean
    over layers, samples and seeds."""
    import quantus as q
    t, listed = m.s.classes[0], (saliency, inputxgradient, integratedgradients, signed, guidedbackprop, deconvnet,
                                 activationmap)

    def mean(explain) -> float:
        found = []
        for x in np.float64(m.s.x)[:, None]:
            for seed in range(RANK_SEEDS):
                explain_func = explainer(m, explain)
                scores = q.MPRT(seed=seed, disable_warnings=True)(
                    model=m.net, x_batch=x, y_batch=np.array([t]), explain_func=explain_func, softmax=False,
                    a_batch=np.abs(explain_func(m.net, x, np.array([t]))))
                found += [np.nan_to_num(v[0]) for k, v in scores.items() if k != "original"]
        return float(np.mean(found))

    with mock.patch.object(q.helpers.asserts, "assert_attributions"):
        means = [mean(explain) for explain in listed]
    m.out.cases.append({"id": f"{m.s.name}-mprt-ranks", "oracle": "quantus", "model": m.s.model, "input": m.s.input,
                        "target": t, "metric": "mprt", "calls": [m.method(explain) for explain in listed],
                        "metric_params": {"weights": "uniform", "stages": 512}, "seeds": RANK_SEEDS, "means": means,
                        "bound": RANKS_AGREE})
    print(m.out.cases[-1])


# ---------------------------------------------------------------- all

ORACLES = {"captum": captum, "xplique": xplique, "quantus": quantus}
LIBRARIES = {"captum": ("captum",), "xplique": ("xplique", "tensorflow-cpu", "scipy"),
             "quantus": ("quantus", "captum", "scipy", "scikit-image")}
NOTES = {
    "captum": "captum.metrics.infidelity on the map over the input, a pixel's value shared by its channels; sensitivity_max "
              "on the maps.",
    "xplique": "MuFidelity; tf.random.uniform is given, scores are the network's in float64.",
    "quantus": "Infidelity of one patch size; RandomLogit's class is numpy's draw; MPRT's curve without the unchanged "
               "network, which its own average has among the stages.",
}


def main() -> None:
    oracle = subjects.oracle_asked(ORACLES)
    listed = subjects.subjects()
    out = subjects.Cases("reruns", oracle)
    out.folder = subjects.DATA / "metrics" / "reruns"
    out.folder.mkdir(parents=True, exist_ok=True)
    for subject in listed:
        if subject.name != "lite0-coffee":
            ORACLES[oracle](Maker(subject, out))
    file = out.folder / "cases.json"
    old = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"oracles": {}, "cases": []}
    versions = {name: metadata.version(name) for name in (*LIBRARIES[oracle], "torch", "numpy")}
    old["oracles"][oracle] = {"versions": versions, "notes": NOTES[oracle]}
    old["cases"] = [c for c in old["cases"] if c["oracle"] != oracle] + out.cases
    file.write_text(json.dumps(old, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
