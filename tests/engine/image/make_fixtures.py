"""Makes the image files of tests/engine/image/fixtures, and what Pillow sees in them as PPM.

Run:  /usr/bin/python3 tests/engine/image/make_fixtures.py
Pillow 9.4, Debian 12. The C decoder must give the same bytes for PNG and BMP, and nearly so for JPEG.
"""
import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

OUT = Path(__file__).parent / "fixtures"
WIDTH, HEIGHT = 7, 5


def picture(width=WIDTH, height=HEIGHT, channels=3):
    """Every pixel different, and no symmetry that a wrong turn could hide behind."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [x * 30 + 10, y * 45 + 20, (x * 7 + y * 50) % 256, (x * 40 + y * 13) % 256]
    return np.stack(planes[:channels], axis=2).astype(np.uint8)


def smooth(width, height):
    y, x = np.mgrid[0:height, 0:width] / float(max(width, height))
    return (np.stack([x, y, (x + y) / 2], axis=2) * 220 + 15).astype(np.uint8)


def upright_rgb(image):
    image = ImageOps.exif_transpose(image)
    if image.mode in ("LA", "RGBA") or "transparency" in image.info:
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")


def write(name, data, expected=None):
    (OUT / name).write_bytes(data)
    if expected is not None:
        expected.save(OUT / (name + ".ppm"))


def encoded(image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def exif_bytes(orientation, little=False):
    if little:
        return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x112, 3, 1, orientation, 0, 0)
    return b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x112, 3, 1, orientation, 0, 0)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour, rows, extra=b"", interlace=0):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows, 9))
            + chunk(b"IEND", b""))


def rows_of(array):
    return b"".join(b"\0" + row.tobytes() for row in array)


def orientations():
    for o in range(1, 9):
        for form, name in (("PNG", f"orient{o}.png"), ("JPEG", f"orient{o}.jpg")):
            options = {"quality": 100, "subsampling": 0} if form == "JPEG" else {}
            pixels = smooth(24, 16) if form == "JPEG" else picture()
            data = encoded(Image.fromarray(pixels), form, exif=exif_bytes(o, little=o % 2 == 0), **options)
            write(name, data, upright_rgb(Image.open(io.BytesIO(data))))


def pngs():
    gray = picture()[:, :, 2]
    for name, image in {
        "rgb": Image.fromarray(picture()),
        "rgba": Image.fromarray(picture(channels=4), "RGBA"),
        "gray": Image.fromarray(gray, "L"),
        "gray_alpha": Image.merge("LA", [Image.fromarray(gray, "L"), Image.fromarray(picture()[:, :, 0], "L")]),
        "palette": Image.fromarray(picture()).quantize(9),
        "bits1": Image.fromarray(gray > 100),
    }.items():
        data = encoded(image, "PNG")
        write(name + ".png", data, upright_rgb(Image.open(io.BytesIO(data))))

    # 16 bit: the upper byte counts, so the expectation is written down, not asked from Pillow (which clips gray).
    deep = (picture().astype(int) * 256 + 77).astype(">u2")
    write("rgb16.png", png(WIDTH, HEIGHT, 16, 2, rows_of(deep)), Image.fromarray(picture()))
    write("gray16.png", png(WIDTH, HEIGHT, 16, 0, rows_of(deep[:, :, 2])), Image.fromarray(gray).convert("RGB"))

    # A palette with alpha, and a colour key.
    palette = bytes(range(10, 10 + 3 * 6))
    index = ((np.arange(WIDTH * HEIGHT).reshape(HEIGHT, WIDTH) * 5) % 6).astype(np.uint8)
    data = png(WIDTH, HEIGHT, 8, 3, rows_of(index), chunk(b"PLTE", palette) + chunk(b"tRNS", bytes([0, 90, 200])))
    write("palette_alpha.png", data, upright_rgb(Image.open(io.BytesIO(data))))
    key = picture()[2, 3]
    data = png(WIDTH, HEIGHT, 8, 2, rows_of(picture()), chunk(b"tRNS", struct.pack(">HHH", *map(int, key))))
    expected = picture()
    expected[2, 3] = 255
    write("colour_key.png", data, Image.fromarray(expected))

    # Pixels that name colours beyond the palette are black.
    data = png(WIDTH, HEIGHT, 8, 3, rows_of(index), chunk(b"PLTE", palette[:9]))
    colours = np.zeros((6, 3), np.uint8)
    colours[:3] = np.frombuffer(palette[:9], np.uint8).reshape(3, 3)
    write("palette_short.png", data, Image.fromarray(colours[index]))

    data = png(WIDTH, HEIGHT, 8, 2, interlaced(picture()), interlace=1)
    write("interlaced.png", data, Image.fromarray(picture()))


def interlaced(pixels):
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    parts = [pixels[y::dy, x::dx] for x, y, dx, dy in passes]
    return b"".join(rows_of(part) for part in parts if part.size)


def bmps():
    for name, image in {
        "rgb24": Image.fromarray(picture()),
        "gray8": Image.fromarray(picture()[:, :, 2], "L"),
        "bits1": Image.fromarray(picture()[:, :, 2] > 100),
    }.items():
        data = encoded(image, "BMP")
        write(name + ".bmp", data, image.convert("RGB"))
    # 32 bits without masks: the fourth byte is padding, whatever it holds.
    bgrx = picture(channels=4)[::-1, :, [2, 1, 0, 3]]
    header = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 32, 0, 0, 0, 0, 0, 0)
    data = b"BM" + struct.pack("<IHHI", 54 + bgrx.size, 0, 0, 54) + header + bgrx.tobytes()
    write("rgbx32.bmp", data, Image.fromarray(picture()))


def jpegs():
    for name, options in {"baseline": {"quality": 95, "subsampling": 0},
                          "progressive": {"quality": 90, "progressive": True}}.items():
        data = encoded(Image.fromarray(smooth(40, 24)), "JPEG", **options)
        write(name + ".jpg", data, Image.open(io.BytesIO(data)).convert("RGB"))
    data = encoded(Image.fromarray(smooth(40, 24)[:, :, 2], "L"), "JPEG", quality=95)
    write("gray.jpg", data, Image.open(io.BytesIO(data)).convert("RGB"))


def refused():
    write("inflates.png", png(8, 8, 8, 2, bytes(16 << 20)))  # 16 KB that unpack to 16 MB behind a header of 8 x 8
    rgb = Image.fromarray(picture())
    write("cmyk.jpg", encoded(Image.fromarray(smooth(24, 16)).convert("CMYK"), "JPEG"))
    write("other.gif", encoded(rgb, "GIF"))
    write("other.webp", encoded(rgb, "WEBP"))
    write("other.tiff", encoded(rgb, "TIFF"))
    write("rle.bmp", b"BM" + struct.pack("<IHHI", 100, 0, 0, 54)
          + struct.pack("<IiiHHIIiiII", 40, 2, 2, 1, 8, 1, 0, 0, 0, 0, 0) + b"\0" * 46)


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    for make in (orientations, pngs, bmps, jpegs, refused):
        make()
    total = sum(f.stat().st_size for f in OUT.iterdir())
    print(f"{len(list(OUT.iterdir()))} files, {total} bytes")
