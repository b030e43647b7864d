"""Wrong answers: against the trusted label, and against the answer to the root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Batch, Observation, Reference, Row, Verdict


@dataclass(frozen=True)
class WrongAnswer:
    """The model prefers another class to the trusted label.

    Notes
    -----
    Violated: ``score[label] - max other score < -tolerance``, in rows that have a label.
    Distance: that margin; infinity where the row has no label or the margin is not finite.
    Reduction: scores only, logarithms of probabilities or outputs as they are.
    At equality: a margin of exactly ``-tolerance`` is not violated.
    Source: the margin of Carlini and Wagner, "Towards Evaluating the Robustness of Neural
    Networks" (2017), section V-A, objective f6; here with a label that was never predicted.
    A model with a single output is not judged.
    """

    about_label: ClassVar[bool] = True

    def judge(
        self, batch: Batch, observed: Observation, reference: Reference
    ) -> tuple[Array, Array]:
        """See ``Oracle``."""
        return _judged(observed, reference.label, reference.has_label, reference.tolerance)

    def verdict(self, row: Row) -> Verdict:
        """``ValueError`` where the row has no label: such a row is never violated."""
        if row.label is None:
            raise ValueError("a row without a label has no wrong answer")
        return _verdict("WrongAnswer", "misclassified", row.label, row)


@dataclass(frozen=True)
class ChangedAnswer:
    """The model answers otherwise than to the root, although the change keeps the label.

    Notes
    -----
    Violated: ``score[root's answer] - max other score < -tolerance``.
    Distance, reduction, equality: as ``WrongAnswer``.
    Source: the metamorphic relation of Tian et al., "DeepTest" (2018), section 3.4, with the
    first answer as the expected one; a root never violates it.
    """

    about_label: ClassVar[bool] = True

    def judge(
        self, batch: Batch, observed: Observation, reference: Reference
    ) -> tuple[Array, Array]:
        """See ``Oracle``."""
        expected = ops.argmax(reference.scores, axis=1)
        known = ops.logical_not(ops.any(ops.isnan(reference.scores), axis=1))
        return _judged(observed, expected, known, reference.tolerance)

    def verdict(self, row: Row) -> Verdict:
        """The signature is the root's answer and the new one."""
        return _verdict("ChangedAnswer", "changed-answer", int(np.argmax(row.root_scores)), row)


def _judged(
    observed: Observation, expected: Array, known: Array, tolerance: Array
) -> tuple[Array, Array]:
    """(violated (B,), distance (B,)) of the margin of the class ``expected`` (B,) int."""
    scores = observed.scores
    index = ops.arange(scores.shape[1], dtype="int32")[None, :]
    is_expected = index == ops.cast(expected, "int32")[:, None]
    own = ops.max(ops.where(is_expected, scores, -float("inf")), axis=1)
    margin = own - ops.max(ops.where(is_expected, -float("inf"), scores), axis=1)
    fine = ops.logical_and(ops.isfinite(margin), ops.logical_not(_has_nan(scores)))
    judged = ops.logical_and(known, fine)
    violated = ops.logical_and(judged, margin < -tolerance)
    return violated, ops.where(judged, margin, float("inf"))


def _has_nan(scores: Array) -> Array:
    return ops.any(ops.isnan(scores), axis=1)


def _verdict(
    oracle: str, kind: Literal["misclassified", "changed-answer"], expected: int, row: Row
) -> Verdict:
    answer = int(np.argmax(row.scores))
    return Verdict(
        kind=kind,
        signature=(oracle, f"{expected} -> {answer}"),
        threat="evasion",
        severity="medium",
        values={"expected": expected, "answer": answer, "margin": row.distance},
    )
