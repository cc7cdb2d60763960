"""Goldens of the picture pipeline: Pillow's resize byte for byte, torchvision's geometry, the samples' crops."""
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision import transforms

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models" / "tools"))
import preprocess  # noqa: E402

# name, mode, (width, height), [(width, height) to resize to]
RESIZES = [
    ("odd", "RGB", (37, 53), [(24, 24)]),
    ("small", "RGB", (10, 7), [(33, 20)]),
    ("gray", "L", (41, 29), [(17, 31)]),
    ("one-axis", "RGB", (32, 20), [(32, 11), (19, 20)]),
    ("flat", "RGB", (300, 5), [(7, 3)]),
    ("checker", "L", (24, 24), [(31, 17), (9, 40)]),
    ("pixel", "RGB", (1, 1), [(5, 4)]),
    ("line", "RGB", (3, 1), [(1, 4)]),
]
GEOMETRY = [(451, 300), (600, 400), (300, 451), (256, 256), (224, 224), (257, 256), (255, 256), (500, 333), (333, 500),
            (375, 500), (1023, 767), (640, 427), (427, 640), (1200, 1), (3, 5), (4000, 3000), (281, 280), (387, 256)]


def source(mode: str, size: tuple[int, int], name: str, seed: int) -> Image.Image:
    """Hard noise over a ramp: every filter tap shows. The checker drives bicubic out of 0..255."""
    width, height = size
    if name == "checker":
        cells = (np.arange(width)[None] // 5 + np.arange(height)[:, None] // 5) % 2
        return Image.fromarray((cells * 255).astype(np.uint8), mode="L")
    rng = np.random.RandomState(seed)
    channels = 3 if mode == "RGB" else 1
    ramp = np.linspace(0, 128, width)[None, :, None] + np.zeros((height, 1, channels))
    values = (ramp + rng.randint(0, 128, (height, width, channels))).astype(np.uint8)
    return Image.fromarray(values if mode == "RGB" else values[:, :, 0])


def resize_cases(data: Path) -> list[dict]:
    folder, cases = data / "resize", []
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, mode, size, targets) in enumerate(RESIZES):
        image = source(mode, size, name, seed)
        image.save(folder / f"{name}.png", optimize=True)
        for width, height in targets:
            for filter_name, code in preprocess.FILTERS.items():
                file = f"{name}_{width}x{height}_{filter_name}.png"
                image.resize((width, height), code).save(folder / file, optimize=True)
                cases.append({
                    "id": f"resize-{file[:-4]}", "kind": "resize", "input": f"resize/{name}.png",
                    "width": width, "height": height, "filter": filter_name, "antialias": True,
                    "expected": f"resize/{file}", "metric": "bytes"})
    return cases


def geometry_cases() -> list[dict]:
    """Sizes and crop origins for short side 256, crop 224; checked against torchvision on real pixels."""
    cases = []
    for width, height in GEOMETRY:
        resized = preprocess.resized_size(width, height, 256)
        left, top = (preprocess.crop_origin(length, 224) for length in resized)
        if max(width, height) < 1100:
            compare_with_torchvision(width, height)
        cases.append({
            "id": f"geometry-{width}x{height}", "kind": "geometry", "width": width, "height": height,
            "short_side": 256, "crop": 224, "resized_width": resized[0], "resized_height": resized[1],
            "left": left, "top": top})
    return cases


def compare_with_torchvision(width: int, height: int) -> None:
    image = source("RGB", (width, height), "", width)
    steps = [{"op": "resize", "short_side": 256, "filter": "bicubic"}, {"op": "center_crop", "size": [224, 224]}]
    theirs = transforms.Compose([
        transforms.Resize(256, transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(224)])(image)
    assert theirs.tobytes() == preprocess.pixels(image, steps).tobytes(), (width, height)


def sample_case(data: Path, sample: str, steps: list[dict]) -> tuple[dict, np.ndarray]:
    """The sample's crop as bytes, and the tensor made from it."""
    folder = data / "lite0"
    folder.mkdir(parents=True, exist_ok=True)
    with Image.open(ROOT / "models" / "samples" / f"{sample}.png") as image:
        preprocess.pixels(image, steps).save(folder / f"{sample}_224.png", optimize=True)
        x = preprocess.tensor(image, steps)
    case = {"id": f"preprocess-{sample}", "kind": "preprocess", "model": "models/efficientnet-lite0.onnx",
            "image": f"models/samples/{sample}.png", "expected": f"lite0/{sample}_224.png", "metric": "bytes"}
    return case, x
