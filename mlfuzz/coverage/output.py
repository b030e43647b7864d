"""Coverage of what the model answers: which class, before which other, by how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Observation, Profile, TargetSpec
from mlfuzz.coverage.archive import mark

SMALLEST_MARGIN = 0.125
"""The first border between two bins; each further one is twice as large."""


@dataclass(frozen=True)
class OutputCells:
    """Share of the cells (predicted, runner-up, bin of the margin) that some input reached.

    Parameters
    ----------
    bins : int
        Number of bins of the margin, at least 1; their borders are 1/8, 1/4, 1/2, ...

    Notes
    -----
    Formula: ``|{(p, r, b)}| / (C (C - 1) bins)`` with p and r the largest and second largest of
    the C scores, b the bin of their difference.
    Reduction: outputs only; no neuron is looked at.  Scores are the logarithms of probabilities,
    or the outputs as they are (``Observation.scores``), so after the last activation or none.
    At equality: of equal scores the lower index is predicted; a margin on a border belongs to the
    upper bin.
    Source: ours; an archive of elites in the sense of Mouret and Clune, "Illuminating search
    spaces by mapping elites" (2015), section 3, over the model's answers.
    A row with a NaN among its scores has no cell (-1): the model gave no answer.
    """

    bins: int = 8
    needs_profile: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.bins < 1:
            raise ValueError(f"bins {self.bins}: expected at least 1")

    def init(self, spec: TargetSpec, profile: Profile | None) -> Array:
        """(C * C * bins,) bool, all False."""
        return np.zeros(spec.outputs**2 * self.bins, bool)

    def update(self, state: Array, observation: Observation) -> tuple[Array, Array]:
        """See ``Coverage``; novel: the cell is reached for the first time."""
        return mark(state, self.cell(observation)[:, None])

    def summary(self, state: Array) -> Array:
        """Share of the possible cells that were reached, a scalar in 0..1."""
        classes = round((state.shape[0] / self.bins) ** 0.5)
        possible = max(classes * (classes - 1), 1) * self.bins
        return ops.sum(ops.cast(state, "float32")) / possible

    def cell(self, observation: Observation) -> Array:
        """(B,) int32: ``(predicted * C + runner_up) * bins + bin``, -1 where a score is NaN."""
        scores = observation.scores
        classes = scores.shape[1]
        predicted = ops.argmax(scores, axis=1)
        top = ops.arange(classes)[None, :] == ops.cast(predicted, "int32")[:, None]
        others = ops.where(top, -float("inf"), scores)
        runner_up = ops.argmax(others, axis=1)
        margin = ops.max(scores, axis=1) - ops.max(others, axis=1)
        pair = ops.cast(predicted, "int32") * classes + ops.cast(runner_up, "int32")
        answered = ops.logical_not(ops.any(ops.isnan(scores), axis=1))
        return ops.where(answered, pair * self.bins + self._bin(margin), -1)

    def _bin(self, margin: Array) -> Array:
        borders = (SMALLEST_MARGIN * 2.0 ** np.arange(self.bins - 1)).astype(np.float32)
        above = margin[:, None] >= ops.convert_to_tensor(borders)[None, :]
        return ops.sum(ops.cast(above, "int32"), axis=1)


def decode_cell(cell: int, classes: int, bins: int) -> tuple[int, int, int]:
    """(predicted, runner-up, bin) of a cell that is not -1."""
    pair, margin_bin = divmod(int(cell), bins)
    predicted, runner_up = divmod(pair, classes)
    return predicted, runner_up, margin_bin
