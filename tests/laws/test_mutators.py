"""The laws of every mutator (DESIGN section 4)."""

from __future__ import annotations

import numpy as np
import pytest
from implementations import AUDIO, MUTATORS, ZERO_STRENGTH, mutated, recordings

import mlfuzz.mutators.audio
from mlfuzz.core import Mutator, Params

every = pytest.mark.parametrize("mutator", MUTATORS, ids=repr)
COUNT = 256


def drawn(mutator: Mutator, count: int, *, wild: bool = False, seed: int = 3) -> Params:
    rng = np.random.default_rng(seed)
    return mutator.sample(count, None if wild else np.zeros(count), rng)


def same(one: dict[str, np.ndarray], two: dict[str, np.ndarray], rows: object) -> bool:
    return all(np.array_equal(value, two[name][rows]) for name, value in one.items())


@every
@pytest.mark.parametrize("wild", [False, True], ids=["bounded", "wild"])
def test_what_comes_out_is_inside_the_domain(mutator: Mutator, wild: bool) -> None:
    batch = recordings(32)
    after = mutated(mutator, batch, drawn(mutator, 32, wild=wild))
    assert {name: (a.shape, a.dtype) for name, a in after.items()} == {
        name: (a.shape, a.dtype) for name, a in batch.items()
    }
    steps = after["audio"] * 32768
    assert np.array_equal(steps, np.rint(steps)), "off the grid of 2**-15"
    beyond = np.arange(AUDIO.max_samples) >= after["audio_length"][:, None]
    assert not after["audio"][beyond].any(), "something lies beyond the length"
    contract = AUDIO.contract()
    for audio, length in zip(after["audio"], after["audio_length"], strict=True):
        assert contract.breach(audio[:length]) is None


@every
@pytest.mark.parametrize("wild", [False, True], ids=["bounded", "wild"])
def test_a_row_gives_the_same_bits_in_any_company(mutator: Mutator, wild: bool) -> None:
    batch, params = recordings(COUNT), drawn(mutator, COUNT, wild=wild)
    whole = mutated(mutator, batch, params)
    order = np.random.default_rng(4).permutation(COUNT)
    assert same(mutated(mutator, batch, params, order), whole, order)
    for rows in np.split(np.arange(COUNT), COUNT // 32)[::3]:
        assert same(mutated(mutator, batch, params, rows), whole, rows)
    for row in range(0, COUNT, 29):
        alone = slice(row, row + 1)
        assert same(mutated(mutator, batch, params, alone), whole, alone)


@every
def test_a_replay_gives_the_same_bits(mutator: Mutator) -> None:
    batch, params = recordings(32), drawn(mutator, 32, wild=True)
    assert same(mutated(mutator, batch, params), mutated(mutator, batch, params), slice(None))


@every
def test_the_input_of_a_mutator_stays_as_it_was(mutator: Mutator) -> None:
    batch = recordings(32)
    mutated(mutator, batch, drawn(mutator, 32))
    assert same(batch, recordings(32), slice(None))


@every
def test_the_identity_changes_nothing_and_costs_nothing(mutator: Mutator) -> None:
    batch = recordings(32)
    params = Params(drawn(mutator, 32).key, np.tile(np.float32(mutator.identity), (32, 1)))
    assert same(mutated(mutator, batch, params), batch, slice(None))
    assert not mutator.cost(params).any()


@pytest.mark.parametrize("mutator", ZERO_STRENGTH, ids=repr)
def test_zero_strength_changes_nothing(mutator: Mutator) -> None:
    batch, params = recordings(32), drawn(mutator, 32)
    assert same(mutated(mutator, batch, params), batch, slice(None))
    assert not mutator.cost(params).any()


@every
def test_it_never_spends_more_than_what_is_left(mutator: Mutator) -> None:
    spent = np.random.default_rng(5).uniform(0, 1, 4096)
    spent[:1024], spent[1024:2048] = 0.0, 1.0
    cost = mutator.cost(mutator.sample(4096, spent, np.random.default_rng(6)))
    assert cost.dtype == np.float64 and cost.shape == (4096,)
    assert (cost >= 0).all() and (spent + cost <= 1).all()


@every
def test_a_row_with_nothing_left_is_left_alone(mutator: Mutator) -> None:
    batch = recordings(32)
    params = mutator.sample(32, np.ones(32), np.random.default_rng(7))
    assert same(mutated(mutator, batch, params), batch, slice(None))


def test_chains_of_mutators_keep_within_every_purse() -> None:
    rng, purses = np.random.default_rng(8), {each.budget: np.zeros(500) for each in MUTATORS}
    for _ in range(60):
        mutator = MUTATORS[rng.integers(len(MUTATORS))]
        spent = purses[mutator.budget]
        spent += mutator.cost(mutator.sample(500, spent, rng))
    assert all((spent <= 1).all() for spent in purses.values())


@every
def test_equal_chance_gives_equal_parameters_of_the_right_form(mutator: Mutator) -> None:
    for wild in (False, True):
        one, two = drawn(mutator, 9, wild=wild), drawn(mutator, 9, wild=wild)
        assert np.array_equal(one.key, two.key) and np.array_equal(one.values, two.values)
        assert one.key.shape == (9,) and one.key.dtype == np.int32
        assert one.values.shape == (9, len(mutator.identity))
        assert one.values.dtype == np.float32 and np.isfinite(one.values).all()


@every
def test_its_repr_evaluates_back(mutator: Mutator) -> None:
    assert eval(repr(mutator), vars(mlfuzz.mutators.audio)) == mutator
    assert isinstance(mutator.version, int) and isinstance(mutator.budget, str)


@every
def test_silence_and_full_scale_give_no_surprise(mutator: Mutator) -> None:
    audio = np.zeros((4, AUDIO.max_samples), np.float32)
    audio[1], audio[2], audio[3, ::2] = 32767 / 32768, -1.0, -1.0
    batch = {"audio": audio, "audio_length": np.full(4, AUDIO.max_samples, np.int32)}
    for wild in (False, True):
        after = mutated(mutator, batch, drawn(mutator, 4, wild=wild))
        assert np.isfinite(after["audio"]).all()
        assert (after["audio_length"] >= 1).all()
