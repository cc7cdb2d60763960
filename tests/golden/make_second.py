#!/usr/bin/env python3
"""Makes tests/golden/data/second: second derivatives, and gradients by weights, of two small smooth nets.

usage: make_second.py [--data DIRECTORY]

All in float64 by PyTorch's own differentiation (torch.autograd.functional.hvp and grad), stored as float32. The graphs
keep batch normalisation and transposed weights as nodes (no constant folding), as a net that is to be trained has them.
"""
import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

import nets
import oracles

CLASS = 3
BATCH = 2


class Gate(nn.Module):
    """SiLU, hard-swish, squeeze-excitation, grouped and dilated convolutions, GELU."""
    shape = (3, 16, 16)

    def __init__(self):
        super().__init__()
        self.stem, self.silu = nets.conv_norm(3, 8, 3, 2), nn.SiLU()
        self.depth, self.swish = nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.Hardswish()
        self.squeeze, self.excite = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.wide, self.gelu = nn.Conv2d(8, 12, 3, 1, 2, dilation=2, groups=2), nn.GELU()
        self.pool, self.head = nn.MaxPool2d(2), nn.Linear(12, nets.CLASSES)

    def body(self, x):
        return self.swish(self.depth(self.silu(self.stem(x))))

    def rest(self, a):
        gate = torch.sigmoid(self.excite(nn.functional.silu(self.squeeze(a.mean((2, 3), keepdim=True)))))
        a = self.pool(self.gelu(self.wide(a * gate)))
        return self.head(a.mean((2, 3)))

    def forward(self, x):
        return self.rest(self.body(x))


class Attention(nn.Module):
    """Tokens, layer normalisation (as single operators), softmax attention, tanh."""
    shape = (3, 16, 16)

    def __init__(self):
        super().__init__()
        self.stem, self.soft = nn.Conv2d(3, 12, 4, 4), nn.Softplus()
        self.norm, self.qkv, self.project = nn.LayerNorm(12), nn.Linear(12, 36), nn.Linear(12, 12)
        self.head = nn.Linear(12, nets.CLASSES)

    def body(self, x):
        return self.soft(self.stem(x))

    def rest(self, a):
        t = a.flatten(2).transpose(1, 2)
        q, k, v = self.qkv(self.norm(t)).split(12, dim=2)
        t = t + self.project(torch.softmax(q @ k.transpose(1, 2) / 12 ** 0.5, dim=2) @ v)
        return self.head(torch.tanh(t).mean(1))

    def forward(self, x):
        return self.rest(self.body(x))


def make(kind: type, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    net = kind()
    nets.calibrate(net, seed + 1)
    return net


def hessian_product(function, at: torch.Tensor, v: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and Hessian-vector product of the class's logits, summed over the batch."""
    target = lambda a: function(a)[:, CLASS].sum()
    _, product = torch.autograd.functional.hvp(target, at, v)
    (gradient,) = torch.autograd.grad(target(at.requires_grad_()), at)
    return gradient.numpy(), product.numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).parent / "data" / "second")
    data = parser.parse_args().data
    for name, kind, seed in (("gate", Gate, 900), ("attention", Attention, 910)):
        folder = data / name
        folder.mkdir(parents=True, exist_ok=True)
        save = lambda file, a: np.save(folder / file, np.ascontiguousarray(a, dtype=np.float32))
        net = make(kind, seed)
        torch.onnx.export(net, (torch.zeros(1, *net.shape),), str(folder / "model.onnx"), dynamo=False,
                          opset_version=13, do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE,
                          input_names=["input"], output_names=["logits"],
                          dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}})
        net = net.double()
        x32 = nets.smooth_images(BATCH, net.shape, seed + 2)
        x = x32.double()
        generator = torch.Generator().manual_seed(seed + 3)
        draw = lambda like: torch.randn(like.shape, generator=generator).double()
        with torch.no_grad():
            layer, logits = net.body(x), net(x)
        save("input.npy", x)
        save("logits.npy", logits)
        for where, function, at in (("input", net, x), ("layer", net.rest, layer)):
            v = draw(at)
            gradient, product = hessian_product(function, at.clone(), v)
            assert np.linalg.norm(product) > 1e-2 * np.linalg.norm(gradient), "there is a curvature to compare"
            save(f"direction_{where}.npy", v)
            save(f"gradient_{where}.npy", gradient)
            save(f"product_{where}.npy", product)
        net.zero_grad()
        net(x)[:, CLASS].sum().backward()
        for parameter, p in net.named_parameters():
            save(f"weight_{parameter}.npy", p.grad)
        names = {"layer": oracles.tensor_name(str(folder / "model.onnx"), layer.numpy(), x32.numpy()),
                 "weights": [parameter for parameter, _ in net.named_parameters()]}
        (folder / "names.json").write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
