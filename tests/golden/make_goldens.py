#!/usr/bin/env python3
"""Makes tests/golden/data: what the engine must compute, according to the public implementations.

usage: make_goldens.py [--data DIRECTORY]

Everything is listed in cases.json: one flat object a case, `kind` says which fields it has (README.md).
Deterministic: the same versions on the same kind of CPU give the same files.
"""
import argparse
import json
import math
import shutil
from importlib import metadata
from pathlib import Path

import captum
import numpy as np
import onnxruntime
import PIL
import skimage.transform
import torch
import torchvision

import nets
import oracles
import pictures
import targets

FORWARD_BOUND = 1e-4
MAP_BOUND = 1e-3
INPUT_SEEDS = range(300, 400)
CALM = 2e-5  # a tiny net's input is taken when float32's own gradient error is below this
TINY_CLASSES = (3, 7)
RISE = {"masks": 32, "s": 7, "p": 0.5, "seed": 500}
METHOD_NETS = ("tiny-resnet", "tiny-mobilenet", "tiny-vgg")
LITE0_STRIDE = 4
LITE0 = "models/efficientnet-lite0.onnx"


class Writer:
    """Files under data/, cases in one list."""

    def __init__(self, data: Path):
        self.data, self.cases = data, []

    def array(self, file: str, values: np.ndarray) -> str:
        path = self.data / file
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = np.int64 if np.issubdtype(values.dtype, np.integer) else np.float32
        with open(path, "wb") as out:
            np.lib.format.write_array(out, np.ascontiguousarray(values, dtype=kind), version=(1, 0))
        return file

    def case(self, common: dict, kind: str, suffix: str, values: np.ndarray, folder: str, **fields) -> None:
        """One case with its expected array; the bound on its error comes from the metric."""
        file = self.array(f"{folder}/{suffix}.npy", values)
        if fields.get("metric") == "max_abs":
            fields["bound"] = FORWARD_BOUND * max(1.0, float(np.abs(values).max()))
        else:
            fields.setdefault("metric", "relative_l2")
            fields["bound"] = max(MAP_BOUND, 3 * fields.get("float32_error", 0.0), fields.get("kink_error", 0.0))
        self.cases.append({"id": f"{folder}-{suffix}", "kind": kind, **common, **fields, "expected": file})


def calm_input(net, count: int) -> np.ndarray:
    """The first image whose gradients no rounding can move: no unit sits on its kink."""
    for seed in INPUT_SEEDS:
        x = nets.smooth_images(count, net.shape, seed).numpy()
        errors = [oracles.float32_error(net, lambda t=target: oracles.input_gradient(net, x, t))
                  for target in TINY_CLASSES]
        if max(errors) < CALM:
            return x
    raise SystemExit("no calm input")


def tensor_cases(out: Writer, folder: str, common: dict, path: str, net, layers: dict, x: np.ndarray) -> dict:
    """Values of the layers' tensors and gradients to them; returns layer -> ONNX tensor name."""
    names = {}
    for key, layer in layers.items():
        value = oracles.layer_value(net, layer, x)
        names[key] = oracles.tensor_name(path, value, x)
    key, layer = list(layers.items())[0]
    value = oracles.run_onnx(path, x, [names[key]])[1]
    out.case(common, "tensor", f"tensor_{key}", value, folder, tensor=names[key], metric="max_abs",
             oracle="onnxruntime")
    for target in TINY_CLASSES:
        gradient = oracles.layer_gradient(net, layer, x, target)
        out.case(common, "gradient", f"grad_{key}_class{target}", gradient, folder,
                 **{"class": target}, wrt=names[key], oracle="torch float64")
    return names


def gradcam_cases(out: Writer, folder: str, prefix: str, common: dict, net, layers, names, x, target: int) -> None:
    """The map the method gives, and the signed map before its ReLU: the ReLU hides most of a small map."""
    for key, layer in layers.items():
        def signed(layer=layer):
            return oracles.gradcam_by_hand(net, layer, x, target)

        fields = {"class": target, "layer": names[key], "space": "logit",
                  "float32_error": oracles.float32_error(net, signed)}
        out.case(common, "gradcam", f"{prefix}gradcam_{key}_class{target}", oracles.gradcam(net, layer, x, target),
                 folder, **fields, oracle="pytorch-grad-cam, captum")
        out.case(common, "gradcam-signed", f"{prefix}gradcamsigned_{key}_class{target}", signed(), folder,
                 **fields, oracle="captum")


def method_cases(out: Writer, folder: str, common: dict, net, layers: dict, names: dict, x, masks) -> None:
    for target in TINY_CLASSES:
        which = {"class": target}
        gradcam_cases(out, folder, "", common, net, layers, names, x, target)
        out.case(common, "saliency", f"saliency_class{target}", oracles.saliency(net, x, target), folder,
                 **which, space="logit", reduce="none", oracle="captum")
        for space in ("logit", "probability"):
            for window, stride in ((8, 4), (8, 5)):
                values = oracles.occlusion(net, x, target, window, stride, space)
                name = f"occlusion_w{window}s{stride}_{space}_class{target}"
                out.case(common, "occlusion", name, values, folder, **which, space=space, window=window,
                         stride=stride, baseline="mean", oracle="captum")
        values = oracles.rise(net, x, target, masks, RISE["p"])
        out.case(common, "rise", f"rise_class{target}", values, folder, **which, space="probability",
                 masks="rise/masks.npy", p=RISE["p"], oracle="definition")


def tiny_cases(out: Writer, name: str, masks: np.ndarray) -> None:
    net, layers = nets.make(name)
    path = str(out.data / name / "model.onnx")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    oracles.export(net, path)
    x = calm_input(net, 2)
    net.double()
    common = {"model": f"{name}/model.onnx", "input_name": "input", "output_name": "logits",
              "input": out.array(f"{name}/input.npy", x)}
    logits = oracles.run_onnx(path, x)[0]
    out.case(common, "forward", "logits", logits, name, metric="max_abs", oracle="onnxruntime")
    errors = []
    for target in TINY_CLASSES:
        errors.append(oracles.float32_error(net, lambda t=target: oracles.input_gradient(net, x, t)))
        out.case(common, "gradient", f"grad_input_class{target}", oracles.input_gradient(net, x, target), name,
                 **{"class": target}, wrt="input", oracle="torch float64", float32_error=errors[-1])
    names = tensor_cases(out, name, common, path, net, layers, x)
    if name in METHOD_NETS:
        method_cases(out, name, common, net, layers, names, x, masks)
    exact = oracles.forward(net, x, "logit")
    print(f"{name:16} {Path(path).stat().st_size:7} bytes  logits {logits.min():6.2f} .. {logits.max():5.2f}  "
          f"onnxruntime - float64 {np.abs(logits - exact).max():.0e}  gradient error {max(errors):.0e}  {names}")


def rise_masks(out: Writer) -> np.ndarray:
    """32 masks for 32 x 32 as the RISE repository makes them, with the grids and offsets they come from."""
    size, s = 32, RISE["s"]
    rng = np.random.RandomState(RISE["seed"])
    cell = math.ceil(size / s)
    grids = (rng.rand(RISE["masks"], s, s) < RISE["p"]).astype(np.float64)
    offsets = rng.randint(0, cell, (RISE["masks"], 2))
    repository, clamped = [], []
    for grid, (top, left) in zip(grids, offsets):
        up = ((s + 1) * cell, (s + 1) * cell)
        window = (slice(top, top + size), slice(left, left + size))
        large = skimage.transform.resize(grid, up, order=1, mode="reflect", anti_aliasing=False)
        repository.append(large[window])
        large = torch.nn.functional.interpolate(torch.from_numpy(grid)[None, None], size=up, mode="bilinear")
        clamped.append(large[0, 0].numpy()[window])
    out.array("rise/grids.npy", grids)
    out.array("rise/offsets.npy", offsets)
    out.array("rise/masks.npy", np.array(repository))
    out.array("rise/masks_clamped.npy", np.array(clamped))
    common = {"kind": "rise-masks", "grids": "rise/grids.npy", "offsets": "rise/offsets.npy", "size": size,
              "upsampled": (s + 1) * cell, "metric": "max_abs", "bound": 1e-5}
    out.cases.append({"id": "rise-masks-repository", **common, "edge": "mirror", "expected": "rise/masks.npy"})
    out.cases.append({"id": "rise-masks-clamped", **common, "edge": "clamp", "expected": "rise/masks_clamped.npy"})
    return np.float32(repository)


def lite0_cases(out: Writer, sample: str, steps: list[dict], net, layers: dict) -> None:
    case, x = pictures.sample_case(out.data, sample, steps)
    out.cases.append(case)
    path = str(pictures.ROOT / LITE0)
    common = {"model": LITE0, "image": f"models/samples/{sample}.png", "crop": f"lite0/{sample}_224.png",
              "output_name": "logits"}
    logits = oracles.run_onnx(path, x)[0]
    probability = np.exp(np.float64(logits[0]) - logits.max())
    probability /= probability.sum()
    order = [int(i) for i in np.argsort(-logits[0], kind="stable")[:5]]
    out.case(common, "forward", f"{sample}_logits", logits, "lite0", metric="max_abs", oracle="onnxruntime",
             top5=order, top5_probability=[float(probability[i]) for i in order])
    names = {key: oracles.tensor_name(path, oracles.layer_value(net, layer, x), x) for key, layer in layers.items()}
    for target in order[:2]:
        lite0_methods(out, sample, common, net, layers, names, x, target)
    print(f"lite0 {sample:8} {[(i, round(float(probability[i]), 4)) for i in order]} {names}")


def lite0_methods(out: Writer, sample: str, common: dict, net, layers, names, x, target: int) -> None:
    which = {"class": target}
    strided = {"stride_stored": LITE0_STRIDE}
    every = (..., slice(None, None, LITE0_STRIDE), slice(None, None, LITE0_STRIDE))
    errors = {"float32_error": oracles.float32_error(net, lambda: oracles.input_gradient(net, x, target)),
              "kink_error": oracles.kink_error(net, lambda: oracles.input_gradient(net, x, target))}
    gradient = oracles.input_gradient(net, x, target)
    out.case(common, "gradient", f"{sample}_grad_input_class{target}", gradient[every], "lite0", **which,
             wrt="input", **errors, **strided, oracle="torch float64")
    saliency = oracles.saliency(net, x, target).max(axis=1)
    out.case(common, "saliency", f"{sample}_saliency_class{target}", saliency[every], "lite0", **which,
             space="logit", reduce="channel_max", **errors, **strided, oracle="captum")
    gradcam_cases(out, "lite0", f"{sample}_", common, net, layers, names, x, target)
    occlusion = oracles.occlusion(net, x, target, 32, 16, "probability")
    out.case(common, "occlusion", f"{sample}_occlusion_class{target}", occlusion[every], "lite0", **which,
             space="probability", window=32, stride=16, baseline="mean", **strided, oracle="captum")


def versions() -> dict:
    return {"torch": torch.__version__, "torchvision": torchvision.__version__,
            "onnxruntime": onnxruntime.__version__, "captum": captum.__version__,
            "grad-cam": metadata.version("grad-cam"), "pillow": PIL.__version__, "numpy": np.__version__,
            "scikit-image": skimage.__version__}


NOTES = {
    "target": "The JSON object that a request takes. A box or mask is drawn over the input, and a cell of the output counts "
              "with the mean of what lies over it; scores (or softmax probabilities of the cells) are summed.",
    "occlusion": "Windows start at i * stride, i = 0 .. ceil((length - window) / stride); the last one may stick "
                 "out and is clipped at the edge. Value at a pixel = sum over the windows covering it of "
                 "f(x) - f(hidden), divided by their number. All channels are hidden together. Baseline mean = 0 after normalisation.",
    "rise": "S = sum_i f(x * M_i) M_i / (N p) on the normalised input, f = softmax probability.",
    "rise-masks": "s x s grid -> upsampled x upsampled by bilinear interpolation with half-pixel centres, then the "
                  "size x size window at offset (row, column). Edge: clamp repeats the border sample; mirror reflects "
                  "about its centre (index -1 is 1), as the RISE repository's skimage call does.",
    "stored": "stride_stored n: only every n-th row and column of the map, from 0, is stored.",
    "bound": "metric max_abs: largest absolute difference. relative_l2: norm(got - expected) / norm(expected). "
             "bytes: equal pixels.",
    "paths": "Paths that begin with models/ are from the repository's root, all others from tests/golden/data.",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parent / "data")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in ("lite0", "resize", "rise", *nets.NETS, *nets.OTHER_NETS):  # other folders have scripts of their own
        shutil.rmtree(options.data / name, ignore_errors=True)
    out = Writer(options.data)
    masks = rise_masks(out)
    for name in nets.NETS:
        tiny_cases(out, name, masks)
    for name in nets.OTHER_NETS:
        targets.cases(out, name)
    steps = pictures.preprocess.steps_of(pictures.ROOT / "models" / "efficientnet-lite0.json")
    net, layers = nets.lite0()
    net.double()
    for sample in ("chelsea", "coffee"):
        lite0_cases(out, sample, steps, net, layers)
    out.cases += pictures.resize_cases(options.data) + pictures.geometry_cases()
    text = json.dumps({"schema": 1, "versions": versions(), "notes": NOTES, "cases": out.cases}, indent=1)
    (options.data / "cases.json").write_text(text + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in options.data.rglob("*") if path.is_file())
    print(f"{len(out.cases)} cases, {size} bytes")


if __name__ == "__main__":
    main()
