"""Faults of arithmetic: they need no label, no bounds and no second opinion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Batch, Observation, Reference, Row, Verdict

_TINY = float(np.finfo(np.float32).tiny)
_EXPONENTS = 128.0
"""float32 overflows at 2**128."""


@dataclass(frozen=True)
class NonFinite:
    """Some stage of the model gives NaN or an infinity.

    Notes
    -----
    Violated: a stage's extreme is not finite.  Stages are the features, the tapped layers (after
    their activations by default) and the outputs, each reduced to its largest magnitude.
    Distance: the least headroom over the stages, ``1 - log2(magnitude) / 128``: about 2 for an
    all-zero model, 1 at magnitude 1, 0 where float32 overflows; when violated ``-1 - i``
    with i the number of the first bad stage.
    At equality: the largest finite float32 is not violated.
    Source: the objective of Odena et al., "TensorFuzz" (2019), section 4.1, where NaN is looked
    for with the logits' size as coverage; here the headroom of every stage is the distance.
    """

    about_label: ClassVar[bool] = False

    def judge(
        self, batch: Batch, observed: Observation, reference: Reference
    ) -> tuple[Array, Array]:
        """See ``Oracle``."""
        finite = ops.all(ops.isfinite(observed.extremes), axis=1)
        magnitude = ops.maximum(ops.abs(observed.extremes), _TINY)
        headroom = ops.min(1.0 - ops.log2(magnitude) / _EXPONENTS, axis=1)
        bad = ops.cast(ops.logical_not(ops.isfinite(observed.extremes)), "int32")
        first = ops.cast(ops.argmax(bad, axis=1), "float32")
        distance = ops.where(finite, ops.maximum(headroom, 0.0), -1.0 - first)
        return ops.logical_not(finite), distance

    def verdict(self, row: Row) -> Verdict:
        """The first bad stage is the signature."""
        return Verdict(
            kind="non-finite",
            signature=(row.first_bad or "unknown",),
            threat="disruption",
            severity="high",
            values={"distance": row.distance, "first_bad": row.first_bad or "unknown"},
        )
