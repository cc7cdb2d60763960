"""Goldens of occlusion, sobol, hsic, aise and extremal. Run once in the environment of each oracle:

  --oracle captum       requirements-captum.txt
  --oracle xplique      requirements-xplique.txt, with pip's --no-deps (see there)
  --oracle openvino_xai requirements-openvino-xai.txt
  --oracle rise         ../requirements.txt
  --oracle scipy        requirements-xplique.txt or any other with SciPy
  --oracle torchray     requirements-torchray.txt

The networks run in PyTorch, in float64, whatever the library's own framework is: it is handed a function of pictures.
"""
import importlib.metadata

import numpy as np
import torch

import subjects


def score(net, space: str, batch: np.ndarray, target: int) -> np.ndarray:
    """[N,3,H,W] to the target's value, in float64."""
    with torch.no_grad():
        logits = net(torch.from_numpy(np.float64(batch)))
        return (torch.softmax(logits, 1) if space == "probability" else logits)[:, target].numpy()


# ---------------------------------------------------------------- xplique

AGREE = 1e-4  # Xplique's estimators subtract in float32


def total_indices(estimator: str, scores: np.ndarray, cells: int) -> np.ndarray:
    """Xplique's formulas in float64; scores of the masks A, B, then C cell by cell."""
    n = len(scores) // (cells + 2)
    a, c = scores[:n], scores[2 * n:].reshape(cells, n)
    var = max(a.var(ddof=1), 1e-12)
    if estimator == "jansen":
        return ((a - c) ** 2).sum(1) / (2 * n * var)
    if estimator in ("homma", "saltelli"):
        return (var - (a * c).mean(1) + a.mean() ** 2) / var
    if estimator == "janon":
        mean = (a.mean() + c.mean(1)) / 2
        var = np.maximum(((a ** 2).sum() + (c ** 2).sum(1)) / (2 * (n - 1)) - mean ** 2, 1e-12)
        return 1 - ((a * c).mean(1) - mean ** 2) / var
    assert estimator == "glen"
    together = ((a - a.mean()) * (c - c.mean(1, keepdims=True))).sum(1) / (n - 1)
    return 1 - together / np.sqrt(var * np.maximum(c.var(1, ddof=1), 1e-12))


def dependence(estimator: str, scores: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Xplique's HSIC in float64, by the matrices of its definition; masks [N, cells]."""
    n = len(scores)
    centre = np.eye(n) - 1 / n
    likeness = np.exp(-(scores[:, None] - scores) ** 2 / (2 * np.median(scores) ** 2))
    centred = centre @ likeness @ centre
    result = []
    for x in np.float64(masks).T:
        distance = np.abs(x[:, None] - x)
        kernel = {"binary": lambda: 0.5 - distance ** 2, "rbf": lambda: np.exp(-distance ** 2 / (2 * 0.5 ** 2)),
                  "sobolev": lambda: (distance ** 2 - distance + 1 / 6) / 2 + np.outer(x - 0.5, x - 0.5)}[estimator]()
        result.append(((1 + kernel) * centred).sum() / n)
    return np.array(result)


def xplique(cases: subjects.Cases) -> dict:
    listed = subjects.subjects()  # PyTorch's world comes before TensorFlow: their LLVMs clash the other way round
    import tensorflow as tf
    from xplique.attributions import HsicAttributionMethod, SobolAttributionMethod
    from xplique.attributions import global_sensitivity_analysis as gsa

    estimators = {"jansen": gsa.JansenEstimator, "homma": gsa.HommaEstimator, "saltelli": gsa.SaltelliEstimator,
                  "janon": gsa.JanonEstimator, "glen": gsa.GlenEstimator, "binary": gsa.BinaryEstimator,
                  "rbf": gsa.RbfEstimator, "sobolev": gsa.SobolevEstimator}

    def asked(subject, space, target, method, **options) -> tuple:
        """The library's maps and cells, with the scores that it saw and its masks."""
        seen = []

        def operator(_model, x, _y):
            seen.append(score(subject.net, space, np.asarray(x).transpose(0, 3, 1, 2), target))
            return tf.constant(seen[-1], tf.float32)

        explainer = method(lambda x: x, operator=operator, batch_size=16, **options)
        maps, scores, cells = [], [], []
        for x in subject.x:
            seen.clear()
            maps.append(np.asarray(explainer.explain(x.transpose(1, 2, 0)[None], np.ones((1, 1), np.float32)))[0, ..., 0])
            scores.append(np.concatenate(seen))
            cells.append(np.asarray(explainer.estimator(explainer.masks, scores[-1], explainer.nb_design))[..., 0])
        return np.stack(maps), np.stack(cells), np.stack(scores), np.asarray(explainer.masks)[..., 0]

    def add(subject, name, method, target, params, space, maps, cells, exact, **fields) -> None:
        """The cells in float64, which the library's must agree with; the map enlarged by the library's own resize."""
        exact = exact.reshape(cells.shape)
        error = relative_l2(cells, exact)
        print(f"{subject.name}-{name}: the library's float32 is off by {error:.1e}")
        if not error < AGREE:
            raise SystemExit("the formula and the library differ")
        size = subject.x.shape[2:]
        large = np.asarray(tf.image.resize(np.float32(exact)[..., None], size, method="bicubic"))[..., 0]
        if not relative_l2(maps, large) < AGREE:
            raise SystemExit("the map is not the cells, enlarged")
        fields = {**fields, "space": space}
        cases.add(subject, name, method, target, params, large, thin=True, **fields)
        if subject.stride == 1:
            cases.add(subject, f"{name}-cells", method, target, params, exact, artifact="cells", **fields)

    def sobol(subject, name, target, grid, designs, estimator, space="probability", sampler=None) -> None:
        maps, cells, scores, masks = asked(subject, space, target, SobolAttributionMethod, grid_size=grid,
                                           nb_design=designs, sampler=sampler, estimator=estimators[estimator]())
        fields = {"draws": cases.draws(f"{subject.name}-{name}", masks=masks)} if sampler else {}
        exact = np.stack([total_indices(estimator, s, grid * grid) for s in scores])
        add(subject, name, "sobol", target, {"grid": grid, "designs": designs, "estimator": estimator}, space, maps,
            cells, exact, **fields)

    def hsic(subject, name, target, grid, count, estimator, space="probability", sampler=None) -> None:
        chosen = sampler or gsa.TFSobolSequence(binary=estimator == "binary")
        maps, cells, scores, masks = asked(subject, space, target, HsicAttributionMethod, grid_size=grid, nb_design=count,
                                           sampler=chosen, estimator=estimators[estimator]())
        fields = {"draws": cases.draws(f"{subject.name}-{name}", masks=masks)} if sampler else {}
        exact = np.stack([dependence(estimator, s, masks.reshape(count, -1)) for s in scores])
        add(subject, name, "hsic", target, {"grid": grid, "masks": count, "estimator": estimator}, space, maps, cells,
            exact, **fields)

    for subject in listed:
        one, two = subject.classes
        if subject.stride > 1:
            if subject.name == "lite0-chelsea":
                sobol(subject, "sobol", one, 5, 4, "jansen")
            else:
                hsic(subject, "hsic", one, 5, 60, "binary")
            continue
        np.random.seed(7)
        sobol(subject, "sobol", one, 8, 32, "jansen")
        sobol(subject, "sobol-logit", two, 5, 16, "jansen", "logit")
        sobol(subject, "sobol-janon", one, 4, 16, "janon")
        sobol(subject, "sobol-glen", two, 3, 64, "glen")
        sobol(subject, "sobol-saltelli", two, 3, 64, "saltelli")
        sobol(subject, "sobol-homma", one, 7, 8, "homma", sampler=gsa.ScipySobolSequenceRS())
        sobol(subject, "sobol-latin", one, 4, 8, "jansen", sampler=gsa.LatinHypercubeRS())
        hsic(subject, "hsic", one, 8, 500, "binary")
        hsic(subject, "hsic-logit", two, 5, 100, "binary", "logit")
        hsic(subject, "hsic-rbf", two, 6, 128, "rbf")
        hsic(subject, "hsic-sobolev", one, 4, 150, "sobolev")
        hsic(subject, "hsic-latin", one, 5, 60, "binary", sampler=gsa.LatinHypercube(binary=True))
    return versions("xplique", "tensorflow-cpu", "scipy", "torch", "numpy")


def relative_l2(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


# ---------------------------------------------------------------- openvino_xai

def openvino_xai(cases: subjects.Cases) -> dict:
    from openvino_xai.methods.black_box.aise.classification import AISEClassification

    class OnTorch(AISEClassification):
        """The library's method; the network is PyTorch's, in float64."""

        def model_forward(self, x, preprocess=True):
            with torch.no_grad():
                return torch.softmax(self.net(torch.from_numpy(np.float64(x))), 1).numpy()

    def aise(subject, name, target, steps, kernels, **options) -> None:
        widths = np.linspace(*kernels)
        method = OnTorch(model=None, postprocess_fn=lambda x: x, prepare_model=False)
        method.net = subject.net
        params = {"steps": steps, "sigma_min": kernels[0], "sigma_max": kernels[1], "kernels": kernels[2], **options}
        maps = [method.generate_saliency_map(
            np.float64(x[None]), [target], num_iterations_per_kernel=steps, kernel_widths=widths, scale_output=False,
            solver_epsilon=options.get("epsilon", 0.1), locally_biased=options.get("locally_biased", False))[target]
            for x in subject.x]
        cases.add(subject, name, "aise", target, params, np.stack(maps), thin=True)

    for subject in subjects.subjects():
        one, two = subject.classes
        aise(subject, "aise", one, 50 if subject.stride == 1 else 20, (0.1, 0.25, 3))
        if subject.stride > 1:
            continue
        aise(subject, "aise-other", two, 50, (0.1, 0.25, 3))
        aise(subject, "aise-quality", two, 50, (0.075, 0.25, 5))
        aise(subject, "aise-biased", one, 120, (0.1, 0.2, 2), locally_biased=True, epsilon=1e-4)
        aise(subject, "aise-speed", two, 20, (0.1, 0.1, 1))
    return versions("openvino-xai", "openvino", "scipy", "torch", "numpy")


# ---------------------------------------------------------------- scipy

def scipy(cases: subjects.Cases) -> None:
    """DIRECT's points and values, and points of Sobol's sequence, for tests/engine/explain/test_designs.c."""
    from scipy.optimize import Bounds
    from scipy.optimize import direct as minimise
    from scipy.stats import qmc

    functions = {
        "bowl": lambda x: (x[0] - 0.3) ** 2 + (x[1] - 0.77) ** 2,
        "flat": lambda x: 1.0,
        "steps": lambda x: np.floor(5 * x[0]) * 0.1 - np.floor(3 * x[1]) * 0.2,
        "waves": lambda x: np.sin(13 * x[0]) * np.cos(9 * x[1]) + 0.2 * x[0],
        "peak": lambda x: -np.exp(-((x[0] - 0.21) ** 2 + (x[1] - 0.6) ** 2) / 0.02),
        "ties": lambda x: round(4 * np.sin(7 * x[0] + 3 * x[1])),
    }
    folder = cases.folder / "direct"
    folder.mkdir(exist_ok=True)
    for name, function in functions.items():
        for biased, epsilon in ((False, 0.1), (True, 1e-4)):
            seen = []

            def watched(x, function=function, seen=seen):
                seen.append([*x, float(function(x))])
                return seen[-1][2]

            minimise(watched, Bounds([0.0, 0.0], [1.0, 1.0]), eps=epsilon, locally_biased=biased,
                     maxfun=500 if name == "bowl" else 150)
            np.save(folder / f"{name}-{'biased' if biased else 'plain'}.npy", np.array(seen))
    (cases.folder / "sobol-sequence").mkdir(exist_ok=True)
    points = qmc.Sobol(512, scramble=False).random(2 ** 14)[2 ** np.arange(14)]  # its point 0 is not the engine's
    np.save(cases.folder / "sobol-sequence" / "points.npy", np.float32(points))


# ---------------------------------------------------------------- captum

def captum(cases: subjects.Cases) -> dict:
    """Oblong pictures, other windows, strides and baselines than ../make_goldens.py has."""
    import captum.attr

    def occlusion(subject, name, target, window, stride, space, x=None) -> None:
        def value(tensor):
            logits = subject.net(tensor)
            return torch.softmax(logits, 1) if space == "probability" else logits

        channels = subject.x.shape[1]
        with torch.no_grad():
            map_ = captum.attr.Occlusion(value).attribute(
                torch.from_numpy(np.float64(subject.x)), target=target, baselines=0, perturbations_per_eval=4,
                sliding_window_shapes=(channels, window, window), strides=(channels, stride, stride)).numpy()[:, 0]
        cases.add(subject, name, "occlusion", target, {"window": window, "stride": stride}, map_, thin=True, space=space)

    for subject in subjects.subjects():
        one, two = subject.classes
        if subject.stride > 1:
            occlusion(subject, "occlusion", two, 60, 45, "probability")
            continue
        occlusion(subject, "occlusion", one, 8, 4, "probability")
        occlusion(subject, "occlusion-clipped", two, 7, 5, "logit")
        occlusion(subject, "occlusion-cells", one, 3, 3, "logit")
        occlusion(subject, "occlusion-whole", two, min(subject.x.shape[2:]), 1, "probability")
    return versions("captum", "torch", "numpy")


# ---------------------------------------------------------------- rise

RISE_MASKS = 20000


def rise(cases: subjects.Cases) -> None:
    """Maps of two seeds by the definition of the authors' repository, for ../test_rise.py."""
    import onnxruntime
    from skimage.transform import resize

    def masks(count, size, grid, p, draws):
        cell = [-(-side // grid) for side in size]
        for _ in range(count):
            cells = (draws.random((grid, grid)) < p).astype(np.float32)
            top, left = draws.integers(0, cell[0]), draws.integers(0, cell[1])
            large = resize(cells, [(grid + 1) * c for c in cell], order=1, mode="reflect", anti_aliasing=False)
            yield large[top:top + size[0], left:left + size[1]]

    folder = cases.folder / "rise"
    folder.mkdir(exist_ok=True)
    for subject in subjects.subjects(with_lite0=False):
        session = onnxruntime.InferenceSession(str(subjects.DATA / subject.model), providers=["CPUExecutionProvider"])
        feed, x = session.get_inputs()[0].name, subject.x[:1]
        for seed in (0, 1):
            total = np.zeros(x.shape[2:])
            for mask in masks(RISE_MASKS, x.shape[2:], 7, 0.5, np.random.default_rng(seed)):
                logits = np.float64(session.run(None, {feed: np.float32(x * mask)})[0][0])
                odds = np.exp(logits - logits.max())
                total += odds[subject.classes[0]] / odds.sum() * mask
            np.save(folder / f"{subject.name}-{seed}.npy", np.float32(total / RISE_MASKS / 0.5))


# ---------------------------------------------------------------- torchray

UNSETTLED = 0.02  # a map that float32 moves by more is no golden: an ascent that parts at a tie ends elsewhere

def torchray(cases: subjects.Cases) -> dict:
    """TorchRay in float64, its ties broken in reading order."""
    import functools

    from torchray.attribution import extremal_perturbation as library

    def float64(function):
        """What the library makes in float32 whatever its input: kernels, weights, references."""
        @functools.wraps(function)
        def made(*args, **kwargs):
            if kwargs.get("dtype") is torch.float32:
                kwargs["dtype"] = torch.float64
            return function(*args, **kwargs)
        return made

    class Precision:
        def __init__(self, dtype):
            self.dtype = dtype

        def __enter__(self):
            self.old = torch.arange, torch.Tensor.sort
            torch.set_default_dtype(self.dtype)
            if self.dtype is torch.float64:
                torch.arange = float64(torch.arange)
            torch.Tensor.sort = functools.partialmethod(torch.Tensor.sort, stable=True)

        def __exit__(self, *_):
            torch.set_default_dtype(torch.float32)
            torch.arange, torch.Tensor.sort = self.old

    generate = library.MaskGenerator.generate
    draws = torch.Generator().manual_seed(700)

    def shaken(self, parameters):
        """The mask with one float32 rounding of noise: which of its equals the area takes in is left to such noise."""
        _, mask = generate(self, parameters)
        mask = mask * (1 + 2.0 ** -24 * torch.randn(mask.shape, generator=draws, dtype=mask.dtype))
        margin = round(self.margin)
        return mask[:, :, margin:margin + self.shape[0], margin:margin + self.shape[1]], mask

    def ask(subject, x, dtype, target, space, options) -> np.ndarray:
        subject.net.to(dtype)
        model = subject.net if space == "logit" else torch.nn.Sequential(subject.net, torch.nn.Softmax(1))
        with Precision(dtype):
            mask, _ = library.extremal_perturbation(model, torch.from_numpy(x[None]).to(dtype), target, **options)
        return mask.detach().double().numpy()[0, 0]

    def uncertainty(subject, exact, target, space, options) -> float:
        """How far float32 moves the map: PyTorch's own, and noise of its size on the mask, in four draws."""
        moved = [np.stack([ask(subject, x, torch.float32, target, space, options) for x in subject.x])]
        library.MaskGenerator.generate = shaken
        moved += [np.stack([ask(subject, x, torch.float64, target, space, options) for x in subject.x]) for _ in range(4)]
        library.MaskGenerator.generate = generate
        return max(relative_l2(other, exact) for other in moved)

    def extremal(subject, name, target, steps, area, space="probability", **params) -> None:
        theirs = {"variant": "variant", "perturbation": "perturbation", "cell": "step", "smoothness": "sigma",
                  "levels": "num_levels", "jitter": "jitter"}
        options = {"areas": [area], "max_iter": steps, **{theirs[k]: v for k, v in params.items()}}
        exact = np.stack([ask(subject, x, torch.float64, target, space, options) for x in subject.x])
        error = uncertainty(subject, exact, target, space, options)
        print(f"{subject.name}-{name}: float32 moves the map by {error:.1e}; its mean is {exact.mean():.3f}", flush=True)
        if error > UNSETTLED:
            return
        cases.add(subject, name, "extremal", target, {"steps": steps, "area": area, **params}, exact, thin=True,
                  space=space, float32_error=error)

    for subject in subjects.subjects(with_lite0=False):
        one, two = subject.classes
        extremal(subject, "extremal-start", one, 1, 0.1)
        extremal(subject, "extremal-10", two, 10, 0.1)
        extremal(subject, "extremal-60", one, 60, 0.1)
        extremal(subject, "extremal-logit", two, 20, 0.3, "logit")
        extremal(subject, "extremal-delete", two, 3, 0.2, "logit", variant="delete", cell=3, smoothness=6)
        extremal(subject, "extremal-dual", one, 3, 0.3, variant="dual", perturbation="fade", levels=5, jitter=False, cell=4,
                 smoothness=8)
    large = subjects.lite0("chelsea", (282, 285))
    extremal(large, "extremal-1", large.classes[0], 1, 0.1, "logit")
    extremal(large, "extremal-4", large.classes[1], 4, 0.2, "logit")
    return versions("torchray", "torch", "numpy")


def versions(*names: str) -> dict:
    return {name: importlib.metadata.version(name) for name in names}


NOTES = {
    "captum": "Every channel of a window is hidden together, with 0, the normalised mean.",
    "rise": "",
    "scipy": "SciPy 1.9 to 1.17 keep rectangles that lie above the convex hull: a condition lost its body.",
    "openvino_xai": "Maps before they become bytes. The library's mask takes its first coordinate across.",
    "torchray": "In float64; of equal values at the border of the area the first count as outside (a stable sort).",
    "xplique": "The masks are those of the library's samplers; scores, estimators and Gram matrices are computed again in "
               "float64, and agree with the library's float32 to 1e-4 or better. Its JansenEstimator and the others never "
               "look at the scores of B. Its output kernel's width is the median score.",
}

if __name__ == "__main__":
    oracle = subjects.oracle_asked(NOTES)
    collected = subjects.Cases("perturbation", oracle)
    made_with = globals()[oracle](collected)
    if collected.cases:
        collected.save(made_with, {"what": NOTES[oracle]})
