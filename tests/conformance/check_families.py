#!/usr/bin/env python3
"""Runs the engine on the exported network families and compares with ONNX Runtime and PyTorch.

usage: check_families.py DIRECTORY [--xai build/xai] [--only NAME[,NAME]]

DIRECTORY is what the export_*.py wrote. For each model, `xai run` computes the logits, two inner
tensors and the gradient of one output to the input. Bounds:
  outputs    largest absolute error <= 1e-4 * max(1, largest absolute value), against ONNX Runtime
  gradient   relative L2 error <= max(1e-3, 3 x PyTorch float32's own error), against float64
Prints a table; exits 1 when any bound is broken or a run fails, 2 when there is nothing to check.
"""
import argparse
import dataclasses
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

OUTPUT_BOUND = 1e-4
GRADIENT_BOUND = 1e-3
TIMEOUT = 600


def file_name(tensor: str) -> str:
    """The name `xai run` gives a tensor's file."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", tensor) + ".npy"


def output_error(got: np.ndarray, want: np.ndarray) -> float:
    """In units of the bound: above 1 is a failure. A wrong shape or a NaN is infinite."""
    if got.shape != want.shape or not np.isfinite(got).all():
        return float("inf")
    return float(np.abs(got - want).max() / (OUTPUT_BOUND * max(1.0, np.abs(want).max())))


def gradient_error(got: np.ndarray, want: np.ndarray) -> float:
    if got.shape != want.shape or not np.isfinite(got).all():
        return float("inf")
    return float(np.linalg.norm(got.astype(np.float64) - want) / np.linalg.norm(want.astype(np.float64)))


def run_engine(xai: str, folder: Path, case: dict, out: str) -> str:
    """Runs the case; returns '' or what went wrong."""
    command = [xai, "run", "--model", str((folder / case["model"]).resolve()),
               "--input", f"{case['input']}={folder / 'input.npy'}", "--out", out,
               "--gradient", f"{case['output']}:{case['index']}"]
    for fetched in case["fetch"]:
        command += ["--fetch", fetched["tensor"]]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else f"exit {done.returncode}: {done.stderr.strip()[-300:]}"


@dataclasses.dataclass
class Verdict:
    problem: str = ""
    outputs: float = float("inf")  # errors in units of their bound
    inner: float = 0.0
    gradient: float = float("inf")
    gradient_bound: float = GRADIENT_BOUND
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return not self.problem and max(self.outputs, self.inner) <= 1 and self.gradient <= self.gradient_bound


def judge(xai: str, folder: Path) -> Verdict:
    case = json.loads((folder / "case.json").read_text())
    verdict = Verdict(gradient_bound=max(GRADIENT_BOUND, 3 * case["float32_gradient_error"]))
    with tempfile.TemporaryDirectory() as out:
        def got(tensor: str) -> np.ndarray:
            return np.load(Path(out) / file_name(tensor))
        begin = time.monotonic()
        verdict.problem = run_engine(xai, folder, case, out)
        verdict.seconds = time.monotonic() - begin
        if verdict.problem:
            return verdict
        try:
            verdict.outputs = output_error(got(case["output"]), np.load(folder / "logits.npy"))
            verdict.inner = max((output_error(got(t["tensor"]), np.load(folder / t["file"])) for t in case["fetch"]),
                                default=0.0)
            verdict.gradient = gradient_error(got(f"grad_{case['input']}"), np.load(folder / case["gradient"]))
        except (OSError, ValueError) as error:
            verdict.problem = str(error)
    return verdict


def check(xai: str, folder: Path) -> bool:
    v = judge(xai, folder)
    if v.problem:
        print(f"{folder.name:22} FAIL  {v.problem}", flush=True)
    else:
        print(f"{folder.name:22} {'ok  ' if v.passed else 'FAIL'}  {v.outputs:9.3f} {v.inner:9.3f} {v.gradient:10.1e} "
              f"{v.gradient_bound:10.1e} {v.seconds:8.2f}", flush=True)
    return v.passed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--xai", default="build/xai")
    parser.add_argument("--only", help="comma-separated names")
    options = parser.parse_args()
    wanted = set(options.only.split(",")) if options.only else None
    folders = sorted(path.parent for path in options.directory.glob("*/case.json"))
    folders = [folder for folder in folders if wanted is None or folder.name in wanted]
    if not folders:
        print(f"nothing to check in {options.directory}", file=sys.stderr)
        return 2
    print(f"{'model':22} {'':4}  {'logits/bd':>9} {'inner/bd':>9} {'gradient':>10} {'its bound':>10} {'seconds':>8}")
    results = [check(options.xai, folder) for folder in folders]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
