"""What the golden tests share: where the data lies, asking `xai` sample by sample, and comparing."""
import functools
import re
import tempfile
from pathlib import Path

import numpy as np

import xai

DATA = Path(__file__).parent / "data"
SCRATCH = tempfile.TemporaryDirectory(prefix="xai-goldens-")  # gone with the process


def path_of(text: str) -> Path:
    return xai.ROOT / text if text.startswith("models/") else DATA / text


def scratch(name: str) -> Path:
    folder = Path(SCRATCH.name) / re.sub(r"[^A-Za-z0-9.-]", "_", name)
    folder.mkdir(exist_ok=True)
    return folder


@functools.lru_cache(maxsize=None)
def samples_of(model: str, source: str) -> list:
    """The arguments that name each sample of a case's input to `xai explain`."""
    if not source.endswith(".npy"):
        return [[path_of(source)]]
    rows = np.load(path_of(source))
    folder = scratch(f"samples-{model}")
    for i, row in enumerate(rows):
        np.save(folder / f"{i}.npy", row[None])
    return [["--tensor", folder / f"{i}.npy"] for i in range(len(rows))]


@functools.lru_cache(maxsize=None)
def results(model: str, source: str, method: str, target: str, options: tuple) -> list:
    """The results of one method, sample by sample. `options` is flat: "--param", "k=v", ..."""
    return [xai.ask("explain", *sample, "--model", path_of(model), "--method", method, "--target", target,
                    *options)["results"][0] for sample in samples_of(model, source)]


def thinned(case, values: np.ndarray) -> np.ndarray:
    """The part of the values that the golden stores."""
    n = case.get("stride_stored", 1)
    return values[..., ::n, ::n] if n > 1 else values


def distance(case, got: np.ndarray, want: np.ndarray) -> float:
    """In the case's own metric; infinite for another shape or a NaN."""
    if got.shape != want.shape or not np.isfinite(got).all():
        return float("inf")
    difference = got.astype(np.float64) - want
    if case["metric"] == "max_abs":
        return float(np.abs(difference).max())
    assert case["metric"] == "relative_l2"
    return float(np.linalg.norm(difference) / np.linalg.norm(want))
