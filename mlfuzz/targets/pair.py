"""Two models as one target: what one answers beside what the other answers.

No framework may be imported here: both targets bring their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from mlfuzz.backend import ops
from mlfuzz.core import Array, Batch, Observation, Target
from mlfuzz.errors import HarnessError


@dataclass(frozen=True)
class Pair:
    """Two models that should agree, such as one and its quantised export.

    Parameters
    ----------
    a : Target
        The one that is trusted more: its answers are the scores that oracles about labels see.
    b : Target
        The one that is compared with it; it takes the same inputs and gives as many outputs.

    Notes
    -----
    ``outputs`` are (B, 2C): those of a, then those of b.  Neurons, extremes and stages are those
    of both, with ``a/`` or ``b/`` before their names; the embedding is that of a.
    """

    a: Target
    b: Target
    traced: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name, each in (("a", self.a), ("b", self.b)):
            if not isinstance(each, Target) or not each.traced:
                raise HarnessError(
                    f"Pair: {name} is a {type(each).__name__}. Expected a traced target, such as "
                    "KerasTarget(model)."
                )

    @property
    def digest(self) -> str:
        """sha256 of both digests."""
        return hashlib.sha256(f"{self.a.digest} {self.b.digest}".encode()).hexdigest()

    def run(self, batch: Batch, thorough: bool = False) -> Observation:
        """See ``Target``; ``HarnessError`` where the two give unlike numbers of outputs."""
        a, b = (each.run(batch, thorough) for each in (self.a, self.b))
        if a.outputs.shape[1] != b.outputs.shape[1]:
            raise HarnessError(
                f"Pair: a gives {a.outputs.shape[1]} outputs, b {b.outputs.shape[1]}. "
                "Expected as many of both."
            )
        return Observation(
            outputs=ops.concatenate([a.outputs, b.outputs], axis=1),
            scores=a.scores,
            embedding=a.embedding,
            activations=_named(a.activations, b.activations),
            extremes=ops.concatenate([a.extremes, b.extremes], axis=1),
        )

    def stages(self, batch: Batch) -> Mapping[str, Array]:
        """All of a, then all of b."""
        return _named(self.a.stages(batch), self.b.stages(batch))


def _named(a: Mapping[str, Array], b: Mapping[str, Array]) -> dict[str, Array]:
    both = (("a", a), ("b", b))
    return {f"{side}/{name}": value for side, each in both for name, value in each.items()}
