"""Out of focus, moved, smoothed: at most one blur a chain, whatever its kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Batch, Params
from mlfuzz.mutators import purse
from mlfuzz.mutators.frame import neighbours
from mlfuzz.mutators.grid import on_grid

TAPS = 5
"""Pixels of the widest blur, at 32 pixels a side."""
WEIGHT = 1 / 256
"""Step of a weight: two passes over 8-bit pixels need 24 bits, which float32 has."""
DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Of a motion, (dy, dx): across, down and along both diagonals."""
SHARP: tuple[float, ...] = (1.0, 0.0, 0.0)
"""Weights of the middle and of its first and second neighbours: those that change nothing."""


@dataclass(frozen=True)
class GaussianBlur:
    """Blur as a lens out of focus does.

    Parameters
    ----------
    taps : 1, 3 or 5
        Width of the widest kernel in pixels; a label should survive 5 at 32 pixels a side.

    Notes
    -----
    A line of weights across, then down.  ``params.values`` is (B, 3): the weights of the middle and
    of the first and second neighbours to both sides, in whole 256ths that add up to one.  The
    deviation is drawn from 0.3 to ``0.15 taps + 0.35``, at which the kernel is cut (the rule of
    OpenCV's ``getGaussianKernel``).  Cost: 1, at most once a chain of any blurs.  Wild: 5 taps.
    """

    taps: int = TAPS
    identity: ClassVar[tuple[float, ...]] = SHARP
    strengths: ClassVar[tuple[int, ...]] = (0, 1, 2)
    budget: ClassVar[str] = "blur"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check(self.taps)

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        taps = TAPS if spent is None else self.taps
        sigma = rng.uniform(0.3, 0.15 * taps + 0.35, count)
        drawn = _gaussian(sigma, taps)
        return Params(purse.keys(count, rng), purse.once(drawn, self.identity, count, spent))

    def cost(self, params: Params) -> np.ndarray:
        return purse.changed(params.values, self.identity)

    def apply(self, batch: Batch, params: Params) -> Batch:
        return batch.replace(image=_separable(batch["image"], params.values))


@dataclass(frozen=True)
class MeanBlur:
    """Put the mean of a square in place of each pixel.

    Parameters
    ----------
    taps : 1, 3 or 5
        Largest side of the square in pixels.

    Notes
    -----
    ``params.values``, cost and wild: as ``GaussianBlur``, with equal weights up to a 256th; a side
    of 3 or 5.
    """

    taps: int = TAPS
    identity: ClassVar[tuple[float, ...]] = SHARP
    strengths: ClassVar[tuple[int, ...]] = (0, 1, 2)
    budget: ClassVar[str] = "blur"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check(self.taps)

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        drawn = _means(TAPS if spent is None else self.taps, count, rng)
        return Params(purse.keys(count, rng), purse.once(drawn, self.identity, count, spent))

    def cost(self, params: Params) -> np.ndarray:
        return purse.changed(params.values, self.identity)

    def apply(self, batch: Batch, params: Params) -> Batch:
        return batch.replace(image=_separable(batch["image"], params.values))


@dataclass(frozen=True)
class MotionBlur:
    """Blur along one of four directions, as a moved camera does.

    Parameters
    ----------
    taps : 1, 3 or 5
        Largest length of the motion in pixels.

    Notes
    -----
    ``params.values`` is (B, 4): the weights as ``MeanBlur``, and the direction: 0 across, 1 down, 2
    and 3 along the diagonals.  Cost: 1, at most once a chain of any blurs.  Wild: 5 taps.
    """

    taps: int = TAPS
    identity: ClassVar[tuple[float, ...]] = (*SHARP, 0.0)
    strengths: ClassVar[tuple[int, ...]] = (0, 1, 2)
    budget: ClassVar[str] = "blur"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check(self.taps)

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        weights = _means(TAPS if spent is None else self.taps, count, rng)
        direction = rng.integers(0, len(DIRECTIONS), count) * (weights[:, 0] < 1)
        drawn = np.concatenate([weights, direction[:, None]], axis=1)
        return Params(purse.keys(count, rng), purse.once(drawn, self.identity, count, spent))

    def cost(self, params: Params) -> np.ndarray:
        return purse.changed(params.values, self.identity)

    def apply(self, batch: Batch, params: Params) -> Batch:
        image, direction = batch["image"], params.values[:, 3:4, None, None]
        middle, first, second = _weights(params.values)
        beside = neighbours(image, 2)
        moved = image * middle
        for number, (dy, dx) in enumerate(DIRECTIONS):
            near = beside(dy, dx) + beside(-dy, -dx)
            far = beside(2 * dy, 2 * dx) + beside(-2 * dy, -2 * dx)
            there = ops.cast(direction == number, "float32")
            moved = moved + (near * first + far * second) * there
        return batch.replace(image=moved)


@dataclass(frozen=True)
class MedianBlur:
    """Put the median of a square of 3 x 3 in place of each pixel: small dots go, edges stay.

    Notes
    -----
    By comparing alone: the columns of the square are put in order, then the median is that of the
    largest lowest, the middle middle and the smallest highest.  ``params.values`` is (B, 1): 1 for
    a filtered picture, 0 for one that stays.  Cost: 1, at most once a chain of any blurs.  Wild:
    the same.
    """

    identity: ClassVar[tuple[float, ...]] = (0.0,)
    strengths: ClassVar[tuple[int, ...]] = ()
    budget: ClassVar[str] = "blur"
    version: ClassVar[int] = 1

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        values = purse.once(np.ones((count, 1)), self.identity, count, spent)
        return Params(purse.keys(count, rng), values)

    def cost(self, params: Params) -> np.ndarray:
        return purse.changed(params.values, self.identity)

    def apply(self, batch: Batch, params: Params) -> Batch:
        image = batch["image"]
        beside = neighbours(image, 1)
        columns = [_ordered(*(beside(dy, dx) for dy in (-1, 0, 1))) for dx in (-1, 0, 1)]
        lows, middles, highs = zip(*columns, strict=True)
        low, middle, high = _ordered(*lows)[2], _ordered(*middles)[1], _ordered(*highs)[0]
        median = _ordered(low, middle, high)[1]
        filtered = params.values[:, :1, None, None] > 0
        return batch.replace(image=ops.where(filtered, median, image))


def _check(taps: int) -> None:
    if taps not in (1, 3, TAPS):
        raise ValueError(f"taps {taps}: expected 1, 3 or {TAPS}")


def _gaussian(sigma: np.ndarray, taps: int) -> np.ndarray:
    """(n, 3) float64 of whole 256ths: the weights of a Gaussian cut at its taps."""
    place = np.arange(3)
    raw = np.exp(-(place**2) / (2 * sigma[:, None] ** 2)) * (place <= taps // 2)
    beside = np.rint(raw[:, 1:] / (raw[:, :1] + 2 * raw[:, 1:].sum(axis=1, keepdims=True)) / WEIGHT)
    return _with_middle(beside)


def _means(taps: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, 3) float64 of whole 256ths: equal weights for an odd number of pixels, 3 to taps."""
    width = 2 * rng.integers(1, max(taps // 2, 1) + 1, count) + 1 if taps > 1 else np.ones(count)
    each = np.rint(1 / width / WEIGHT)
    return _with_middle(np.stack([each * (width >= 3), each * (width >= 5)], axis=1))


def _with_middle(beside: np.ndarray) -> np.ndarray:
    middle = 1 / WEIGHT - 2 * beside.sum(axis=1, keepdims=True)
    return np.asarray(np.concatenate([middle, beside], axis=1) * WEIGHT)


def _separable(image: Array, weights: Array) -> Array:
    """(B, H, W, C) with a line of weights (B, 3) across, then down."""
    middle, near, far = _weights(weights)
    for dy, dx in ((0, 1), (1, 0)):
        beside = neighbours(image, 2)
        first = beside(dy, dx) + beside(-dy, -dx)
        second = beside(2 * dy, 2 * dx) + beside(-2 * dy, -2 * dx)
        image = image * middle + first * near + second * far
    return image


def _weights(values: Array) -> tuple[Array, Array, Array]:
    """(B, 1, 1, 1) each: of the middle and of both neighbours, in whole 256ths that make one."""
    near, far = (on_grid(values[:, i : i + 1, None, None], WEIGHT) for i in (1, 2))
    return 1.0 - 2.0 * near - 2.0 * far, near, far


def _ordered(a: Array, b: Array, c: Array) -> tuple[Array, Array, Array]:
    """Three arrays put in order at each place: lowest, middle, highest."""
    low, high = ops.minimum(a, b), ops.maximum(a, b)
    rest = ops.minimum(high, c)
    return ops.minimum(low, rest), ops.maximum(low, rest), ops.maximum(high, c)
