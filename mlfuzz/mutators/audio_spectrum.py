"""Heard through a telephone or another narrow channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Batch, Params
from mlfuzz.mutators import purse

SLOPE = 0.05
"""Width of the edges as a share of the whole band: steeper ones ring."""


@dataclass(frozen=True)
class BandPass:
    """Keep a band of frequencies and let the rest fall off.

    Parameters
    ----------
    low_hz, high_hz : float
        The narrowest band: edges are drawn from there out to the full band.  A label should
        survive the telephone's 300 to 3,400 Hz.
    rate_hz : float
        Samples a second of the domain.

    Notes
    -----
    A mask on the Fourier transform of the row, 1 within the band and falling straight to 0 over a
    twentieth of the full band outside it.  ``params.values`` is (B, 2): the two edges as shares of
    half the rate.  Cost: 1, at most once a chain.  Wild: any band at least 2% wide.
    """

    low_hz: float = 300.0
    high_hz: float = 3400.0
    rate_hz: float = 8000.0
    identity: ClassVar[tuple[float, ...]] = (0.0, 1.0)
    strengths: ClassVar[tuple[int, ...]] = (0, 1)
    budget: ClassVar[str] = "band"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not 0 <= self.low_hz < self.high_hz <= self.rate_hz / 2:
            raise ValueError(
                f"band {self.low_hz}..{self.high_hz} Hz: expected 0 <= low < high <= half the rate"
            )

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        inner = rng.uniform(0.0, 1.0, (count, 2))
        if spent is None:
            low = inner[:, 0] * 0.98
            edges = np.stack([low, low + 0.02 + inner[:, 1] * (0.98 - low)], axis=1)
        else:
            half_hz = self.rate_hz / 2
            narrow = np.array([self.low_hz / half_hz, self.high_hz / half_hz])
            edges = np.where(
                purse.untouched(count, spent)[:, None],
                self.identity + inner * (narrow - self.identity),
                self.identity,
            )
        return Params(purse.keys(count, rng), edges.astype(np.float32))

    def cost(self, params: Params) -> np.ndarray:
        edges = np.asarray(params.values)
        changed = edges != np.asarray(self.identity, np.float32)
        return np.asarray(changed.any(axis=1), np.float64)

    def apply(self, batch: Batch, params: Params) -> Batch:
        audio = batch["audio"]
        count = audio.shape[1]
        # In units of the slope, so that each edge is one pass over the spectrum.
        place = np.linspace(0.0, 1.0 / SLOPE, count // 2 + 1, dtype=np.float32)
        place = ops.convert_to_tensor(place)[None, :]
        edges = params.values * np.float32(1.0 / SLOPE)
        rising, falling = place - (edges[:, :1] - 1.0), (edges[:, 1:2] + 1.0) - place
        mask = ops.clip(ops.minimum(rising, falling), 0.0, 1.0)
        real, imaginary = ops.rfft(audio, fft_length=count)
        filtered = ops.irfft((real * mask, imaginary * mask), fft_length=count)
        return batch.replace(audio=filtered)
