"""Noise of a sensor; the two kinds pay from one purse, single pixels from another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Batch, Params
from mlfuzz.mutators import purse
from mlfuzz.mutators.randomness import noise
from mlfuzz.mutators.scatter import scattered

PURSE_SIGMA = 10.0
"""Deviation at which the purse is empty: a label should survive it.

The bank's noise ends at 4.9 deviations, so no pixel moves by more than 49 of 255, 0.2 of the range.
"""
WILD_SIGMA = 128.0
WILD_SHARE = 0.25


@dataclass(frozen=True)
class GaussianNoise:
    """Add noise of one deviation to every pixel and channel.

    Parameters
    ----------
    sigma : float
        Largest deviation, of 255; beyond 10 the purse of the noises is the bound.

    Notes
    -----
    ``params.values`` is (B, 1): the deviation; ``params.key`` makes the noise, which is rounded
    before it is added.  Cost: the deviation over 10, added up over a chain and over both kinds of
    noise.  The sum of deviations, not of powers, since the largest change of a pixel adds up so:
    whatever the chain, it stays within 0.2 of the range.  Wild: up to 128.
    """

    sigma: float = 10.0
    identity: ClassVar[tuple[float, ...]] = (0.0,)
    strengths: ClassVar[tuple[int, ...]] = (0,)
    budget: ClassVar[str] = "noise"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check("sigma", self.sigma, 255)

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        return Params(purse.keys(count, rng), _sigmas(self.sigma, count, spent, rng))

    def cost(self, params: Params) -> np.ndarray:
        return _sigma_cost(params)

    def apply(self, batch: Batch, params: Params) -> Batch:
        added = _noise(batch["image"], params.key) * params.values[:, :1, None, None]
        return batch.replace(image=batch["image"] + ops.round(added))


@dataclass(frozen=True)
class ShotNoise:
    """Add the noise of counted light: none in the dark, most where it is bright.

    Parameters
    ----------
    sigma : float
        Largest deviation of a white pixel, of 255.

    Notes
    -----
    The deviation is ``sigma sqrt(x / 255)`` in whole 64ths, the root from a table of 256 numbers:
    that of a Poisson distribution with ``(255 / sigma) ** 2`` photons in white, taken for normal.
    ``params.values``, cost and wild: as ``GaussianNoise``.
    """

    sigma: float = 10.0
    identity: ClassVar[tuple[float, ...]] = (0.0,)
    strengths: ClassVar[tuple[int, ...]] = (0,)
    budget: ClassVar[str] = "noise"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check("sigma", self.sigma, 255)

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        return Params(purse.keys(count, rng), _sigmas(self.sigma, count, spent, rng))

    def cost(self, params: Params) -> np.ndarray:
        return _sigma_cost(params)

    def apply(self, batch: Batch, params: Params) -> Batch:
        image = batch["image"]
        roots = ops.convert_to_tensor(np.sqrt(np.arange(256) / 255.0).astype(np.float32))
        root = ops.take(roots, ops.clip(ops.cast(image, "int32"), 0, 255))
        # Rounded between the two products: a compiler may take three factors in any order.
        deviation = ops.round(root * params.values[:, :1, None, None] * 64.0) * (1 / 64)
        added = _noise(image, params.key) * deviation
        return batch.replace(image=image + ops.round(added))


@dataclass(frozen=True)
class SaltAndPepper:
    """Turn some pixels white and some black.

    Parameters
    ----------
    share : float
        Largest share of the pixels, 0..1; a label should survive 0.4%.

    Notes
    -----
    ``params.values`` is (B, 1): the share; so many whole pixels, rounded down, are changed in all
    channels, so a picture of fewer than 1 / share pixels stays as it is.  ``params.key`` places
    them (see ``scatter``).  Cost: the share over the bound; shares of a chain add up.  Wild: up to
    a quarter of the pixels.
    """

    share: float = 0.004
    identity: ClassVar[tuple[float, ...]] = (0.0,)
    strengths: ClassVar[tuple[int, ...]] = (0,)
    budget: ClassVar[str] = "salt"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check("share", self.share, 1)

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        if spent is None:
            share = rng.uniform(0.0, WILD_SHARE, count)
        else:
            share = purse.draw(0.0, self.share, count, spent, rng)
        return Params(purse.keys(count, rng), share[:, None].astype(np.float32))

    def cost(self, params: Params) -> np.ndarray:
        return purse.paid(np.asarray(params.values, np.float64)[:, 0], 0.0, self.share)

    def apply(self, batch: Batch, params: Params) -> Batch:
        image = batch["image"]
        chosen, odd = scattered(params.key, params.values[:, 0], *image.shape[1:3])
        return batch.replace(image=ops.where(chosen > 0, odd * 255.0, image))


def _check(name: str, value: float, most: float) -> None:
    if not 0 <= value <= most:
        raise ValueError(f"{name} {value}: expected 0 to {most}")


def _sigmas(
    sigma: float, count: int, spent: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """(count, 1) float32."""
    if spent is None:
        drawn = rng.uniform(0.0, WILD_SIGMA, count)
    else:
        most = np.minimum(sigma, PURSE_SIGMA * purse.left(count, spent))
        drawn = rng.uniform(0.0, 1.0, count) * most
    return np.asarray(drawn[:, None], np.float32)


def _sigma_cost(params: Params) -> np.ndarray:
    return np.asarray(np.asarray(params.values, np.float64)[:, 0] / PURSE_SIGMA)


def _noise(image: Array, key: Array) -> Array:
    _, height, width, channels = image.shape
    return ops.reshape(noise(key, height * width * channels), (-1, height, width, channels))
