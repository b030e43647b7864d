"""The laws of every coverage criterion (DESIGN section 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from implementations import (
    COVERAGE,
    EXCEPTIONS,
    SPEC,
    TWINS,
    activations,
    observations,
    observed,
    profile,
    rows_of,
    share,
    start,
    updated,
)

from mlfuzz.backend import Compiled, fetch, put
from mlfuzz.core import Coverage, Observation, Profile
from mlfuzz.coverage.archive import mark, mark_all
from mlfuzz.coverage.corner import BoundaryCoverage, StrongActivationCoverage
from mlfuzz.coverage.neuron import MultisectionCoverage


def every(law: Callable[..., None]) -> Any:
    """The law for every criterion, but for those that ``EXCEPTIONS`` says break it."""
    bound = [each for each in COVERAGE if (type(each), law.__name__) not in EXCEPTIONS]
    return pytest.mark.parametrize("coverage", bound, ids=repr)(law)


with_twin = pytest.mark.parametrize(
    ("coverage", "twin"), TWINS, ids=[repr(coverage) for coverage, _ in TWINS]
)
corners = pytest.mark.parametrize(
    "coverage", [BoundaryCoverage(), StrongActivationCoverage()], ids=repr
)
BATCH = 16
OTHERS = ("outputs", "scores", "embedding", "extremes")


@every
def test_a_batch_is_its_rows_in_order(coverage: Coverage) -> None:
    whole = one_by_one = start(coverage)
    for seed in range(3):
        seen = observations(BATCH, seed)
        whole, novel = updated(coverage, whole, seen)
        for row in range(BATCH):
            one_by_one, new = updated(coverage, one_by_one, rows_of(seen, slice(row, row + 1)))
            assert new[0] == novel[row]
        assert share(coverage, whole) == share(coverage, one_by_one)


@every
def test_nothing_is_new_twice(coverage: Coverage) -> None:
    seen = observations(BATCH)
    state, novel = updated(coverage, start(coverage), seen)
    assert novel.any()
    _, again = updated(coverage, state, seen)
    assert not again.any()
    _, shuffled = updated(coverage, state, rows_of(seen, np.arange(BATCH)[::-1]))
    assert not shuffled.any()


@every
def test_a_row_twice_in_a_batch_is_new_once(coverage: Coverage) -> None:
    seen = rows_of(observations(BATCH), np.repeat(0, BATCH))
    _, novel = updated(coverage, start(coverage), seen)
    assert novel.tolist() == [True] + [False] * (BATCH - 1)


@every
def test_the_summary_never_falls_and_is_a_share(coverage: Coverage) -> None:
    state, before = start(coverage), 0.0
    assert share(coverage, state) == 0.0
    for seed in range(8):
        state, novel = updated(coverage, state, observations(BATCH, seed))
        after = share(coverage, state)
        assert before <= after <= 1.0
        assert (after > before) == novel.any()
        before = after


@every
def test_what_is_covered_does_not_depend_on_the_order(coverage: Coverage) -> None:
    seen = observations(BATCH)
    one, _ = updated(coverage, start(coverage), seen)
    two, _ = updated(coverage, start(coverage), rows_of(seen, np.arange(BATCH)[::-1]))
    assert share(coverage, one) == share(coverage, two)
    assert not updated(coverage, one, rows_of(seen, np.arange(BATCH)[::-1]))[1].any()


@every
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_leaves_the_others_alone(coverage: Coverage, bad: float) -> None:
    seen = observations(BATCH)
    _, novel = updated(coverage, start(coverage), rows_of(seen, np.arange(1, BATCH)))
    for layer in (*seen["activations"].values(), *(seen[name] for name in OTHERS)):
        layer[0] = bad
    _, with_bad = updated(coverage, start(coverage), seen)
    assert novel[:3].tolist() == with_bad[1:4].tolist()


@pytest.mark.parametrize(("kind", "law"), EXCEPTIONS)
def test_an_exception_is_one(kind: type, law: str) -> None:
    for coverage in [each for each in COVERAGE if type(each) is kind]:
        with pytest.raises(AssertionError):
            globals()[law](coverage)


def test_the_profile_is_never_outside_itself() -> None:
    layers = activations(20, seed=77)
    joined = np.concatenate(list(layers.values()), axis=1)
    own = Profile(joined.min(axis=0), joined.max(axis=0))
    coverage = MultisectionCoverage(10)
    state = coverage.init(SPEC, own)
    cells = np.asarray(Compiled(coverage._cells)(state, joined)._value)
    assert ((cells >= 0) | (own.low == own.high)).all()


@corners
def test_the_profile_set_reaches_no_corner_of_its_own(coverage: Coverage) -> None:
    # With <= for < it would cover itself (FACTS section 4, 10).
    layers = activations(20, seed=77)
    joined = np.concatenate(list(layers.values()), axis=1)
    state = put(coverage.init(SPEC, Profile(joined.min(axis=0), joined.max(axis=0))))
    state, novel = updated(coverage, state, observed(layers, np.zeros((20, 4), np.float32)))
    assert not novel.any()
    assert share(coverage, state) == 0.0


@pytest.mark.parametrize("coverage", [each for each in COVERAGE if each.needs_profile], ids=repr)
def test_a_profile_of_the_wrong_size_is_refused(coverage: Coverage) -> None:
    for wrong in (None, Profile(profile().low[1:], profile().high[1:])):
        with pytest.raises(ValueError, match="expected a profile of 12 neurons"):
            coverage.init(SPEC, wrong)


def odd_observations(count: int) -> dict[str, Any]:
    """Ties, constants, zeros, the profile's own ends, huge, tiny and broken rows."""
    seen = observations(count, seed=5)
    own = profile()
    for place, (name, layer) in enumerate(seen["activations"].items()):
        first = sum(list(SPEC.layers.values())[:place])
        layer[0], layer[1] = 0.0, 2.5
        layer[2], layer[3] = (end[first : first + SPEC.layers[name]] for end in (own.low, own.high))
        layer[4], layer[5] = np.round(layer[4]), np.nextafter(layer[3], np.float32(9))
        layer[6, -1], layer[7, 0], layer[8], layer[9] = np.nan, np.inf, -np.inf, np.nan
        layer[10], layer[11] = layer[12] * 1e30, layer[12] * 1e-30
    seen["scores"][:4] = [[0, 0, 0, 0], [1, 1, 0, 0], [np.nan, 1, 2, 3], [-np.inf, 0, 5, 5]]
    return observed(seen["activations"], seen["scores"])


@with_twin
@pytest.mark.parametrize("kind", ["random", "odd"])
def test_a_criterion_agrees_with_its_twin(coverage: Coverage, twin: Any, kind: str) -> None:
    state, naive = start(coverage), twin(SPEC, profile())
    for seed in range(3):
        seen = odd_observations(BATCH) if kind == "odd" and seed == 1 else observations(BATCH, seed)
        state, novel = updated(coverage, state, seen)
        expected = [naive.update(rows_of(seen, row)) for row in range(BATCH)]
        assert novel.tolist() == expected
        assert share(coverage, state) == pytest.approx(naive.summary(), rel=1e-5)


def by_hand(state: set[int], rows: list[list[int]]) -> list[bool]:
    novel = []
    for row in rows:
        fresh = {cell for cell in row if cell >= 0} - state
        novel.append(bool(fresh))
        state |= fresh
    return novel


@pytest.mark.parametrize("form", ["cells", "hits"])
def test_the_archive_agrees_with_a_set(form: str) -> None:
    rng, size = np.random.default_rng(1), 40
    state, known = put(np.zeros(size, bool)), set[int]()
    cells_form, hits_form = Compiled(mark), Compiled(mark_all)
    for _ in range(6):
        cells = np.where(rng.random((8, 3)) < 0.6, -1, rng.integers(0, size, (8, 3)))
        hits = (cells[:, :, None] == np.arange(size)).any(axis=1)
        if form == "cells":
            state, novel = cells_form(state, cells.astype(np.int32))
        else:
            state, novel = hits_form(state, hits)
        assert fetch(novel, "test").tolist() == by_hand(known, cells.tolist())
        assert set(np.flatnonzero(fetch(state, "test")).tolist()) == known


@every
def test_an_update_gets_by_without_the_host(coverage: Coverage) -> None:
    seen = observed(activations(4), np.zeros((4, SPEC.outputs), np.float32))
    compiled = Compiled(lambda state, seen: coverage.update(state, Observation(**seen)))
    state, novel = compiled(start(coverage), seen)
    for taken in (novel, *(state.values() if isinstance(state, dict) else [state])):
        with pytest.raises(TypeError):
            np.asarray(taken)
    compiled(state, seen)
    assert compiled.traces == 1
