"""Two models that should agree, seated side by side as ``targets.pair.Pair`` gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Batch, Observation, Reference, Row, Verdict
from mlfuzz.errors import HarnessError
from mlfuzz.oracles.lead import has_answer, lead

_LOWEST = float(np.finfo(np.float32).min)
_SMALLEST_GAP = 1e-6
"""Two models that give the same have no gap to divide by."""


@dataclass(frozen=True)
class Disagreement:
    """The second model of a pair prefers another class to the first one, or has no answer.

    Parameters
    ----------
    least : float
        So much must each of the two prefer its own answer to the other's, at least 0, in outputs.

    Notes
    -----
    Violated: ``b[answer of b] - b[answer of a]`` and ``a[answer of a] - a[answer of b]`` are both
    over ``least + tolerance``; or b holds NaN or +inf where a holds neither.
    Distance: ``lead / (gap + tolerance + 1e-6)`` with lead the margin by which b still gives a's
    answer and gap the largest difference of an output: how many times further apart the two would
    have to be.  When violated ``-1 - (C * answer of a + answer of b)``, without an answer of b
    ``-1 - C * C``; infinity where a has no answer.
    Reduction: outputs as they are, probabilities too; one output is no choice of classes, there
    only the lack of an answer is seen.
    At equality: a preference of exactly ``least + tolerance`` is none.
    Source: Pei et al., "DeepXplore" (2017), section 4.1, and Odena et al., "TensorFuzz" (2019),
    where a float32 network and its float16 copy disagree; both look for unlike answers only,
    ours has a distance and leaves out those that the size of the batch explains.
    """

    least: float = 0.0
    about_label: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.least >= 0:
            raise ValueError(f"{self!r}: expected at least 0")

    def judge(
        self, batch: Batch, observed: Observation, reference: Reference
    ) -> tuple[Array, Array]:
        """See ``Oracle``; ``HarnessError`` where the model is no pair."""
        a, b, classes = _sides(self, observed)
        of_a, of_b = ops.argmax(a, axis=1), ops.argmax(b, axis=1)
        prefers_a, prefers_own = lead(b, of_a), -lead(a, of_b)
        enough = self.least + reference.tolerance
        both = ops.logical_and(has_answer(a), has_answer(b))
        # In a tie the two may differ in nothing but which of two equals comes first.
        differ = both & (of_a != of_b) & (-prefers_a > enough) & (prefers_own > enough)
        lost = ops.logical_and(has_answer(a), ~has_answer(b))
        far = ops.maximum(prefers_a, 0.0) / (_gap(a, b) + reference.tolerance + _SMALLEST_GAP)
        far = ops.where(ops.isnan(far), float("inf"), far)  # b masks all its answers
        fault = -1.0 - ops.cast(classes * of_a + of_b, "float32")
        distance = ops.where(differ, fault, ops.where(both, far, float("inf")))
        distance = ops.where(lost, -1.0 - classes * classes, distance)
        return ops.logical_or(differ, lost), distance

    def verdict(self, row: Row) -> Verdict:
        """The signature is both answers, or that the second model gave none."""
        a, b = np.split(row.outputs, 2)
        first, second = int(np.argmax(a)), int(np.argmax(b))
        lost = not (b < np.inf).all()
        return Verdict(
            kind="differential",
            signature=(repr(self), "not finite" if lost else f"{first} -> {second}"),
            threat="integrity",
            severity="high" if lost else "medium",
            values={
                "first": first,
                "second": "not finite" if lost else second,
                "first_prefers_by": float(a[first] - a[second]),
                "second_prefers_by": float(b[second] - b[first]),
            },
        )


@dataclass(frozen=True)
class Difference:
    """The numbers that the two models of a pair give are too far apart.

    Parameters
    ----------
    largest : float
        Difference of an output that is allowed, at least 0.

    Notes
    -----
    Violated: ``max_j |a_j - b_j| > largest + tolerance``; or b holds NaN or +inf where a holds
    neither.
    Distance: ``largest - max_j |a_j - b_j|``; when violated ``-1 - j`` with j the output that is
    furthest apart, without an answer of b ``-1 - C``; infinity where a has no answer.
    Reduction: the maximum over the outputs as they are.
    At equality: a difference of exactly ``largest + tolerance`` is allowed; so are equal
    infinities.
    Source: as ``Disagreement``, for models whose answers are numbers.
    """

    largest: float
    about_label: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.largest >= 0:
            raise ValueError(f"{self!r}: expected at least 0")

    def judge(
        self, batch: Batch, observed: Observation, reference: Reference
    ) -> tuple[Array, Array]:
        """See ``Oracle``; ``HarnessError`` where the model is no pair."""
        a, b, outputs = _sides(self, observed)
        apart = _apart(a, b)
        gap = ops.max(apart, axis=1)
        both = ops.logical_and(has_answer(a), has_answer(b))
        wide = ops.logical_and(both, gap > self.largest + reference.tolerance)
        lost = ops.logical_and(has_answer(a), ~has_answer(b))
        near = ops.maximum(self.largest - gap, _LOWEST)
        fault = -1.0 - ops.cast(ops.argmax(apart, axis=1), "float32")
        distance = ops.where(wide, fault, ops.where(both, near, float("inf")))
        return ops.logical_or(wide, lost), ops.where(lost, -1.0 - outputs, distance)

    def verdict(self, row: Row) -> Verdict:
        """The signature is the output furthest apart, or that the second model gave none."""
        a, b = np.split(row.outputs.astype(np.float64), 2)
        lost = not (b < np.inf).all()
        bad = ~(b < np.inf) if lost else np.where(a == b, 0.0, np.abs(a - b))
        most = int(np.argmax(bad))
        return Verdict(
            kind="differential",
            signature=(repr(self), "not finite" if lost else f"output {most}"),
            threat="integrity",
            severity="high" if lost else "medium",
            values={"output": most, "first": float(a[most]), "second": float(b[most])},
        )


def _sides(oracle: Disagreement | Difference, observed: Observation) -> tuple[Array, Array, int]:
    """What the first model gave, what the second gave, and how many outputs each has."""
    count = observed.scores.shape[1]
    if observed.outputs.shape[1] != 2 * count:
        raise HarnessError(
            f"{oracle!r}: the model has {observed.outputs.shape[1]} outputs, not two sets of "
            f"{count}. Expected model= to give a Pair(a, b)."
        )
    return observed.outputs[:, :count], observed.outputs[:, count:], count


def _gap(a: Array, b: Array) -> Array:
    """(B,): the largest difference of an output, of those that both give."""
    apart = _apart(a, b)
    return ops.max(ops.where(ops.isfinite(apart), apart, 0.0), axis=1)


def _apart(a: Array, b: Array) -> Array:
    """(B, C): differences; two equal infinities have none."""
    return ops.where(a == b, 0.0, ops.abs(a - b))
