"""PNG files through Pillow: written in one way, read where they are what we write.

Pillow is imported at the first use, so that ``import mlfuzz`` stays light.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np

MODES = {"L": 1, "RGB": 3}
"""Pillow's names of 8-bit grey and colour, and how many channels they have."""
TURNED = 6
"""EXIF orientation: the reader has to turn the picture by a quarter."""
ORIENTATION = 0x0112


def write_png(pixels: np.ndarray) -> bytes:
    """(H, W, 1) or (H, W, 3) uint8 as a grey or an RGB file; equal pixels give equal bytes."""
    return _saved(_picture(pixels), "PNG")


def read_png(data: bytes, height: int, width: int, channels: int) -> np.ndarray:
    """(H, W, C) uint8 of an 8-bit grey or RGB file of this size.

    Raises
    ------
    ValueError
        Any other file.
    """
    from PIL import Image

    expected = f"an 8-bit {'grey' if channels == 1 else 'RGB'} PNG of {width} x {height} pixels"
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            came = f"{picture.mode}, {picture.width} x {picture.height}"
            fits = (picture.width, picture.height) == (width, height)
            fits = fits and MODES.get(picture.mode) == channels
            # Nothing is unpacked before its size is known: a small file may hold a huge picture.
            pixels = np.array(picture) if fits else None
    except Exception as error:  # Pillow raises a dozen types on damaged files
        raise ValueError(
            f"not a PNG file that Pillow reads (first bytes {data[:4]!r}, "
            f"{type(error).__name__}). Expected {expected}."
        ) from error
    if pixels is None:
        raise ValueError(
            f"a PNG file of {came}. Expected {expected}; convert it, or give the harness a decode "
            "of its own."
        )
    return pixels.reshape(height, width, channels)


def formats(pixels: np.ndarray) -> Iterator[tuple[str, bytes]]:
    """(name, file): the same (H, W, C) uint8 in the varieties that ordinary programs write."""
    from PIL import Image, PngImagePlugin

    picture = _picture(pixels)
    colour, grey = picture.convert("RGB"), picture.convert("L")
    alpha = colour.convert("RGBA")
    alpha.putalpha(grey)
    palette = colour.quantize(16)
    deep = Image.fromarray(np.asarray(grey, np.uint16) * 257)
    note, turned = PngImagePlugin.PngInfo(), Image.Exif()
    note.add_text("Comment", "a word")
    turned[ORIENTATION] = TURNED
    yield "grey.png", _saved(grey, "PNG")
    yield "rgb.png", _saved(colour, "PNG")
    yield "rgba.png", _saved(alpha, "PNG")
    yield "grey_alpha.png", _saved(alpha.convert("LA"), "PNG")
    yield "palette.png", _saved(palette, "PNG")
    yield "transparent.png", _saved(palette, "PNG", transparency=0)
    yield "16_bits.png", _saved(deep, "PNG")
    yield "1_bit.png", _saved(grey.convert("1"), "PNG")
    yield "note.png", _saved(picture, "PNG", pnginfo=note, dpi=(72, 72))
    yield "turned.png", _saved(picture, "PNG", exif=turned)
    yield "turned.jpg", _saved(colour, "JPEG", exif=turned)
    yield "grey.jpg", _saved(grey, "JPEG")
    yield "progressive.jpg", _saved(colour, "JPEG", progressive=True)
    yield "inks.jpg", _saved(colour.convert("CMYK"), "JPEG")
    yield "plain.gif", _saved(palette, "GIF")
    yield "plain.bmp", _saved(colour, "BMP")
    yield "1_pixel.png", _saved(picture.crop((0, 0, 1, 1)), "PNG")
    yield "1_row.png", _saved(picture.crop((0, 0, picture.width, 1)), "PNG")
    yield "1_column.png", _saved(picture.crop((0, 0, 1, picture.height)), "PNG")
    yield "1_colour.png", _saved(picture.point(lambda value: 0), "PNG")


def _picture(pixels: np.ndarray) -> Any:
    from PIL import Image

    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def _saved(picture: Any, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()
