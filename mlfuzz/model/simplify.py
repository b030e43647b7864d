"""A model finding made simpler by its recipe: fewer steps, then weaker ones, the same verdict.

Nothing is run here: ``still_fails`` is asked about many candidates at a time, and knows how.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mlfuzz.core import Mutator
from mlfuzz.recipe import Step

Steps = tuple[Step, ...]
StillFails = Callable[[Sequence[Steps]], Sequence[bool]]
"""Candidates of equal mutators, any number of them; True: the verdict is that of the finding."""
ROUNDS = 2
"""Each divides what is left of a step's strength by ``WAYS``."""
WAYS = 32


@dataclass(frozen=True)
class Simpler:
    """The simplest steps that were found to fail, and the nearest ones that were seen to pass."""

    steps: Steps
    passing: Steps | None = None


def simplify(steps: Steps, mutators: Mapping[str, Mutator], still_fails: StillFails) -> Simpler:
    """Drop the steps that are not needed, then pull each of the others toward its identity.

    Parameters
    ----------
    steps : tuple of Step
        Known to fail.
    mutators : mapping
        From the ``repr`` of each step's mutator to itself.

    Notes
    -----
    Greedy: a verdict need not be monotone in a strength, so the weakest of ``WAYS`` equal shares
    that fails is taken, and the gap below it divided once more.
    Source: the one-minimal result of Zeller and Hildebrandt, "Simplifying and isolating
    failure-inducing input" (2002), section 3, for the steps; a grid in place of bisection for
    their strengths, since a batch costs little more than a row.
    """
    steps = _drop(steps, mutators, still_fails)
    passing: Steps | None = None
    for place in range(len(steps)):
        steps, below = _pull(steps, place, mutators, still_fails)
        passing = below or passing
    return Simpler(_drop(steps, mutators, still_fails), passing)


def pulled(step: Step, mutator: Mutator, share: float) -> Step:
    """The step at a share of its strength: 0 is the identity, 1 the step itself."""
    if share >= 1:
        return step
    identity = np.asarray(mutator.identity, np.float64)
    values = np.asarray(step.values, np.float64)
    if share > 0:
        weaker = values.copy()
        strengths = list(mutator.strengths)
        weaker[strengths] = identity[strengths] + share * (values - identity)[strengths]
    else:
        weaker = identity
    rounded = tuple(float(value) for value in weaker.astype(np.float32))
    return Step(mutator=step.mutator, version=step.version, key=step.key, values=rounded)


def _drop(steps: Steps, mutators: Mapping[str, Mutator], still_fails: StillFails) -> Steps:
    """Without every step that can go alone, one after the other; one step at least stays."""
    while len(steps) > 1:
        without = [_with(steps, i, mutators, 0.0) for i in range(len(steps))]
        droppable = np.flatnonzero(still_fails(without))
        if not droppable.size:
            break
        first = int(droppable[0])
        steps = (*steps[:first], *steps[first + 1 :])
    return steps


def _pull(
    steps: Steps, place: int, mutators: Mapping[str, Mutator], still_fails: StillFails
) -> tuple[Steps, Steps | None]:
    """(steps with one at its weakest that fails, the nearest weaker candidate that passes)."""
    if not mutators[steps[place].mutator].strengths:
        return steps, None
    low, high = 0.0, 1.0
    passing: Steps | None = None
    for _ in range(ROUNDS):
        shares = np.linspace(low, high, WAYS + 1)
        candidates = [_with(steps, place, mutators, share) for share in shares[:-1]]
        failing = np.flatnonzero(still_fails(candidates))
        first = int(failing[0]) if failing.size else WAYS
        if first:
            passing = candidates[first - 1]
        low, high = shares[max(first - 1, 0)], shares[first]
    return _with(steps, place, mutators, float(high)), passing


def _with(steps: Steps, place: int, mutators: Mapping[str, Mutator], share: float) -> Steps:
    weaker = pulled(steps[place], mutators[steps[place].mutator], share)
    return (*steps[:place], weaker, *steps[place + 1 :])
