"""Recipes carried out again: the steps applied to their base, many candidates at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlfuzz import backend
from mlfuzz.core import Arrays, Params
from mlfuzz.evaluate import Evaluator
from mlfuzz.recipe import Step
from mlfuzz.rows import split, stack


def remake(
    evaluator: Evaluator, base: Arrays, candidates: Sequence[Sequence[Step]]
) -> list[Arrays] | None:
    """What each candidate makes of the base; None where a mutator is not the recipe's.

    Parameters
    ----------
    candidates : sequence of recipes
        Up to a group of them, which differ in keys and values only: their mutators are the same.
    """
    known = {repr(each): each for each in evaluator.mutators}
    if not candidates[0]:
        return [base] * len(candidates)
    filled = [*candidates, *[candidates[-1]] * (evaluator.group - len(candidates))]
    group: Any = stack([base] * evaluator.group)
    for steps in zip(*filled, strict=True):
        mutator = known.get(steps[0].mutator)
        if mutator is None or mutator.version != steps[0].version:
            return None
        key = np.array([step.key for step in steps], np.int32)
        values = np.array([step.values for step in steps], np.float32)
        group = evaluator.mutate(group, mutator, Params(key, values))
    return split(backend.fetch(group, "confirm"))[: len(candidates)]
