"""Noise at a signal-to-noise ratio; both kinds pay from one purse, since powers add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Batch, Params
from mlfuzz.mutators import purse
from mlfuzz.mutators.randomness import TILTS, noise

PURSE_DB = 15.0
"""Signal-to-noise ratio at which the purse is empty: a label should survive it."""
WILD_DB = (-20.0, 40.0)


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
    strengths: ClassVar[tuple[int, ...]] = (0,)
    budget: ClassVar[str] = "noise"
    version: ClassVar[int] = 1

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        amplitude = _amplitude(self.snr_db, count, spent, rng)
        return Params(purse.keys(count, rng), amplitude[:, None].astype(np.float32))

    def cost(self, params: Params) -> np.ndarray:
        return _cost(np.asarray(params.values, np.float64)[:, 0] ** 2)

    def apply(self, batch: Batch, params: Params) -> Batch:
        return _added(batch, noise(params.key, batch["audio"].shape[1]), params.values[:, :1])


@dataclass(frozen=True)
class ColouredNoise:
    """Add noise whose power falls with frequency, from nearly white over pink to brown.

    Parameters
    ----------
    snr_db : float
        Smallest signal-to-noise ratio in decibels; ``inf``: no noise.

    Notes
    -----
    One of four colours, whose power falls as about ``f**-0.5``, ``f**-1``, ``f**-1.5`` and
    ``f**-2`` (see ``randomness``).  ``params.values`` is (B, 2): the noise's expected amplitude
    over the row's root mean square, and the colour, 1 to 4; ``params.key`` makes the noise.
    Cost, draw and wild: as ``WhiteNoise``.
    """

    snr_db: float = 15.0
    identity: ClassVar[tuple[float, ...]] = (0.0, 1.0)
    strengths: ClassVar[tuple[int, ...]] = (0,)
    budget: ClassVar[str] = "noise"
    version: ClassVar[int] = 1

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        amplitude = _amplitude(self.snr_db, count, spent, rng)
        colour = rng.integers(1, len(TILTS), count)
        return Params(purse.keys(count, rng), np.stack([amplitude, colour], 1).astype(np.float32))

    def cost(self, params: Params) -> np.ndarray:
        return _cost(np.asarray(params.values, np.float64)[:, 0] ** 2)

    def apply(self, batch: Batch, params: Params) -> Batch:
        colour = ops.cast(params.values[:, 1], "int32")
        made = noise(params.key, batch["audio"].shape[1], colour)
        return _added(batch, made, params.values[:, :1])


def _amplitude(
    snr_db: float, count: int, spent: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """(count,) float64: noise over signal, as amplitudes."""
    if spent is None:
        return np.asarray(10.0 ** (-rng.uniform(*WILD_DB, count) / 20.0))
    most = np.minimum(purse.left(count, spent), 10.0 ** ((PURSE_DB - snr_db) / 10.0))
    power = most * 10.0 ** (-rng.uniform(0.0, 2.5, count) - PURSE_DB / 10.0)
    return np.asarray(np.sqrt(power))


def _cost(power: np.ndarray) -> np.ndarray:
    return np.asarray(power * 10.0 ** (PURSE_DB / 10.0))


def _added(batch: Batch, made: Array, amplitude: Array) -> Batch:
    audio = batch["audio"]
    length = ops.cast(ops.maximum(batch["audio_length"], 1), "float32")
    # TensorFlow sums a row in one order at any batch size.  XLA does not at every length: there
    # a replay needs the group size of the run.
    power = ops.sum(ops.square(audio), axis=1) / length
    return batch.replace(audio=audio + made * (ops.sqrt(power)[:, None] * amplitude))
