"""What an input repeats, found in the input itself, so that a saved file is enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAX_PERIOD = 128
LEAST_COUNT = 32


@dataclass(frozen=True)
class Repeated:
    """``prefix``, ``count`` times ``unit``, ``suffix``."""

    prefix: bytes
    unit: bytes
    count: int
    suffix: bytes

    def times(self, count: int) -> bytes:
        """The same with another number of repetitions."""
        return self.prefix + self.unit * count + self.suffix


def repeated(data: bytes) -> Repeated | None:
    """The longest stretch that repeats up to ``MAX_PERIOD`` bytes at least ``LEAST_COUNT`` times.

    Of stretches that are equally long the one with the shortest unit.
    """
    values = np.frombuffer(data, np.uint8)
    best = (0, 0, 0)  # length, start, period
    for period in range(1, min(MAX_PERIOD, len(data) // LEAST_COUNT) + 1):
        start, stop = _longest(values[period:] == values[:-period])
        length = stop - start + period
        if length >= LEAST_COUNT * period and length > best[0] + period:
            best = length, start, period
    length, start, period = best
    if not period:
        return None
    count = length // period
    stop = start + count * period
    return Repeated(data[:start], data[start : start + period], count, data[stop:])


def _longest(is_equal: np.ndarray) -> tuple[int, int]:
    """Start and stop of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_equal, [False])).astype(np.int8)))
    if not len(edges):
        return 0, 0
    starts, stops = edges[::2], edges[1::2]
    index = int(np.argmax(stops - starts))
    return int(starts[index]), int(stops[index])
