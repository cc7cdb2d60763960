#!/usr/bin/env python3
"""Makes tests/golden/data/sag: what the search of the reference code finds, by sag_reference.py.

usage: make_sag.py [--data DIRECTORY]      in the environment of requirements.txt

planted.txt, for tests/engine/explain/sag/test_reference.c: a line "case SEED COARSE GROUPS FORWARDS EVALUATED ROOTS
SHOWN NODES", the three kinds of forwards separated by commas; then a line for each root as it is found and for each that is
shown, as a hexadecimal number whose bit i is patch i.

lite0.json, for test_sag.py: the same on the crops of data/lite0 with ONNX Runtime's probabilities. Masks are drawn with
the case's seed, about half of their values 1. A case is taken only where no set that is asked comes nearer to the
threshold than MARGIN, and no two scores that decide about the beam are nearer than that, so that float32 cannot decide
otherwise; the first two seeds of each picture that pass are taken.
"""
import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from sag_reference import COUNT, SIDE, Planted, Search

ROOT = Path(__file__).resolve().parents[2]
MARGIN = 2e-5
CASES = 2


def line_of(search: Search) -> str:
    forwards = ",".join(str(n) for n in search.forwards.values())
    evaluated = len(search.asked | {0})  # the empty set is scored for its own sake
    return f"{forwards} {evaluated} {len(search.roots)} {len(search.shown)} {len(search.nodes)}"


def planted() -> str:
    text = ""
    for seed in range(24):
        coarse, groups = (0, 16, 20)[seed % 3], 1 + seed // 3 % 4
        table = Planted(seed, coarse, groups)
        search = Search(table, table.mask)
        text += f"case {seed} {coarse} {groups} {line_of(search)}\n"
        text += "".join(f"{kept:013x}\n" for kept in [root[0] for root in search.roots] + search.shown)
    return text


class Picture:
    """Probability of the top class on the picture of a set: soft patches, all else black."""

    def __init__(self, session, path: Path):
        self.session, self.known = session, {}
        pixels = np.asarray(Image.open(path).convert("RGB"), np.float32).transpose(2, 0, 1)[None]
        self.view, self.black = (pixels - 127) / 128, np.float32(-127 / 128)
        at = np.arange(224) * (SIDE - 1) / 223
        self.tents = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(SIDE))).astype(np.float32)
        self.target = int(self.softmax((1 << COUNT) - 1).argmax())

    def softmax(self, kept: int) -> np.ndarray:
        mask = np.array([kept >> i & 1 for i in range(COUNT)], np.float32).reshape(SIDE, SIDE)
        weight = self.tents @ mask @ self.tents.T
        picture = self.view * weight + self.black * (1 - weight)
        logits = self.session.run(None, {self.session.get_inputs()[0].name: picture.astype(np.float32)})[0][0]
        e = np.exp(logits.astype(np.float64) - logits.max())
        return e / e.sum()

    def __call__(self, kept: int) -> float:
        if kept not in self.known:
            self.known[kept] = float(np.float32(self.softmax(kept)[self.target]))
        return self.known[kept]


def draw(seed: int) -> np.ndarray:
    return np.minimum(1, 2 * np.random.default_rng(seed).random((SIDE, SIDE))).astype(np.float32)


def lite0() -> dict:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(ROOT / "models/efficientnet-lite0.onnx"), options,
                                           providers=["CPUExecutionProvider"])
    cases = []
    for sample in ("chelsea", "coffee"):
        picture = Picture(session, ROOT / f"tests/golden/data/lite0/{sample}_224.png")
        seed = taken = 0
        while taken < CASES:
            seed += 1
            search = Search(picture, draw(seed))
            decided = min(search.margins + search.gaps)
            print(f"{sample} {seed}: {len(search.roots)} roots, {sum(search.forwards.values())} forwards, "
                  f"{len(search.asked)} sets, nearest decision {decided:.1e}")
            if decided < MARGIN:
                continue
            taken += 1
            cases.append({
                "sample": f"models/samples/{sample}.png", "target": picture.target, "mask": draw(seed).tolist(),
                "forwards": search.forwards, "evaluated": len(search.asked | {0}),
                "roots": [{"id": f"{kept:013x}", "p": p} for kept, p in search.roots],
                "shown": [f"{kept:013x}" for kept in search.shown],
                "nodes": {f"{kept:013x}": p for kept, p in search.nodes.items()}})
    return {"schema": 1, "onnxruntime": onnxruntime.__version__, "cases": cases}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).parent / "data")
    folder = parser.parse_args().data / "sag"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "planted.txt").write_text(planted(), encoding="utf-8")
    (folder / "lite0.json").write_text(json.dumps(lite0(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
