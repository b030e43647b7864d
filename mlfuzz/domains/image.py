"""Pictures of one size, grey or in colour: float32 arrays of whole numbers from 0 to 255."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Arrays, ArraySpec, Batch
from mlfuzz.domains.contract import ArrayContract
from mlfuzz.domains.png import formats, read_png, write_png

SHORT = 28
"""Pixels a side of a variant: libFuzzer reaches every byte of a small file soon."""


@dataclass(frozen=True)
class Image:
    """A picture of ``height`` x ``width``: ``image`` (height, width, channels) float32.

    Parameters
    ----------
    height, width : int
        Pixels; every picture that the model is fed has this size.
    channels : int
        1: grey; 3: red, green, blue.

    Raises
    ------
    ValueError
        Where a side is below 1 or there are neither 1 nor 3 channels.

    Notes
    -----
    A value is a whole number, 0 to 255, as an 8-bit file holds it.  It is a float32 all the same:
    the mutators' sums go below 0 and above 255 before they are rounded, where uint8 would wrap,
    and models compute in float32 anyway.  Every whole number up to 2**24 is exact in it.  A decode
    that scales to 0..1 does the work of ``prepare`` or ``features``: leave it to them.
    """

    height: int
    width: int
    channels: int = 1
    suffix: ClassVar[str] = ".png"

    def __post_init__(self) -> None:
        if min(self.height, self.width) < 1 or self.channels not in (1, 3):
            raise ValueError(
                f"image of {self.height} x {self.width} with {self.channels} channels: "
                "expected sides of at least 1, and 1 channel or 3"
            )

    def specs(self) -> tuple[ArraySpec, ...]:
        """One array, ``image``; all have one size, so nothing is padded."""
        return (ArraySpec("image", self._shape, "float32", 0.0, 255.0, 1.0),)

    def arrays(self, decoded: Any) -> Arrays:
        """Numbers of any height, width and channels of this domain; neither rounded nor clipped.

        They may come bare or as ``{"image": ...}``, as uint8 or as floats, and where they are grey
        without an axis of channels.  ``prepare`` gets float32 (height, width, channels) whatever
        ``decode`` gave.

        Raises
        ------
        ValueError
            Where it is no array of uint8 or floats, or has another shape.
        """
        pixels = decoded.get("image") if isinstance(decoded, Mapping) else decoded
        if not isinstance(pixels, np.ndarray) or not _is_pixels(pixels):
            came = getattr(pixels, "dtype", type(pixels).__name__)
            raise ValueError(f"image: {came}. Expected an array of uint8 or float32, 0 to 255.")
        shaped = _with_channels(pixels, self.channels)
        if shaped.shape != self._shape:
            raise ValueError(f"image: shape {pixels.shape}. Expected {self._shape}.")
        with np.errstate(over="ignore"):  # 1e300 in float64 becomes inf: the oracles' business
            return {"image": shaped.astype(np.float32)}

    def round(self, batch: Batch) -> Batch:
        """The nearest values of an 8-bit file; saturates, halves go to the even neighbour.

        NaN stays NaN: no mutator makes one, and hiding it would hide a fault of ours.
        """
        return batch.replace(image=ops.clip(ops.round(batch["image"]), 0.0, 255.0))

    def encode(self, arrays: Arrays) -> bytes:
        """A PNG file, which loses nothing; a value off the grid is rounded, beyond it saturates.

        No file holds a NaN: it becomes 0.
        """
        steps = np.nan_to_num(np.rint(arrays["image"]), nan=0.0)
        return write_png(np.clip(steps, 0, 255).astype(np.uint8))

    def decode(self, data: bytes) -> Arrays:
        """Read an 8-bit grey or RGB PNG file of this size; ``ValueError`` for any other."""
        return self.arrays(read_png(data, self.height, self.width, self.channels))

    def variants(self, seeds: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
        """Small relatives of the first readable seed, each under 4 kB and each a clean picture.

        Then inputs of a wrong type, which a decoder must refuse.
        """
        yield from formats(self._first_readable(seeds)[:SHORT, :SHORT].astype(np.uint8))
        yield from _WRONG_TYPES

    def contract(self) -> ImageContract:
        """What a decoder of pictures must return."""
        return ImageContract(self)

    @property
    def _shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    def _first_readable(self, seeds: Sequence[bytes]) -> np.ndarray:
        for seed in seeds:
            try:
                return self.decode(seed)["image"]
            except ValueError:
                continue
        slope = np.add.outer(np.arange(self.height), 2 * np.arange(self.width)) * 5 % 256
        return np.repeat(slope[:, :, None], self.channels, axis=2)


@dataclass(frozen=True)
class ImageContract:
    """An array of the right type, shape, dtype and range, without NaN or infinity.

    Parameters
    ----------
    domain : Image
        uint8 will do as well as float32, and (H, W) where there is one channel: so readers of
        files give it.
    """

    domain: Image

    def breach(self, value: Any) -> tuple[str, str] | None:
        """None, or (rule, message); rules: type, shape, dtype, finite, range."""
        pixels = value.get("image") if isinstance(value, Mapping) else value
        if isinstance(pixels, np.ndarray):
            pixels = _with_channels(pixels, self.domain.channels)
            value = {"image": pixels.astype(np.float32) if pixels.dtype == np.uint8 else pixels}
        return ArrayContract(self.domain.specs()).breach(value)


def _with_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """(H, W) grey as (H, W, 1); anything else as it came."""
    return pixels[:, :, None] if pixels.ndim == 2 and channels == 1 else pixels


def _is_pixels(array: np.ndarray) -> bool:
    return array.dtype == np.uint8 or array.dtype.kind == "f"


_WRONG_TYPES = (
    ("empty.bin", b""),
    ("head.bin", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\0\0\0\0:~\x9bU"),
    ("wav.bin", b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0" + bytes(16) + b"data\0\0\0\0"),
    ("svg.bin", b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>\n'),
    ("text.bin", b"a plain text, no picture\n"),
    ("json.bin", b'{"picture": [0, 1, 2]}\n'),
)
