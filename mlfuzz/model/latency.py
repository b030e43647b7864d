"""Latency: whether an input takes far longer from ``decode`` to the answer than its root does.

Only inputs that are being confirmed are timed: a clock in the step would time the batch.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from mlfuzz.core import Arrays, Verdict
from mlfuzz.evaluate import Evaluator
from mlfuzz.prepare import as_it_ships, prepared_rows, why_unprepared
from mlfuzz.rows import ordinary

REPEATS = 3
"""The fastest counts: another process can make a run slower, never faster."""


@dataclass(frozen=True)
class Latency:
    """The rule that no input takes much longer than its root, alone.

    Parameters
    ----------
    factor : float
        How many times as long it may take.
    least_s : float
        What takes less is never slow, whatever the root takes.

    Notes
    -----
    Source: the sponge examples of Shumailov et al., "Sponge Examples: Energy-Latency Attacks on
    Neural Networks" (2021), found there by latency itself; here latency is looked at
    where an input is confirmed for another reason, and leads no search.
    """

    factor: float = 10.0
    least_s: float = 0.05


@dataclass(frozen=True)
class Slowness:
    """How long one stage took for an input, and how long for its root."""

    stage: str
    took_s: float
    usual_s: float
    rule: Latency = Latency()

    @property
    def violated(self) -> bool:
        return self.took_s > max(self.rule.least_s, self.rule.factor * self.usual_s)

    @property
    def signature(self) -> tuple[str, ...]:
        return (self.stage,)

    def verdict(self) -> Verdict:
        return Verdict(
            kind="slow",
            signature=self.signature,
            threat="disruption",
            severity="medium",
            values={"took_s": self.took_s, "usual_s": self.usual_s},
        )


def slowness_of(evaluator: Evaluator, row: Arrays, root: Arrays | None) -> Slowness:
    """Time one row, and its root if the row takes long; the stage that is most out of line.

    Most rows are settled by a single run; only what seems slow is run again.
    """
    if why_unprepared(evaluator.harness, row):
        return Slowness("prepare", 0.0, 0.0)  # it raised: a fault of its own
    took = _seconds(evaluator, row)
    if sum(took.values()) < Latency().least_s:
        return Slowness("model", took["model"], took["model"])
    usual = ordinary(evaluator.domain) if root is None else root
    once = _compared(took, _seconds(evaluator, usual))
    if not once.violated:
        return once
    return _compared(_fastest(evaluator, row), _fastest(evaluator, usual))


def _compared(took: Mapping[str, float], usual: Mapping[str, float]) -> Slowness:
    stage = max(took, key=lambda each: took[each] / max(usual[each], 1e-9))
    return Slowness(stage, took[stage], usual[stage])


def _fastest(evaluator: Evaluator, row: Arrays) -> dict[str, float]:
    runs = [_seconds(evaluator, row) for _ in range(REPEATS)]
    return {stage: min(run[stage] for run in runs) for stage in runs[0]}


def _seconds(evaluator: Evaluator, row: Arrays) -> Mapping[str, float]:
    """Wall-clock time of each stage on the way that ships, for one row."""
    ready = prepared_rows(evaluator.harness, [row])
    start = time.perf_counter()
    if evaluator.harness.prepare:
        as_it_ships(evaluator.harness, row)
    between = time.perf_counter()
    evaluator.judge_prepared([row], ready, evaluator.no_reference(1))
    end = time.perf_counter()
    model = {"model": end - between}
    return {"prepare": between - start, **model} if evaluator.harness.prepare else model
