"""Entries in memory: who may be a parent, who has to go, and what counts as nearer."""

import numpy as np

from mlfuzz.backend import fetch
from mlfuzz.model.population import NEARER, POOL, Entry, Pools, Population
from mlfuzz.recipe import Recipe, Step


def entry(name: str, steps: int = 0, made_by: str = "guided", leashed: bool = True) -> Entry:
    step = Step(mutator="Gain()", version=1, key=0, values=(1.0,))
    recipe = Recipe(
        sequence=0,
        base="b",
        root="r",
        made_by=made_by,
        steps=(step,) * steps,
        spent={"gain": 0.25 * steps},
    )
    return Entry(name, 0, recipe, leashed)


def row(value: float) -> dict[str, np.ndarray]:
    return {"audio": np.full(3, value, np.float32)}


def filled(capacity: int) -> Population:
    population = Population(capacity)
    population.add(entry("seed", made_by="seed"), row(0))
    for number in range(1, capacity):
        population.add(entry(f"e{number}", steps=number), row(number))
    return population


def first_samples(population: Population, *numbers: int) -> list[float]:
    rows = fetch(population.rows(np.array(numbers)), "test")
    samples: list[float] = rows["audio"][:, 0].tolist()
    return samples


def test_rows_come_back_as_they_went_in() -> None:
    population = filled(300)
    assert first_samples(population, 299, 0, 7) == [299, 0, 7]


def test_a_known_name_keeps_its_number() -> None:
    population = filled(3)
    assert population.add(entry("e1"), row(9)) == 1
    assert first_samples(population, 1) == [1]


def test_only_leashed_entries_are_parents_of_leashed_groups() -> None:
    population = filled(2)
    bigger = Population(3)
    for name, leashed in (("a", True), ("b", False), ("c", True)):
        bigger.add(entry(name, leashed=leashed), row(0))
    assert population.choices(wild=False).tolist() == [0, 1]
    assert bigger.choices(wild=False).tolist() == [0, 2]
    assert bigger.choices(wild=True).tolist() == [0, 1, 2]


def test_what_a_lineage_spent_is_read_by_purse() -> None:
    population = filled(4)
    assert population.spent(np.array([0, 3]), "gain").tolist() == [0.0, 0.75]
    assert population.spent(np.array([0, 3]), "noise").tolist() == [0.0, 0.0]


def test_an_entry_that_had_to_go_gets_no_credit() -> None:
    population = filled(4)
    numbers, entries = np.arange(4), list(population.entries)
    assert population.still(numbers, entries).tolist() == [0, 1, 2, 3]
    population.tally.credit(np.array([2, 2]), np.zeros(2, bool), np.zeros(2, bool))
    population.add(entry("new"), row(8))
    assert population.still(numbers, entries).tolist() == [0, 1, -1, 3]


def test_beyond_the_capacity_the_entry_picked_most_goes() -> None:
    population = filled(4)
    nothing = np.zeros(3, bool)
    population.tally.credit(np.array([2, 2, 3]), nothing, nothing)
    assert population.add(entry("new"), row(8)) == 2
    assert len(population) == 4
    assert population.entries[2].name == "new"
    assert population.tally.stats().picks.tolist() == [0, 0, 0, 1]


def test_a_seed_and_a_cells_favourite_never_go() -> None:
    population = filled(3)
    population.favour(2, cell=5)
    population.favour(1, cell=5)  # one step against two: the cheaper is the favourite
    picks = np.array([0, 0, 0, 1, 1])
    population.tally.credit(picks, np.zeros(5, bool), np.zeros(5, bool))
    assert population.add(entry("new"), row(8)) == 2


def test_a_pool_takes_only_what_is_nearer_than_its_worst() -> None:
    pools = Pools(oracles=1, roots=1)
    for distance in (4.0, 2.0, 1.0):
        assert pools.offer(np.array([distance]), 0, wild=False)
    barely = 4.0 * (1 - NEARER / 2)
    assert not pools.offer(np.array([barely]), 0, wild=False)
    assert pools.offer(np.array([3.0]), 0, wild=False)
    assert POOL == 3


def test_a_distance_that_is_there_already_fills_no_second_place() -> None:
    pools = Pools(oracles=1, roots=1)
    assert [pools.offer(np.array([1.0]), 0, wild=False) for _ in range(3)] == [True, False, False]


def test_pools_of_roots_and_leashes_are_apart() -> None:
    pools = Pools(oracles=2, roots=2)
    for distance in (1.0, 1.1, 1.2):
        pools.offer(np.array([distance, np.inf]), 0, wild=False)
    far = np.array([[2.0, np.inf]] * 3)
    roots, wild = np.array([0, 1, 0]), np.array([False, False, True])
    assert pools.candidates(far, roots, wild).tolist() == [False, True, True]
    assert not pools.candidates(np.full((1, 2), np.inf), roots[:1], wild[:1]).any()
