"""The laws of every scheduler (DESIGN section 4)."""

from __future__ import annotations

import numpy as np
import pytest
from implementations import SCHEDULERS

from mlfuzz.core import PickStats, Scheduler
from mlfuzz.schedulers import Adaptive, Thompson

every = pytest.mark.parametrize("scheduler", SCHEDULERS, ids=repr)


def stats(picks: list[int], kept: list[int]) -> PickStats:
    none = np.zeros(len(picks), np.int64)
    return PickStats(np.array(picks), np.array(kept), none, none)


@every
@pytest.mark.parametrize("number", [1, 2, 1000])
def test_picks_are_in_range(scheduler: Scheduler, number: int) -> None:
    table = stats([0] * number, [0] * number)
    picked = scheduler.pick(table, 256, np.random.default_rng(1))
    assert picked.shape == (256,) and picked.dtype == np.int64
    assert ((picked >= 0) & (picked < number)).all()


@every
def test_every_index_has_a_chance(scheduler: Scheduler) -> None:
    table = stats([10**6] * 9 + [10], [0] * 9 + [10])
    picked = scheduler.pick(table, 5000, np.random.default_rng(2))
    assert set(picked.tolist()) == set(range(10))


@every
def test_equal_chance_gives_equal_picks(scheduler: Scheduler) -> None:
    table = stats([5, 1, 0], [1, 1, 0])
    one, two = (scheduler.pick(table, 50, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one, two)


@every
def test_nothing_to_pick_is_refused(scheduler: Scheduler) -> None:
    with pytest.raises(ValueError, match="nothing to pick from"):
        scheduler.pick(stats([], []), 1, np.random.default_rng(4))


def test_the_adaptive_share_is_as_worked_out_by_hand() -> None:
    # Weights (kept + 1) / (picks + 2): 1/10, 9/10.  With a floor of 0.2 over two indices:
    # 0.1 + 0.8 * 0.1 = 0.18 and 0.1 + 0.8 * 0.9 = 0.82.
    picked = Adaptive(0.2).pick(stats([8, 8], [0, 8]), 20000, np.random.default_rng(5))
    assert abs((picked == 0).mean() - 0.18) < 0.01


def test_a_finding_counts_as_four_kept_rows() -> None:
    none, four, one = np.zeros(2, np.int64), np.array([4, 0]), np.array([0, 1])
    table = PickStats(np.array([8, 8]), four, none, one)
    picked = Adaptive().pick(table, 20000, np.random.default_rng(6))
    assert abs((picked == 0).mean() - 0.5) < 0.015


def test_thompson_picks_as_often_as_worked_out_by_hand() -> None:
    # Nothing known of one, Beta(1, 1); of the other one gain in one pick, Beta(2, 1), density 2x.
    # The second is larger with chance 2/3: with a floor of 0.3, 0.15 + 0.7 * 2/3 = 0.617.
    picked = Thompson(0.3).pick(stats([0, 1], [0, 1]), 20000, np.random.default_rng(5))
    assert abs((picked == 1).mean() - 0.617) < 0.01


def test_thompson_bears_more_gains_than_picks() -> None:
    table = PickStats(np.array([2, 2]), np.array([2, 0]), np.array([2, 0]), np.array([1, 0]))
    picked = Thompson(0.01).pick(table, 1000, np.random.default_rng(5))
    assert 0.5 < (picked == 0).mean() <= 1


@pytest.mark.parametrize("floor", [0.0, -0.1, 1.1])
@pytest.mark.parametrize("scheduler", [Adaptive, Thompson])
def test_a_floor_that_leaves_some_without_a_chance_is_refused(
    scheduler: type[Adaptive | Thompson], floor: float
) -> None:
    with pytest.raises(ValueError, match="expected 0 < floor <= 1"):
        scheduler(floor)
