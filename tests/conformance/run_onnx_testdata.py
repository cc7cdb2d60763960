#!/usr/bin/env python3
"""Runs ONNX's own test cases through `xai run` and compares with the outputs that come with them.

usage: run_onnx_testdata.py [--data DIR] [--title TEXT] [--xai build/xai] [--only PATTERN] [--verbose]

The data is Debian's package libonnx-testdata, or what write_onnx_cases.py wrote. Each case runs in up to three forms,
since the engine wants to know shapes, axes and the like when a model is loaded: with all float32 inputs given at run
time and the others as constants; with all but the first input constant; with everything constant, which is how shapes
are computed. Every form that the engine accepts must be right to rtol 1e-3, atol 1e-5; ONNX's own runner uses
rtol 1e-3, atol 1e-7. Where
the output is float16 the rtol is 2^-9: the case is computed with 11 bits at every step, the engine in float32.

A case passes if any form runs and none is wrong. It is refused if the engine declines all forms with exit code 4
(unsupported) or 3 (input). Prints what was refused though the operator is known, counts for each group of cases, and
last the count of all. Exits 1 if any result is wrong or any run ends otherwise (a crash, a time-out), 2 when there is
no data.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from onnx_wire import DTYPES, Model, tensor

RTOL, ATOL, TIMEOUT = 1e-3, 1e-5, 60
REFUSED = {3, 4}


def forms(model: Model, inputs: dict[str, np.ndarray]):
    """The sets of inputs that become constants."""
    floats = [n for n in inputs if inputs[n].dtype == np.float32]
    seen = []
    for given in (floats, list(inputs)[:1], []):
        constants = frozenset(inputs) - frozenset(given)
        if constants not in seen:
            seen.append(constants)
    return seen


def widened(dtype: np.dtype) -> np.dtype:
    """The type in which the engine holds elements of this one."""
    if dtype in (np.float16, np.float64):
        return np.dtype(np.float32)
    return np.dtype(np.int32) if dtype in (np.int8, np.int16, np.uint16) else dtype


def matches(got: np.ndarray, want: np.ndarray) -> bool:
    if got.shape != want.shape or got.dtype != widened(want.dtype):
        return False
    if want.dtype.kind != "f":
        return bool((got == want).all())
    return bool(np.allclose(got, want, rtol=2**-9 if want.dtype == np.float16 else RTOL, atol=ATOL, equal_nan=True))


def run_form(xai: str, model: Model, files: dict, inputs: dict, constants, wanted: dict,
             work: Path) -> tuple[str, str]:
    """('pass' | 'refused' | 'WRONG', message)"""
    (work / "m.onnx").write_bytes(model.with_constants({n: files[n] for n in constants}))
    command = [xai, "run", "--model", str(work / "m.onnx"), "--out", str(work / "out")]
    for i, (name, value) in enumerate(inputs.items()):
        if name in constants:
            continue
        np.save(work / f"{i}.npy", value)
        command += ["--input", f"{name}={work / f'{i}.npy'}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return "WRONG", "timed out"
    if done.returncode:
        return "refused" if done.returncode in REFUSED else "WRONG", done.stderr.strip()[-200:]
    files_by_name = {t["name"]: t["file"] for t in json.loads((work / "out/manifest.json").read_text())["tensors"]}
    for name, want in wanted.items():
        if name not in files_by_name:
            return "WRONG", f"no output {name}"
        got = np.load(work / "out" / files_by_name[name])
        if not matches(got, want):
            return "WRONG", f"{name}: {got.dtype}{got.shape} {got.ravel()[:4]}, not {want.shape} {want.ravel()[:4]}"
    return "pass", ""


def read_set(folder: Path, model: Model):
    """Inputs as bytes and arrays, and outputs, by name; None where a type is beyond numpy."""
    def load(stem: str, names: list[str]):
        files = [folder / f"{stem}_{i}.pb" for i in range(len(names))]
        return {n: f.read_bytes() for n, f in zip(names, files) if n and f.exists()}
    try:
        files, outputs = load("input", model.inputs), load("output", model.outputs)
        inputs = {n: tensor(b) for n, b in files.items()}
        wanted = {n: tensor(b) for n, b in outputs.items()}
    except (ValueError, IndexError):
        return None  # sequences and optionals
    if any(v is None for v in [*inputs.values(), *wanted.values()]) or not wanted:
        return None
    if any(DTYPES.get(model.types[n]) != v.dtype for n, v in {**inputs, **wanted}.items()):
        return None  # bfloat16 is stored as uint16
    return files, inputs, wanted


def run_case(xai: str, folder: Path) -> tuple[str, str]:
    model = Model((folder / "model.onnx").read_bytes())
    results = []
    for data in sorted(folder.glob("test_data_set_*")):
        loaded = read_set(data, model)
        if loaded is None:
            return "refused", "the case's types are beyond numpy"
        files, inputs, wanted = loaded
        for constants in forms(model, inputs):
            with tempfile.TemporaryDirectory() as work:
                results.append(run_form(xai, model, files, inputs, constants, wanted, Path(work)))
    for verdict in ("WRONG", "pass"):
        for result in results:
            if result[0] == verdict:
                return result
    return results[0] if results else ("refused", "no data")


GROUPS = ("node", "pytorch-converted", "pytorch-operator")
DATA = "/usr/share/libonnx-testdata/data"


def find_cases(data: str, only: str = "") -> list[Path]:
    models = [path for group in GROUPS for path in Path(data).glob(f"{group}/*/model.onnx")]
    return sorted(path.parent for path in models if re.search(only, path.parent.name))


def run_cases(xai: str, cases: list[Path]) -> list[tuple[str, str]]:
    """Verdict and message by case; several at once, since most of the time is the start of a process."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda case: run_case(xai, case), cases))


def counted(results: list[tuple[str, str]]) -> str:
    counts = collections.Counter(verdict for verdict, _ in results)
    unknown = sum(verdict == "refused" and is_unknown(message) for verdict, message in results)
    return (f"{counts['pass']} passed, {counts['WRONG']} wrong, {counts['refused']} refused"
            f" (of these {unknown} for an operator that the engine does not have)")


def is_unknown(message: str) -> bool:
    return re.search(r"operator \S+ \(node .*is not supported", message) is not None


def print_refusals(cases: list[Path], results: list[tuple[str, str]]) -> None:
    declined = collections.defaultdict(list)
    for case, (verdict, message) in zip(cases, results):
        if verdict == "refused" and not is_unknown(message):
            declined[re.sub(r"^xai: |#?\d+ ?\(.*?\)|\s+", " ", message)[:110]].append(case.name)
    for message, names in sorted(declined.items(), key=lambda item: -len(item[1])):
        print(f"refused {len(names):3}  {message}  e.g. {names[0]}")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default=DATA)
    parser.add_argument("--title", default="onnx 1.12 cases")
    parser.add_argument("--xai", default="build/xai")
    parser.add_argument("--only", default="", help="regular expression on the case's name")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    cases = find_cases(args.data, args.only)
    if not cases:
        print(f"no cases under {args.data}; install libonnx-testdata", file=sys.stderr)
        return 2
    results = run_cases(args.xai, cases)
    for case, (verdict, message) in zip(cases, results):
        if verdict == "WRONG" or args.verbose:
            print(f"{verdict:8} {case.name}  {message}")
    print_refusals(cases, results)
    for group in GROUPS:
        own = [result for case, result in zip(cases, results) if case.parent.name == group]
        if own:
            print(f"{args.title}, {group}: {counted(own)}")
    print(f"{args.title}: {counted(results).split(' (')[0]}")
    return 1 if any(verdict == "WRONG" for verdict, _ in results) else 0


if __name__ == "__main__":
    sys.exit(main())
