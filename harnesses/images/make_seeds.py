"""Make the seeds of ``harnesses/image_loader.py``: one small picture in many varieties.

python harnesses/images/make_seeds.py [corpora/image_loader/seeds]
"""

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin


def picture() -> Image.Image:
    """20 x 12 pixels: a slope of red, one of green, a blue square."""
    pixels = np.zeros((12, 20, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, 20)
    pixels[..., 1] = np.linspace(0, 255, 12)[:, None]
    pixels[3:8, 5:12, 2] = 255
    return Image.fromarray(pixels)


def seeds() -> dict[str, bytes]:
    """Content of each seed, by file name."""
    image = picture()
    deep = Image.fromarray(np.arange(240, dtype=np.uint16).reshape(12, 20) * 273)
    palette = image.quantize(16)
    note = PngImagePlugin.PngInfo()
    note.add_text("Comment", "made by a script")
    note.add_itxt("Title", "Straße", "de", "Titel")
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0110] = 6, "Maker", "Model 1"
    alpha = image.convert("RGBA")
    alpha.putalpha(image.getchannel("R"))
    return {
        "rgb.png": _bytes(image, "PNG"),
        "notes.png": _bytes(image, "PNG", pnginfo=note, dpi=(72, 72), gamma=0.45),
        "alpha.png": _bytes(alpha, "PNG"),
        "grey.png": _bytes(image.convert("L"), "PNG"),
        "deep.png": _bytes(deep, "PNG"),
        "palette.png": _bytes(palette, "PNG", transparency=3),
        "bits.png": _bytes(image.convert("1"), "PNG"),
        "turned.jpg": _bytes(image, "JPEG", exif=exif, quality=70),
        "progressive.jpg": _bytes(image.convert("L"), "JPEG", progressive=True),
        "inks.jpg": _bytes(image.convert("CMYK"), "JPEG"),
        "two.gif": _bytes(palette, "GIF", save_all=True, append_images=[palette.rotate(180)]),
        "rgb.bmp": _bytes(image, "BMP"),
        "palette.bmp": _bytes(palette, "BMP"),
        "packed.tif": _bytes(image, "TIFF", compression="tiff_lzw", exif=exif),
        "deep.tif": _bytes(deep, "TIFF"),
        "alpha.webp": _bytes(alpha, "WEBP", lossless=True, exif=exif),
    }


def _bytes(image: Image.Image, format: str, **options: Any) -> bytes:
    memory = io.BytesIO()
    image.save(memory, format, **options)
    return memory.getvalue()


def main() -> None:
    default = Path(__file__).parents[2] / "corpora" / "image_loader" / "seeds"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    for entry in ("picture", "facts"):
        (folder / entry).mkdir(parents=True, exist_ok=True)
        for name, content in seeds().items():
            (folder / entry / name).write_bytes(content)


if __name__ == "__main__":
    main()
