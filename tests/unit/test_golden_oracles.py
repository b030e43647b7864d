"""Oracles against values worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlfuzz.backend import Compiled, fetch
from mlfuzz.core import Batch, Observation, Oracle, Reference, Row
from mlfuzz.oracles.labelled import ChangedAnswer, Margin, TopK, WrongAnswer
from mlfuzz.oracles.numeric import NonFinite


def judge(
    oracle: Oracle, scores: Any, *, root: Any = None, label: Any = None, extremes: Any = None
) -> tuple[list[bool], list[float]]:
    """With a tolerance of 0.1; a label of -1 is none."""
    scores = np.asarray(scores, np.float32)
    extremes = np.ones_like(scores) if extremes is None else np.asarray(extremes, np.float32)
    label = np.full(len(scores), -1) if label is None else np.asarray(label)
    arrays = {
        "scores": scores if root is None else np.asarray(root, np.float32),
        "label": label.astype(np.int32),
        "has_label": label >= 0,
        "tolerance": np.float32(0.1),
    }

    def run(scores: Any, extremes: Any, reference: Any) -> Any:
        seen = Observation(scores, scores, scores, {}, extremes)
        return oracle.judge(Batch({}), seen, Reference(**reference))

    violated, distance = fetch(Compiled(run)(scores, extremes, arrays), "test")
    return violated.tolist(), pytest.approx(distance.tolist(), rel=1e-6)


def row(**changes: Any) -> Row:
    values: dict[str, Any] = {
        "scores": np.array([0.0, 3.0, 1.0]),
        "root_scores": np.array([2.0, 1.0, 0.0]),
        "label": 2,
        "first_bad": None,
        "distance": -2.0,
    }
    return Row(**{**values, **changes})


def test_the_margin_of_the_label() -> None:
    # Label 0.  (3, 1, 2): 3 - 2 = 1, right.  (1, 3, 2): 1 - 3 = -2, wrong.
    # (1, 1.05, 0): -0.05 is within the tolerance of 0.1.
    scores = [[3, 1, 2], [1, 3, 2], [1, 1.05, 0]]
    expected = ([False, True, False], [1.0, -2.0, -0.05])
    violated, distance = judge(WrongAnswer(), scores, label=[0, 0, 0])
    assert violated == expected[0] and expected[1] == pytest.approx(distance.expected, rel=1e-5)


def test_a_row_without_a_label_is_infinitely_far() -> None:
    assert judge(WrongAnswer(), [[3, 1, 2]], label=[-1]) == ([False], [np.inf])


def test_a_single_output_is_not_judged() -> None:
    assert judge(WrongAnswer(), [[3.0]], label=[0]) == ([False], [np.inf])


def test_the_margin_of_the_roots_answer() -> None:
    # The root answered 2.  (0, 1, 4): 4 - 1 = 3.  (0, 5, 4): 4 - 5 = -1, changed.
    root = [[0, 1, 2], [0, 1, 2]]
    assert judge(ChangedAnswer(), [[0, 1, 4], [0, 5, 4]], root=root) == ([False, True], [3, -1])


def test_a_root_without_an_answer_expects_none() -> None:
    assert judge(ChangedAnswer(), [[0, 1, 4]], root=[[np.nan, 0, 0]]) == ([False], [np.inf])


def test_a_label_must_be_among_the_best() -> None:
    # Label 0, k = 2: the label against the second best of the others.
    # (2, 3, 1): 2 - 1 = 1, second.  (1, 3, 2): 1 - 2 = -1, third.  (1, 3, 1): a tie for second.
    # (1, 3, 1.05): -0.05 is within the tolerance of 0.1.
    scores = [[2, 3, 1], [1, 3, 2], [1, 3, 1], [1, 3, 1.05]]
    violated, distance = judge(TopK(2), scores, label=[0] * 4)
    assert violated == [False, True, False, False]
    np.testing.assert_allclose(distance.expected, [1, -1, 0, -0.05], atol=1e-6)


def test_among_as_many_as_there_are_every_label_is() -> None:
    assert judge(TopK(3), [[0, 2, 1]], label=[0]) == ([False], [np.inf])


def test_an_infinite_score_before_the_label_is_not_judged_by_rank() -> None:
    # The second best of the others is finite, but nothing is known of an order with an infinity.
    assert judge(TopK(2), [[0, np.inf, 1]], label=[0]) == ([False], [np.inf])


def test_a_right_answer_may_be_too_near_to_another() -> None:
    # Label 0, least 2, tolerance 0.1.  (4, 1, 0): 3 - 2 = 1 to spare.  (2, 1, 0): 1 - 2 = -1.
    # (2, 0.05, 0): 1.95 is within the tolerance.  (1, 3, 0): wrong by 2, another oracle's matter.
    scores = [[4, 1, 0], [2, 1, 0], [2, 0.05, 0], [1, 3, 0]]
    violated, distance = judge(Margin(2.0), scores, label=[0] * 4)
    assert violated == [False, True, False, False]
    np.testing.assert_allclose(distance.expected, [1, -1, -0.05, 2], atol=1e-6)


def test_a_margin_needs_a_label() -> None:
    assert judge(Margin(2.0), [[2, 1, 0]], label=[-1]) == ([False], [np.inf])


@pytest.mark.parametrize("make", [lambda: TopK(0), lambda: Margin(0.0), lambda: Margin(np.nan)])
def test_parameters_that_ask_for_nothing_are_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"(TopK|Margin)\(.*\): expected"):
        make()


def test_headroom_is_counted_in_powers_of_two() -> None:
    # The worst stage counts.  2**64: 1 - 64/128 = 0.5.  1: 1.  2**-64: 1.5.
    # The largest float32 is 2**128 (1 - 2**-24): 0 to six digits, and no violation.
    largest = float(np.finfo(np.float32).max)
    extremes = [[1, 2.0**64], [1, 1], [2.0**-64, 2.0**-64], [1, largest]]
    violated, distance = judge(NonFinite(), np.zeros((4, 2)), extremes=extremes)
    assert violated == [False] * 4
    np.testing.assert_allclose(distance.expected, [0.5, 1, 1.5, 0], atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_stage_that_is_not_finite_is_a_fault(bad: float) -> None:
    extremes = [[1, bad], [bad, 1], [1, 1]]
    violated, distance = judge(NonFinite(), np.zeros((3, 2)), extremes=extremes)
    assert (violated, distance.expected) == ([True, True, False], [-2, -1, 1])


def test_an_all_zero_model_is_far_from_overflow() -> None:
    # The smallest normal float32 is 2**-126: 1 + 126/128.
    assert judge(NonFinite(), [[0, 0]], extremes=[[0, 0]]) == ([False], [1 + 126 / 128])


def test_verdicts_as_a_report_shows_them() -> None:
    wrong = WrongAnswer().verdict(row())
    assert (wrong.kind, wrong.signature) == ("misclassified", ("WrongAnswer", "2 -> 1"))
    assert wrong.values == {"expected": 2, "answer": 1, "margin": -2.0}
    changed = ChangedAnswer().verdict(row())
    assert (changed.kind, changed.signature) == ("changed-answer", ("ChangedAnswer", "0 -> 1"))
    third = TopK(2).verdict(row())
    assert (third.kind, third.signature) == ("misclassified", ("TopK(k=2)", "2 -> 1"))
    narrow = Margin(2.5).verdict(row(label=1, distance=-0.5))
    assert (narrow.kind, narrow.signature) == ("narrow-margin", ("Margin(least=2.5)", "1"))
    # 3 against 1, the larger of the others: 2, which is 0.5 under 2.5.
    assert narrow.values == {"expected": 1, "runner_up": 2, "margin": 2.0}
    bad = NonFinite().verdict(row(first_bad="block1_relu", distance=-1.0))
    assert (bad.kind, bad.signature, bad.threat) == ("non-finite", ("block1_relu",), "disruption")


@pytest.mark.parametrize("oracle", [WrongAnswer(), TopK(2), Margin(1.0)], ids=repr)
def test_a_verdict_about_a_label_needs_one(oracle: Oracle) -> None:
    with pytest.raises(ValueError, match="without a label"):
        oracle.verdict(row(label=None))
