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


def check(xai: str, folder: Path, case: dict) -> bool:
    with tempfile.TemporaryDirectory() as out:
        begin = time.monotonic()
        problem = run_engine(xai, folder, case, out)
        seconds = time.monotonic() - begin
        if problem:
            print(f"{case['name']:22} FAIL  {problem}")
            return False
        tensors = [{"tensor": case["output"], "file": "logits.npy"}, *case["fetch"]]
        try:
            outputs = [output_error(np.load(Path(out) / file_name(t["tensor"])), np.load(folder / t["file"]))
                       for t in tensors]
            gradient = gradient_error(np.load(Path(out) / file_name(f"grad_{case['input']}")),
                                      np.load(folder / case["gradient"]))
        except (OSError, ValueError) as error:
            print(f"{case['name']:22} FAIL  {error}")
            return False
    bound = max(GRADIENT_BOUND, 3 * case["float32_gradient_error"])
    passed = max(outputs) <= 1 and gradient <= bound
    print(f"{case['name']:22} {'ok  ' if passed else 'FAIL'}  {outputs[0]:9.3f} {max(outputs[1:], default=0):9.3f} "
          f"{gradient:10.1e} {bound:10.1e} {seconds:8.2f}")
    return passed


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
    results = [check(options.xai, folder, json.loads((folder / "case.json").read_text())) for folder in folders]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
