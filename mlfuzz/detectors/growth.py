"""Whether time or memory grows faster than the input, from a series of doublings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from mlfuzz.core import Threat
from mlfuzz.detectors.run import Run, Severity

POINTS = 4
"""Of a series: three doublings."""


@dataclass(frozen=True)
class Growth:
    """Neither time nor memory grows faster than the repeated part of an input.

    Threat: some kilobytes keep a server busy or fill its memory.
    Events: none; an input that repeats something and is slow is run again with an eighth, a quarter
    and half of the repetitions, and with more where these are too short to be judged,
    but not where a doubling costs ten times as much: that is a hang, and found as one.
    Not seen: what other threads do, two repetitions that must match (brackets), and a period of
    more than ``structure.repeated.MAX_PERIOD`` bytes.

    Parameters
    ----------
    slope : float
        Of log(cost) over log(repetitions); sorting has about 1.1, a quadratic loop 2.
    least_ms : float
        Processor time of the longest run; less is never judged.
    least_mb : float
        Peak of Python's memory in the longest run; less is never judged.
    """

    slope: float = 1.6
    least_ms: float = 10.0
    least_mb: float = 16.0
    events: ClassVar[tuple[str, ...]] = ()
    threat: ClassVar[Threat] = "disruption"
    severity: ClassVar[Severity] = "medium"

    def judge(self, event: str, arguments: Sequence[Any], run: Run) -> str | None:
        """Looks at no event."""
        return None

    def is_steep(self, counts: Sequence[float], costs: Sequence[float], least: float) -> bool:
        """Whether a series of doublings accuses: in all, and at each step.

        One step alone may be a cache that overflows, or a limit below which all is refused.
        """
        if len(counts) < POINTS or costs[-1] < least or min(costs) <= 0:
            return False
        steps = [math.log2(b / a) for a, b in pairwise(costs)]
        return fit(counts, costs) >= self.slope and min(steps) >= self.slope - 0.3


def fit(counts: Sequence[float], costs: Sequence[float]) -> float:
    """The slope of log(cost) over log(count), by least squares."""
    x, y = [math.log(each) for each in counts], [math.log(each) for each in costs]
    middle_x, middle_y = sum(x) / len(x), sum(y) / len(y)
    spread = sum((each - middle_x) ** 2 for each in x)
    return sum((a - middle_x) * (b - middle_y) for a, b in zip(x, y, strict=True)) / spread
