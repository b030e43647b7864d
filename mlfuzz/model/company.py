"""Batch dependence: whether a row is answered otherwise beside other rows than alone.

A balanced batch hides it; so the company is lopsided, many copies of one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlfuzz.core import Arrays, Domain, Verdict
from mlfuzz.evaluate import COMPANY, Evaluator
from mlfuzz.rows import constant, ordinary

Signature = tuple[str, ...]


@dataclass(frozen=True)
class BatchDependent:
    """The rule that a row in a batch is answered as it is alone.

    Parameters
    ----------
    tolerance : float
        Largest difference of an output allowed, as a share of the row's largest one, at least 1.

    Notes
    -----
    The size of a batch alone moves outputs by 3e-7 of their scale (TensorFlow and PyTorch on a
    CPU, measured), far below the tolerance.
    Source: the metamorphic relation of DESIGN rule 13, a row stands alone, asked of the model.
    """

    tolerance: float = 1e-3


@dataclass(frozen=True)
class Dependence:
    """How far one row's outputs are moved by its company: 0 is not at all, 1 the full scale."""

    distance: float
    company: str
    alone: int
    together: int
    tolerance: float

    @property
    def violated(self) -> bool:
        return not self.distance <= self.tolerance

    @property
    def signature(self) -> Signature:
        return ("batch", "another answer" if self.alone != self.together else "other values")

    def verdict(self) -> Verdict:
        return Verdict(
            kind="batch-dependent",
            signature=self.signature,
            threat="integrity",
            severity="high" if self.alone != self.together else "medium",
            values={
                "difference": self.distance,
                "tolerance": self.tolerance,
                "company": self.company,
                "alone": self.alone,
                "together": self.together,
            },
        )


def companions(domain: Domain, root: Arrays | None) -> dict[str, Arrays]:
    """Rows that may fill a batch, by name: all zero, both ends of the range, noise, the root."""
    rows = {
        "zeros": constant(domain, 0.0),
        "highest": constant(domain, np.inf),
        "ordinary": ordinary(domain),
        "lowest": constant(domain, -np.inf),
    }
    return rows if root is None else {**rows, "root": root}


def suspicious(evaluator: Evaluator, rows: Sequence[Arrays], turn: int) -> list[Signature | None]:
    """Run some rows beside as many copies of one companion, then of another, and compare.

    ``turn``: which two; each pair of neighbours in the list of companions has its turn.
    """
    known = list(companions(evaluator.domain, rows[0]).items())
    pair = [known[(turn + i) % len(known)] for i in range(2)]
    one, two = (_outputs(evaluator, rows, companion) for _, companion in pair)
    found = [
        _dependence(a, b, name=f"{pair[0][0]} or {pair[1][0]}")
        for a, b in zip(one, two, strict=True)
    ]
    return [each.signature if each.violated else None for each in found]


def dependence_of(evaluator: Evaluator, row: Arrays, root: Arrays | None) -> Dependence:
    """Judge one row alone and beside each companion; the one that moves it most."""
    nothing = evaluator.no_reference
    alone = evaluator.judge([row], nothing(1)).outputs[0]
    found = []
    for name, companion in companions(evaluator.domain, root).items():
        batch = [row, *[companion] * (COMPANY - 1)]
        together = evaluator.judge(batch, nothing(COMPANY)).outputs[0]
        found.append(_dependence(alone, together, name))
    return max(found, key=lambda each: each.distance)


def _outputs(evaluator: Evaluator, rows: Sequence[Arrays], companion: Arrays) -> np.ndarray:
    outputs, _ = evaluator.observe([*rows, *[companion] * len(rows)])
    return outputs[: len(rows)]


def _dependence(alone: np.ndarray, together: np.ndarray, name: str) -> Dependence:
    return Dependence(
        distance=_distance(alone, together),
        company=name,
        alone=int(alone.argmax()),
        together=int(together.argmax()),
        tolerance=BatchDependent().tolerance,
    )


def _distance(alone: np.ndarray, together: np.ndarray) -> float:
    if not (np.isfinite(alone).all() and np.isfinite(together).all()):
        return 0.0 if np.array_equal(alone, together, equal_nan=True) else np.inf
    scale = max(float(np.abs(alone).max(initial=0)), 1.0)
    return float(np.abs(alone.astype(np.float64) - together).max(initial=0)) / scale
