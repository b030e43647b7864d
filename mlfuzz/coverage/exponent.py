"""Coverage of magnitudes: how far each stage has been driven on the way to an overflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Observation, Profile, TargetSpec
from mlfuzz.coverage.archive import mark_all

BINS = 16
"""Bins of magnitude a stage; one more is for what is not finite."""


@dataclass(frozen=True)
class ExponentCoverage:
    """Share of the bins of each stage's largest magnitude that some input reached.

    Parameters
    ----------
    lowest : int
        The first border is ``2**lowest``: the bin below it holds all smaller magnitudes.
    octaves : int
        Powers of two from one border to the next, at least 1; of the 15 borders the last,
        ``2**(lowest + 14 * octaves)``, must be a float32.

    Notes
    -----
    Formula: ``|{(s, b) : exists x, bin(max |stage s of x|) = b}| / (17 S)``: 16 bins of log2 and
    one for NaN and infinity, of the features, each tapped layer and the outputs.
    Reduction: the largest magnitude, of a layer that of its neurons (means of a channel).
    Tap: as the target does, after the activation by default.
    At equality: a magnitude on a border belongs to the upper bin.  Borders are powers of two, which
    are compared without a logarithm.
    Source: ours.  The default borders run from 2**-8 over 2**16, where float16 ends, to 2**48, so
    an input that comes a factor of 16 nearer to an overflow is new, long before anything fails.
    The full share means that every stage was zero and not finite, and is no aim.  Layers are taken
    from ``activations``: the extremes of a thorough observation are those of other layers.
    """

    lowest: int = -8
    octaves: int = 4
    needs_profile: ClassVar[bool] = False

    def __post_init__(self) -> None:
        last = self.lowest + (BINS - 2) * self.octaves
        if self.octaves < 1 or self.lowest < -126 or last > 127:
            raise ValueError(
                f"borders 2**{self.lowest} to 2**{last}, {self.octaves} octaves apart: expected "
                "at least 1 octave, between 2**-126 and 2**127"
            )

    def init(self, spec: TargetSpec, profile: Profile | None) -> Array:
        """((layers + 2) * 17,) bool, all False."""
        return np.zeros((len(spec.layers) + 2) * (BINS + 1), bool)

    def update(self, state: Array, observation: Observation) -> tuple[Array, Array]:
        """See ``Coverage``; novel: some stage's bin is reached for the first time."""
        bins = self.bins(observation)
        hit = bins[:, :, None] == np.arange(BINS + 1, dtype=np.int32)
        return mark_all(state, ops.reshape(hit, (bins.shape[0], -1)))

    def summary(self, state: Array) -> Array:
        """Share of the bins that were reached, a scalar in 0..1."""
        return ops.sum(ops.cast(state, "float32")) / state.shape[0]

    def bins(self, observation: Observation) -> Array:
        """(B, layers + 2) int32: 0 to 15 by magnitude, 16 where a value is not finite."""
        extremes = observation.extremes
        layers = [_largest(layer) for layer in observation.activations.values()]
        stages = ops.stack([extremes[:, 0], *layers, extremes[:, -1]], axis=1)
        exponents = self.lowest + self.octaves * np.arange(BINS - 1)
        above = stages[:, :, None] >= np.ldexp(np.float32(1), exponents)
        by_size = ops.sum(ops.cast(above, "int32"), axis=2)
        return ops.where(ops.isfinite(stages), by_size, BINS)


def _largest(layer: Array) -> Array:
    """(B, n) to (B,): a maximum may drop a NaN, so that is put back."""
    finite = ops.all(ops.isfinite(layer), axis=1)
    return ops.where(finite, ops.max(ops.abs(layer), axis=1), float("inf"))
