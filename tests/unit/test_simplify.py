"""Recipes become simpler: golden searches with a fault whose border is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlfuzz.core import Mutator
from mlfuzz.model.simplify import Steps, pulled, simplify
from mlfuzz.mutators.audio import ColouredNoise, Constant, Gain, TimeShift
from mlfuzz.recipe import Step

GAIN, SHIFT, NOISE, CONSTANT = Gain(), TimeShift(), ColouredNoise(), Constant()
MUTATORS: dict[str, Mutator] = {repr(each): each for each in (GAIN, SHIFT, NOISE, CONSTANT)}


def step(mutator: Mutator, *values: float) -> Step:
    kept = tuple(float(np.float32(value)) for value in values)
    return Step(mutator=repr(mutator), version=mutator.version, key=7, values=kept)


def gain_of(steps: Steps) -> float:
    return max(each.values[0] for each in steps if each.mutator == repr(GAIN))


def test_a_share_of_a_strength_lies_between_the_identity_and_the_step() -> None:
    # The identity of a gain is 1: halfway to 3 is 2.
    assert pulled(step(GAIN, 3.0), GAIN, 0.5).values == (2.0,)
    # Of coloured noise only the amplitude is a strength; the colour is what it is.
    assert pulled(step(NOISE, 0.5, 3.0), NOISE, 0.5).values == (0.25, 3.0)
    # At 0 all of it is the identity.
    assert pulled(step(NOISE, 0.5, 3.0), NOISE, 0.0).values == (0.0, 1.0)
    assert pulled(step(GAIN, 3.0), GAIN, 1.0) == step(GAIN, 3.0)


def test_steps_that_are_not_needed_go_and_the_needed_one_gets_as_weak_as_it_can() -> None:
    asked = 0

    def still_fails(candidates: Sequence[Steps]) -> list[bool]:
        nonlocal asked
        asked += len(candidates)
        return [gain_of(steps) > 1.5 for steps in candidates]

    steps = (step(SHIFT, 0.05), step(GAIN, 3.0), step(NOISE, 0.1, 2.0))
    found = simplify(steps, MUTATORS, still_fails)
    # Shares of 1/32 of 2 above 1: 1.5 is share 8/32 and passes, 9/32 fails; then 1/1024 steps:
    # 257/1024 is the first one above, 1 + 2 * 257/1024 = 1.501953125.
    assert found.steps == (step(GAIN, 1.501953125),)
    assert found.passing == (step(GAIN, 1.5),)
    assert asked < 3 + 2 + 2 * 32 + 1


def test_two_steps_that_need_each_other_stay() -> None:
    def still_fails(candidates: Sequence[Steps]) -> list[bool]:
        return [gain_of(s) >= 2 and any(v.values[0] > 0.01 for v in s[:1]) for s in candidates]

    steps = (step(SHIFT, 0.05), step(GAIN, 2.0))
    found = simplify(steps, MUTATORS, still_fails)
    assert [each.mutator for each in found.steps] == [repr(SHIFT), repr(GAIN)]
    assert found.steps[1] == step(GAIN, 2.0) and 0.01 < found.steps[0].values[0] < 0.011


def test_a_step_without_strengths_is_left_as_it_is() -> None:
    steps = (step(CONSTANT, 0.0, 0.5),)
    found = simplify(steps, MUTATORS, lambda candidates: [True] * len(candidates))
    assert (found.steps, found.passing) == (steps, None)


def test_what_only_fails_whole_is_kept() -> None:
    steps = (step(SHIFT, 0.05), step(GAIN, 3.0))
    found = simplify(steps, MUTATORS, lambda candidates: [False] * len(candidates))
    assert found.steps == steps
