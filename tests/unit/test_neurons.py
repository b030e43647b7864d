"""Levels of neurons as counters of the code child: golden levels, the self-test, the fallback."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlfuzz.code_child.counters import Counters
from mlfuzz.code_child.neurons import (
    ABOVE,
    BELOW,
    EDGES,
    LEVELS,
    WILD,
    Neurons,
    levels,
    neurons_of,
    on_the_way,
    spans,
)
from mlfuzz.core import TargetSpec
from mlfuzz.domains.audio import Audio
from mlfuzz.harness import Harness


class Model:
    """Stands for an ``Evaluator``: two layers whose neurons are the samples of the row."""

    takes_prepared = False
    spec = TargetSpec({"one": 2, "two": 2}, 2, False, ())
    domain = Audio(rate_hz=8000, max_samples=4)

    def observed(self, batch: Any, ready: Any) -> dict[str, np.ndarray]:
        return {"one": batch["audio"][:, :2], "two": batch["audio"][:, 2:]}


class Branches:
    """Stands for Atheris's own counters."""

    def __init__(self) -> None:
        self.count, self.taken = 0, list[int]()

    def __call__(self, count: int) -> Callable[[Iterable[int]], None]:
        self.count = count
        return lambda places: self.taken.extend(int(place) for place in places)


class Case:
    def __init__(self, folder: Path, counters: Counters | None) -> None:
        self.branches, self.told = Branches(), list[str]()
        harness: Any = SimpleNamespace(prepare=None)
        model: Any = Model()
        path = folder / "ranges.npy"
        self.neurons = Neurons(harness, model, counters, self.branches, path, self.told.append)
        self.see = self.neurons.before(None)

    def settled(self, *seeds: list[float]) -> Case:
        for seed in seeds:
            self.see(audio(*seed))
        self.neurons.settle()
        return self


def audio(*samples: float) -> np.ndarray:
    return np.array(samples, np.float32)


def marked(counters: Counters) -> list[int]:
    return [
        place for page in counters._pages for place in np.flatnonzero(np.frombuffer(page, "u1"))
    ]


def test_levels_by_hand() -> None:
    low, span = np.zeros(1), np.full(1, 2.0)  # the range over the seeds is 0 to 2
    first_inside = int(np.flatnonzero(EDGES == 0)[0]) + 1
    by_hand = {
        0.0: first_inside,  # a border belongs to the upper one
        0.24: first_inside,
        0.25: first_inside + 1,
        1.99: first_inside + 7,
        2.0: first_inside + 8,  # from the end of the range to an eighth of it further on
        2.24: first_inside + 8,
        2.25: first_inside + 9,
        -0.01: first_inside - 1,
        -0.26: first_inside - 2,
        1e30: LEVELS - 2,
        -1e30: 0,
        np.inf: LEVELS - 1,
        np.nan: LEVELS - 1,
    }
    assert {x: int(levels(np.array([x]), low, span)[0]) for x in by_hand} == pytest.approx(
        by_hand, nan_ok=True
    )


@pytest.mark.parametrize(
    ("level", "marked"),
    [
        (BELOW + 3, [BELOW + 3]),  # inside the range
        (ABOVE, [ABOVE]),
        (ABOVE + 2, [ABOVE, ABOVE + 1, ABOVE + 2]),
        (BELOW, [BELOW]),
        (BELOW - 2, [BELOW - 2, BELOW - 1, BELOW]),
        (WILD, [WILD]),
        (0, list(range(BELOW + 1))),
    ],
)
def test_beyond_the_range_an_input_is_on_all_levels_on_its_way(
    level: int, marked: list[int]
) -> None:
    assert np.flatnonzero(on_the_way(np.array([level]))[0]).tolist() == marked


def test_a_neuron_that_is_constant_over_the_seeds_gets_an_eighth_of_its_layers_scale() -> None:
    low = np.array([0.0, -4.0, 3.0, np.inf])
    high = np.array([2.0, -4.0, 3.0, -np.inf])
    start, span = spans(low, high, [2, 1, 1])
    assert start.tolist() == [0.0, -4.0, 3.0, 0.0]
    assert span.tolist() == [2.0, 0.5, 0.375, 0.125]


def test_seeds_only_teach_the_range_and_inputs_are_marked_on_one_level_a_neuron(
    tmp_path: Path,
) -> None:
    counters = Counters()
    case = Case(tmp_path, counters).settled([0, 0, 0, 0], [1, 1, 1, 1])
    assert not marked(counters) and not case.told
    case.see(audio(0, 0.5, 1, 0.99))
    inside = int(np.flatnonzero(EDGES == 0)[0]) + 1
    assert marked(counters) == [
        neuron * LEVELS + level
        for neuron, level in enumerate([inside, inside + 4, inside + 8, inside + 7])
    ]


def test_counters_that_nobody_clears_are_given_up_for_branches(tmp_path: Path) -> None:
    counters = Counters()
    case = Case(tmp_path, counters).settled([0, 0, 0, 0], [1, 1, 1, 1])
    case.see(audio(0, 0, 0, 0))
    assert not case.branches.count
    counters.clear()  # as libFuzzer does
    case.see(audio(0, 0, 0, 0))
    assert not case.branches.count
    case.see(audio(1, 1, 1, 1))
    assert case.branches.count == 4 * LEVELS and len(case.branches.taken) == 4
    case.see(audio(0, 0, 0, 0))
    assert len(case.branches.taken) == 8
    assert case.told == [
        "its neurons guide in the slower way: libFuzzer does not read our counters."
    ]


def test_without_pages_branches_are_marked_from_the_start(tmp_path: Path) -> None:
    case = Case(tmp_path, None).settled([0, 0, 0, 0])
    case.see(audio(0, 0, 0, 0))
    assert len(case.branches.taken) == 4 and "slower way" in case.told[0]


def test_a_successor_measures_levels_as_the_first_child_did(tmp_path: Path) -> None:
    first, second = Counters(), Counters()
    Case(tmp_path, first).settled([0, 0, 0, 0], [1, 1, 1, 1]).see(audio(0.5, 0, 0, 0))
    Case(tmp_path, second).settled().see(audio(0.5, 0, 0, 0))  # it never runs the seeds
    assert marked(first) == marked(second)


def test_where_no_seed_reaches_the_model_that_is_said_and_nothing_marked(tmp_path: Path) -> None:
    counters = Counters()
    case = Case(tmp_path, counters).settled()
    case.see(audio(0, 0, 0, 0))
    assert case.told == ["its neurons do not guide: no seed reached the model."]
    assert not marked(counters)


def test_what_the_model_raises_is_left_to_others_and_then_still_runs(tmp_path: Path) -> None:
    case = Case(tmp_path, None).settled([0, 0, 0, 0])
    ran: list[Any] = []
    case.neurons.before(ran.append)("no array")
    assert ran == ["no array"]


def test_a_model_that_cannot_be_built_is_said_in_one_line(tmp_path: Path) -> None:
    def model() -> Any:
        raise OSError("weights are\nmissing")

    told: list[str] = []
    harness = Harness(domain=Model.domain, model=model)
    assert neurons_of(harness, None, Branches(), tmp_path / "ranges.npy", told.append) is None
    assert told == ["its neurons do not guide: the model cannot run here (weights are)."]
