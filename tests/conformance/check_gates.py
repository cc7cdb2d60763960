#!/usr/bin/env python3
"""Method `attention` on torchvision's networks, against forward hooks in float64 on the same weights.

usage: check_gates.py [--xai build/xai] [--only NAME[,NAME]]

Of each network the squeeze-excitations that `attention` finds must be as many as torchvision's module list holds, in its
order, with its values (largest absolute error <= 1e-5, of weights in [0, 1]); of transformers one self-attention a layer; of
networks without gates none. Weights are random: the arithmetic is what is compared. Prints a table; exits 1 on any failure.
"""
import argparse
import contextlib
import io
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
import torchvision
from torchvision.ops import SqueezeExcitation

BOUND = 1e-5
CASES = [  # network, side, opset, dynamo, self-attentions
    ("mobilenet_v3_small", 128, 17, False, 0), ("mobilenet_v3_large", 128, 18, True, 0),
    ("efficientnet_b0", 128, 13, False, 0), ("efficientnet_b0", 128, 18, True, 0), ("regnet_y_400mf", 96, 17, False, 0),
    ("efficientnet_v2_s", 96, 17, False, 0), ("vit_b_32", 224, 17, False, 12), ("swin_t", 224, 17, False, 12),
    ("convnext_tiny", 64, 17, False, 0), ("shufflenet_v2_x1_0", 64, 13, False, 0), ("resnet18", 64, 13, False, 0),
]


def export(net: torch.nn.Module, x: torch.Tensor, path: Path, opset: int, dynamo: bool) -> None:
    more = {"external_data": False} if dynamo else {}
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (x,), str(path), dynamo=dynamo, opset_version=opset, **more)


def squeezes(net: torch.nn.Module, x: torch.Tensor) -> list:
    """What the scale activation of every block gives, in order of execution."""
    found = []
    for module in net.modules():
        if isinstance(module, SqueezeExcitation):
            module.scale_activation.register_forward_hook(lambda m, i, out: found.append(out.flatten().numpy().copy()))
    with torch.no_grad():
        net.double()(x.double())
    return found


def ask(xai: str, model: Path, x: Path) -> tuple[list, list]:
    """Kinds of all gates, and the weights of those of channels."""
    done = subprocess.run([xai, "explain", "--tensor", str(x), "--model", str(model), "--method", "attention"],
                          capture_output=True, text=True, check=False)
    if done.returncode == 4 and "has none" in done.stderr:
        return [], []
    done.check_returncode()
    artifacts = {a["name"]: a for a in json.loads(done.stdout)["results"][0]["artifacts"]}
    kinds = [row[1] for row in artifacts["gates"]["data"]["rows"]]
    return kinds, [np.array(artifacts[f"gate{i}-weights"]["data"]["series"][0]["y"])
                   for i, kind in enumerate(kinds) if kind == "squeeze-excitation"]


def check(xai: str, case: tuple, folder: Path) -> bool:
    name, side, opset, dynamo, layers = case
    torch.manual_seed(1)
    net = getattr(torchvision.models, name)(weights=None).eval()
    x = torch.randn(1, 3, side, side)
    np.save(folder / "x.npy", x.numpy())
    export(net, x, folder / "model.onnx", opset, dynamo)
    want = squeezes(net, x)
    kinds, got = ask(xai, folder / "model.onnx", folder / "x.npy")
    right = sorted(kinds) == sorted(["squeeze-excitation"] * len(want) + ["self-attention"] * layers)
    error = max((float(np.abs(g - w).max()) if g.shape == w.shape else np.inf for g, w in zip(got, want)), default=0.0)
    passed = right and error <= BOUND
    print(f"{name:20} {'dynamo' if dynamo else 'torchscript':12} {'ok  ' if passed else 'FAIL'} {len(want):4} squeezes, "
          f"{layers:2} self-attentions, found {len(kinds):2}; error {error:.1e}", flush=True)
    return passed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--xai", default="build/xai")
    parser.add_argument("--only", help="comma-separated names")
    options = parser.parse_args()
    wanted = options.only.split(",") if options.only else None
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        results = [check(options.xai, case, Path(folder)) for case in CASES if not wanted or case[0] in wanted]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
