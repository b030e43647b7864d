"""Levels of neurons as coverage of the code child: bytes are bred for what they do to the model.

The model runs in the child, on one row, for each input that decode accepts.  What is wrong with an
answer is the model engine's to say; Atheris is not known here.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mlfuzz import backend
from mlfuzz.code_child.counters import PAGE, Counters
from mlfuzz.core import Arrays
from mlfuzz.evaluate import Evaluator
from mlfuzz.harness import Harness
from mlfuzz.prepare import as_it_ships
from mlfuzz.rows import ordinary, stack

BEYOND = 2.0 ** np.arange(-3, 4.1, 0.25)
EDGES = np.concatenate([-BEYOND[::-1], np.arange(9) / 8, 1 + BEYOND])
"""Borders of the levels, where a neuron's range over the seeds is 0 to 1: eight equal parts of it;
on either side steps that begin with an eighth and double every four, so that a way leads on."""
BELOW, ABOVE, WILD = len(BEYOND), len(BEYOND) + 9, len(EDGES) + 1
"""The last level below the range, the first above it, and that of what is not finite."""
LEVELS = WILD + 1
LEAST_RANGE = 1 / 8
"""Of a neuron, as a share of the largest magnitude in its layer: many are constant over seeds."""
TESTS = 64
"""Inputs at the start of a child after which libFuzzer must have cleared our counters."""

Mark = Callable[[np.ndarray], None]
"""Gets (N * LEVELS,) bool."""
Tell = Callable[[str], None]


def neurons_of(
    harness: Harness,
    counters: Counters | None,
    branches: Callable[[int], Callable[[np.ndarray], None]],
    ranges: Path,
    tell: Tell,
) -> Neurons | None:
    """The neurons of a harness's model, tried on an ordinary input; None where they cannot guide.

    Parameters
    ----------
    counters : Counters or None
        None: this Python or this Atheris takes no pages of ours.
    branches : callable
        So many branches of Atheris's own, and what marks some of them: slower, the fallback.
    ranges : Path
        Where the first child of a run leaves the neurons' ranges for its successors.
    tell : callable
        Gets one line where the neurons do not guide, or in the slower way.
    """
    try:
        evaluator = Evaluator(harness, 8)
        neurons = Neurons(harness, evaluator, counters, branches, ranges, tell)
        row = ordinary(evaluator.domain)
        first, again = neurons.values(row), neurons.values(row)
    except Exception as error:
        reason = (str(error).strip().splitlines() or ["no message"])[0][:200]
        tell(f"its neurons do not guide: the model cannot run here ({reason}).")
        return None
    if not np.allclose(first, again, rtol=1e-3, equal_nan=True):
        tell("its neurons do not guide: the model answers otherwise each time.")
        return None
    return neurons


def import_framework() -> None:
    """Once for all children, and for the CPU: the model engine has the device's memory."""
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ["JAX_PLATFORMS"] = "cpu"
    backend.name()


class Neurons:
    """Marks the counter of the level that each neuron is at, and of the levels on the way there.

    So the first input that drives a neuron to a level is new to libFuzzer.  Until ``settle`` it
    only learns the neurons' ranges: over the seeds.

    Notes
    -----
    A neuron is a channel and its value the mean over all other axes, as the target taps it.
    Levels inside the range are the sections of Ma et al., "DeepGauge" (2018), section 3.1.1,
    those beyond it the corner regions of 3.1.2, which have one level there.
    Where we differ: beyond the range an input is on all levels on its way.  libFuzzer breeds from
    what is rare (Boehme et al., "Boosting fuzzer efficiency", 2020, section 4), and so only the
    furthest levels stay rare; with one level a neuron it took three times as long (measured).
    """

    def __init__(
        self,
        harness: Harness,
        evaluator: Evaluator,
        counters: Counters | None,
        branches: Callable[[int], Callable[[np.ndarray], None]],
        ranges: Path,
        tell: Tell,
    ) -> None:
        self._harness, self._evaluator = harness, evaluator
        self._counters, self._branches = counters, branches
        self._ranges, self._tell = ranges, tell
        self._layers = list(evaluator.spec.layers.values())
        count = sum(self._layers)
        self._low, self._high = np.full(count, np.inf), np.full(count, -np.inf)
        self._places = count * LEVELS
        self._shapes = self._expected() if evaluator.takes_prepared else {}
        self._look: Callable[[np.ndarray], None] = self._learn

    def before(self, then: Callable[[Any], object] | None) -> Callable[[Any], None]:
        """What runs on a value that kept its contract: the model, and then what ran before."""
        domain = self._evaluator.domain

        def guided(value: Any) -> None:
            # What raises here is raised again by the author's code, or is for the model engine.
            with contextlib.suppress(Exception):
                self._look(self.values(domain.arrays(value)))
            if then is not None:
                then(value)

        return guided

    def values(self, row: Arrays) -> np.ndarray:
        """(N,) float32: one number a neuron.

        Raises
        ------
        ValueError
            Where ``prepare`` gives another shape than usual: the model would be compiled anew.
        """
        ready: dict[str, np.ndarray] = {}
        if self._evaluator.takes_prepared:
            ready = stack([as_it_ships(self._harness, row)])
            if {name: value.shape for name, value in ready.items()} != self._shapes:
                raise ValueError("prepare: another shape")
        observed = self._evaluator.observed(stack([row]), ready)
        return np.concatenate([each[0] for each in observed.values()])

    def settle(self) -> None:
        """The seeds have run, in this child or an earlier one: from here on levels are marked."""
        if self._ranges.exists():
            self._low, self._high = np.load(self._ranges, allow_pickle=False)
        else:
            draft = self._ranges.with_name(f"{os.getpid()}.npy")
            np.save(draft, np.stack([self._low, self._high]))
            draft.replace(self._ranges)  # another worker may be reading it
        if not (self._low <= self._high).any():
            self._look = lambda values: None
            self._tell("its neurons do not guide: no seed reached the model.")
            return
        self._low, self._span = spans(self._low, self._high, self._layers)
        if self._counters is None:
            self._fall_back("this Python or this Atheris is another than we know")
            return
        self._page = self._counters.pages(-(-self._places // PAGE))
        self._mark, self._tests = _setter(self._page), TESTS
        self._look = self._test

    def _learn(self, values: np.ndarray) -> None:
        is_finite = np.isfinite(values)
        self._low = np.fmin(self._low, np.where(is_finite, values, np.inf))
        self._high = np.fmax(self._high, np.where(is_finite, values, -np.inf))

    def _test(self, values: np.ndarray) -> None:
        """libFuzzer clears what it reads before each input: whether it did is seen here."""
        self._tests -= 1
        self._look = self._test if self._tests else self._guide
        if self._page[:].count(0) < len(self._page):
            self._fall_back("libFuzzer does not read our counters")
        self._guide(values)

    def _guide(self, values: np.ndarray) -> None:
        self._mark(on_the_way(levels(values, self._low, self._span)).ravel())

    def _fall_back(self, why: str) -> None:
        self._look, self._mark = self._guide, _taker(self._branches(self._places))
        self._tell(f"its neurons guide in the slower way: {why}.")

    def _expected(self) -> dict[str, tuple[int, ...]]:
        row = as_it_ships(self._harness, ordinary(self._evaluator.domain))
        return {name: value.shape for name, value in stack([row]).items()}


def _setter(page: mmap.mmap) -> Mark:
    array = np.frombuffer(page, np.bool_)

    def mark(is_on: np.ndarray) -> None:
        array[: len(is_on)] = is_on

    return mark


def _taker(take: Callable[[np.ndarray], None]) -> Mark:
    return lambda is_on: take(np.flatnonzero(is_on))


def levels(values: np.ndarray, low: np.ndarray, span: np.ndarray) -> np.ndarray:
    """(N,) int: the level of each neuron, below ``LEVELS``; a border belongs to the upper one."""
    with np.errstate(over="ignore", invalid="ignore"):
        place = (values.astype(np.float64) - low) / span
    level = np.searchsorted(EDGES, place, side="right")
    return np.where(np.isfinite(values), level, WILD)


def on_the_way(level: np.ndarray) -> np.ndarray:
    """(N, LEVELS) bool: each neuron's level, and those between it and the range of the seeds."""
    level, every = level[:, None], np.arange(LEVELS)[None, :]
    above = (every >= ABOVE) & (every < level) & (level < WILD)
    below = (every <= BELOW) & (every > level)
    return np.asarray((every == level) | above | below)


def spans(low: np.ndarray, high: np.ndarray, layers: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """(N,) low and span of each neuron; one without a range of its own gets its layer's scale."""
    is_known = low <= high
    low, high = np.where(is_known, low, 0.0), np.where(is_known, high, 0.0)
    largest = np.maximum(np.abs(low), np.abs(high))
    scale = np.repeat(np.maximum.reduceat(largest, np.cumsum([0, *layers[:-1]])), layers)
    return low, np.maximum(high - low, LEAST_RANGE * np.where(scale > 0, scale, 1.0))
