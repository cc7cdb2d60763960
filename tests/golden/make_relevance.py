#!/usr/bin/env python3
"""Makes tests/golden/data/relevance: layer-wise relevance propagation by zennit, in float64, stored as float32.

usage: make_relevance.py [--data DIRECTORY]

Two nets whose activations are modules of their own, each rule on each: everywhere, or on the first layer with epsilon
after it. zennit merges batch normalisation into the convolution before it, as the engine does.
"""
import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn
from zennit.attribution import Gradient
from zennit.canonizers import SequentialMergeBatchNorm
from zennit.composites import LayerMapComposite, SpecialFirstLayerMapComposite
from zennit.layer import Sum
from zennit.rules import AlphaBeta, Epsilon, Flat, Gamma, Norm, Pass, WSquare, ZBox, ZPlus
from zennit.types import Activation, AvgPool, Linear

import nets

CLASS = 3
BATCH = 2
LOW, HIGH = (-3.0, -2.5, -3.5), (3.0, 3.5, 2.5)


class Chain(nn.Module):
    """VGG's way: strided, grouped and dilated convolutions, both pools, two linear layers."""
    shape = (3, 16, 16)

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(*nets.conv_norm(3, 8, 3, 2), nn.ReLU())
        self.middle = nn.Sequential(nn.Conv2d(8, 12, 3, 1, 2, dilation=2, groups=2), nn.ReLU(), nn.MaxPool2d(2))
        self.last = nn.Sequential(nn.Conv2d(12, 12, 3, 1, 1), nn.ReLU(), nn.AvgPool2d(2))
        self.hidden, self.relu, self.head = nn.Linear(48, 16), nn.ReLU(), nn.Linear(16, nets.CLASSES)

    def forward(self, x):
        return self.head(self.relu(self.hidden(self.last(self.middle(self.stem(x))).flatten(1))))


class Branches(nn.Module):
    """A residual sum, a concatenation, depthwise convolution, and activations that let negative values through."""
    shape = (3, 16, 16)

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(*nets.conv_norm(3, 8, 3, 2), nn.LeakyReLU(0.2))
        self.depth = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.LeakyReLU(0.1), nn.Conv2d(8, 8, 1))
        self.sum, self.relu = Sum(), nn.LeakyReLU(0.2)
        self.side = nn.Sequential(nn.Conv2d(8, 4, 3, 1, 1), nn.ReLU6())
        self.wide, self.pool = nn.Sequential(nn.Conv2d(12, 12, 3, 2), nn.ReLU()), nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(12, nets.CLASSES)

    def forward(self, x):
        a = self.stem(x)
        a = self.relu(self.sum(torch.stack([a, self.depth(a)], dim=-1)))
        a = torch.cat([a, self.side(a)], dim=1)
        return self.head(self.pool(self.wide(a)).flatten(1))


class Exported(nn.Module):
    """The same net with the sum written as a sum: zennit's Sum stacks its summands, which no exporter does."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        n = self.net
        a = n.stem(x)
        a = n.relu(a + n.depth(a))
        a = torch.cat([a, n.side(a)], dim=1)
        return n.head(n.pool(n.wide(a)).flatten(1))


def bounds(values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)[None, :, None, None]


def composites() -> dict:
    """Rule of every layer with weights, or of the first and of the others."""
    everywhere = {"epsilon": Epsilon(0.25), "zero": Epsilon(1e-6), "gamma": Gamma(0.25), "alpha2beta1": AlphaBeta(2, 1),
                  "zplus": ZPlus()}
    first = {"flat": Flat(), "wsquare": WSquare(), "zbox": ZBox(bounds(LOW), bounds(HIGH))}
    rest = [(Activation, Pass()), (Sum, Norm()), (AvgPool, Norm())]
    canonizers = [SequentialMergeBatchNorm()]
    result = {name: LayerMapComposite([*rest, (Linear, rule)], canonizers=canonizers)
              for name, rule in everywhere.items()}
    for name, rule in first.items():
        result[name] = SpecialFirstLayerMapComposite([*rest, (Linear, Epsilon(0.25))], [(Linear, rule)],
                                                     canonizers=canonizers)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).parent / "data" / "relevance")
    data = parser.parse_args().data
    for name, kind, seed in (("chain", Chain, 940), ("branches", Branches, 950)):
        folder = data / name
        folder.mkdir(parents=True, exist_ok=True)
        save = lambda file, a: np.save(folder / file, np.ascontiguousarray(a, dtype=np.float32))
        torch.manual_seed(seed)
        net = kind()
        nets.calibrate(net, seed + 1)
        torch.onnx.export(Exported(net).eval() if kind is Branches else net, (torch.zeros(1, *net.shape),),
                          str(folder / "model.onnx"), dynamo=False, opset_version=13, input_names=["input"],
                          output_names=["logits"], dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}})
        net = net.double()
        x = nets.smooth_images(BATCH, net.shape, seed + 2).double()
        save("input.npy", x)
        with torch.no_grad():
            logits = net(x)
            if kind is Branches:
                assert torch.allclose(logits, Exported(net)(x))
        save("logits.npy", logits)
        start = torch.zeros_like(logits)
        start[:, CLASS] = logits[:, CLASS]
        for rule, composite in composites().items():
            with Gradient(model=net, composite=composite) as attributor:
                _, relevance = attributor(x.clone().requires_grad_(), start)
            save(f"{rule}.npy", relevance.detach())


if __name__ == "__main__":
    main()
