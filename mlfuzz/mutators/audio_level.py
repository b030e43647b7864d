"""Louder, quieter, and driven into the end of the range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Batch, Params
from mlfuzz.mutators import purse

WILD_DB = 60.0


@dataclass(frozen=True)
class Gain:
    """Make the recording louder or quieter; beyond the range it saturates.

    Parameters
    ----------
    low_db, high_db : float
        Range of the gain in decibels, around 0; a label should survive +-6 dB.

    Notes
    -----
    ``params.values`` is (B, 1): the linear factor, worked out on the host in float64 so that a
    replay gives the same bits at any batch size.  Cost: decibels over the bound; the decibels of a
    chain add up.  Wild: +-60 dB.
    Source of the bound: +-6 dB is a common range of gain augmentation in keyword spotting.
    """

    low_db: float = -6.0
    high_db: float = 6.0
    identity: ClassVar[tuple[float, ...]] = (1.0,)
    strengths: ClassVar[tuple[int, ...]] = (0,)
    budget: ClassVar[str] = "gain"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not self.low_db <= 0 <= self.high_db:
            raise ValueError(f"gain {self.low_db}..{self.high_db} dB: expected a range around 0")

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        if spent is None:
            gain_db = rng.uniform(-WILD_DB, WILD_DB, count)
        else:
            gain_db = purse.draw(self.low_db, self.high_db, count, spent, rng)
        values = (10.0 ** (gain_db / 20.0))[:, None].astype(np.float32)
        return Params(purse.keys(count, rng), values)

    def cost(self, params: Params) -> np.ndarray:
        gain_db = 20.0 * np.log10(np.asarray(params.values, np.float64)[:, 0])
        return purse.paid(gain_db, self.low_db, self.high_db)

    def apply(self, batch: Batch, params: Params) -> Batch:
        return batch.replace(audio=batch["audio"] * params.values[:, :1])


@dataclass(frozen=True)
class Clip:
    """Cut off the peaks, as an overdriven microphone does.

    Parameters
    ----------
    share : float
        Largest share of the samples, 0..1, that may be cut.

    Notes
    -----
    ``params.values`` is (B, 1): a factor f.  The level is f times the row's eighth-power mean
    ``m = mean(x**8) ** (1/8)``.  By Markov's inequality the share of samples beyond f m is at most
    ``f**-8``, whatever the recording: the bound holds without sorting the row (a sort of 8,000
    samples costs more than the model).  For noise it is close to the true share.  No sample of
    fewer than 2**32 lies beyond 16 m, so 16 is the identity.
    Cost: 1, at most once a chain.  Wild: f from 0.05, most samples cut.
    """

    share: float = 0.01
    identity: ClassVar[tuple[float, ...]] = (16.0,)
    strengths: ClassVar[tuple[int, ...]] = (0,)
    budget: ClassVar[str] = "clip"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"share {self.share}: expected 0 to 1")

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        if spent is None:
            factor = np.exp(rng.uniform(np.log(0.05), np.log(2.0), count))
        else:
            # Shares are drawn log-uniformly over two decades below the bound.
            share = max(self.share, 1e-9) * 10.0 ** -rng.uniform(0.0, 2.0, count)
            may = purse.untouched(count, spent) & (self.share > 0)
            factor = np.where(may, np.minimum(share ** (-1 / 8), 16.0), 16.0)
        # Rounded up: a float32 below the drawn factor would break the bound.
        values = np.nextafter(factor.astype(np.float32), np.float32(32))[:, None]
        return Params(purse.keys(count, rng), np.minimum(values, np.float32(16)))

    def cost(self, params: Params) -> np.ndarray:
        return (np.asarray(params.values)[:, 0] < self.identity[0]).astype(np.float64)

    def apply(self, batch: Batch, params: Params) -> Batch:
        audio = batch["audio"]
        # Times 16 first: the eighth power of the smallest step would vanish in float32.
        power = ops.square(ops.square(ops.square(audio * np.float32(16))))
        length = ops.cast(ops.maximum(batch["audio_length"], 1), "float32")
        mean = ops.sum(power, axis=1) / length
        level = ops.sqrt(ops.sqrt(ops.sqrt(mean)))[:, None] * np.float32(1 / 16)
        level = level * params.values[:, :1]
        return batch.replace(audio=ops.minimum(ops.maximum(audio, -level), level))
