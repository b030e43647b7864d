"""Train/serve skew: whether ``prepare`` and ``features`` make the same of one input.

Both are the author's; neither is trusted more.  What ships is ``prepare``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlfuzz.core import Arrays, Verdict
from mlfuzz.evaluate import Evaluator
from mlfuzz.prepare import prepared, why_unprepared


@dataclass(frozen=True)
class Skew:
    """The rule that the two ways into the model agree.

    Parameters
    ----------
    tolerance : float
        Largest difference allowed, as a share of the largest magnitude that either gives.

    Notes
    -----
    Train/serve skew: Breck et al., "The ML Test Score" (2017), section 5, Monitor 3.
    """

    tolerance: float = 1e-2


@dataclass(frozen=True)
class Disagreement:
    """How far apart the two ways are for one input: 0 is equal, 1 the full scale."""

    distance: float
    rule: str
    tolerance: float

    @property
    def violated(self) -> bool:
        return not self.distance <= self.tolerance

    @property
    def signature(self) -> tuple[str, ...]:
        return ("prepare/features", self.rule)

    def verdict(self) -> Verdict:
        return Verdict(
            kind="skew",
            signature=self.signature,
            threat="integrity",
            severity="high",
            values={"difference": self.distance, "tolerance": self.tolerance},
        )


def skew_of(evaluator: Evaluator, row: Arrays, rule: Skew | None = None) -> Disagreement:
    """Take one row both ways and compare what would go into the model."""
    tolerance = (rule or Skew()).tolerance
    if why := why_unprepared(evaluator.harness, row):
        return Disagreement(np.inf, why, tolerance)
    shipped = _arrays(prepared(evaluator.harness, row))
    traced = _arrays({name: value[0] for name, value in evaluator.features([row]).items()})
    names = list(shipped) if set(shipped) == set(traced) else list(traced)
    pairs = list(zip(shipped.values(), (traced[name] for name in names), strict=False))
    if len(shipped) != len(traced) or any(a.shape != b.shape for a, b in pairs):
        return Disagreement(np.inf, "shape", tolerance)
    return Disagreement(max(_distance(a, b) for a, b in pairs), "values", tolerance)


def skewed(evaluator: Evaluator, rows: Sequence[Arrays]) -> list[tuple[str, ...] | None]:
    """For each row the signature of its skew, if it has one."""
    skews = [skew_of(evaluator, row) for row in rows]
    return [skew.signature if skew.violated else None for skew in skews]


def _arrays(named: Arrays) -> dict[str, np.ndarray]:
    """Without the lengths, which only one side may pass on."""
    return {n: np.asarray(value) for n, value in named.items() if not n.endswith("_length")}


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return 0.0 if np.array_equal(a, b, equal_nan=True) else np.inf
    scale = max(float(np.abs(a).max(initial=0)), float(np.abs(b).max(initial=0)), 1e-12)
    return float(np.abs(a.astype(np.float64) - b).max(initial=0)) / scale
