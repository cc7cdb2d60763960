#!/usr/bin/env python3
"""Trains models/digits-attention.onnx or models/digits-sum.onnx, and writes its sidecar and sample pictures.

usage: train_digits.py attention|sum [DIRECTORY]          (default: the folder above this file)

Small enough to be made anew in minutes on one core, on real data that a package ships (digits_scenes.py). Everything is
drawn from one seed; with the versions of requirements-digits.txt, on the same kind of CPU, the files come out the same.
The figures in the sidecar are those of 2000 scenes of digits that training has not seen.
"""
import contextlib
import hashlib
import io
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from PIL import Image

from digits_nets import MEAN, SCALE, AttentionNet, SumNet
from digits_scenes import SIDE, Scenes

OPSET, BATCH, RATE, TESTED = 13, 64, 4e-3, 2000
STEPS = {"attention": 2500, "sum": 3500}
KIND = {"attention": "clutter", "sum": "several"}
GATE_WEIGHT = 0.02  # of the spatial gate's mean in the loss: an open gate costs something, so it opens where it helps
DATA = ("the UCI data set \"Optical Recognition of Handwritten Digits\" (E. Alpaydin, C. Kaynak, 1998, "
        "doi:10.24432/C50P49, CC BY 4.0) as scikit-learn 1.9.1 ships it")


def tensor(pictures: np.ndarray) -> torch.Tensor:
    return torch.from_numpy((pictures.astype(np.float32) - MEAN) / SCALE)[:, None]


def loss_of(task: str, net: torch.nn.Module, x: torch.Tensor, answer: torch.Tensor) -> torch.Tensor:
    if task == "sum":
        return torch.nn.functional.smooth_l1_loss(net(x)[:, 0], answer.float())
    logits, gate, _ = net.gates(x)
    return torch.nn.functional.cross_entropy(logits, answer, label_smoothing=0.02) + GATE_WEIGHT * gate.mean()


def train(task: str) -> torch.nn.Module:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    net, scenes, steps = AttentionNet() if task == "attention" else SumNet(), Scenes(True, 1), STEPS[task]
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps, pct_start=0.1)
    for step in range(steps):
        pictures, answers, _ = scenes.batch(KIND[task], BATCH)
        loss = loss_of(task, net, tensor(pictures), torch.from_numpy(answers))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 500 == 0:
            print(f"{step + 1} of {steps}: loss {loss.item():.3f}", flush=True)
    return net.eval()


# ---------------------------------------------------------------- what it can do, and where it looks

def inside(maps: np.ndarray, boxes: list) -> np.ndarray:
    """Of each map the share of its sum that lies in the first box of its scene."""
    maps = np.kron(maps, np.ones((SIDE // maps.shape[1],) * 2))
    return np.array([m[b[0]:b[2], b[1]:b[3]].sum() / m.sum() for m, (b, *_) in zip(maps, boxes)])


def judge_attention(net: torch.nn.Module, x: torch.Tensor, answers: np.ndarray, boxes: list) -> str:
    logits, gate, shares = net.gates(x)
    right = float((logits.argmax(1).numpy() == answers).mean())
    area = float(np.mean([(b[2] - b[0]) * (b[3] - b[1]) for b, *_ in boxes])) / SIDE**2
    gated, pooled = (float(inside(m[:, 0].numpy(), boxes).mean()) for m in (gate, shares))
    return (f"{right:.1%} of {TESTED} scenes right; in the digit's box, {area:.0%} of the area, lie {gated:.0%} of the "
            f"spatial gate and {pooled:.0%} of the pooling's weights")


def judge_sum(net: torch.nn.Module, x: torch.Tensor, answers: np.ndarray, boxes: list) -> str:
    sums, maps = net(x)[:, 0].numpy(), net.map(x).numpy()
    cell = SIDE // maps.shape[1]
    fine = np.kron(maps, np.ones((cell, cell))) / SIDE**2  # adds up to the answer
    told = [(fine[i, b[0]:b[2], b[1]:b[3]].sum(), b[4]) for i, scene in enumerate(boxes) for b in scene]
    error, parts = np.abs(sums - answers), np.abs([a - b for a, b in told])
    return (f"mean absolute error {error.mean():.2f} on sums of 0 to 36 (standard deviation {answers.std():.1f}), within 1.5 on "
            f"{(error < 1.5).mean():.0%} of {TESTED} scenes; what the map adds within a digit's box differs from the digit by "
            f"{parts.mean():.2f} on average")


def judge(task: str, net: torch.nn.Module) -> str:
    pictures, answers, boxes = Scenes(False, 2).batch(KIND[task], TESTED)
    with torch.no_grad():
        return (judge_attention if task == "attention" else judge_sum)(net, tensor(pictures), answers, boxes)


# ---------------------------------------------------------------- files

def export(net: torch.nn.Module, path: Path, output: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (torch.zeros(1, 1, SIDE, SIDE),), str(path), dynamo=False, opset_version=OPSET,
                          input_names=["input"], output_names=[output],
                          dynamic_axes={"input": {0: "batch"}, output: {0: "batch"}})
    onnx.checker.check_model(onnx.load(str(path)), full_check=True)


def sidecar(task: str, digest: str, figures: str) -> dict:
    attention = task == "attention"
    what = "a classifier of a digit in clutter, with three gates" if attention else "a regression: the sum of 1 to 4 digits"
    return {
        "schema": 1,
        "id": f"digits-{task}",
        "sha256": digest,
        "input": {"name": "input", "layout": "NCHW", "channels": "GRAY"},
        "preprocess": [{"op": "resize", "size": [SIDE, SIDE], "filter": "bilinear", "antialias": True},
                       {"op": "normalize", "mean": [MEAN], "scale": [SCALE]}],
        "output": {"name": "logits" if attention else "sum", "head": "softmax" if attention else "regression"},
        "labels": [str(i) for i in range(10)] if attention else ["sum of the digits"],
        "licence": "Apache-2.0",
        "provenance": f"{what[0].upper()}{what[1:]}; trained for this project by models/tools/train_digits.py on scenes made of "
                      f"{DATA}. On digits of its last fifth, which were kept from training: {figures}.",
    }


def write_samples(task: str, folder: Path) -> None:
    """The first test scenes of another seed; what is in them is in the name."""
    scenes = Scenes(False, 3)
    for number in range(2):
        picture, answer, _ = getattr(scenes, KIND[task])()
        Image.fromarray(picture).save(folder / f"digits-{task}-{number + 1}-{answer}.png", optimize=True)


def main() -> None:
    task = sys.argv[1]
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parent.parent
    net = train(task)
    figures = judge(task, net)
    path = out / f"digits-{task}.onnx"
    export(net, path, "logits" if task == "attention" else "sum")
    text = json.dumps(sidecar(task, hashlib.sha256(path.read_bytes()).hexdigest(), figures), ensure_ascii=False, indent=1)
    path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    write_samples(task, out / "samples")
    print(f"{path.name}: {path.stat().st_size} bytes; {figures}")


if __name__ == "__main__":
    main()
