"""Which entries, and which mutators, to try next.

Host arithmetic only: a scheduler knows what earlier choices brought, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlfuzz.core import PickStats


@dataclass(frozen=True)
class Uniform:
    """Every index alike: the choice to compare others with."""

    def pick(self, stats: PickStats, count: int, rng: np.random.Generator) -> np.ndarray:
        """(count,) int64 indices; ``ValueError`` where there is nothing to pick."""
        return rng.integers(_number(stats), size=count)


@dataclass(frozen=True)
class Adaptive:
    """Mostly what paid off, and never nothing of the rest.

    Parameters
    ----------
    floor : float
        Share of the picks, 0 < floor <= 1, that is uniform: the chance of every index.

    Notes
    -----
    The weight is what a pick brought on average, ``(kept + nearer + 4 findings + 1) /
    (picks + 2)``: Laplace's rule of succession, so an index never tried counts as one half, and
    one that brings nothing falls as 1 / picks.  A finding counts as four kept rows.
    """

    floor: float = 0.2

    def __post_init__(self) -> None:
        if not 0 < self.floor <= 1:
            raise ValueError(f"floor {self.floor}: expected 0 < floor <= 1")

    def pick(self, stats: PickStats, count: int, rng: np.random.Generator) -> np.ndarray:
        """(count,) int64 indices; ``ValueError`` where there is nothing to pick."""
        number = _number(stats)
        gained = stats.kept + stats.nearer + 4.0 * stats.findings
        weight = (gained + 1.0) / (stats.picks + 2.0)
        chance = self.floor / number + (1 - self.floor) * weight / weight.sum()
        edges = np.cumsum(chance)
        drawn = np.searchsorted(edges, rng.random(count) * edges[-1], side="right")
        return np.asarray(np.minimum(drawn, number - 1), np.int64)


def _number(stats: PickStats) -> int:
    if not len(stats.picks):
        raise ValueError("nothing to pick from: expected at least one entry")
    return len(stats.picks)
