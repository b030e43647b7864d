"""A rule of the author's own, as an oracle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Batch, Observation, Reference, Row, Threat, Verdict
from mlfuzz.errors import HarnessError

_LOWEST = float(np.finfo(np.float32).min)
RuleKind = Literal["predicate", "misclassified", "deviation", "contract"]
"""Kinds that a rule may claim; the others are confirmed in ways of their own."""
Rule = Callable[[Observation, Reference, Batch], Array]


@dataclass(frozen=True)
class Predicate:
    """What the author says is wrong, and how far the rest is from it.

    Parameters
    ----------
    function : callable (Observation, Reference, Batch) -> (B,) bool or (B,) float
        In backend operations (``keras.ops``), row by row.  True: this row is wrong; or a
        distance, below 0 where the row is wrong, which leads the search as a truth value cannot.
    name : str
        The signature of its findings; default: the function's name.
    kind, threat : str
        How its findings are listed; see ``RuleKind`` and ``core.Threat``.
    about_label : bool
        True: only what keeps within the mutators' bounds is judged.

    Notes
    -----
    Violated: the value is True, or below 0.
    Distance: the value; 1 and -1 for a truth value.  NaN is infinitely far and no violation.
    With ``about_label=False`` every violation has the distance -1: one fault, not one a row.
    Reduction: the author's.
    At equality: a distance of exactly 0 is not violated.
    Source: ours; what Odena et al., "TensorFuzz" (2019), call the objective function, here with
    a distance and as a value of the harness.
    """

    function: Rule = field(repr=False)
    name: str = ""
    kind: RuleKind = "predicate"
    threat: Threat = "integrity"
    about_label: bool = False

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", getattr(self.function, "__name__", ""))
        if not self.name or self.name == "<lambda>":
            raise ValueError("Predicate of a nameless function: expected name='...'")
        for value, known in ((self.kind, get_args(RuleKind)), (self.threat, get_args(Threat))):
            if value not in known:
                raise ValueError(f"{self!r}: expected, not {value!r}, one of {', '.join(known)}")

    def judge(
        self, batch: Batch, observed: Observation, reference: Reference
    ) -> tuple[Array, Array]:
        """See ``Oracle``; ``HarnessError`` where the function raises or gives another shape."""
        value = self._value(batch, observed, reference)
        if "bool" in str(value.dtype):
            value = ops.where(value, -1.0, 1.0)
        value = ops.cast(value, "float32")
        violated = value < 0
        value = ops.maximum(ops.where(ops.isnan(value), float("inf"), value), _LOWEST)
        return violated, value if self.about_label else ops.where(violated, -1.0, value)

    def verdict(self, row: Row) -> Verdict:
        """The name is the signature."""
        return Verdict(
            kind=self.kind,
            signature=(self.name,),
            threat=self.threat,
            severity="medium",
            values={"distance": row.distance},
        )

    def _value(self, batch: Batch, observed: Observation, reference: Reference) -> Array:
        try:
            value = ops.convert_to_tensor(self.function(observed, reference, batch))
        except Exception as error:
            first = (str(error).strip().splitlines() or ["no message"])[0].rstrip(".")
            raise HarnessError(
                f"{self!r} raised {type(error).__name__}: {first}. Expected a value a row, in "
                "operations of keras.ops."
            ) from error
        rows, came = observed.scores.shape[0], tuple(value.shape)
        if len(came) != 1 or came[0] != rows:
            raise HarnessError(f"{self!r} gave the shape {came}. Expected ({rows},), one a row.")
        return value
