"""Noise at a signal-to-noise ratio; both kinds pay from one purse, since powers add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Batch, Params
from mlfuzz.mutators import purse
from mlfuzz.mutators.randomness import normal

PURSE_DB = 15.0
"""Signal-to-noise ratio at which the purse is empty: a label should survive it."""
WILD_DB = (-20.0, 40.0)
OCTAVES = 8


@dataclass(frozen=True)
class WhiteNoise:
    """Add white noise.

    Parameters
    ----------
    snr_db : float
        Smallest signal-to-noise ratio in decibels; ``inf``: no noise.

    Notes
    -----
    ``params.values`` is (B, 1): the noise's amplitude over the root mean square of the row within
    its length; silence stays silence.  ``params.key`` makes the noise.
    Cost: the noise's power over the power at 15 dB, added up over a chain and over both kinds of
    noise.  Ratios are drawn uniformly in decibels over 25 dB above the bound.  Wild: from -20 dB.
    """

    snr_db: float = 15.0
    identity: ClassVar[tuple[float, ...]] = (0.0,)
    budget: ClassVar[str] = "noise"
    version: ClassVar[int] = 1

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        amplitude = _amplitude(self.snr_db, count, spent, rng)
        return Params(purse.keys(count, rng), amplitude[:, None].astype(np.float32))

    def cost(self, params: Params) -> np.ndarray:
        return _cost(np.asarray(params.values, np.float64)[:, 0] ** 2)

    def apply(self, batch: Batch, params: Params) -> Batch:
        return _added(batch, normal(params.key, batch["audio"].shape[1]), params.values[:, :1])


@dataclass(frozen=True)
class ColouredNoise:
    """Add noise whose power falls with frequency, from nearly white over pink to brown.

    Parameters
    ----------
    snr_db : float
        Smallest signal-to-noise ratio in decibels; ``inf``: no noise.

    Notes
    -----
    A sum over eight octaves of white noise held for 1, 2, 4, ... 128 samples, each weighted
    ``tilt`` times the one before (Voss's method: Gardner, "White and brown music, fractal curves
    and one-over-f fluctuations", 1978); the power falls as ``1 / f**a`` with
    ``tilt = 2**((a - 1) / 2)``, a from 0.5 to 2.  No transform: twice the cost of white noise.
    ``params.values`` is (B, 2): the amplitude of the first octave over the row's root mean square,
    and the tilt.  Cost, draw and wild: as ``WhiteNoise``.
    """

    snr_db: float = 15.0
    identity: ClassVar[tuple[float, ...]] = (0.0, 1.0)
    budget: ClassVar[str] = "noise"
    version: ClassVar[int] = 1

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        amplitude = _amplitude(self.snr_db, count, spent, rng)
        tilt = 2.0 ** (rng.uniform(-0.5, 1.0, count) / 2)
        first = amplitude / np.sqrt(_power(tilt))
        return Params(purse.keys(count, rng), np.stack([first, tilt], 1).astype(np.float32))

    def cost(self, params: Params) -> np.ndarray:
        first, tilt = np.asarray(params.values, np.float64).T
        return _cost(first**2 * _power(tilt))

    def apply(self, batch: Batch, params: Params) -> Batch:
        noise = _octaves(params.key, batch["audio"].shape[1], params.values[:, 1:2])
        return _added(batch, noise, params.values[:, :1])


def _amplitude(
    snr_db: float, count: int, spent: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """(count,) float64: noise over signal, as amplitudes."""
    if spent is None:
        return np.asarray(10.0 ** (-rng.uniform(*WILD_DB, count) / 20.0))
    most = np.minimum(purse.left(count, spent), 10.0 ** ((PURSE_DB - snr_db) / 10.0))
    power = most * 10.0 ** (-rng.uniform(0.0, 2.5, count) - PURSE_DB / 10.0)
    return np.sqrt(power)


def _cost(power: np.ndarray) -> np.ndarray:
    return power * 10.0 ** (PURSE_DB / 10.0)


def _power(tilt: np.ndarray) -> np.ndarray:
    """Of the sum of the octaves, relative to the first."""
    return np.asarray((tilt[:, None] ** (2.0 * np.arange(OCTAVES))).sum(axis=1))


def _octaves(key: Array, count: int, tilt: Array) -> Array:
    """(B, count): from the slowest octave to the fastest, each held twice as long as the next."""
    sizes = [-(-count // 2**octave) for octave in range(OCTAVES)]
    white = normal(key, sum(sizes))
    ends = np.cumsum(sizes)
    total = white[:, ends[-2] :]
    for octave in reversed(range(OCTAVES - 1)):
        fresh = white[:, ends[octave] - sizes[octave] : ends[octave]]
        total = ops.repeat(total, 2, axis=1)[:, : sizes[octave]] * tilt + fresh
    return total


def _added(batch: Batch, noise: Array, amplitude: Array) -> Batch:
    audio = batch["audio"]
    length = ops.cast(ops.maximum(batch["audio_length"], 1), "float32")
    power = ops.sum(ops.square(audio), axis=1) / length
    return batch.replace(audio=audio + noise * (ops.sqrt(power)[:, None] * amplitude))
