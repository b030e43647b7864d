"""Which operation next: what yields nothing is used less, and never dies out."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from random import Random

FLOOR = 0.25
"""Share of an even split that the poorest operation keeps."""
RECENT = 4096
"""Tries after which an operation's record counts half: what was rich is empty one day."""
STALE = 32
"""Rewards after which the weights are worked out anew, which takes longer than a mutation."""


class Arms:
    """Operations and what each has yielded.

    A weight is ``(new + 1) / (tries + 2)``, the mean of a Beta posterior; choices follow from the
    generator and the rewards alone.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._index = {name: index for index, name in enumerate(self.names)}
        self.tries, self.new = [0] * len(self.names), [0] * len(self.names)
        self._recent = [[0.0, 0.0] for _ in self.names]
        self._rewards = 0
        self._bounds = self._weigh()

    def choose(self, rng: Random) -> int:
        """Index of an operation."""
        bounds = self._bounds
        return min(bisect(bounds, rng.random() * bounds[-1]), len(bounds) - 1)

    def reward(self, name: str, is_new: bool) -> None:
        """Count a try of an operation, and whether something new came of it."""
        index = self._index.get(name)
        if index is None:
            return
        self.tries[index] += 1
        self.new[index] += is_new
        recent = self._recent[index]
        recent[0] += 1
        recent[1] += is_new
        if recent[0] >= RECENT:
            recent[0], recent[1] = recent[0] / 2, recent[1] / 2
        self._rewards += 1
        if self._rewards % STALE == 0:
            self._bounds = self._weigh()

    def shares(self) -> list[float]:
        """How often each is chosen."""
        rates = [(new + 1) / (tries + 2) for tries, new in self._recent]
        least = FLOOR / len(rates)
        raised = [max(rate / sum(rates), least) for rate in rates]
        return [rate / sum(raised) for rate in raised]

    def _weigh(self) -> list[float]:
        return list(accumulate(self.shares()))
