"""Mutants that know the format: which are kept, and how often they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mlfuzz.code_child.mutations import CROSSOVERS, MAX_REPEATED, Mutations, tokens_of
from mlfuzz.structure.tokens import dictionary

LINE = b"a word, and another\n"


class Counted:
    """In place of ``Counters``: says that each input is new, or none is."""

    def __init__(self, is_rich: bool, places: int = 1000) -> None:
        self.is_rich, self.places, self.cleared = is_rich, places, 0

    def connect(self) -> None: ...
    def is_new(self) -> bool:
        return self.is_rich

    def reached(self) -> int:
        return self.places

    def clear(self) -> None:
        self.cleared += 1


class Mutator:
    """In place of the mutator of structure: the mutant is given."""

    last = "text: repeat"

    def __init__(self, mutant: bytes, is_repeated: bool, is_checked: bool = False) -> None:
        self.mutant, self.is_repeated, self.is_checked = mutant, is_repeated, is_checked
        self.rewards: list[tuple[str, bool]] = []
        self.parents: list[bytes] = []

    def mutate(self, data: bytes, other: bytes, rng: object, max_size: int) -> bytes:
        self.parents.append(data)
        return self.mutant

    def is_native(self, data: bytes) -> bool:
        return data != b"foreign"

    def seed(self, rng: object) -> bytes:
        return b"seed"

    def sealed(self, data: bytes) -> bytes:
        return b"sealed " + data

    def reward(self, name: str, is_new: bool) -> None:
        self.rewards.append((name, is_new))

    def yields(self) -> list[tuple[str, int, int]]:
        return [(self.last, len(self.rewards), sum(new for _, new in self.rewards))]


def mutations(mutator: Any, counters: Any) -> Mutations:
    return Mutations(
        mutator, counters, 1, mutate=lambda data, size: b"theirs", tell=lambda yields: None
    )


def mutants(of: Mutations, count: int) -> list[bytes]:
    """What libFuzzer gets for so many crossovers, each run at once."""
    crossover: Callable[..., bytes] = of.hooks(is_often=False)["custom_crossover"]
    of.settle()
    made = []
    for seed in range(count):
        made.append(crossover(LINE, LINE, 4096, seed))
        if of.is_pending:
            of.settle()
    return made


@pytest.mark.parametrize(
    ("mutant", "is_repeated", "is_kept"),
    [
        (LINE * 100, True, False),
        (LINE * 2, True, True),
        (LINE * 100, False, True),
        (b"x" * MAX_REPEATED, True, True),
        (b"x" * (MAX_REPEATED + 1), True, False),
    ],
)
def test_only_a_long_repetition_is_run_for_its_faults_alone(
    mutant: bytes, is_repeated: bool, is_kept: bool
) -> None:
    counters, mutator = Counted(is_rich=True), Mutator(mutant, is_repeated)
    of = mutations(mutator, counters)
    ours = [each for each in mutants(of, 50) if each == mutant]
    assert ours
    assert counters.cleared == (0 if is_kept else len(ours))
    assert mutator.rewards[-1] == ("text: repeat", is_kept)


def test_mutants_that_yield_nothing_become_rare_and_never_none() -> None:
    poor, rich = (
        mutants(mutations(Mutator(b"ours", False), Counted(is_rich)), 8000)[4000:].count(b"ours")
        for is_rich in (False, True)
    )
    least, most = (4000 * share for share in CROSSOVERS)
    assert 0.7 * least < poor < 1.5 * least
    assert 0.9 * most < rich < 1.1 * most


@pytest.mark.parametrize(
    ("typical_s", "places", "is_often"),
    [(20e-6, 1000, False), (20e-6, 10, True), (5e-3, 1000, True), (5e-3, 10, True)],
)
def test_a_slow_or_compiled_target_gets_more_of_them(
    typical_s: float, places: int, is_often: bool
) -> None:
    of = mutations(Mutator(b"ours", False), Counted(False, places))
    assert of.should_be_often(typical_s) == is_often
    hooks = of.hooks(is_often)
    assert ("custom_mutator" in hooks) == is_often


def test_seeds_without_new_coverage_are_parents_too_and_more_often_for_what_is_foreign() -> None:
    shares = []
    for parent in (LINE, b"foreign"):
        mutator = Mutator(b"ours", False)
        mutate = mutations(mutator, Counted(False)).hooks(True)["custom_mutator"]
        for seed in range(2000):
            mutate(parent, 4096, seed)
        assert set(mutator.parents) == {parent, b"seed"}
        shares.append(mutator.parents.count(b"seed") / len(mutator.parents))
    assert 0.15 < shares[0] < 0.25
    assert 0.43 < shares[1] < 0.57


def test_behind_a_checksum_they_are_frequent_and_libfuzzers_own_are_sealed() -> None:
    of = mutations(Mutator(b"ours", False, is_checked=True), Counted(False))
    assert of.should_be_often(20e-6)
    mutate = of.hooks(True)["custom_mutator"]
    made = [mutate(LINE, 4096, seed) for seed in range(1000)]
    assert set(made) == {b"ours", b"theirs", b"sealed theirs"}
    assert made.count(b"sealed theirs") > 2 * made.count(b"theirs")


def test_libfuzzer_keeps_its_own_mutations_where_ours_are_frequent() -> None:
    mutate = mutations(Mutator(b"ours", False), Counted(True)).hooks(True)["custom_mutator"]
    made = [mutate(LINE, 4096, seed) for seed in range(1000)]
    assert 0.3 < made.count(b"ours") / 1000 < 0.5
    assert made.count(b"theirs") == 1000 - made.count(b"ours")


def test_tokens_come_back_from_a_dictionary_as_they_went_in() -> None:
    tokens = [b"fmt ", b'\x00\xff"\\', b"caf\xc3\xa9", b"x" * 32]
    assert list(tokens_of(dictionary(tokens))) == tokens
