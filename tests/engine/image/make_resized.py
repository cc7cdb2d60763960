"""Makes the goldens of test_resize.c and test_preprocess.c: noise, and what Pillow makes of it.

Run with Pillow 13 (tests/golden/requirements.txt):  python tests/engine/image/make_resized.py
Up to version 12 Pillow always began with the horizontal pass; 80x5 and "chain" are cases where 13 does not.
"""
import sys
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
OUT = HERE / "fixtures"
sys.path.insert(0, str(HERE.parents[2] / "models" / "tools"))
import preprocess  # noqa: E402  the definition of the sidecar's steps

FILTERS = {"nearest": Image.NEAREST, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
SIZES = [(16, 10), (50, 40), (37, 11), (13, 23), (1, 1), (80, 5)]
STEPS = {
    "short": [{"op": "resize", "short_side": 20, "filter": "bicubic"}, {"op": "center_crop", "size": [15, 17]}],
    "size": [{"op": "resize", "size": [12, 19], "filter": "bilinear"}],
    "pad": [{"op": "center_crop", "size": [30, 24]}],
    "chain": [{"op": "resize", "short_side": 31, "filter": "nearest"}, {"op": "resize", "size": [18, 44],
              "filter": "bicubic"}, {"op": "center_crop", "size": [12, 48]}],
}


def main():
    noise = np.random.default_rng(7).integers(0, 256, (23, 37, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    image.save(OUT / "noise.ppm")
    for name, resample in FILTERS.items():
        for size in SIZES:
            image.resize(size, resample).save(OUT / f"noise_{name}_{size[0]}x{size[1]}.ppm")
    for name, steps in STEPS.items():
        result = image
        for step in steps:
            result = (preprocess.resize if step["op"] == "resize" else preprocess.center_crop)(result, step)
        result.save(OUT / f"noise_{name}.ppm")
    image.convert("L").save(OUT / "noise_gray.pgm")


if __name__ == "__main__":
    main()
