"""What every export_*.py shares: inputs, the numbers of ONNX Runtime, and a case on disk. Needs numpy and onnxruntime.

A case is a folder with model.onnx (or the path to it), input.npy, logits.npy, inner<i>.npy, gradient.npy and case.json,
which is written last: a folder without it is unfinished, and one of the same recipe is not made again.
"""
import argparse
import json
import os
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

CLASS = 7
YARDSTICK = "float32 on the very input"  # how float32's error is measured: cases of another one are made again
SPATIAL = {"Conv", "Relu", "Clip", "Add", "Concat", "BatchNormalization", "AveragePool", "MaxPool"}


def enlarge(coarse: np.ndarray, size: int) -> np.ndarray:
    """Bilinear, half-pixel centres, along the last axis."""
    side = coarse.shape[-1]
    at = np.clip((np.arange(size) + 0.5) * side / size - 0.5, 0, side - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, side - 1)
    return coarse[..., low] * (1 - (at - low)) + coarse[..., high] * (at - low)


def smooth_images(count: int, size: int, seed: int) -> np.ndarray:
    """Noise with the falling spectrum of photographs, float32 [count,3,size,size], about unit variance."""
    rng = np.random.RandomState(seed)
    total = np.zeros((count, 3, size, size))
    side, weight = 2, 1.0
    while side <= size:
        coarse = rng.standard_normal((count, 3, side, side))
        total += weight * enlarge(enlarge(coarse, size).swapaxes(2, 3), size).swapaxes(2, 3)
        side, weight = side * 2, weight * 0.6
    return (total / total.std()).astype(np.float32)


def target_of(shape: tuple[int, ...]) -> int:
    """Flat index over one sample: the class, or the middle of maps."""
    if len(shape) == 2:
        return min(CLASS, shape[1] - 1)
    return int(np.prod(shape[1:])) // 2 + shape[-1] // 2


def relative_l2(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def neighbours(x: np.ndarray, count: int, ulps: int) -> list[np.ndarray]:
    """Inputs that differ from x by some last bits of each number, as rounding would make them."""
    rng = np.random.RandomState(1)
    return [x * (1 + rng.randint(-1, 2, x.shape).astype(np.float32) * np.float32(ulps * 2.0**-23))
            for _ in range(count)]


def calmest(inputs: list[np.ndarray], exact, rough: list) -> tuple[np.ndarray, np.ndarray, float]:
    """Of the inputs the one farthest from any kink: input, float64 gradient, error of float32.

    `exact` gives the gradient of an input in float64, each of `rough` in some arithmetic of float32. The error is the
    largest of all arithmetics, on this very input. An input is calm if inputs that differ from it by 16 last bits have
    its gradient: then no arithmetic should put a unit on the other side of its kink.
    """
    found = []
    for x in inputs:
        slopes = [arithmetic(x).astype(np.float64) for arithmetic in rough]
        far = [rough[0](near).astype(np.float64) for near in neighbours(x, 4, 16)]
        found.append((max(relative_l2(slope, slopes[0]) for slope in slopes + far), x, slopes))
    _, x, slopes = min(found, key=lambda one: one[0])
    slope = exact(x)
    return x, slope, max(relative_l2(one, slope) for one in slopes)


def inner_tensors(path: Path) -> list[str]:
    """Two tensors worth fetching: the spatial one halfway down the graph, and the last one."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(str(path))).graph
    rank = {v.name: len(v.type.tensor_type.shape.dim) for v in graph.value_info}
    names = [n.output[0] for n in graph.node if n.op_type in SPATIAL and rank.get(n.output[0]) == 4]
    return [names[len(names) // 2], names[-1]] if names else []


def run_onnx(path: Path, source: str, x: np.ndarray, outputs: list[str]) -> list[np.ndarray]:
    model = onnx.load(str(path))
    known = {value.name for value in model.graph.output}
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in outputs if name not in known)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(outputs, {source: x})


def is_done(folder: Path, recipe: str) -> bool:
    try:
        case = json.loads((folder / "case.json").read_text())
        return case["recipe"] == recipe and case["yardstick"] == YARDSTICK
    except (OSError, ValueError, KeyError):
        return False


def write(folder: Path, path: Path, recipe: str, x: np.ndarray, exact: np.ndarray, gradient: np.ndarray, error: float,
          source: str = "input", output: str = "logits", exact_outputs: bool = False) -> None:
    """`exact`, `gradient`: in float64; `error`: float32's. `exact_outputs`: what is expected are the exact outputs,
    since ONNX Runtime computes the model in half precision."""
    if folder.name.startswith("tiny"):
        strip(path)
    fetch = [] if exact_outputs else inner_tensors(path)
    logits, *inner = [exact.astype(np.float32)] if exact_outputs else run_onnx(path, source, x, [output, *fetch])
    np.save(folder / "input.npy", x)
    np.save(folder / "logits.npy", logits)
    np.save(folder / "gradient.npy", gradient.astype(np.float32))
    for number, value in enumerate(inner):
        np.save(folder / f"inner{number}.npy", value)
    case = {
        "name": folder.name, "model": os.path.relpath(path, folder), "input": source, "output": output,
        "index": target_of(exact.shape), "gradient": "gradient.npy", "float32_gradient_error": error,
        "fetch": [{"tensor": name, "file": f"inner{number}.npy"} for number, name in enumerate(fetch)],
        "recipe": recipe, "yardstick": YARDSTICK,
    }
    (folder / "case.json").write_text(json.dumps(case, indent=1) + "\n", encoding="utf-8")
    print(f"{folder.name:22} {recipe:44} largest output {np.abs(logits).max():7.3f}  reference - float64 "
          f"{np.abs(logits - exact).max():.1e}  float32 gradient error {error:.1e}", flush=True)


def strip(path: Path) -> None:
    """Takes out what exporters note for people, such as lines of source with the paths of this machine."""
    model = onnx.load(str(path), load_external_data=False)
    for one in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input,
                *model.graph.output, *model.graph.initializer):
        one.ClearField("doc_string")
        one.ClearField("metadata_props")
    model.graph.ClearField("value_info")
    path.write_bytes(model.SerializeToString())


def parse_arguments(description: str, parser: argparse.ArgumentParser | None = None) -> argparse.Namespace:
    """What all export_*.py take; their own options are in `parser` already."""
    parser = parser or argparse.ArgumentParser()
    parser.description = description.splitlines()[0]
    parser.add_argument("directory", type=Path)
    parser.add_argument("--only", help="comma-separated names")
    parser.add_argument("--tiny", action="store_true", help="those that tests/exporters/data keeps")
    parser.add_argument("--list", action="store_true", help="print the names and what they are made of")
    return parser.parse_args()


def make_all(options: argparse.Namespace, recipes: dict[str, str], make) -> None:
    """Calls make(folder, name) for what is wanted and not there."""
    names = options.only.split(",") if options.only else [n for n in recipes if n.startswith("tiny") or not options.tiny]
    for name in names:
        folder = options.directory / name
        if options.list:
            print(f"{name:22} {recipes[name]}")
        elif is_done(folder, recipes[name]):
            print(f"{name:22} is there", flush=True)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            make(folder, name)
