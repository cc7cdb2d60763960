#!/usr/bin/env python3
"""Which methods notice that the network's weights were shuffled: writes docs/sanity.md.

usage: sanity.py --xai build/xai [--methods ID,ID]

After Adebayo et al., "Sanity Checks for Saliency Maps", 2018, arXiv 1810.03292: the weights are randomised from the top
of the network downwards, here by shuffling the numbers within each tensor; the map of the same class is made anew, and
its absolute values are compared with the first map's by Spearman's rank correlation. A map that stays the same does not
explain the network.
"""
import argparse
import base64
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

ROOT = Path(__file__).resolve().parents[2]
LITE0 = ROOT / "models/efficientnet-lite0.onnx"
PHOTOS = ("coffee", "chelsea")
LEVELS = {"the last layer": 0, "the upper third": 1 / 3, "all layers": 1}  # share of the weight tensors
# What takes minutes at its defaults, in the proportion that shows the same.
SHORTER = {"rise": {"masks": 1000}, "scorecam": {"channels": 128}, "sscam": {"channels": 32}, "iscam": {"channels": 64},
           "extremal": {"steps": 200}, "blurig": {"steps": 30}, "guidedig": {"steps": 50}, "lime": {"samples": 400}}


def shuffled(model: onnx.ModelProto, share: float, seed: int) -> onnx.ModelProto:
    """The upper `share` of the weight tensors shuffled, at least one. Biases stay."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    order = [name for node in copy.graph.node for name in node.input]
    weights = [t for t in copy.graph.initializer if len(t.dims) >= 2 and t.data_type == onnx.TensorProto.FLOAT]
    weights.sort(key=lambda t: order.index(t.name))
    count = max(1, round(share * len(weights)))
    rng = np.random.RandomState(seed)
    for tensor in weights[-count:]:
        values = numpy_helper.to_array(tensor)
        mixed = rng.permutation(values.reshape(-1)).reshape(values.shape)
        tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(mixed), tensor.name))
    return copy


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    def ranks(values):
        _, inverse, counts = np.unique(values.reshape(-1), return_inverse=True, return_counts=True)
        return (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    a, b = ranks(np.abs(a)), ranks(np.abs(b))
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else float("nan")


def explain(xai: str, method: str, model: Path, photo: str, target: int):
    """The method's first map; a text where there is none."""
    command = [xai, "explain", str(ROOT / f"models/samples/{photo}.png"), "--method", method, "--model", str(model),
               "--target", str(target), "--quiet"]
    for key, value in SHORTER.get(method, {}).items():
        command += ["--param", f"{key}={value}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    maps = [a for a in json.loads(done.stdout)["results"][0]["artifacts"] if a["kind"] == "map"]
    if not maps:
        return "no map"
    return np.frombuffer(base64.b64decode(maps[0]["data"]), "<f4").reshape(maps[0]["shape"])


def top_class(xai: str, photo: str) -> int:
    done = subprocess.run([xai, "predict", str(ROOT / f"models/samples/{photo}.png"), "--model", str(LITE0)],
                          capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["predictions"][0]["class"]


def check(xai: str, method: str, models: dict, targets: dict) -> dict:
    """Correlation by level: the mean over the photos."""
    found = {level: [] for level in models}
    for photo, target in targets.items():
        first = explain(xai, method, LITE0, photo, target)
        if isinstance(first, str):
            return {"error": first}
        for level, path in models.items():
            other = explain(xai, method, path, photo, target)
            found[level].append(spearman(first, other) if not isinstance(other, str) else float("nan"))
    return {level: float(np.mean(values)) for level, values in found.items()}


TEXT = """# Do the maps depend on the network?

A map that stays as it was when the network's weights are shuffled explains the picture, not the network (Adebayo et
al., [1810.03292](https://arxiv.org/abs/1810.03292)). EfficientNet-Lite0, the two photos of `models/samples`, the network's
own top class; weights are shuffled within each tensor, from the last layer downwards. Shown is Spearman's rank
correlation of the maps' absolute values before and after, the mean of both photos; "-": the map became constant.
Made by `make sanity`. Near 0 is as it should be; the methods that barely notice stand at the top.

| method | {levels} |
|---|{lines}|
"""


def publish(rows: dict) -> None:
    def cell(value):
        return "-" if np.isnan(value) else f"{value:.2f}"
    known = {m: r for m, r in rows.items() if "error" not in r}
    order = sorted(known, key=lambda m: -np.nan_to_num(known[m]["all layers"], nan=-2))
    text = TEXT.format(levels=" | ".join(LEVELS), lines="|".join(["---"] * len(LEVELS)))
    for method in order:
        text += f"| `{method}` | " + " | ".join(cell(known[method][level]) for level in LEVELS) + " |\n"
    without = [m for m in rows if m not in known]
    if without:
        text += "\nWithout a map of their own on this network: " + ", ".join(f"`{m}`" for m in without) + ".\n"
    (ROOT / "docs/sanity.md").write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--xai", default=str(ROOT / "build/xai"))
    parser.add_argument("--methods", default="", help="only these; publishes nothing")
    options = parser.parse_args()
    listed = json.loads(subprocess.run([options.xai, "methods"], capture_output=True, text=True, check=True).stdout)
    chosen = options.methods.split(",") if options.methods else [m["id"] for m in listed]
    model, rows = onnx.load(str(LITE0)), {}
    sidecar = json.loads(LITE0.with_suffix(".json").read_text(encoding="utf-8"))
    sidecar.pop("sha256", None)
    targets = {photo: top_class(options.xai, photo) for photo in PHOTOS}
    with tempfile.TemporaryDirectory(prefix="xai-sanity-") as folder:
        models = {}
        for number, (level, share) in enumerate(LEVELS.items()):
            models[level] = Path(folder) / f"shuffled{number}.onnx"
            onnx.save(shuffled(model, share, 1), str(models[level]))
            models[level].with_suffix(".json").write_text(json.dumps(sidecar), encoding="utf-8")
        for method in chosen:
            rows[method] = check(options.xai, method, models, targets)
            print(method, {k: v if isinstance(v, str) else round(v, 3) for k, v in rows[method].items()}, flush=True)
    if not options.methods:
        publish(rows)


if __name__ == "__main__":
    main()
