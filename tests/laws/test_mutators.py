"""The laws of every mutator (DESIGN section 4)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from implementations import SUBJECTS, Subject, mutated, pairs

from mlfuzz.backend import Compiled, fetch
from mlfuzz.core import ArraySpec, Batch, Mutator, Params
from mlfuzz.mutators import image
from mlfuzz.rows import shipped

every = pairs(lambda subject: subject.mutators)
COUNT = 256


def drawn(mutator: Mutator, count: int, *, wild: bool = False, seed: int = 3) -> Params:
    rng = np.random.default_rng(seed)
    return mutator.sample(count, None if wild else np.zeros(count), rng)


def same(one: dict[str, np.ndarray], two: dict[str, np.ndarray], rows: object) -> bool:
    return all(np.array_equal(value, two[name][rows]) for name, value in one.items())


def after(subject: Subject, mutator: Mutator, batch: Any, params: Params) -> dict[str, np.ndarray]:
    return mutated(mutator, batch, params, domain=subject.domain)


def is_on_the_grid(spec: ArraySpec, batch: dict[str, np.ndarray]) -> bool:
    steps = batch[spec.name] / (spec.quantum or 1)  # a power of two, so this is exact
    return np.array_equal(steps, np.rint(steps))


def ends_at_its_length(spec: ArraySpec, batch: dict[str, np.ndarray]) -> bool:
    if not spec.padded:
        return True
    beyond = np.arange(spec.shape[0]) >= batch[f"{spec.name}_length"][:, None]
    return not batch[spec.name][beyond].any()


@every
@pytest.mark.parametrize("wild", [False, True], ids=["bounded", "wild"])
def test_what_comes_out_is_inside_the_domain(
    subject: Subject, mutator: Mutator, wild: bool
) -> None:
    batch = subject.inputs(32)
    made = after(subject, mutator, batch, drawn(mutator, 32, wild=wild))
    assert {name: (a.shape, a.dtype) for name, a in made.items()} == {
        name: (a.shape, a.dtype) for name, a in batch.items()
    }
    for spec in subject.domain.specs():
        assert is_on_the_grid(spec, made), f"off the grid of {spec.quantum}"
        assert ends_at_its_length(spec, made), "something lies beyond the length"
    contract = subject.domain.contract()
    for row in range(32):
        one = {name: value[row] for name, value in made.items()}
        assert contract.breach(shipped(subject.domain, one)) is None


@every
@pytest.mark.parametrize("wild", [False, True], ids=["bounded", "wild"])
def test_a_row_gives_the_same_bits_in_any_company(
    subject: Subject, mutator: Mutator, wild: bool
) -> None:
    batch, params = subject.inputs(COUNT), drawn(mutator, COUNT, wild=wild)
    whole = after(subject, mutator, batch, params)

    def some(rows: object) -> bool:
        return same(mutated(mutator, batch, params, rows, subject.domain), whole, rows)

    assert some(np.random.default_rng(4).permutation(COUNT))
    assert all(some(rows) for rows in np.split(np.arange(COUNT), COUNT // 32)[::3])
    assert all(some(slice(row, row + 1)) for row in range(0, COUNT, 29))


@every
def test_a_replay_gives_the_same_bits(subject: Subject, mutator: Mutator) -> None:
    batch, params = subject.inputs(32), drawn(mutator, 32, wild=True)
    once, twice = (after(subject, mutator, batch, params) for _ in range(2))
    assert same(once, twice, slice(None))


@pytest.mark.slow
@pairs(lambda subject: subject.mutators if subject.module is image else ())
def test_a_picture_has_the_same_bits_fused_or_not(subject: Subject, mutator: Mutator) -> None:
    """All is exact in float32, so no order of operations that a compiler takes may show.

    Half of the rows are as shrinking makes them, at some share of their strengths.
    """
    batch, params = subject.inputs(64), drawn(mutator, 64, wild=True)
    strengths, shares = list(mutator.strengths), np.float32(np.linspace(0.1, 0.9, 32))[:, None]
    middle = np.float32(mutator.identity)[strengths]
    params.values[::2, strengths] = middle + shares * (params.values[::2, strengths] - middle)

    def plain(batch: Any, key: Any, values: Any) -> Any:
        return dict(subject.domain.round(mutator.apply(Batch(batch), Params(key, values))))

    unfused = fetch(Compiled(plain)(batch, params.key, params.values), "test")
    assert same(after(subject, mutator, batch, params), unfused, slice(None))


@every
def test_the_input_of_a_mutator_stays_as_it_was(subject: Subject, mutator: Mutator) -> None:
    batch = subject.inputs(32)
    after(subject, mutator, batch, drawn(mutator, 32))
    assert same(batch, subject.inputs(32), slice(None))


@every
def test_the_identity_changes_nothing_and_costs_nothing(subject: Subject, mutator: Mutator) -> None:
    batch = subject.inputs(32)
    params = Params(drawn(mutator, 32).key, np.tile(np.float32(mutator.identity), (32, 1)))
    assert same(after(subject, mutator, batch, params), batch, slice(None))
    assert not mutator.cost(params).any()


@pairs(lambda subject: subject.zero_strength)
def test_zero_strength_changes_nothing(subject: Subject, mutator: Mutator) -> None:
    batch, params = subject.inputs(32), drawn(mutator, 32)
    assert same(after(subject, mutator, batch, params), batch, slice(None))
    assert not mutator.cost(params).any()


@every
def test_it_never_spends_more_than_what_is_left(subject: Subject, mutator: Mutator) -> None:
    spent = np.random.default_rng(5).uniform(0, 1, 4096)
    spent[:1024], spent[1024:2048] = 0.0, 1.0
    cost = mutator.cost(mutator.sample(4096, spent, np.random.default_rng(6)))
    assert cost.dtype == np.float64 and cost.shape == (4096,)
    assert (cost >= 0).all() and (spent + cost <= 1).all()


@every
def test_a_row_with_nothing_left_is_left_alone(subject: Subject, mutator: Mutator) -> None:
    batch = subject.inputs(32)
    params = mutator.sample(32, np.ones(32), np.random.default_rng(7))
    assert same(after(subject, mutator, batch, params), batch, slice(None))


@every
def test_a_wild_draw_changes_something(subject: Subject, mutator: Mutator) -> None:
    batch = subject.inputs(32)
    made = after(subject, mutator, batch, drawn(mutator, 32, wild=True))
    (spec,) = subject.domain.specs()
    is_colour = mutator.budget == "saturation" or "Channel" in repr(mutator)
    if is_colour and spec.shape[-1] == 1:
        assert same(made, batch, slice(None)), "grey has no colours"
    else:
        assert not same(made, batch, slice(None))


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: repr(subject.domain))
def test_chains_of_mutators_keep_within_every_purse(subject: Subject) -> None:
    mutators = subject.mutators
    rng, purses = np.random.default_rng(8), {each.budget: np.zeros(500) for each in mutators}
    for _ in range(60):
        mutator = mutators[rng.integers(len(mutators))]
        spent = purses[mutator.budget]
        spent += mutator.cost(mutator.sample(500, spent, rng))
    assert all((spent <= 1).all() for spent in purses.values())


@every
def test_equal_chance_gives_equal_parameters_of_the_right_form(
    subject: Subject, mutator: Mutator
) -> None:
    for wild in (False, True):
        one, two = drawn(mutator, 9, wild=wild), drawn(mutator, 9, wild=wild)
        assert np.array_equal(one.key, two.key) and np.array_equal(one.values, two.values)
        assert one.key.shape == (9,) and one.key.dtype == np.int32
        assert one.values.shape == (9, len(mutator.identity))
        assert one.values.dtype == np.float32 and np.isfinite(one.values).all()


@every
def test_its_repr_evaluates_back(subject: Subject, mutator: Mutator) -> None:
    assert eval(repr(mutator), vars(subject.module)) == mutator
    assert isinstance(mutator.version, int) and isinstance(mutator.budget, str)


@every
def test_silence_and_full_scale_give_no_surprise(subject: Subject, mutator: Mutator) -> None:
    batch = subject.extremes()
    for wild in (False, True):
        made = after(subject, mutator, batch, drawn(mutator, 4, wild=wild))
        for spec in subject.domain.specs():
            assert np.isfinite(made[spec.name]).all()
            assert not spec.padded or (made[f"{spec.name}_length"] >= 1).all()
