"""Answers held against the trusted label, or against the answer to the root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Batch, Observation, Reference, Row, Verdict
from mlfuzz.oracles.lead import has_answer, lead


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


@dataclass(frozen=True)
class TopK:
    """The trusted label is not among the ``k`` classes that the model likes best.

    Parameters
    ----------
    k : int
        At least 1; ``TopK(1)`` judges as ``WrongAnswer`` does.

    Notes
    -----
    Violated: ``score[label] - k-th largest other score < -tolerance``, in rows with a label.
    Distance: that difference; infinity where the row has no label, or a score is NaN or +inf.
    Reduction: as ``WrongAnswer``; a model with at most ``k`` outputs is not judged.
    At equality: a label that ties with the k-th best other is among the best.
    Source: the top-5 error of Russakovsky et al., "ImageNet Large Scale Visual Recognition
    Challenge" (2015), section 4.1, of one row, with the missing score as its distance.
    """

    k: int
    about_label: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"TopK(k={self.k}): expected at least 1")

    def judge(
        self, batch: Batch, observed: Observation, reference: Reference
    ) -> tuple[Array, Array]:
        """See ``Oracle``."""
        known, tolerance = reference.has_label, reference.tolerance
        return _judged(observed, reference.label, known, tolerance, rank=self.k)

    def verdict(self, row: Row) -> Verdict:
        """``ValueError`` where the row has no label: such a row is never violated."""
        if row.label is None:
            raise ValueError("a row without a label has no wrong answer")
        return _verdict(repr(self), "misclassified", row.label, row)


@dataclass(frozen=True)
class Margin:
    """The answer is right, but by less than a wanted margin.

    Parameters
    ----------
    least : float
        The wanted lead of the trusted label over the next class, in scores, above 0.  Scores of
        a model that answers with probabilities are logarithms: there ``math.log(2)`` asks for a
        label that is twice as probable as any other.

    Notes
    -----
    Violated: ``-tolerance <= margin < least - tolerance``, in rows with a label, with the margin
    of ``WrongAnswer``: what is wrong outright is that oracle's.
    Distance: ``margin - least`` where the answer is right, ``-margin`` where it is wrong;
    infinity where there is no label or no finite margin.
    Reduction: as ``WrongAnswer``.
    At equality: a margin of exactly ``least - tolerance`` is enough.
    Source: the margin of Scheffer et al., "Active Hidden Markov Models for Information
    Extraction" (2001), the lead of the best over the second; here of the trusted label.
    """

    least: float
    about_label: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.least > 0:
            raise ValueError(f"Margin(least={self.least}): expected more than 0")

    def judge(
        self, batch: Batch, observed: Observation, reference: Reference
    ) -> tuple[Array, Array]:
        """See ``Oracle``."""
        known, tolerance = reference.has_label, reference.tolerance
        is_wrong, margin = _judged(observed, reference.label, known, tolerance)
        narrow = ops.logical_and(~is_wrong, margin < self.least - tolerance)
        return narrow, ops.where(is_wrong, -margin, margin - self.least)

    def verdict(self, row: Row) -> Verdict:
        """The signature is the label; the class that came near is among the values."""
        if row.label is None:
            raise ValueError("a row without a label has no margin")
        others = np.where(np.arange(len(row.scores)) == row.label, -np.inf, row.scores)
        return Verdict(
            kind="narrow-margin",
            signature=(repr(self), str(row.label)),
            threat="evasion",
            severity="low",
            values={
                "expected": row.label,
                "runner_up": int(np.argmax(others)),
                "margin": row.distance + self.least,
            },
        )


def _judged(
    observed: Observation, expected: Array, known: Array, tolerance: Array, rank: int = 1
) -> tuple[Array, Array]:
    """(violated (B,), distance (B,)) of the lead of the class ``expected`` (B,) int.

    ``rank``: over the best of the others, the second best, ...
    """
    margin = lead(observed.scores, expected, rank)
    # An infinity may stand before the one that is compared.
    judged = ops.logical_and(ops.isfinite(margin), has_answer(observed.scores))
    judged = ops.logical_and(known, judged)
    violated = ops.logical_and(judged, margin < -tolerance)
    return violated, ops.where(judged, margin, float("inf"))


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
