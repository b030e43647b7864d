"""Answers that are numbers: how far, and which way, they may move from the answer to the root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Batch, Observation, Reference, Row, Verdict
from mlfuzz.errors import HarnessError

_LOWEST = float(np.finfo(np.float32).min)


@dataclass(frozen=True)
class RegressionTolerance:
    """The answer moves further from the root's than the model's own error excuses.

    Parameters
    ----------
    mean_squared_error : float
        Of the model over data like the seeds, at least 0; over all its outputs, as Keras's
        ``mse`` gives it.
    factor : float
        How many times that error a change may cost, at least 1: the paper's lambda.

    Notes
    -----
    Violated: ``mean_j max(|score_j - root_j| - tolerance, 0)^2 > factor * mean_squared_error``.
    Distance: the right side less the left, in squared units of the output; infinity where a
    score of the row or its root is not finite.
    Reduction: the mean over the outputs; one output is a mean of one.
    At equality: an error of exactly ``factor * mean_squared_error`` is not violated.
    Source: Tian et al., "DeepTest" (2018), section 3.4: ``(true_i - changed_i)^2 <= lambda *
    MSE_orig``, with the error of the original images against their labels on the right.
    Where we differ: a seed's label is a class, so the root's answer stands for the true value
    and the error of the model is given; what comes from the batch size alone is taken off.
    """

    mean_squared_error: float
    factor: float = 5.0
    about_label: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not (self.mean_squared_error >= 0 and self.factor >= 1):
            raise ValueError(f"{self!r}: expected an error of at least 0, a factor of at least 1")

    @property
    def allowed(self) -> float:
        """The largest squared change that is none."""
        return self.factor * self.mean_squared_error

    def judge(
        self, batch: Batch, observed: Observation, reference: Reference
    ) -> tuple[Array, Array]:
        """See ``Oracle``."""
        moved = ops.abs(observed.scores - reference.scores) - reference.tolerance
        error = ops.mean(ops.square(ops.maximum(moved, 0.0)), axis=1)
        known = _are_finite(observed.scores, reference.scores)
        violated = ops.logical_and(known, error > self.allowed)
        # The square of a large change overflows: still a violation, and a finite distance.
        distance = ops.maximum(self.allowed - error, _LOWEST)
        return violated, ops.where(known, distance, float("inf"))

    def verdict(self, row: Row) -> Verdict:
        """The output that moved most is the signature."""
        moved = row.scores.astype(np.float64) - row.root_scores
        most = int(np.abs(moved).argmax())
        return Verdict(
            kind="deviation",
            signature=(repr(self), f"output {most}"),
            threat="evasion",
            severity="medium",
            values={
                "root_answer": float(row.root_scores[most]),
                "answer": float(row.scores[most]),
                "squared_error": float(np.square(moved).mean()),
                "allowed": self.allowed,
            },
        )


@dataclass(frozen=True)
class Directional:
    """An output moves the way that the harness's mutators must not move it.

    Parameters
    ----------
    output : int
        Number of the output that is watched.
    must_not : "fall" or "rise"
        What no mutator of the harness may make it do.
    by : float
        So much it may, at least 0, in scores.

    Notes
    -----
    Violated: ``root - score > by + tolerance`` for ``fall``, the other way round for ``rise``.
    Distance: ``by - (root - score)``; infinity where a score of the row or its root is not finite.
    Reduction: one score only; logarithms of probabilities or outputs as they are.
    At equality: a change of exactly ``by + tolerance`` is not violated.
    Source: the directional expectation test of Ribeiro et al., "Beyond Accuracy: Behavioral
    Testing of NLP Models with CheckList" (2020), section 2.2; there of labels and pairs of
    sentences, here of a root and any chain of its mutators, which must all be monotone.
    """

    output: int
    must_not: Literal["fall", "rise"]
    by: float = 0.0
    about_label: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.output < 0 or self.must_not not in ("fall", "rise") or not self.by >= 0:
            raise ValueError(f"{self!r}: expected an output, 'fall' or 'rise', and by >= 0")

    def judge(
        self, batch: Batch, observed: Observation, reference: Reference
    ) -> tuple[Array, Array]:
        """See ``Oracle``; ``HarnessError`` where the model has no such output."""
        count = observed.scores.shape[1]
        if self.output >= count:
            raise HarnessError(
                f"{self!r}: the model has {count} outputs. Expected 0 to {count - 1}."
            )
        score = observed.scores[:, self.output]
        root = reference.scores[:, self.output]
        moved = root - score if self.must_not == "fall" else score - root
        known = _are_finite(observed.scores, reference.scores)
        # Two finite scores may lie further apart than float32 reaches.
        distance = ops.maximum(self.by - moved, _LOWEST)
        violated = ops.logical_and(known, moved > self.by + reference.tolerance)
        return violated, ops.where(known, distance, float("inf"))

    def verdict(self, row: Row) -> Verdict:
        """The watched output and its way are the signature."""
        went = "fell" if self.must_not == "fall" else "rose"
        return Verdict(
            kind="wrong-direction",
            signature=(repr(self), f"output {self.output} {went}"),
            threat="evasion",
            severity="medium",
            values={
                "root_answer": float(row.root_scores[self.output]),
                "answer": float(row.scores[self.output]),
                "moved": self.by - row.distance,
            },
        )


def _are_finite(scores: Array, root: Array) -> Array:
    """(B,): every score of the row and of its root is a number."""
    return ops.all(ops.logical_and(ops.isfinite(scores), ops.isfinite(root)), axis=1)
