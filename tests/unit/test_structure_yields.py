"""Operations that yield nothing are used less, and none dies out."""

from __future__ import annotations

from collections import Counter
from random import Random

from files import CLEAN

from mlfuzz.structure import mutator_for
from mlfuzz.structure.yields import FLOOR, RECENT, STALE, Arms


def test_at_first_all_are_as_likely() -> None:
    assert Arms("abcd").shares() == [0.25] * 4


def test_weights_are_new_over_tries() -> None:
    arms = Arms("ab")
    for index in range(STALE):
        arms.reward("a", index < 8)
        arms.reward("b", False)
    # a: (8 + 1) / (32 + 2); b: (0 + 1) / (32 + 2), a tenth of both; its floor is an eighth
    rate_a, rate_b = 0.9, FLOOR / 2
    assert arms.shares() == [rate_a / (rate_a + rate_b), rate_b / (rate_a + rate_b)]


def test_what_yields_nothing_is_used_less_and_never_dies_out() -> None:
    arms, rng = Arms("abcdefgh"), Random(1)
    for _ in range(20_000):
        name = arms.names[arms.choose(rng)]
        arms.reward(name, name == "a" and rng.random() < 0.1)
    used = Counter(arms.names[arms.choose(rng)] for _ in range(10_000))
    assert used["a"] > 0.5 * 10_000
    assert min(used[name] for name in arms.names) > 10_000 * FLOOR / 8 * 0.5


def test_what_was_rich_once_is_forgotten() -> None:
    arms = Arms("ab")
    for _ in range(100):
        arms.reward("a", True)
    rich = arms.shares()[0]
    for _ in range(10 * RECENT):
        arms.reward("a", False)
        arms.reward("b", False)
    assert rich > 0.6
    assert arms.shares()[0] < 0.6
    assert arms.new == [100, 0] and arms.tries[0] == 100 + 10 * RECENT


def test_rewards_change_what_a_mutator_does() -> None:
    rng, mutator = Random(3), mutator_for([])
    used = Counter[str]()
    for index in range(6000):
        mutator.mutate(CLEAN["png"], b"", rng, 1000)
        mutator.reward(mutator.last, mutator.last == "png: field")
        if index >= 3000:
            used[mutator.last] += 1
    assert used.most_common(1)[0][0] == "png: field"
    assert used["png: field"] > 1500 and len(used) == 12
    assert {name for name, _, new in mutator.yields() if new} == {"png: field"}
    assert sum(tries for _, tries, _ in mutator.yields()) == 6000


def test_a_name_that_is_unknown_is_no_reward() -> None:
    mutator = mutator_for([])
    mutator.reward("libFuzzer", True)
    mutator.reward("png: nothing", True)
    assert mutator.yields() == []


def test_equal_rewards_lead_to_equal_mutants() -> None:
    def run() -> list[bytes]:
        rng, mutator, made = Random(3), mutator_for([]), []
        for index in range(500):
            made.append(mutator.mutate(CLEAN["json"], b"", rng, 500))
            mutator.reward(mutator.last, index % 7 == 0)
        return made

    assert run() == run()
