#!/usr/bin/env python3
"""Makes the models of the benchmark: F.onnx for the runtimes, F.pt for PyTorch; those that are there are kept.

usage: models.py DIRECTORY NAME...

They are the networks of the conformance tests, with their seeded, calibrated weights; EfficientNet-Lite0 is the shipped
file, and the network it was exported from.
"""
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "conformance"))
# What is explained: a photo, cropped for EfficientNet-Lite0. On it about half of the last layer's channels are silent.
PICTURE = ROOT / "tests" / "golden" / "data" / "lite0" / "coffee_224.png"


def onnx_path(folder: Path, name: str) -> Path:
    """Where the ONNX file of a model is."""
    return ROOT / "models" / "efficientnet-lite0.onnx" if name == "lite0" else folder / f"{name}.onnx"


def net_path(folder: Path, name: str) -> Path:
    """Where the PyTorch network of a model is."""
    return folder / f"{name}.pt"


def make(folder: Path, name: str) -> None:
    """Writes both files unless they are there."""
    import torch
    import export_families
    from families import CASES

    if onnx_path(folder, name).exists() and net_path(folder, name).exists():
        return
    print(f"making {name}", file=sys.stderr, flush=True)
    if name == "lite0":
        net = export_families.lite0()
    else:
        net = export_families.network(CASES[name])
        export_families.export(net, CASES[name], onnx_path(folder, name))
    torch.save(net, net_path(folder, name))


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    for name_ in sys.argv[2:]:
        make(Path(sys.argv[1]), name_)
