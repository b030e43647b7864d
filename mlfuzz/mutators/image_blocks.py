"""The blocks that a strong JPEG compression leaves, without a file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Batch, Params
from mlfuzz.mutators import purse
from mlfuzz.mutators.frame import framed

SIDE = 8
MILDEST = 95
"""Best quality drawn: above it hardly a pixel changes."""
BASIS_STEP = 2.0**-11
STEPS_AT_50 = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
"""Quantisation of luminance, ITU-T T.81 (1992), table K.1."""


@dataclass(frozen=True)
class BlockArtefacts:
    """Compress each block of 8 x 8 pixels as JPEG does, and unpack it again.

    Parameters
    ----------
    quality : int
        Lowest quality, 1 to 100; a label should survive 40.

    Notes
    -----
    ``round(D (x - 128) / q) q`` with the cosine transform D and the table of luminance, scaled by
    the quality as libjpeg does (``jcparam.c``).  The transform is one matrix product with 64 x 64
    weights in whole 2048ths: every sum is exact in float32.  A picture whose sides are no multiples
    of 8 is framed with its border.  ``params.values`` is (B, 1): the quality; 0: not compressed.
    Cost: 1, at most once a chain.  Wild: from 1.
    Where we differ from JPEG: each channel is compressed alone, by the table of luminance; colours
    are neither turned into chroma nor halved.
    """

    quality: int = 40
    identity: ClassVar[tuple[float, ...]] = (0.0,)
    strengths: ClassVar[tuple[int, ...]] = ()
    budget: ClassVar[str] = "blocks"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise ValueError(f"quality {self.quality}: expected 1 to 100")

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        lowest = 1 if spent is None else self.quality
        drawn = rng.integers(lowest, max(lowest, MILDEST) + 1, (count, 1))
        return Params(purse.keys(count, rng), purse.once(drawn, self.identity, count, spent))

    def cost(self, params: Params) -> np.ndarray:
        return purse.changed(params.values, self.identity)

    def apply(self, batch: Batch, params: Params) -> Batch:
        image, quality = batch["image"], ops.cast(params.values[:, 0], "int32")
        steps = ops.take(ops.convert_to_tensor(quantisation()), quality, axis=0)[:, None]
        inverse = ops.take(ops.convert_to_tensor(1 / quantisation()), quality, axis=0)[:, None]
        basis = ops.convert_to_tensor(cosines())
        levels = ops.round(ops.matmul(_blocks(image - 128.0), basis) * inverse)
        made = _joined(ops.matmul(levels * steps, ops.transpose(basis)), image.shape) + 128.0
        return batch.replace(image=ops.where(params.values[:, :1, None, None] > 0, made, image))


@cache
def quantisation() -> np.ndarray:
    """(101, 64) float32 of whole numbers: the steps of each quality; those of 0 are never used."""
    quality = np.arange(1, 101)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    steps = np.clip((STEPS_AT_50.ravel() * scale[:, None] + 50) // 100, 1, 255)
    return np.concatenate([np.ones((1, SIDE * SIDE)), steps]).astype(np.float32)


@cache
def cosines() -> np.ndarray:
    """(64, 64) float32: pixel of a block -> frequency, orthonormal up to half a 2048th."""
    place = np.arange(SIDE)
    line = np.cos((2 * place[:, None] + 1) * place * np.pi / (2 * SIDE)) * np.sqrt(2 / SIDE)
    line[:, 0] = np.sqrt(1 / SIDE)
    return (np.rint(np.kron(line, line) / BASIS_STEP) * BASIS_STEP).astype(np.float32)


def _blocks(image: Array) -> Array:
    """(B, H, W, C) to (B, blocks, 64)."""
    _, height, width, channels = image.shape
    image = framed(image, 0, -height % SIDE, 0, -width % SIDE)
    down, across = -(-height // SIDE), -(-width // SIDE)
    cut = ops.reshape(image, (-1, down, SIDE, across, SIDE, channels))
    return ops.reshape(
        ops.transpose(cut, (0, 1, 3, 5, 2, 4)), (-1, down * across * channels, SIDE * SIDE)
    )


def _joined(blocks: Array, shape: tuple[int, ...]) -> Array:
    """(B, blocks, 64) to (B, H, W, C): the way back of ``_blocks``."""
    _, height, width, channels = shape
    down, across = -(-height // SIDE), -(-width // SIDE)
    cut = ops.reshape(blocks, (-1, down, across, channels, SIDE, SIDE))
    whole = ops.reshape(
        ops.transpose(cut, (0, 1, 4, 2, 5, 3)), (-1, down * SIDE, across * SIDE, channels)
    )
    return whole[:, :height, :width]
