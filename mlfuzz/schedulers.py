"""Which entries, and which mutators, to try next.

Host arithmetic only: a scheduler knows what earlier choices brought, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlfuzz.core import PickStats

FINDING = 4.0
"""A finding counts as so many kept rows."""


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
        _check_floor(self.floor)

    def pick(self, stats: PickStats, count: int, rng: np.random.Generator) -> np.ndarray:
        """(count,) int64 indices; ``ValueError`` where there is nothing to pick."""
        number = _number(stats)
        weight = (_gains(stats) + 1.0) / (stats.picks + 2.0)
        chance = self.floor / number + (1 - self.floor) * weight / weight.sum()
        edges = np.cumsum(chance)
        drawn = np.searchsorted(edges, rng.random(count) * edges[-1], side="right")
        return np.asarray(np.minimum(drawn, number - 1), np.int64)


@dataclass(frozen=True)
class Thompson:
    """Each index as often as it is the best one, for all that is known.

    Parameters
    ----------
    floor : float
        Share of the picks, 0 < floor <= 1, that is uniform: the chance of every index.

    Notes
    -----
    What a pick brings is taken for a coin with an unknown chance: gains ``kept + nearer + 4
    findings``, at most one a pick, against picks that brought nothing.  One chance is drawn for
    each index from ``Beta(gains + 1, picks - gains + 1)``, and the largest is picked.
    Costs a draw for every index and pick: for mutators, not for thousands of entries.
    Source: Thompson, "On the likelihood that one unknown probability exceeds another" (1933);
    Chapelle and Li, "An empirical evaluation of Thompson sampling" (2011), algorithm 2.  The
    floor is ours: what pays early in a run is not what pays late.
    """

    floor: float = 0.2

    def __post_init__(self) -> None:
        _check_floor(self.floor)

    def pick(self, stats: PickStats, count: int, rng: np.random.Generator) -> np.ndarray:
        """(count,) int64 indices; ``ValueError`` where there is nothing to pick."""
        number = _number(stats)
        gains = np.minimum(_gains(stats), stats.picks)
        chances = rng.beta(gains + 1.0, stats.picks - gains + 1.0, (count, number))
        anything = rng.integers(number, size=count)
        return np.where(rng.random(count) < self.floor, anything, chances.argmax(axis=1))


def _check_floor(floor: float) -> None:
    if not 0 < floor <= 1:
        raise ValueError(f"floor {floor}: expected 0 < floor <= 1")


def _gains(stats: PickStats) -> np.ndarray:
    return np.asarray(stats.kept + stats.nearer + FINDING * stats.findings, np.float64)


def _number(stats: PickStats) -> int:
    if not len(stats.picks):
        raise ValueError("nothing to pick from: expected at least one entry")
    return len(stats.picks)
