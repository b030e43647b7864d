"""Oracles against values worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlfuzz.backend import Compiled, fetch
from mlfuzz.core import Batch, Observation, Oracle, Reference, Row
from mlfuzz.oracles.labelled import ChangedAnswer, WrongAnswer
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
    bad = NonFinite().verdict(row(first_bad="block1_relu", distance=-1.0))
    assert (bad.kind, bad.signature, bad.threat) == ("non-finite", ("block1_relu",), "disruption")


def test_a_wrong_answer_needs_a_label() -> None:
    with pytest.raises(ValueError, match="without a label"):
        WrongAnswer().verdict(row(label=None))
