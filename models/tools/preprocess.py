"""The sidecar's preprocessing, written with Pillow: the definition the C code must reproduce.

resize      The short side becomes `short_side`; the long side is int(short_side * long / short), cut,
            not rounded (torchvision's rule). An image whose short side has that length is left alone.
            Pillow's resize antialiases and works on bytes: two passes, horizontal first, each rounded
            to 8 bits. Bicubic has a = -0.5.
center_crop top = round((height - crop) / 2), left likewise, halves to the even number
            (Python's round, as in torchvision).
            Sizes in a sidecar are [height, width].
normalize   (v - mean) / scale on 0..255, in float32.
"""
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

FILTERS = {"nearest": Image.NEAREST, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}


def resized_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    if width <= height:
        return short_side, int(short_side * height / width)
    return int(short_side * width / height), short_side


def crop_origin(length: int, crop: int) -> int:
    return int(round((length - crop) / 2.0))


def resize(image: Image.Image, step: dict) -> Image.Image:
    if "size" in step:
        height, width = step["size"]
    else:
        width, height = resized_size(*image.size, step["short_side"])
    if (width, height) == image.size:
        return image
    return image.resize((width, height), FILTERS[step["filter"]])


def center_crop(image: Image.Image, step: dict) -> Image.Image:
    height, width = step["size"]
    left, top = crop_origin(image.width, width), crop_origin(image.height, height)
    return image.crop((left, top, left + width, top + height))


def upright_rgb(image: Image.Image) -> Image.Image:
    """EXIF orientation applied, alpha composed over white, gray and palette widened to RGB."""
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def pixels(image: Image.Image, steps: list[dict]) -> Image.Image:
    """The geometric steps: an RGB image of the size the model takes, in bytes."""
    image = upright_rgb(image)
    for step in steps:
        if step["op"] == "resize":
            image = resize(image, step)
        elif step["op"] == "center_crop":
            image = center_crop(image, step)
    return image


def tensor(image: Image.Image, steps: list[dict]) -> np.ndarray:
    """float32 [1, 3, H, W], normalised: what the model is fed."""
    values = np.asarray(pixels(image, steps), dtype=np.float32)
    for step in steps:
        if step["op"] == "normalize":
            mean, scale = np.float32(step["mean"]), np.float32(step["scale"])
            values = (values - mean) / scale
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def steps_of(sidecar: Path) -> list[dict]:
    return json.loads(sidecar.read_text(encoding="utf-8"))["preprocess"]
