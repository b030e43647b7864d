"""Turn the bytes of an image file into what a classifier is fed, and read what it says of itself.

Nothing about models may come in here.
"""

import io
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

SIZE = 32
MAX_PIXELS = 1 << 22
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
MEAN, SPREAD = 0.5, 0.25

# Pillow warns of a large picture before it refuses a larger one; here both are refused.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class BadPicture(Exception):
    """The bytes are not a picture that this product accepts."""


@dataclass(frozen=True)
class Facts:
    """What a file says of itself: size in pixels, EXIF orientation 1 to 8, camera, notes."""

    width: int
    height: int
    orientation: int
    camera: str
    notes: tuple[tuple[str, str], ...]


def load(data: bytes) -> npt.NDArray[np.float32]:
    """Decode, turn upright, flatten onto white, resize and normalise.

    Parameters
    ----------
    data : bytes
        A whole PNG, JPEG, GIF, BMP, TIFF or WebP file of at most 4 million pixels; of several
        frames the first counts.

    Returns
    -------
    ndarray, (32, 32, 3) float32
        RGB, [0, 1] moved and scaled to [-2, 2].

    Raises
    ------
    BadPicture
        No such file, a damaged one, one without pixels or with too many.
    """
    with _open(data) as image:
        upright = ImageOps.exif_transpose(image)
        rgb = _on_white(upright).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    pixels = np.asarray(rgb, np.float32) / np.float32(255)
    return np.asarray((pixels - np.float32(MEAN)) / np.float32(SPREAD), np.float32)


def facts(data: bytes) -> Facts:
    """Read the metadata.

    Raises
    ------
    BadPicture
        As in ``load``.
    """
    with _open(data) as image:
        exif = image.getexif()
        orientation = exif.get(0x0112, 1)
        notes = sorted((str(key), value) for key, value in image.info.items() if _is_note(value))
        return Facts(
            width=image.width,
            height=image.height,
            orientation=orientation if orientation in range(1, 9) else 1,
            camera=f"{exif.get(0x010F, '')} {exif.get(0x0110, '')}".strip(),
            notes=tuple(notes),
        )


def _open(data: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        if not 0 < image.width * image.height <= MAX_PIXELS:
            raise BadPicture(
                f"{image.width} x {image.height}. Expected 1 to {MAX_PIXELS:,} pixels."
            )
        image.load()
    except UnidentifiedImageError as error:
        raise BadPicture(f"no picture. Expected one of {', '.join(FORMATS)}.") from error
    except (Image.DecompressionBombError, OSError, SyntaxError) as error:
        raise BadPicture(f"a damaged picture: {error}.") from error
    return image


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "I;16":  # Pillow would cut it off at 255
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    colours = image.convert("RGBA")
    white = Image.new("RGBA", colours.size, "white")
    return Image.alpha_composite(white, colours).convert("RGB")


def _is_note(value: object) -> bool:
    return isinstance(value, str)
