"""Who finds something gets more of the cores, and nobody starves."""

from __future__ import annotations

import pytest

from mlfuzz.code_loop.slices import FLOOR, FORGET_S, SLICE_S, Share, choose


def share_out(count: int, cores: int, finders: set[int], rounds: int = 2000) -> list[int]:
    """Slices that each of ``count`` entry points gets where ``finders`` find in every slice."""
    shares = [Share() for _ in range(count)]
    slices = [0] * count
    for _ in range(rounds):
        for index in choose(shares, cores):
            slices[index] += 1
            shares[index].spend(SLICE_S)
            if index in finders:
                shares[index].found()
    return slices


def test_equal_ones_share_equally() -> None:
    assert share_out(4, 1, set()) == [500] * 4
    assert share_out(4, 2, {0, 1, 2, 3}) == [1000] * 4


def test_what_still_finds_gets_more_slices() -> None:
    finding, silent = share_out(2, 1, {0})
    assert finding > 5 * silent


def test_nothing_starves() -> None:
    slices = share_out(5, 1, {0})
    assert min(slices) >= 2000 * FLOOR / (1 + 4 * FLOOR) * 0.9
    assert sum(slices) == 2000


def test_one_that_finds_again_catches_up() -> None:
    shares = [Share(), Share()]
    for share in shares:
        share.spend(100)
    before = shares[0].weight
    shares[0].found()
    assert (before, shares[0].weight, shares[1].weight) == (FLOOR, 1.0, FLOOR)


def test_the_weight_falls_with_running_time_and_never_below_the_floor() -> None:
    share = Share()
    assert share.weight == 1.0
    share.spend(FORGET_S)
    assert share.weight == pytest.approx(0.36788, abs=1e-5)  # 1 / e
    share.spend(1e6)
    assert share.weight == FLOOR


def test_time_counts_more_where_the_weight_is_small() -> None:
    share = Share()
    share.spend(1e6)
    used = share.used
    share.spend(2.0)
    assert share.used - used == pytest.approx(2.0 / FLOOR)


def test_those_who_had_least_are_chosen_first() -> None:
    shares = [Share(used=3.0), Share(used=1.0), Share(used=2.0), Share(used=1.0)]
    assert choose(shares, 3) == [1, 3, 2]


def test_with_cores_to_spare_all_are_chosen() -> None:
    assert choose([Share(), Share()], 8) == [0, 1]
    assert choose([], 4) == []
