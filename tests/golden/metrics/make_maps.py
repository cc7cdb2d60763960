#!/usr/bin/env python3
"""Makes data/metrics/maps: grades of given maps, as the libraries of the field compute them. Run once in the environment of
each oracle:

  --oracle rise          ../methods/requirements-torch.txt: CausalMetric of RISE's authors, from its definition
  --oracle grad-cam      ../methods/requirements-grad-cam.txt: ROAD, drop and increase in confidence
  --oracle openvino-xai  ../methods/requirements-openvino-xai.txt: ADCC and its parts
  --oracle quantus       requirements-quantus.txt: sparseness, complexity, and what is measured against a region

The networks run in float64. Maps are drawn here, and written; bounds are set here, before the engine is asked: 1e-4 of what
lies in 0..1, 1e-3 for ROAD on pictures of 224 x 224, where the library takes percentiles in float32 and may set a pixel
more or less; relative 1e-5 for what looks at the map alone.
"""
import json
import sys
from importlib import metadata
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "methods"))

import subjects  # noqa: E402

PLACE = subjects.DATA / "metrics" / "maps"


def scaled(values: np.ndarray) -> np.ndarray:
    return ((values - values.min()) / (values.max() - values.min())).astype(np.float32)


def coarse(rng, side: int) -> np.ndarray:
    """As a CAM: few rows and columns, in 0..1."""
    return scaled(rng.rand(side, side) ** 2)


def fine(rng, height: int, width: int) -> np.ndarray:
    """As a gradient: every pixel by itself, of both signs, largest in a blob."""
    y, x = np.mgrid[:height, :width] / height - rng.rand(2)[:, None, None]
    return (rng.randn(height, width) * np.exp(-8 * (x * x + y * y))).astype(np.float32)


def resampled(values: np.ndarray, height: int, width: int) -> np.ndarray:
    tensor = torch.from_numpy(values.astype(np.float64))[None, None]
    return F.interpolate(tensor, (height, width), mode="bilinear", align_corners=False)[0, 0].numpy().astype(np.float32)


class Case:
    """One map of one sample, with everything an oracle needs; and what it said."""

    def __init__(self, subject, kind: str, sample: int, target: int, seed: int):
        rng = np.random.RandomState(seed)
        height, width = subject.x.shape[2:]
        self.subject, self.sample, self.target, self.kind = subject, sample, target, kind
        self.map = coarse(rng, 7 if height > 100 else 5) if kind == "coarse" else fine(rng, height, width)
        self.values = resampled(self.map, height, width)
        self.x = torch.from_numpy(subject.x[sample:sample + 1]).double()
        self.box = [height // 5, width // 4, height * 3 // 5, width * 4 // 5]
        self.noise = rng.randint(0, 4, subject.x.shape[1:]).astype(np.uint8)  # few bytes; any noise will do
        self.grades = []

    @property
    def large(self) -> bool:
        return self.subject.x.shape[2] > 100

    def inside(self) -> np.ndarray:
        region = np.zeros(self.values.shape, bool)
        top, left, bottom, right = self.box
        region[top:bottom, left:right] = True
        return region

    def probabilities(self, x) -> np.ndarray:
        with torch.no_grad():
            return torch.softmax(self.subject.net(torch.as_tensor(x).double()), 1).numpy()

    def add(self, metric: str, value, bound: float, relative: bool = False, **params) -> None:
        self.grades.append({"metric": metric, "params": params, "expected": float(value), "bound": bound,
                            "relative": relative})

    def form(self, oracle: str) -> dict:
        name = f"{self.subject.name}-{self.kind}"
        np.save(PLACE / f"{name}.npy", self.map)
        return {"id": f"{name}-{oracle}", "oracle": oracle, "model": self.subject.model, "input": self.subject.input,
                "sample": self.sample, "target": self.target, "map": f"metrics/maps/{name}.npy", "expected": self.box,
                "grades": self.grades}


def cases() -> list:
    return [Case(subject, kind, (i + k) % len(subject.x), subject.classes[k], 10 * i + k)
            for i, subject in enumerate(subjects.subjects()) for k, kind in enumerate(("coarse", "fine"))]


# ---------------------------------------------------------------- RISE

def kernel(side: int, sigma: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter
    dirac = np.zeros((side, side))
    dirac[side // 2, side // 2] = 1
    return gaussian_filter(dirac, sigma)


def blurred(x: torch.Tensor, side: int, sigma: float) -> torch.Tensor:
    weights = torch.zeros(3, 3, side, side, dtype=torch.float64)
    for channel in range(3):
        weights[channel, channel] = torch.from_numpy(kernel(side, sigma))
    return F.conv2d(x, weights, padding=side // 2)


def causal(case: Case, start: torch.Tensor, finish: torch.Tensor, step: int) -> float:
    """CausalMetric.single_run and auc: the last step may be shorter."""
    order = np.argsort(-case.values.ravel().astype(np.float64), kind="stable")
    count = (order.size + step - 1) // step
    now, scores = start.clone(), []
    for i in range(count + 1):
        scores.append(case.probabilities(now)[0, case.target])
        chosen = order[step * i:step * (i + 1)]
        now.reshape(3, -1)[:, chosen] = finish.reshape(3, -1)[:, chosen]
    scores = np.array(scores)
    return (scores.sum() - scores[0] / 2 - scores[-1] / 2) / (len(scores) - 1)


def ask_rise(case: Case) -> None:
    nothing = torch.zeros_like(case.x)
    steps = [1500] if case.large else [224, 100]
    for step in steps:
        case.add("deletion", causal(case, case.x, nothing, step), 1e-4, step=step)
        case.add("insertion", causal(case, blurred(case.x, 11, 5), case.x, step), 1e-4, step=step)
    if not case.large:
        case.add("insertion", causal(case, blurred(case.x, 7, 1.5), case.x, 60), 1e-4, step=60, kernel=7, sigma=1.5)


# ---------------------------------------------------------------- pytorch-grad-cam

def ask_grad_cam(case: Case) -> None:
    from pytorch_grad_cam.metrics import road
    from pytorch_grad_cam.metrics.cam_mult_image import DropInConfidence, IncreaseInConfidence
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget
    target, cams = [ClassifierOutputSoftmaxTarget(case.target)], scaled(case.values)[None]
    compute, now = road.NoisyLinearImputer.__call__, {}

    def impute(self, img, mask):
        now["missing"] = np.argwhere(mask.reshape(-1).numpy() == 0).ravel()
        return compute(self, img, mask)

    def model(x):  # the library fills in float32 alone
        return case.subject.net(x.double())

    def noise(_like):
        return torch.from_numpy(case.noise.reshape(3, -1)[:, now["missing"]].astype(np.float32))

    levels = [9] if case.large else [9, 4]
    for n in levels:
        percentiles = [100 * (i + 1) / (n + 1) for i in range(n)]
        with mock.patch.object(road.NoisyLinearImputer, "__call__", impute), mock.patch.object(torch, "randn_like", noise):
            value = road.ROADCombined(percentiles)(case.x.float(), cams, target, model)[0]
        case.add("road", value, 1e-3 if case.large else 1e-4, levels=n)
    drop = DropInConfidence()(case.x, torch.from_numpy(cams).double().numpy(), target, case.subject.net)[0]
    whole = case.probabilities(case.x)[0, case.target]
    case.add("averagedrop", drop / whole, 1e-4)
    case.add("increase", IncreaseInConfidence()(case.x, cams.astype(np.float64), target, case.subject.net)[0], 1e-9)


# ---------------------------------------------------------------- openvino_xai

def explain(case: Case, x: torch.Tensor) -> np.ndarray:
    """Captum's Grad-CAM with its ReLU, resampled."""
    from captum.attr import LayerGradCam
    layer = list(case.subject.layers.values())[-1]
    raw = LayerGradCam(case.subject.net, layer).attribute(x, target=case.target, relu_attributions=True)
    side = x.shape[2:]
    return F.interpolate(raw.detach(), side, mode="bilinear", align_corners=False)[0, 0].numpy()


def ask_openvino_xai(case: Case) -> None:
    from types import SimpleNamespace

    from openvino_xai.metrics.adcc import ADCC
    mean, scale = (127.0, 128.0) if case.large else (0.0, 1.0)
    own = scaled(explain(case, case.x))
    for baseline, shift in (("mean", 0.0), ("black", mean / scale))[:2 if case.large else 1]:
        metric = ADCC.__new__(ADCC)
        metric.black_box_kwargs = {}
        metric.model_predict = lambda image, s=shift: case.probabilities((image - s).transpose(2, 0, 1)[None])[0]
        metric.explainer = lambda image, s=shift, **_: SimpleNamespace(saliency_map={
            case.target: explain(case, torch.from_numpy((image - s).transpose(2, 0, 1)[None]))})
        image = case.x[0].numpy().transpose(1, 2, 0) + shift
        answer = metric(own.astype(np.float64), case.target, image)
        case.add("adcc", answer["adcc"], 1e-4, baseline=baseline)
        given = metric.average_drop(image * scaled(case.values)[:, :, None].astype(np.float64), case.target,
                                    case.probabilities(case.x)[0])
        case.add("averagedrop", given, 1e-4, baseline=baseline)


# ---------------------------------------------------------------- Quantus

def ask_quantus(case: Case) -> None:
    import quantus
    given = {"model": case.subject.net, "x_batch": case.x.numpy(), "y_batch": np.array([case.target]),
             "s_batch": case.inside()[None, None], "device": "cpu"}

    def ask(metric, values=case.values):
        return metric(a_batch=values[None, None].astype(np.float64), **given)[0]

    quiet = {"disable_warnings": True, "display_progressbar": False}
    case.add("sparseness", ask(quantus.Sparseness(**quiet)), 1e-5, True)
    case.add("complexity", ask(quantus.Complexity(**quiet)), 1e-5, True)
    positive = np.maximum(case.values, 0)
    case.add("massinside", ask(quantus.AttributionLocalisation(abs=False, **quiet), positive), 1e-5, True)
    case.add("pointing", ask(quantus.PointingGame(abs=False, **quiet)), 1e-9, tolerance=0)
    rank = ask(quantus.RelevanceRankAccuracy(abs=False, **quiet))
    case.add("iou", rank / (2 - rank), 1e-5, True)


# ---------------------------------------------------------------- all

ORACLES = {"rise": (ask_rise, ("torch", "scipy")), "grad-cam": (ask_grad_cam, ("torch", "grad-cam", "scipy")),
           "openvino-xai": (ask_openvino_xai, ("torch", "openvino_xai", "captum")),
           "quantus": (ask_quantus, ("torch", "quantus"))}


def main() -> None:
    oracle = subjects.oracle_asked(ORACLES)
    ask, packages = ORACLES[oracle]
    PLACE.mkdir(parents=True, exist_ok=True)
    made = []
    for case in cases():
        if oracle == "openvino-xai" and case.kind == "fine":
            continue
        ask(case)
        form = case.form(oracle)
        if oracle == "grad-cam":
            folder = PLACE / "draws" / f"{case.subject.name}-{case.kind}"
            folder.mkdir(parents=True, exist_ok=True)
            np.save(folder / "road_noise.npy", case.noise)
            form["draws"] = str(folder.relative_to(subjects.DATA))
        if oracle == "openvino-xai":
            form["method"], form["layer"] = "gradcam", list(case.subject.layers)[-1]
        made.append(form)
        print(form["id"], [(g["metric"], round(g["expected"], 5)) for g in form["grades"]], flush=True)
    file = PLACE / "cases.json"
    old = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"oracles": {}, "cases": []}
    old["oracles"][oracle] = {package: metadata.version(package) for package in packages}
    old["cases"] = [c for c in old["cases"] if c["oracle"] != oracle] + made
    file.write_text(json.dumps(old, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
