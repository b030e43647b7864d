"""Levels of neurons: which one a value is on, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("atheris")

from mlfuzz.code_child.neurons import LEVELS, Neurons


def levels(low: list[float], span: list[float], values: list[float]) -> list[int]:
    neurons = object.__new__(Neurons)
    neurons._low, neurons._span = np.array(low), np.array(span)
    found = neurons.levels(np.array(values, np.float32))
    assert found.shape == (len(values),)
    return [int(level) for level in found]


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (-9.0, 0),  # more than the whole range, 10 to 14, below it
        (9.0, 1),
        (10.0, 2),
        (10.99, 2),
        (11.0, 3),
        (13.99, 5),
        (14.0, 6),
        (14.9, 8),  # 0.225 ranges above: log(1 + 4 * 0.225) / log(1.25) = 2.9
        (18.0, 13),  # one range above: log(5) / log(1.25) = 7.2
        (1e30, LEVELS - 1),
        (np.inf, LEVELS - 1),
        (np.nan, LEVELS - 1),
        (-np.inf, LEVELS - 1),
    ],
)
def test_a_value_is_on_one_level(value: float, level: int) -> None:
    assert levels([10.0], [4.0], [value]) == [level]


def test_each_neuron_has_a_range_of_its_own() -> None:
    assert levels([0.0, 10.0, -1.0], [1.0, 4.0, 2.0], [0.5, 12.0, -1.5]) == [4, 4, 1]
