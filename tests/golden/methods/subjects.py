"""What the goldens of methods are made on, and how they are written down.

Three networks, each on two samples, two classes, two layers: a small residual net, a small VGG with max-pools, and the
shipped EfficientNet-Lite0. subjects() gives them in float64; Cases collects what an oracle says about them.
"""
import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

GOLDEN = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(GOLDEN))

import nets  # noqa: E402

ROOT, DATA = GOLDEN.parents[1], GOLDEN / "data"
BOUND = 1e-3  # relative L2 of a map or gradient, unless float32 itself does worse
LITE0_STRIDE = 4


@dataclass
class Subject:
    name: str      # "tiny-resnet", "tiny-vgg", "lite0-coffee", "lite0-chelsea"
    model: str     # as cases name it
    input: str     # the same: a batch of normalised samples, or a picture
    net: torch.nn.Module  # float64, eval mode
    x: np.ndarray  # float32 [N,3,H,W], what the network sees
    classes: tuple
    layers: dict   # module by ONNX tensor name, the earlier layer first
    stride: int    # maps of the input's size are stored at every n-th row and column


def tiny(name: str) -> Subject:
    net, layers = nets.make(name)
    x = np.load(DATA / name / "input.npy")
    net.double()
    with torch.no_grad():
        logits = net(torch.from_numpy(x).double()).numpy()
    if np.abs(logits - np.load(DATA / name / "logits.npy")).max() > 1e-3:
        raise SystemExit(f"{name}: this version of PyTorch draws other weights than the stored model has")
    import oracles
    path = str(DATA / name / "model.onnx")
    tensors = {oracles.tensor_name(path, oracles.layer_value(net, layer, x), x): layer for layer in layers.values()}
    return Subject(name, f"{name}/model.onnx", f"{name}/input.npy", net, x, (3, 7), tensors, 1)


def lite0(sample: str, classes: tuple) -> Subject:
    from PIL import Image
    net, layers = nets.lite0()
    net.double()
    pixels = np.asarray(Image.open(DATA / "lite0" / f"{sample}_224.png").convert("RGB"), np.float32)
    x = np.ascontiguousarray(((pixels - 127) / 128).transpose(2, 0, 1)[None])
    tensors = {"/_blocks.10/Add_output_0": layers["block10"], "/_swish_1/Clip_output_0": layers["head"]}
    return Subject(f"lite0-{sample}", "models/efficientnet-lite0.onnx", f"models/samples/{sample}.png", net, x, classes,
                   tensors, LITE0_STRIDE)


def subjects(with_lite0: bool = True) -> list:
    small = [tiny("tiny-resnet"), tiny("tiny-vgg")]
    return small + ([lite0("chelsea", (282, 285)), lite0("coffee", (967, 968))] if with_lite0 else [])


def oracle_asked(choices) -> str:
    """--oracle of the command line: whose numbers the script is to ask for, on one thread."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--oracle", required=True, choices=sorted(choices))
    torch.set_num_threads(1)
    return parser.parse_args().oracle


class Cases:
    """data/methods/<family>: arrays and cases.json, in which the cases of one oracle are replaced together."""

    def __init__(self, family: str, oracle: str):
        self.folder, self.oracle, self.cases = DATA / "methods" / family, oracle, []
        self.folder.mkdir(parents=True, exist_ok=True)

    def draws(self, folder: str, as_they_are: bool = False, **arrays: np.ndarray) -> str:
        """A folder for --use-draws, in float32 or the arrays' own type; gives its name as cases have it."""
        place = self.folder / "draws" / folder
        place.mkdir(parents=True, exist_ok=True)
        for name, values in arrays.items():
            np.save(place / f"{name}.npy", np.ascontiguousarray(values, dtype=None if as_they_are else np.float32))
        return str(place.relative_to(DATA))

    def add(self, subject: Subject, name: str, method: str, target, params: dict, values: np.ndarray, *,
            thin: bool = False, float32_error: float = 0.0, **fields) -> None:
        """One case. `values` [N,...]; thin: of the input's size, to be stored thinned; target: a class or an object."""
        stride = subject.stride if thin else 1
        case = {"id": f"{subject.name}-{name}", "oracle": self.oracle, "model": subject.model, "input": subject.input,
                "method": method, "target": target, "params": params, "metric": "relative_l2",
                "bound": max(BOUND, 3 * float32_error), **fields}
        if stride > 1:
            case["stride_stored"] = stride
        file = self.folder / f"{case['id']}.npy"
        np.save(file, np.ascontiguousarray(values[..., ::stride, ::stride], dtype=np.float32))
        self.cases.append({**case, "expected": str(file.relative_to(DATA))})

    def save(self, versions: dict, notes: dict) -> None:
        file = self.folder / "cases.json"
        old = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"oracles": {}, "cases": []}
        old["oracles"][self.oracle] = {"versions": versions, "notes": notes}
        old["cases"] = [c for c in old["cases"] if c["oracle"] != self.oracle] + self.cases
        file.write_text(json.dumps(old, indent=1) + "\n", encoding="utf-8")
        used = {c["expected"] for c in old["cases"]}
        for stale in self.folder.glob("*.npy"):
            if str(stale.relative_to(DATA)) not in used:
                stale.unlink()
        print(f"{self.folder.name}: {len(self.cases)} cases of {self.oracle}")
