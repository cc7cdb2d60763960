#!/usr/bin/env python3
"""Ours and the others, in turns: `make bench`.

usage: bench.py --build build [--rows REGEX] [--rounds N] [--quick] [--oracles]

Runs the rows of rows.py whose id the expression finds, prints each as it is done, and keeps all in BUILD/bench/bench.json.
A whole run (every row, at full length) is published: docs/bench.json, docs/bench.md and the table in the README.
"""
import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from datetime import date
from importlib import metadata
from pathlib import Path

import models
import report
from measure import OURS, QUICK, Effort, measure
from rows import MODELS, ORACLES, ROWS
from workers import cores

HERE, ROOT = Path(__file__).resolve().parent, Path(__file__).resolve().parents[2]
PACKAGES = ("onnxruntime", "openvino", "torch", "torchvision", "numpy")
# The work that a row of another kind is about.
PASSES = {"start": "forward", "load": "forward", "memory": "forward"}


def cpu_name() -> str:
    """As the system tells it, with the numbers that tell models of one name apart."""
    fields = {}
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
    if "model name" not in fields:
        return platform.machine()
    return (f"{fields['model name']} (family {fields.get('cpu family')}, model {fields.get('model')}, "
            f"stepping {fields.get('stepping')})")


def package_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def git(*args) -> str:
    done = subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def header(xai: Path) -> dict:
    """Date, machine and versions."""
    lite0 = models.onnx_path(Path(), "lite0")
    ours = subprocess.run([xai, "bench", "--serve", "--what", "forward", "--model", lite0], input="",
                          capture_output=True, text=True, check=True)
    ours = json.loads(ours.stdout)
    return {"schema": 1, "date": date.today().isoformat(),
            "machine": {"cpu": cpu_name(), "cores": len(cores()), "isa": ours["isa"],
                        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
                        "system": f"{platform.system()} {platform.release()}"},
            "versions": {OURS: f"{ours['version']} {git('describe', '--always', '--dirty')}".strip(),
                         "python": platform.python_version(), **{p: package_version(p) for p in PACKAGES}}}


def python_of(peer: str, build: Path):
    """The interpreter of the environment that the peer is installed in."""
    return build / f"venv-bench-{ORACLES[peer]}" / "bin" / "python" if peer in ORACLES else sys.executable


def commands(row, build: Path, folder: Path) -> dict:
    """{engine: argument list} of a row."""
    if row.work == "service":
        return {OURS: [build / "explaind"]}
    work = PASSES.get(row.work, row.work)
    common = ["--model", models.onnx_path(folder, row.model), "--batch", row.batch, "--threads", row.threads]
    bits = ["--precision", row.precision]
    ours = [build / "xai", "bench", "--serve", *common, *bits]
    if row.work == "explain":
        params = [word for param in row.params for word in ("--param", param)]
        peers = {peer: [python_of(peer, build), HERE / "peer.py", peer, row.what, *common, "--share", row.share]
                 for peer in row.peers}
        return {OURS: [*ours, "--what", row.method, *params], **peers}
    net = ["--net", models.net_path(folder, row.model)]
    peers = {peer: [python_of(peer, build), HERE / "peer.py", peer, work, *common, *bits, *net] for peer in row.peers}
    return {OURS: [*ours, "--what", work], **peers}


def make_models(rows: list, folder: Path) -> None:
    """In a process of its own, so that this one stays small; what cannot be made fails row by row, with the reason."""
    names = [name for name in MODELS if any(row.model == name and row.work != "explain" for row in rows)]
    for name in names:
        done = subprocess.run([sys.executable, HERE / "models.py", folder, name], check=False)
        if done.returncode:
            print(f"{name} cannot be made: its rows will fail", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--rows", default="", help="regular expression; all by default")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--quick", action="store_true", help="three short rounds")
    parser.add_argument("--oracles", action="store_true", help="only list the environments that the rows need")
    options = parser.parse_args()
    rows = [row for row in ROWS if re.search(options.rows, row.id)]
    if not rows:
        sys.exit(f"no row's id matches '{options.rows}'; they are\n" + "\n".join(row.id for row in ROWS))
    if options.oracles:
        print(*sorted({ORACLES[peer] for row in rows for peer in row.peers if peer in ORACLES}))
        return 0
    effort = QUICK if options.quick else Effort()
    if options.rounds:
        effort = Effort(rounds=options.rounds, least=min(options.rounds, 5))
    build = options.build.resolve()
    folder = build / "bench"
    make_models(rows, folder)
    results = {**header(build / "xai"), "rows": []}
    began = time.monotonic()
    for row in rows:
        results["rows"].append(measure(row, commands(row, build, folder), effort))
        print(report.line(results["rows"][-1]), flush=True)
        results["seconds"] = round(time.monotonic() - began)
        (folder / "bench.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"{results['seconds']} s; all numbers are in {folder / 'bench.json'}")
    if options.rows or options.quick or options.rounds:
        print("A part of the rows, or a short run: nothing is published.")
        return 0
    report.publish(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
