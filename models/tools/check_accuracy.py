#!/usr/bin/env python3
"""Accuracy of the shipped model on labelled photos, with ONNX Runtime: the figure the engine must meet.

usage: check_accuracy.py PHOTOS [MODEL.onnx]

PHOTOS holds JPEG files and labels.tsv with the columns `file` and `class` (ImageNet index).
"""
import csv
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

import preprocess


def main() -> None:
    photos = Path(sys.argv[1])
    default = Path(__file__).resolve().parent.parent / "efficientnet-lite0.onnx"
    model = Path(sys.argv[2]) if len(sys.argv) > 2 else default
    steps = preprocess.steps_of(model.with_suffix(".json"))
    names = json.loads(model.with_suffix(".json").read_text(encoding="utf-8"))["labels"]
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    with open(photos / "labels.tsv", newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    first = five = 0
    for row in rows:
        with Image.open(photos / row["file"]) as image:
            x = preprocess.tensor(image, steps)
        logits = session.run(["logits"], {"input": x})[0][0]
        order = np.argsort(-logits, kind="stable")[:5]
        label = int(row["class"])
        first += int(order[0] == label)
        five += int(label in order)
        if label not in order:
            print(f"missed {row['file']}: {names[label]}, said {names[order[0]]}")
    print(f"{first} of {len(rows)} right, {five} in the first five")


if __name__ == "__main__":
    main()
