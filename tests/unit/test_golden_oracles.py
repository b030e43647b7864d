"""Oracles against values worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlfuzz.backend import Compiled, fetch
from mlfuzz.core import Batch, Observation, Oracle, Reference, Row
from mlfuzz.errors import HarnessError
from mlfuzz.oracles.differential import Difference, Disagreement
from mlfuzz.oracles.labelled import ChangedAnswer, Margin, TopK, WrongAnswer
from mlfuzz.oracles.numeric import NonFinite
from mlfuzz.oracles.predicate import Predicate
from mlfuzz.oracles.regression import Directional, RegressionTolerance


def judge(
    oracle: Oracle,
    scores: Any,
    *,
    root: Any = None,
    label: Any = None,
    extremes: Any = None,
    second: Any = None,
) -> tuple[list[bool], list[float]]:
    """With a tolerance of 0.1; a label of -1 is none; ``second``: of a pair's other model."""
    scores = np.asarray(scores, np.float32)
    sides = [scores] if second is None else [scores, np.asarray(second, np.float32)]
    extremes = np.ones_like(scores) if extremes is None else np.asarray(extremes, np.float32)
    label = np.full(len(scores), -1) if label is None else np.asarray(label)
    arrays = {
        "scores": scores if root is None else np.asarray(root, np.float32),
        "label": label.astype(np.int32),
        "has_label": label >= 0,
        "tolerance": np.float32(0.1),
    }

    def run(outputs: Any, scores: Any, extremes: Any, reference: Any) -> Any:
        seen = Observation(outputs, scores, scores, {}, extremes)
        return oracle.judge(Batch({}), seen, Reference(**reference))

    violated, distance = fetch(Compiled(run)(np.hstack(sides), scores, extremes, arrays), "test")
    return violated.tolist(), pytest.approx(distance.tolist(), rel=1e-6)


def row(**changes: Any) -> Row:
    values: dict[str, Any] = {
        "outputs": np.array([0.0, 3.0, 1.0, 2.0, 1.0, 1.5]),
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


NONSENSE = {
    TopK: [(0,)],
    Margin: [(0.0,), (np.nan,)],
    RegressionTolerance: [(-1.0,), (np.nan,), (1.0, 0.5)],
    Disagreement: [(-1.0,)],
    Difference: [(-1.0,)],
    Directional: [(-1, "fall"), (0, "sideways"), (0, "rise", -1.0)],
}


@pytest.mark.parametrize("kind", NONSENSE, ids=lambda kind: kind.__name__)
def test_parameters_without_a_sense_are_refused(kind: Any) -> None:
    for parameters in NONSENSE[kind]:
        with pytest.raises(ValueError, match=rf"{kind.__name__}\(.*\): expected"):
            kind(*parameters)


def test_a_change_is_weighed_against_the_models_own_error() -> None:
    # The mean squared error is 0.5, three times it 1.5; a tolerance of 0.1 is taken off each.
    # 1.3 away: 1.2^2 = 1.44, 0.06 to spare.  1.5 away: 1.4^2 = 1.96, 0.46 beyond.
    oracle, root = RegressionTolerance(0.5, factor=3.0), [[10.0]] * 3
    violated, distance = judge(oracle, [[11.3], [8.5], [10.05]], root=root)
    assert violated == [False, True, False]
    np.testing.assert_allclose(distance.expected, [0.06, -0.46, 1.5], atol=1e-5)


def test_the_error_of_several_outputs_is_their_mean() -> None:
    # 1.1 and 3.1 away are 1 and 3 beyond the tolerance: (1 + 9) / 2 = 5.
    far = ([[1.1, 3.1]], [[0.0, 0.0]])
    violated, distance = judge(RegressionTolerance(5.1, factor=1.0), far[0], root=far[1])
    assert violated == [False] and distance.expected[0] == pytest.approx(0.1, abs=1e-5)
    assert judge(RegressionTolerance(4.9, factor=1.0), far[0], root=far[1])[0] == [True]


def test_a_change_whose_square_overflows_is_one() -> None:
    violated, distance = judge(RegressionTolerance(1.0), [[1e30]], root=[[0.0]])
    assert violated == [True] and np.isfinite(distance.expected).all()


def test_an_output_that_must_not_fall() -> None:
    # Tolerance 0.1, by 0.5.  From 3: 2.45 is 0.55 down, within; 2.3 is 0.7 down; up is fine.
    oracle, root = Directional(1, "fall", by=0.5), [[0, 3.0]] * 3
    violated, distance = judge(oracle, [[0, 2.45], [0, 2.3], [9, 4]], root=root)
    assert violated == [False, True, False]
    np.testing.assert_allclose(distance.expected, [-0.05, -0.2, 1.5], atol=1e-6)
    assert judge(Directional(1, "rise"), [[0, 2.3], [0, 3.2]], root=root[:2])[0] == [False, True]


def test_a_root_without_an_answer_excuses_every_direction() -> None:
    for oracle in (Directional(0, "fall"), RegressionTolerance(0.0)):
        assert judge(oracle, [[0.0]], root=[[np.nan]]) == ([False], [np.inf])


def test_an_output_that_is_not_there_is_named() -> None:
    with pytest.raises(HarnessError, match=r"has 2 outputs\. Expected 0 to 1"):
        judge(Directional(2, "fall"), [[0, 1]], root=[[0, 1]])


def test_two_models_that_prefer_unlike_classes_disagree() -> None:
    # Three classes, tolerance 0.1.  The first row: 0 against 2, each by 1: -1 - (3 * 0 + 2) = -3.
    # The second: a prefers 0 by 1, b prefers 1 by only 0.05: b's preference for 0 is -0.05, no
    # nearer than 0.  The third: both answer 0, b by 1.4; the gap is 0.6: 1.4 / (0.6 + 0.1) = 2.
    a = [[2, 1, 1], [2, 1, 0], [2, 1, 0]]
    b = [[1, 1, 2], [2, 2.05, 0], [2.0, 0.6, 0.6]]
    violated, distance = judge(Disagreement(), a, second=b)
    assert violated == [True, False, False]
    np.testing.assert_allclose(distance.expected, [-3, 0, 2], rtol=1e-4)


def test_a_disagreement_needs_conviction_on_both_sides() -> None:
    # 0 against 1, a by 0.5, b by 3; least 0.3 and the tolerance of 0.1 make 0.4, 0.6 is too much.
    a, b = [[1.5, 1.0]], [[0.0, 3.0]]
    assert judge(Disagreement(0.3), a, second=b)[0] == [True]
    assert judge(Disagreement(0.6), a, second=b)[0] == [False]
    # A tie of the first model: which of two equals comes first is no answer of its own.
    assert judge(Disagreement(), [[1.0, 1.0]], second=[[0.0, 3.0]])[0] == [False]


@pytest.mark.parametrize("oracle", [Disagreement(), Difference(9.0)], ids=repr)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_second_model_without_an_answer_disagrees(oracle: Oracle, bad: float) -> None:
    # Two classes: without an answer of b -1 - 2 * 2 = -5; two numbers: -1 - 2 = -3.
    fault = -5 if oracle == Disagreement() else -3
    assert judge(oracle, [[1, 0]], second=[[bad, 0]]) == ([True], [fault])
    # Where the first has none either, and where it alone has none, NonFinite has its say.
    assert judge(oracle, [[bad, 0]], second=[[bad, 0]]) == ([False], [np.inf])
    assert judge(oracle, [[bad, 0]], second=[[1, 0]]) == ([False], [np.inf])


def test_masked_classes_are_no_disagreement() -> None:
    a = [[1, 0, -np.inf]]
    assert judge(Disagreement(), a, second=a)[0] == [False]
    assert judge(Difference(0.0), a, second=a) == ([False], [0.0])


def test_numbers_of_two_models_may_lie_so_far_apart() -> None:
    # Largest 0.5, tolerance 0.1: 0.55 apart is allowed, 0.75 in the second output is not: -1 - 1.
    violated, distance = judge(Difference(0.5), [[1, 1], [1, 1]], second=[[1.55, 1], [1, 0.25]])
    assert violated == [False, True]
    np.testing.assert_allclose(distance.expected, [-0.05, -2], atol=1e-6)


@pytest.mark.parametrize("oracle", [Disagreement(), Difference(0.5)], ids=repr)
def test_one_model_alone_is_no_pair(oracle: Oracle) -> None:
    with pytest.raises(HarnessError, match=r"has 2 outputs, not two sets of 2\. Expected .* Pair"):
        judge(oracle, [[1, 0]])


def loud(observed: Observation, reference: Reference, batch: Batch) -> Any:
    """Wrong where the first score is over 2."""
    return 2.0 - observed.scores[:, 0]


def test_a_rule_of_the_authors_own_gives_a_distance() -> None:
    # 2 - 3 = -1 and 2 - 2.5 = -0.5 are wrong; 0 is not; NaN is no answer.
    scores = [[3], [2.5], [2], [0], [np.nan]]
    wrong = [True, True, False, False, False]
    assert judge(Predicate(loud), scores) == (wrong, [-1, -1, 0, 2, np.inf])
    within = Predicate(loud, about_label=True)
    assert judge(within, scores) == (wrong, [-1, -0.5, 0, 2, np.inf])


def test_a_rule_of_the_authors_own_may_say_yes_or_no() -> None:
    yes = Predicate(lambda seen, reference, batch: seen.scores[:, 0] > 2, "loud")
    assert judge(yes, [[3], [2]]) == ([True, False], [-1, 1])


def test_a_rule_that_is_no_rule_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="expected name="):
        Predicate(lambda *_: True)
    with pytest.raises(ValueError, match="one of predicate, misclassified"):
        Predicate(loud, kind="skew")  # type: ignore[arg-type]
    with pytest.raises(HarnessError, match=r"'whole'.* gave the shape \(2, 1\)\. Expected \(2,\)"):
        judge(Predicate(lambda seen, *_: seen.scores, "whole"), [[1], [2]])
    with pytest.raises(HarnessError, match=r"'odd'.* raised KeyError: 'audio'"):
        judge(Predicate(lambda seen, _, batch: batch["audio"], "odd"), [[1], [2]])


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
    # From (2, 1, 0) to (0, 3, 1): 4 + 4 + 1 is 9, their mean 3; of equal changes the first.
    far = RegressionTolerance(0.5).verdict(row())
    assert (far.kind, far.signature[1]) == ("deviation", "output 0")
    assert far.values == {"root_answer": 2.0, "answer": 0.0, "squared_error": 3.0, "allowed": 2.5}
    rose = Directional(1, "rise", by=0.5).verdict(row(distance=-1.5))
    assert (rose.kind, rose.signature[1]) == ("wrong-direction", "output 1 rose")
    assert rose.values == {"root_answer": 1.0, "answer": 3.0, "moved": 2.0}
    own = Predicate(loud, kind="contract", threat="evasion").verdict(row(distance=-1.0))
    assert (own.kind, own.signature, own.threat) == ("contract", ("loud",), "evasion")
    bad = NonFinite().verdict(row(first_bad="block1_relu", distance=-1.0))
    assert (bad.kind, bad.signature, bad.threat) == ("non-finite", ("block1_relu",), "disruption")


def test_verdicts_on_a_pair() -> None:
    unlike = Disagreement().verdict(row())  # 1 by 3 - 0, the other 0 by 2 - 1
    assert (unlike.kind, unlike.threat) == ("differential", "integrity")
    assert unlike.signature == ("Disagreement(least=0.0)", "1 -> 0")
    assert unlike.values == {
        "first": 1, "second": 0, "first_prefers_by": 3.0, "second_prefers_by": 1.0
    }  # fmt: skip
    apart = Difference(0.5).verdict(row())  # 2, 2 and 0.5 apart
    assert (apart.kind, apart.signature[1]) == ("differential", "output 0")
    assert apart.values == {"output": 0, "first": 0.0, "second": 2.0}
    lost = row(outputs=np.array([0.0, 3.0, 1.0, 2.0, np.nan, 1.5]))
    assert Disagreement().verdict(lost).signature[1] == "not finite"
    assert Difference(0.5).verdict(lost).values["output"] == 1


@pytest.mark.parametrize("oracle", [WrongAnswer(), TopK(2), Margin(1.0)], ids=repr)
def test_a_verdict_about_a_label_needs_one(oracle: Oracle) -> None:
    with pytest.raises(ValueError, match="without a label"):
        oracle.verdict(row(label=None))
