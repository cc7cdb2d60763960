#!/usr/bin/env python3
"""Exports networks of paddle.vision by paddle2onnx, with the numbers the engine must give for them.

usage: export_paddle.py DIRECTORY [--only NAME[,NAME]] [--tiny] [--list]

Writes the same as export_families.py (cases.py), with its own requirements: requirements-paddle.txt. The converter's own
form is taken: hundreds of Constant and Identity nodes, batch normalisation beside its convolution, free height and
width where the network allows it. Weights are random, batch normalisation calibrated, the last layer scaled;
the gradient is Paddle's in float64.
"""
import dataclasses
import tempfile
import warnings
from pathlib import Path

warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
import onnx  # noqa: E402
import paddle  # noqa: E402
import paddle2onnx  # noqa: E402
from paddle import nn  # noqa: E402

import cases  # noqa: E402


@dataclasses.dataclass(frozen=True)
class Case:
    net: str
    opset: int
    size: int = 96
    softmax: bool = False
    free: bool = True  # height and width
    inputs: int = 6

    def recipe(self) -> str:
        words = [f"paddle2onnx, opset {self.opset}", f"{self.size} px"]
        return ", ".join(words + ["free height and width"] * self.free + ["softmax"] * self.softmax)


CASES = {
    "tiny_paddle": Case("small", 11, 16, softmax=True),
    "tiny_paddle_segment": Case("segment", 13, 16),
    "paddle_small": Case("small", 11, 32, softmax=True),
    "paddle_small16": Case("small", 16, 32),
    "paddle_segment": Case("segment", 13, 32),
    "paddle_resnet18": Case("resnet18", 11, softmax=True),
    "paddle_mobilenetv1": Case("mobilenet_v1", 12),
    "paddle_mobilenetv3": Case("mobilenet_v3_small", 13),
    "paddle_shufflenetv2": Case("shufflenet_v2_x1_0", 14, free=False),
    "paddle_squeezenet": Case("squeezenet1_1", 15),
    "paddle_densenet121": Case("densenet121", 11),
}


def hard_swish(x):
    """As Add, Clip, Mul, Div: how older exports write it."""
    return x * paddle.clip(x + 3.0, 0.0, 6.0) / 6.0


class Small(nn.Layer):
    def __init__(self, width: int = 16, classes: int = 10):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2D(3, width, 3, 2, 1, bias_attr=False), nn.BatchNorm2D(width))
        self.depthwise = nn.Sequential(nn.Conv2D(width, width, 5, padding=2, groups=width), nn.BatchNorm2D(width))
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2D(1), nn.Conv2D(width, 4, 1), nn.ReLU(),
                                     nn.Conv2D(4, width, 1), nn.Hardsigmoid())
        self.last = nn.Sequential(nn.Conv2D(width, 2 * width, 3, 2, 1), nn.BatchNorm2D(2 * width), nn.Swish())
        self.head = nn.Linear(2 * width, classes)

    def forward(self, x):
        x = hard_swish(self.stem(x))
        y = hard_swish(self.depthwise(x))
        x = nn.functional.max_pool2d(x + y * self.squeeze(y), 3, 2, 1)
        x = nn.functional.adaptive_avg_pool2d(self.last(x), 1)
        return self.head(paddle.flatten(x, 1))


class Segment(nn.Layer):
    def __init__(self, width: int = 8, classes: int = 3):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2D(3, width, 3, 2, 1), nn.BatchNorm2D(width), nn.ReLU())
        self.deep = nn.Sequential(nn.Conv2D(width, width, 3, 2, 1), nn.BatchNorm2D(width), nn.ReLU6())
        self.up = nn.Conv2DTranspose(width, width, 2, stride=2)
        self.head = nn.Conv2D(2 * width, classes, 1)

    def forward(self, x):
        a = self.down(x)
        b = self.up(self.deep(a))
        c = self.head(paddle.concat([a, b], 1))
        return nn.functional.interpolate(c, size=paddle.shape(x)[2:], mode="bilinear", align_corners=False)


SMALL = {"small": Small, "segment": Segment}


class Probabilities(nn.Layer):
    def __init__(self, net: nn.Layer):
        super().__init__()
        self.net = net

    def forward(self, x):
        return nn.functional.softmax(self.net(x))


def build(case: Case) -> nn.Layer:
    net = SMALL[case.net]() if case.net in SMALL else getattr(paddle.vision.models, case.net)(pretrained=False)
    net.eval()
    return net


def calibrate(net: nn.Layer, images: paddle.Tensor) -> None:
    rng = np.random.RandomState(22)
    norms = [m for m in net.sublayers() if isinstance(m, nn.BatchNorm2D)]
    for norm in norms:
        norm.weight.set_value(rng.uniform(0.5, 1.5, norm.weight.shape).astype(np.float32))
        norm.bias.set_value(rng.normal(0.0, 0.2, norm.bias.shape).astype(np.float32))
        norm._momentum = 0.0  # the statistics of what is seen
        norm.train()
    with paddle.no_grad():
        net(images)
        net.eval()
        heads = [m for m in net.sublayers() if isinstance(m, (nn.Linear, nn.Conv2D))]
        linear = [m for m in heads if isinstance(m, nn.Linear)]
        head = (linear or heads)[-1]
        head.weight.set_value(head.weight * (2.0 / float(net(images).std())))


def export(net: nn.Layer, case: Case, path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stem = f"{folder}/net"
        side = None if case.free else case.size
        paddle.jit.save(net, stem, input_spec=[paddle.static.InputSpec([None, 3, side, side], "float32", "image")])
        paddle2onnx.export(f"{stem}.json", f"{stem}.pdiparams", str(path), opset_version=case.opset,
                           enable_optimize=False, optimize_tool="None")


def gradient(net: nn.Layer, x: np.ndarray, index: int, dtype: str) -> np.ndarray:
    tensor = paddle.to_tensor(x.astype(dtype), stop_gradient=False)
    (result,) = paddle.grad(net(tensor).flatten()[index], tensor)
    return result.numpy()


def make(folder: Path, case: Case) -> None:
    paddle.seed(20)
    net, exact = build(case), build(case)
    calibrate(net, paddle.to_tensor(cases.smooth_images(8, case.size, seed=21)))
    exact.set_state_dict(net.state_dict())
    exact.to(dtype="float64")
    if case.softmax:
        net, exact = Probabilities(net), Probabilities(exact)
    net.eval()
    exact.eval()
    path = folder / "model.onnx"
    inputs = [cases.smooth_images(1, case.size, seed=seed) for seed in range(23, 23 + case.inputs)]
    index = cases.target_of(tuple(net(paddle.to_tensor(inputs[0])).shape))
    x, slope, error = cases.calmest(inputs, lambda x: gradient(exact, x, index, "float64"),
                                    [lambda x: gradient(net, x, index, "float32")])
    outputs = exact(paddle.to_tensor(x.astype(np.float64))).numpy()
    assert outputs.dtype == slope.dtype == np.float64
    export(net, case, path)
    graph = onnx.load(str(path)).graph
    cases.write(folder, path, case.recipe(), x, outputs, slope, error, graph.input[0].name, graph.output[0].name)


def main() -> None:
    recipes = {name: case.recipe() for name, case in CASES.items()}
    cases.make_all(cases.parse_arguments(__doc__), recipes, lambda folder, name: make(folder, CASES[name]))


if __name__ == "__main__":
    main()
