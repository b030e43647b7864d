"""Turn the bytes of an image file into the 28 x 28 grey picture that the model reads.

Nothing about models may come in here.
"""

import io
import warnings

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

SIZE = 28
MAX_PIXELS = 1 << 20
FORMATS = ("PNG", "BMP")

# Pillow warns of a large picture before it refuses a larger one; here both are refused.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class BadPicture(Exception):
    """The bytes are not a picture that this product accepts."""


def decode(data: bytes) -> npt.NDArray[np.float32]:
    """Decode and make grey; a picture of another size is resized.

    Parameters
    ----------
    data : bytes
        A whole PNG or BMP file of at most a million pixels.

    Returns
    -------
    ndarray, (28, 28, 1) float32
        Whole numbers from 0, paper, to 255, ink.

    Raises
    ------
    BadPicture
        No such file, or a damaged one.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if not 0 < image.width * image.height <= MAX_PIXELS:
                raise BadPicture(
                    f"{image.width} x {image.height} pixels. Expected 1 to {MAX_PIXELS} in all."
                )
            grey = image.convert("L")
    except UnidentifiedImageError as error:
        raise BadPicture(
            f"not a picture (first bytes {data[:8]!r}). Expected PNG or BMP; convert it."
        ) from error
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadPicture(f"a damaged picture ({error}). Expected a whole file.") from error
    if grey.size != (SIZE, SIZE):
        grey = grey.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return np.asarray(grey, np.float32)[:, :, None]
