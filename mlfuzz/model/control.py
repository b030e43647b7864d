"""The control arm: what the same mutators find from the seeds alone, and the lift over it.

DESIGN rule 8: findings by signature at equal executions, with a bootstrap over the roots; with
fewer than five signatures in an arm there is no number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

ENOUGH = 5
REPEATS = 400
Signature = tuple[str, ...]


@dataclass
class Arm:
    """One of the two arms: its coverage, its executions, and when it first met each fault."""

    states: Any
    executions: int = 0
    first: dict[tuple[int, Signature], int] = field(default_factory=dict)

    def met(self, root: int, signature: Signature) -> None:
        """A row of this arm, mutated from this root, showed this fault."""
        self.first.setdefault((root, signature), self.executions)

    def until(self, executions: int) -> list[tuple[int, Signature]]:
        """(root, signature) of all that was met within so many executions."""
        return [key for key, when in self.first.items() if when <= executions]


def lift(guided: Arm, control: Arm) -> str:
    """The ratio of distinct signatures at equal executions, with its 90% interval, in words.

    Parameters
    ----------
    guided, control : Arm
        The guided arm is read at the control's number of executions.
    """
    equal = min(guided.executions, control.executions)
    ours, theirs = guided.until(equal), control.until(equal)
    counts = len({s for _, s in ours}), len({s for _, s in theirs})
    if min(counts) < ENOUGH:
        return f"too few to say ({counts[0]} guided, {counts[1]} control at {equal:,} executions)"
    low, high = np.quantile(_bootstrap(ours, theirs), [0.05, 0.95])
    return (
        f"{counts[0] / counts[1]:.2f} [{low:.2f}, {high:.2f}] "
        f"({counts[0]} guided, {counts[1]} control at {equal:,} executions)"
    )


def _bootstrap(
    ours: list[tuple[int, Signature]], theirs: list[tuple[int, Signature]]
) -> np.ndarray:
    """Ratios of signatures over resampled roots; the generator is fixed, so a run repeats."""
    rng = np.random.default_rng(8)
    roots = sorted({root for root, _ in ours + theirs})
    ratios = []
    for _ in range(REPEATS):
        drawn = set(rng.choice(roots, len(roots)).tolist())
        a = len({s for root, s in ours if root in drawn})
        b = len({s for root, s in theirs if root in drawn})
        ratios.append(a / b if b else np.inf)
    return np.asarray(ratios)
