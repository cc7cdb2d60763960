#!/usr/bin/env python3
"""Which methods notice that the network got other weights, or that another class is asked for: writes docs/sanity.md.

usage: sanity.py --xai build/xai [--methods ID,ID] [--seconds N]

The metrics `mprt` and `randomlogit` of every method on the shipped model and the two sample photos; see the page's own
head for the protocol. Cheap methods are measured with several seeds. With --methods only these are measured, and their
lines replace those on the page.
"""
import argparse
import json
import re
import statistics
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LITE0 = ROOT / "models/efficientnet-lite0.onnx"
PAGE = ROOT / "docs/sanity.md"
PHOTOS = ("coffee", "chelsea")
STAGES = 4
SEEDS = 3   # of methods that take at most CHEAP forward-equivalents
CHEAP = 12
# What takes minutes at its defaults, in the proportion that shows the same.
SHORTER = {"rise": {"masks": 100}, "scorecam": {"channels": 32}, "sscam": {"channels": 2}, "iscam": {"channels": 8},
           "ablationcam": {"channels": 128}, "extremal": {"steps": 30}, "blurig": {"steps": 12}, "guidedig": {"steps": 20},
           "xrai": {"steps": 6}, "integratedgradients": {"steps": 12}, "gradientshap": {"samples": 12},
           "layergradients": {"steps": 12}, "lime": {"samples": 120}, "kernelshap": {"samples": 120},
           "shapley": {"samples": 2}, "partitionshap": {"max_evals": 120}, "sobol": {"designs": 2},
           "hsic": {"masks": 100}, "aise": {"steps": 15}, "igos": {"steps": 4}, "neuronconductance": {"steps": 6}}

WITHOUT = {"auto": "stands for whichever method it chooses, by the clock: see that method's line"}


class Failed(Exception):
    """What `xai` says on its last line, short of its class of errors."""

    def __str__(self) -> str:
        return super().__str__().split("this method: ")[-1].split(" [")[0]


def grades(xai: str, method: str, photo: str, seed: int, timeout: float) -> tuple:
    """The curve over the stages and the similarity of another class's map; then what one run costs."""
    asked = {**SHORTER.get(method, {}), "mprt.stages": STAGES, "randomlogit.similarity": "spearman"}
    command = ["evaluate", str(ROOT / f"models/samples/{photo}.png"), "--model", str(LITE0), "--method", method,
               "--evaluate", "mprt,randomlogit", "--seed", str(seed), "--quiet", "--timeout", str(timeout)]
    for key, value in asked.items():
        command += ["--param", f"{key}={value}"]
    done = subprocess.run([xai, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(done.stderr.strip().splitlines()[-1])
    result = json.loads(done.stdout)["results"][0]
    return read(result)


def read(result: dict) -> tuple:
    """What `grades` returns, of one result of `xai evaluate`. A metric that refuses the map has a reason and no value."""
    mprt, other = result["grades"]
    for grade in (mprt, other):
        if grade["value"] is None:
            raise Failed(grade["reason"])
    curve = next(a for a in result["artifacts"] if a["name"] == mprt["curve"])["data"]["series"][0]["y"]
    return curve, other["value"], result["cost"]["forwards"] + 2 * result["cost"]["backwards"]


def measure(xai: str, method: str, timeout: float) -> dict:
    """Means over photos and seeds."""
    runs, cost = [], 0.0
    for photo in PHOTOS:
        for seed in range(SEEDS):
            if seed and cost > CHEAP:
                break
            curve, other, cost = grades(xai, method, photo, seed, timeout)
            runs.append((curve[0], statistics.fmean(curve), curve[-1], other))
    return {"values": [statistics.fmean(column) for column in zip(*runs)], "runs": len(runs), "cost": cost}


TEXT = """# Do the maps depend on the network, and on the question?

A map that stays as it was when the network's weights are replaced explains the picture, not the network (Adebayo et al.,
[1810.03292](https://arxiv.org/abs/1810.03292)); one that stays when another class is asked for does not explain the class
(Sixt et al., [1912.09818](https://arxiv.org/abs/1912.09818)). The metrics `mprt` and `randomlogit` measure both, of any
method on any picture (`xai evaluate`); this page has them of all methods side by side. Made by `make sanity`.

**Protocol.** EfficientNet-Lite0, the two photos of `models/samples`, the network's own top class. `mprt`: each layer's
weights are shuffled within its tensor, from the last layer downwards, in {stages} steps: the last layer alone, then evenly
more, at last all {layers}; biases, into which the batch normalisations are folded, stay. `randomlogit`: a class drawn at
random. Shown is Spearman's rank correlation with the first map, of magnitudes for weights and of signed maps for the class;
the mean over the photos and, for methods of at most {cheap} forward-equivalents, {seeds} seeds. The fewer cells a map has
the more a single correlation is chance: of two maps of 7 x 7 that have nothing to do with each other it strays by 0.14, a
mean of {runs} by {strays:.2f}. Methods that draw masks draw the same ones again, and where there are few the masks
themselves show in both maps: read RISE's and extremal perturbation's numbers as upper bounds. A map that became
constant counts as 0.

Near 0 is as it should be, 1 is a map that did not notice. Whether a map is a *good* explanation is not said here. The
table begins with those that notice least.

| method | last layer | mean of {stages} steps | all layers | another class | runs | changed parameters |
|---|---|---|---|---|---|---|
"""


def row(method: str, found: dict) -> str:
    values = " | ".join(f"{v:.2f}".replace("-0.00", "0.00") for v in found["values"])
    changed = ", ".join(f"{k} {v}" for k, v in SHORTER.get(method, {}).items())
    return f"| `{method}` | {values} | {found['runs']} | {changed} |\n"


def lines_of(rows: dict, without: dict) -> tuple:
    """The page's lines by method: of the table, and of what was not measured."""
    return {m: row(m, found) for m, found in rows.items()}, {m: f"- `{m}`: {why}\n" for m, why in without.items()}


def lines_on(page: str) -> tuple:
    """The same, of a page that was written before."""
    lines = page.splitlines(keepends=True)
    found = [{m[1]: line for line in lines if (m := re.match(start, line))} for start in (r"\| `(.+?)` \|", r"- `(.+?)`: ")]
    return found[0], found[1]


def merged(page: str, table: dict, without: dict) -> tuple:
    """The lines of `page` with those of `table` and `without` in their place: a method has one line."""
    before, before_without = lines_on(page)
    return ({m: line for m, line in {**before, **table}.items() if m not in without},
            {m: line for m, line in {**before_without, **without}.items() if m not in table})


def write(table: dict, without: dict, layers: int) -> str:
    """The page; the table begins with the highest mean."""
    runs = len(PHOTOS) * SEEDS
    text = TEXT.format(stages=STAGES, layers=layers, cheap=CHEAP, seeds=SEEDS, runs=runs, strays=(48 * runs) ** -0.5)
    text += "".join(sorted(table.values(), key=lambda line: -float(line.split("|")[3])))
    return text + ("\nNot measured:\n" + "".join(without.values()) if without else "")


def layer_count(xai: str) -> int:
    """What the curve ends with."""
    done = subprocess.run([xai, "evaluate", str(ROOT / f"models/samples/{PHOTOS[0]}.png"), "--model", str(LITE0), "--method",
                           "gradcam", "--evaluate", "mprt", "--param", "mprt.stages=1", "--quiet"],
                          capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)["results"][0]
    return int(next(a for a in result["artifacts"] if a["name"] == "mprt")["data"]["series"][0]["x"][-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--xai", default=str(ROOT / "build/xai"))
    parser.add_argument("--methods", default="", help="only these; the other lines of the page stay")
    parser.add_argument("--seconds", type=float, default=600, help="deadline of one method on one photo")
    options = parser.parse_args()
    listed = json.loads(subprocess.run([options.xai, "methods"], capture_output=True, text=True, check=True).stdout)
    chosen = options.methods.split(",") if options.methods else [m["id"] for m in listed]
    rows, without = {}, {}
    for method in chosen:
        try:
            if method in WITHOUT:
                raise Failed(WITHOUT[method])
            rows[method] = measure(options.xai, method, options.seconds)
            print(method, [round(v, 3) for v in rows[method]["values"]], f"{rows[method]['cost']:.0f} forwards", flush=True)
        except Failed as why:
            without[method] = str(why)
            print(method, why, flush=True)
    table, reasons = lines_of(rows, without)
    if options.methods:
        table, reasons = merged(PAGE.read_text(encoding="utf-8"), table, reasons)
    PAGE.write_text(write(table, reasons, layer_count(options.xai)), encoding="utf-8")


if __name__ == "__main__":
    main()
