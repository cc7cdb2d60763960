#!/usr/bin/env python3
"""How often the model's top class, and its five top ones, are right on labelled images.

usage: accuracy.py [--xai build/xai] [--model F] IMAGES LABELS

IMAGES is a folder; LABELS a table with tabs whose first line names its columns, among them `file` and `class` (the
index). One `xai predict` an image, as many at once as there are processors. Exits 1 if an image cannot be read.
"""
import argparse
import csv
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def read_labels(path: Path) -> list:
    """[(file, class)]"""
    with open(path, newline="", encoding="utf-8") as table:
        rows = csv.DictReader(table, delimiter="\t")
        if not {"file", "class"} <= set(rows.fieldnames or []):
            sys.exit(f"{path}: its first line must name the columns 'file' and 'class', separated by tabs")
        return [(row["file"], int(row["class"])) for row in rows]


def top5(xai: str, model: list, image: Path) -> list:
    """The classes, best first; [] with the reason on stderr."""
    done = subprocess.run([xai, "predict", str(image), "--threads", "1", *model], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        print(f"\n{image}: {done.stderr.strip()}", file=sys.stderr)
        return []
    return [p["class"] for p in json.loads(done.stdout)["predictions"]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--xai", default="build/xai")
    parser.add_argument("--model", help="another model than the shipped one")
    parser.add_argument("images", type=Path)
    parser.add_argument("labels", type=Path)
    options = parser.parse_args()
    rows = read_labels(options.labels)
    model = ["--model", options.model] if options.model else []
    first = five = unread = 0
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        answers = workers.map(lambda row: top5(options.xai, model, options.images / row[0]), rows)
        for done, ((_, wanted), classes) in enumerate(zip(rows, answers), 1):
            first += classes[:1] == [wanted]
            five += wanted in classes
            unread += not classes
            if done % 25 == 0 or done == len(rows):
                print(f"\r{done} of {len(rows)} images", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(f"top-1 {first} of {len(rows)}, top-5 {five} of {len(rows)}")
    return 1 if unread else 0


if __name__ == "__main__":
    sys.exit(main())
