#!/usr/bin/env python3
"""What `sag` gives at its defaults, photo by photo: patches of the smallest explanation, evaluations, seconds.

usage: sag_quality.py [--xai build/xai] [--model F] IMAGES

One `xai explain` a photo, one after the other, with all its threads; seconds are the engine's
(`timing.engine_ms`): the model is loaded, the pictures of the graph are not yet drawn. Prints a table in Markdown;
intervals are 95 % by a bootstrap of the photos. Exits 1 if a photo has no result.
"""
import argparse
import json
import random
import subprocess
import sys
from pathlib import Path
from statistics import median

KINDS = {".jpg", ".jpeg", ".png", ".bmp"}


def measure(xai: str, model: list, image: Path) -> dict:
    done = subprocess.run([xai, "explain", str(image), "--method", "sag", "--quiet", *model], capture_output=True,
                          text=True, check=False)
    if done.returncode:
        print(f"\n{image}: {done.stderr.strip()}", file=sys.stderr)
        return {}
    answer = json.loads(done.stdout)
    graph = next(a["data"] for a in answer["results"][0]["artifacts"] if a["name"] == "sag")
    return {"patches": min((len(m["patches"]) for m in graph["mses"]), default=None),
            "evals": graph["stats"]["evals"], "roots": len(graph["roots"]),
            "seconds": answer["timing"]["engine_ms"] / 1e3}


def share(values: list) -> float:
    return 100 * sum(values) / len(values)


def interval(values: list, statistic) -> str:
    draws = random.Random(0)
    many = sorted(statistic(draws.choices(values, k=len(values))) for _ in range(2000))
    return f"{statistic(values):.3g} ({many[49]:.3g} to {many[1949]:.3g})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--xai", default="build/xai")
    parser.add_argument("--model", help="another model than the shipped one")
    parser.add_argument("images", type=Path)
    options = parser.parse_args()
    photos = sorted(p for p in options.images.iterdir() if p.suffix.lower() in KINDS)
    model = ["--model", options.model] if options.model else []
    rows = []
    for photo in photos:
        rows.append(measure(options.xai, model, photo))
        print(f"\r{len(rows)} of {len(photos)} photos", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    good = [row for row in rows if row]
    found = [row for row in good if row["patches"] is not None]
    print(f"| {len(photos)} photos | |\n|---|---|")
    print(f"| photos with an explanation | {len(found)} |")
    for most in (5, 10, 20):
        small = [row in found and row["patches"] <= most for row in good]
        print(f"| with one of at most {most} patches, % | {interval(small, share)} |")
    print(f"| patches of the smallest, median | {interval([r['patches'] for r in found], median)} |")
    print(f"| roots, median | {interval([r['roots'] for r in good], median)} |")
    print(f"| evaluations, median | {interval([r['evals'] for r in good], median)} |")
    print(f"| seconds, median | {interval([r['seconds'] for r in good], median)} |")
    return 1 if len(good) < len(photos) or not photos else 0


if __name__ == "__main__":
    sys.exit(main())
