"""Who runs next: slices of time for children that share the cores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

SLICE_S = 1.5
FLOOR = 0.1
"""Weight of an entry point that finds nothing any more, against 1 for one that just has."""
FORGET_S = 10.0


@dataclass
class Share:
    """What one child has had: ``used`` is its running time over its weight, both in seconds."""

    used: float = 0.0
    running_s: float = 0.0
    new_at_s: float = 0.0

    @property
    def weight(self) -> float:
        """Falls with the running time since the last new input, never to nothing."""
        return max(FLOOR, math.exp(-(self.running_s - self.new_at_s) / FORGET_S))

    def spend(self, passed_s: float) -> None:
        """It ran for ``passed_s`` seconds."""
        self.running_s += passed_s
        self.used += passed_s / self.weight

    def found(self) -> None:
        """It has just found something new."""
        self.new_at_s = self.running_s


def choose(shares: Sequence[Share], count: int) -> list[int]:
    """Indices of the ``count`` shares that have had the least for their weight."""
    return sorted(range(len(shares)), key=lambda index: shares[index].used)[:count]
