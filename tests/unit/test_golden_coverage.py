"""Coverage criteria against values worked out by hand, and the faults of published fuzzers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlfuzz.backend import Compiled, fetch, ops, put
from mlfuzz.core import Coverage, Observation, Profile, TargetSpec
from mlfuzz.coverage.corner import BoundaryCoverage, StrongActivationCoverage
from mlfuzz.coverage.exponent import ExponentCoverage
from mlfuzz.coverage.nearest import NearestNeighbour
from mlfuzz.coverage.neuron import MultisectionCoverage, NeuronCoverage
from mlfuzz.coverage.output import OutputCells, decode_cell
from mlfuzz.coverage.top import TopNeuronCoverage, TopPatternCoverage


def run(
    coverage: Coverage, layers: dict[str, Any], profile: Profile | None = None
) -> tuple[Any, float]:
    """(novel, summary) after one batch on a fresh state."""
    arrays = {name: np.asarray(rows, np.float32) for name, rows in layers.items()}
    sizes = {name: rows.shape[1] for name, rows in arrays.items()}
    spec = TargetSpec(sizes, 3, False, (), embedding=next(iter(sizes.values())))

    def step(state: Any, layers: Any) -> Any:
        first = next(iter(layers.values()))
        seen = Observation(first, first, first, layers, first)
        state, novel = coverage.update(state, seen)
        return novel, coverage.summary(state)

    novel, summary = fetch(Compiled(step)(put(coverage.init(spec, profile)), arrays), "test")
    return novel.tolist(), float(summary)


def test_neuron_coverage_scales_within_the_layer_and_the_row() -> None:
    # Row 1: (1, 2, 3) scales to 0, 0.5, 1; only the third lies above 0.5 (equality does not).
    # Row 2: (10, 20, 18) to 0, 1, 0.8: the second is new.  Row 3: nothing new.  2 of 3 in all.
    rows = [[1, 2, 3], [10, 20, 18], [0, 1, 1]]
    assert run(NeuronCoverage(0.5), {"a": rows}) == ([True, True, False], pytest.approx(2 / 3))


def test_a_constant_layer_activates_nothing() -> None:
    # (2, 2) would be 0 / 0; published fuzzers made NaN of it (FACTS section 4, 8).
    assert run(NeuronCoverage(0.0), {"a": [[2, 2], [0, 0]]}) == ([False, False], 0.0)


def test_a_layer_of_one_neuron_is_left_out_where_it_could_never_count() -> None:
    # "lonely" scales to 0 always: of 3 neurons 2 count, and both are reached.
    layers = {"a": [[0, 1], [1, 0]], "lonely": [[5], [6]]}
    assert run(NeuronCoverage(0.5), layers) == ([True, True], 1.0)
    # Unscaled, it counts like any other: 1 > 0.5 twice, 5 > 0.5.
    assert run(NeuronCoverage(0.5, "mean"), layers) == ([True, True], 1.0)


def test_unscaled_neuron_coverage_sees_magnitude() -> None:
    # Equality with the threshold is not above it; -1, NaN and infinity are not either.
    rows = [[0.5, np.inf, np.nan], [0.51, -1.0, 0.0]]
    assert run(NeuronCoverage(0.5, "mean"), {"a": rows}) == (
        [False, True],
        pytest.approx(1 / 3),
    )


def sections(values: list[float], low: float = 0.0, high: float = 10.0) -> list[int]:
    """Which of five sections each value of one neuron falls into."""
    coverage = MultisectionCoverage(5)
    ends = Profile(np.array([low], np.float32), np.array([high], np.float32))
    state = coverage.init(TargetSpec({"a": 1}, 2, False, ()), ends)
    rows = np.asarray(values, np.float32)[:, None]
    cells: list[int] = fetch(Compiled(coverage._cells)(state, rows), "test")[:, 0].tolist()
    return cells


def test_sections_hold_their_lower_border_and_the_last_its_upper() -> None:
    # Five sections of 2 over 0..10.  The minimum is in the first and the maximum in the last:
    # published fuzzers dropped both (FACTS section 4, 9).
    assert sections([0, 1.9, 2, 5, 8, 9.9, 10]) == [0, 0, 1, 2, 4, 4, 4]


def test_outside_the_profile_there_is_no_section() -> None:
    assert sections([-0.1, 10.1, np.nan, np.inf, -np.inf]) == [-1] * 5


def test_a_constant_neuron_has_no_section() -> None:
    # low == high is 0 / 0 on the neuron's own value.
    assert sections([3, 2, 4], low=3.0, high=3.0) == [-1] * 3


def test_multisection_coverage_leaves_dead_neurons_out_of_the_denominator() -> None:
    # Neuron 0 over 0..4 in two sections: 1 and 3 reach both.  Neuron 1 is dead.  2 of 2, not 2
    # of 4 (FACTS section 4, 17).
    profile = Profile(np.array([0, 7], np.float32), np.array([4, 7], np.float32))
    layers = {"a": [[1, 7], [1, 7], [3, 7]]}
    assert run(MultisectionCoverage(2), layers, profile) == ([True, False, True], 1.0)


def test_no_living_neuron_is_a_coverage_of_zero() -> None:
    profile = Profile(np.ones(1, np.float32), np.ones(1, np.float32))
    assert run(MultisectionCoverage(2), {"a": [[1]]}, profile) == ([False], 0.0)


ENDS = Profile(np.array([0, -1], np.float32), np.array([4, 1], np.float32))
"""Two neurons: over 0..4 and over -1..1."""


def test_both_corners_of_a_neuron_count_apart() -> None:
    # Row 1 lies on the ends: no corner.  Row 2: below 0 and above 1, two of four corners.  Row 3:
    # above 4 and below -1, the other two.  4 of 4; with one cell for both corners of a neuron
    # row 3 would be nothing new and the share 2 of 4 (FACTS section 4, 2 and 10).
    rows = [[0, 1], [-0.1, 1.1], [4.1, -1.1]]
    assert run(BoundaryCoverage(), {"a": rows}, ENDS) == ([False, True, True], 1.0)


def test_strong_activation_is_the_upper_corner() -> None:
    # On the ends, below, above 1 and above 4: one neuron each, 2 of 2.
    rows = [[4, 1], [-9, -9], [0, 1.1], [4.1, 0]]
    expected = ([False, False, True, True], 1.0)
    assert run(StrongActivationCoverage(), {"a": rows}, ENDS) == expected


def test_a_value_that_is_not_finite_reaches_no_corner() -> None:
    rows = [[np.inf, -np.inf], [np.nan, np.nan]]
    assert run(BoundaryCoverage(), {"a": rows}, ENDS) == ([False, False], 0.0)
    assert run(StrongActivationCoverage(), {"a": rows}, ENDS) == ([False, False], 0.0)


def test_the_k_largest_of_a_layer_are_covered() -> None:
    # k = 2 of four.  Row 1: neurons 3 and 2.  Row 2: the same in another order, nothing new.
    # Row 3: neurons 0 and 3, the first is new.  3 of 4.
    rows = [[0, 1, 2, 3], [-9, -8, 5, 4], [7, 0, 1, 2]]
    expected = ([True, False, True], pytest.approx(3 / 4))
    assert run(TopNeuronCoverage(2), {"a": rows}) == expected


def test_of_neurons_that_tie_across_the_border_none_is_among_the_k() -> None:
    # k = 1: 5 and 5 tie, a layer that is all zero ties, NaN makes no order.
    rows = [[5, 5, 1], [0, 0, 0], [9, np.nan, 1]]
    assert run(TopNeuronCoverage(1), {"a": rows}) == ([False] * 3, 0.0)
    # k = 2: both 5s are larger than the third.  2 of 3.
    assert run(TopNeuronCoverage(2), {"a": rows[:1]}) == ([True], pytest.approx(2 / 3))


def test_a_layer_of_at_most_k_neurons_is_left_out() -> None:
    # It would always be covered (FACTS section 4, 11): N is the three neurons of "a" alone, of
    # which one is reached; "two" and "one" change without being new.
    layers = {"a": [[3, 2, 1], [3, 2, 1]], "two": [[1, 2], [2, 1]], "one": [[0], [1]]}
    assert run(TopNeuronCoverage(2), layers) == ([True, False], pytest.approx(2 / 3))
    small = {name: layers[name] for name in ("two", "one")}
    assert run(TopNeuronCoverage(2), small) == ([False, False], 0.0)
    assert run(TopPatternCoverage(2, 4), small) == ([False, False], 0.0)


def test_a_pattern_is_the_sets_of_all_layers() -> None:
    # k = 1.  Every neuron alone was on top before row 3 joins 0 of "a" with 1 of "b": a new
    # pattern of known neurons.  Row 4 is row 1 with other values.  3 patterns in 2**16 cells.
    layers = {"a": [[2, 1], [1, 2], [2, 1], [9, 8]], "b": [[2, 1], [1, 2], [1, 2], [5, 0]]}
    expected = ([True, True, True, False], pytest.approx(3 / 2**16))
    assert run(TopPatternCoverage(1), layers) == expected
    assert run(TopNeuronCoverage(1), layers) == ([True, True, False, False], 1.0)


def test_patterns_spread_over_the_cells() -> None:
    # All 2**10 patterns of ten layers of two neurons into 2**8 cells: by chance a cell stays empty
    # with (1 - 1/256)**1024 = 0.018, so about 251 are reached; 240 leave room for five deviations.
    bits = (np.arange(2**10)[:, None] >> np.arange(10)) & 1
    layers = {f"l{i}": np.stack([bits[:, i], 1 - bits[:, i]], axis=1) for i in range(10)}
    assert run(TopPatternCoverage(1, 8), layers)[1] > 240 / 256


def exponent_bins(magnitude: float) -> list[int]:
    """Of features, a layer of two neurons, and outputs of this magnitude."""
    layer = np.array([[-magnitude, 0]], np.float32)

    def bins(layer: Any) -> Any:
        seen = Observation(layer, layer, layer, {"a": layer}, ops.abs(layer)[:, :1])
        return ExponentCoverage().bins(seen)

    found: list[int] = fetch(Compiled(bins)(layer), "test")[0].tolist()
    return found


@pytest.mark.parametrize(
    ("magnitude", "expected"),
    [(0, 0), (2**-9, 0), (2**-8, 1), (0.9, 2), (1, 3), (65504, 6), (65536, 7), (2.0**48, 15),
     (3e38, 15), (np.inf, 16), (np.nan, 16)],
)  # fmt: skip
def test_a_magnitude_on_a_border_belongs_to_the_upper_bin(magnitude: float, expected: int) -> None:
    # Borders 2**-8, 2**-4, 1, 2**4, 2**8, 2**12, 2**16, ..., 2**48.  1 is on the third: bin 3.
    # 65504, the largest float16, is still below the seventh, 2**16: bin 6.
    assert exponent_bins(magnitude) == [expected] * 3


def test_a_layer_on_the_way_to_an_overflow_is_new_at_every_step() -> None:
    # Times 16 a row, in one layer: a new bin for the layer and, since ``run`` gives the layer for
    # the extremes too, for both other stages.  Three stages of 17 bins; 3 * 3 are reached.
    assert run(ExponentCoverage(), {"a": [[1], [16], [16], [256]]}) == (
        [True, True, False, True],
        pytest.approx(9 / 51),
    )


def test_a_row_is_new_beyond_the_distance_and_not_its_square() -> None:
    # From (0, 0): (1, 1) is 1.41 away, (1.5, 0) is 1.5 away, squared 2.25.  Against 1.45 the first
    # is near and the second new.  Against 2 both are near, though 2.25 > 2: published code
    # compares the square (FACTS section 4, 7).
    rows = [[0, 0], [1, 1], [1.5, 0]]
    assert run(NearestNeighbour(1.45, 4), {"a": rows})[0] == [True, False, True]
    assert run(NearestNeighbour(2.0, 4), {"a": rows})[0] == [True, False, False]


def test_a_row_at_the_threshold_is_not_new() -> None:
    # 3-4-5 is exactly 5 away; with threshold 0 only an equal row is near.
    rows = [[0, 0], [3, 4], [0, 0], [3, 4.001]]
    expected = ([True, False, False, True], 0.5)
    assert run(NearestNeighbour(5.0, 4), {"a": rows}) == expected
    assert run(NearestNeighbour(0.0, 4), {"a": rows})[0] == [True, True, False, True]


def test_a_row_near_one_that_is_not_new_may_be_new() -> None:
    # 0 is kept, 1 is near it, 2 is near 1 only and so new, 3 is near 2.
    rows = [[0.0], [1.0], [2.0], [3.0]]
    expected = ([True, False, True, False], 0.5)
    assert run(NearestNeighbour(1.5, 4), {"a": rows}) == expected


def test_a_full_archive_forgets_the_oldest_vector() -> None:
    # Two places: 0 and 10, then 20 takes the place of 0, so that 0 is new again and takes that of
    # 10, and 20 is still known.
    coverage = NearestNeighbour(1.0, 2)
    state = put(coverage.init(TargetSpec({"a": 1}, 1, False, (), embedding=1), None))
    found = []
    for row in (0, 10, 20, 0, 20):
        values = np.array([[row]], np.float32)
        step = Compiled(lambda state, x: coverage.update(state, Observation(x, x, x, {}, x)))
        state, novel = step(state, values)
        found += fetch(novel, "test").tolist()
    assert found == [True, True, True, True, False]
    assert fetch(state["kept"], "test").tolist() == [[20], [0]]


def test_a_row_without_a_distance_is_neither_new_nor_kept() -> None:
    rows = [[np.nan, 0], [np.inf, 0], [0, 0]]
    expected = ([False, False, True], 0.25)
    assert run(NearestNeighbour(1.0, 4), {"a": rows}) == expected


def test_an_archive_smaller_than_a_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity 2: expected at least the 3 rows of a batch"):
        run(NearestNeighbour(1.0, 2), {"a": [[0], [1], [2]]})


def cells(scores: list[list[float]], bins: int = 8) -> list[int]:
    rows = np.asarray(scores, np.float32)

    def cell(scores: Any) -> Any:
        return OutputCells(bins).cell(Observation(scores, scores, scores, {}, scores))

    found: list[int] = fetch(Compiled(cell)(rows), "test").tolist()
    return found


def test_an_output_cell_is_answer_runner_up_and_margin() -> None:
    # Borders 1/8, 1/4, 1/2, 1, 2, 4, 8.  (1, 3, 2.5): answer 1, runner-up 2, margin 0.5 lies on
    # the third border and belongs to bin 3: (1 * 3 + 2) * 8 + 3 = 43.
    # (0, 0, -9): a tie goes to the lower index, 0 before 1, margin 0, bin 0: (0 * 3 + 1) * 8 = 8.
    # (9, -20, 0): 0 before 2, margin 9, last bin 7: (0 * 3 + 2) * 8 + 7 = 23.
    assert cells([[1, 3, 2.5], [0, 0, -9], [9, -20, 0]]) == [43, 8, 23]


def test_a_row_without_an_answer_has_no_cell() -> None:
    # NaN is no answer; a masked class (-inf) may be: 1 before 0, margin infinite, bin 7:
    # (1 * 2 + 0) * 8 + 7 = 23.
    assert cells([[np.nan, 1]]) == [-1]
    assert cells([[-np.inf, 1]]) == [23]


def test_a_single_output_has_one_answer() -> None:
    assert cells([[0.3]]) == [7]


def test_a_cell_can_be_read_back() -> None:
    assert decode_cell(43, classes=3, bins=8) == (1, 2, 3)
    assert decode_cell(23, classes=3, bins=8) == (0, 2, 7)


def test_output_coverage_counts_possible_cells() -> None:
    # Three classes: 3 * 2 pairs * 2 bins = 12 cells; two different ones are reached.
    rows = [[1, 3, 2.5], [1, 3, 2.5], [0, 0, -9]]
    assert run(OutputCells(2), {"a": rows}) == ([True, False, True], pytest.approx(2 / 12))


@pytest.mark.parametrize("wrong", [(0, 0), (-127, 1), (0, 10)])
def test_borders_beyond_a_float_are_refused(wrong: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="expected at least 1 octave"):
        ExponentCoverage(*wrong)


@pytest.mark.parametrize("wrong", [(-1.0, 4), (float("nan"), 4), (1.0, 0)])
def test_no_distance_and_no_place_are_refused(wrong: tuple[float, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        NearestNeighbour(*wrong)


@pytest.mark.parametrize("wrong", [TopNeuronCoverage, TopPatternCoverage])
def test_no_neuron_on_top_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="k 0: expected at least 1"):
        wrong(0)


def test_more_cells_than_can_be_told_apart_are_refused() -> None:
    with pytest.raises(ValueError, match="bits 25: expected 1 to 24"):
        TopPatternCoverage(bits=25)


@pytest.mark.parametrize("wrong", [lambda: OutputCells(0), lambda: MultisectionCoverage(0)])
def test_no_bins_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="expected at least 1"):
        wrong()
