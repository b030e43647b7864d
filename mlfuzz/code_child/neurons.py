"""Levels of neurons as coverage of the code child: bytes are bred for what they do to the model.

The model runs in the child, on one row, for each input that decode accepts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from mlfuzz.code_child.counters import PAGE, Counters
from mlfuzz.evaluate import Evaluator
from mlfuzz.harness import EntryPoint, Harness
from mlfuzz.prepare import prepared_rows
from mlfuzz.rows import stack

LEVELS, FIRST, INSIDE = 32, 2, 4
"""Of a neuron: two below the range of the seeds, four inside, the rest above; what is not finite is
on the last."""
WIDER = 1.25
"""Each level above is wider than the one before: steps of twice would be too far for one mutant."""
MAX_SEEDS = 64
"""Whose range is taken."""


class Neurons:
    """Called with what ``decode`` returned, within the contract; then calls the entry's ``then``.

    Each neuron has a counter for each level, so that the first input that drives it there is new
    to libFuzzer.  A neuron is a channel and its value the mean over all other axes, as the target
    taps it.  What the model raises is left to the model engine and to confirmation.

    Parameters
    ----------
    seeds : iterable of bytes
        Their range is what levels are measured by: one that is empty counts as 1 wide.

    Notes
    -----
    Levels inside the range are the sections of Ma et al., "DeepGauge" (2018), section 3.1, those
    beyond it its corner regions, cut finer, so that a way leads upwards.
    """

    def __init__(
        self, harness: Harness, entry: EntryPoint, counters: Counters, seeds: Iterable[bytes]
    ) -> None:
        self._harness, self._then = harness, entry.then
        self._evaluator = Evaluator(harness, 8)
        values = [
            value
            for seed, _ in zip(seeds, range(MAX_SEEDS), strict=False)
            if (value := self._value_of(entry.function, seed)) is not None
        ]
        seen = np.stack(values or [np.zeros(self._evaluator.spec.neurons, np.float32)])
        seen = np.where(np.isfinite(seen), seen, 0.0)
        self._low, span = seen.min(axis=0), np.ptp(seen, axis=0)
        self._span = np.where(span > 0, span, 1.0)
        pages = counters.pages(-(-len(self._low) * LEVELS // PAGE))
        self._counters = np.frombuffer(pages, np.uint8)
        self._first = np.arange(len(self._low)) * LEVELS

    def __call__(self, value: Any) -> None:
        with contextlib.suppress(Exception):
            self._counters[self._first + self.levels(self._values(value))] = 1
        if self._then is not None:
            self._then(value)

    def levels(self, values: np.ndarray) -> np.ndarray:
        """(n,) int: the level of each neuron's value, 0 to ``LEVELS - 1``."""
        place = (values.astype(np.float64) - self._low) / self._span
        place = np.where(np.isfinite(place), place, np.inf)
        inside = FIRST + np.floor(np.clip(place, 0.0, 1.0 - 1e-9) * INSIDE)
        beyond = np.minimum(np.maximum(place - 1.0, 0.0), 1e9)
        above = FIRST + INSIDE + np.floor(np.log1p(beyond * INSIDE) / np.log(WIDER))
        below = np.where(place < -1.0, 0, 1)
        level = np.where(place < 0.0, below, np.where(place < 1.0, inside, above))
        return np.asarray(np.minimum(level, LEVELS - 1).astype(np.int64))

    def _values(self, value: Any) -> np.ndarray:
        """(n,) float32: one number a neuron."""
        assert self._harness.domain is not None
        row = self._harness.domain.arrays(value)
        prepared = prepared_rows(self._harness, [row]) if self._evaluator.takes_prepared else {}
        observed = self._evaluator.observed(stack([row]), prepared)
        return np.concatenate([each[0] for each in observed.values()])

    def _value_of(self, function: Callable[[bytes], object], seed: bytes) -> np.ndarray | None:
        try:
            return self._values(function(seed))
        except Exception:  # a seed that is refused has no place in the range
            return None
