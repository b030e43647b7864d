"""The laws of every oracle (DESIGN section 4)."""

from __future__ import annotations

import numpy as np
import pytest
from implementations import ORACLES, SPEC, judged, observations, references, rows_of

from mlfuzz.core import Oracle, Row, Verdict
from mlfuzz.oracles.labelled import ChangedAnswer, Margin
from mlfuzz.oracles.regression import Directional, RegressionTolerance

every = pytest.mark.parametrize("oracle", ORACLES, ids=repr)
labelled = pytest.mark.parametrize("oracle", [o for o in ORACLES if o.about_label], ids=repr)
METAMORPHIC = (ChangedAnswer, RegressionTolerance, Directional)
metamorphic = pytest.mark.parametrize(
    "oracle", [o for o in ORACLES if isinstance(o, METAMORPHIC)], ids=repr
)
WITHOUT_SLACK: dict[Oracle, Oracle] = {
    RegressionTolerance(4.0): RegressionTolerance(0.0),
    RegressionTolerance(15.0, 1.0): RegressionTolerance(0.0, 1.0),
    Directional(0, "rise", by=2.0): Directional(2, "rise"),
}
"""Oracles that excuse more than noise, and what they are where they excuse nothing else."""
BATCH = 32


@every
def test_rows_do_not_mix(oracle: Oracle) -> None:
    seen, reference = observations(BATCH), references(observations(BATCH, 2)["scores"])
    seen["extremes"][3] = np.inf
    violated, distance = judged(oracle, seen, reference)
    for row in range(0, BATCH, 3):
        alone = judged(oracle, *(rows_of(tree, slice(row, row + 1)) for tree in (seen, reference)))
        assert alone[0][0] == violated[row]
        np.testing.assert_allclose(alone[1][0], distance[row], rtol=1e-6)


@every
def test_a_violated_row_has_a_distance_of_at_most_zero(oracle: Oracle) -> None:
    seen, reference = observations(BATCH), references(observations(BATCH, 2)["scores"])
    seen["extremes"][:5] = np.nan
    violated, distance = judged(oracle, seen, reference)
    assert violated.dtype == bool and distance.dtype == np.float32
    assert violated.any() and not violated.all()
    assert (distance[violated] <= 0).all()
    assert not np.isnan(distance).any()
    if not oracle.about_label:
        assert (distance[violated] <= -1).all() and (distance[violated] % 1 == 0).all()


@metamorphic
def test_a_seed_passes_its_own_metamorphic_oracle(oracle: Oracle) -> None:
    seen = observations(BATCH)
    seen["scores"][0] = 0.0  # a tie: the first of equals is the answer
    violated, distance = judged(oracle, seen, references(seen["scores"]))
    assert not violated.any() and (distance >= 0).all()


@every
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_no_distance_is_nan_whatever_the_model_gives(oracle: Oracle, bad: float) -> None:
    reference = references(observations(BATCH, 2)["scores"])
    for place in range(3):
        seen = observations(BATCH)
        for name in ("outputs", "scores", "extremes"):
            seen[name][place::3] = bad
            seen[name][:, -1] = bad
        reference["scores"][::5] = bad
        violated, distance = judged(oracle, seen, reference)
        assert not np.isnan(distance).any() and not np.isneginf(distance).any()
        assert (distance[violated] <= 0).all()


@labelled
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_are_not_judged_by_label(oracle: Oracle, bad: float) -> None:
    reference = references(observations(BATCH, 2)["scores"])
    for place in range(SPEC.outputs):
        seen = observations(BATCH)
        seen["scores"][:, place] = bad
        violated, distance = judged(oracle, seen, reference)
        if not np.isneginf(bad):  # minus infinity is how a model masks an answer
            assert not violated.any()
        assert not np.isnan(distance).any() and not np.isneginf(distance).any()


@labelled
def test_differences_within_the_tolerance_are_noise(oracle: Oracle) -> None:
    # A tie is right, if by no margin; within the tolerance of 0.001 it stays one.
    oracle = WITHOUT_SLACK.get(oracle, oracle)
    scores = np.zeros((3, SPEC.outputs), np.float32)
    way = -1 if oracle == Directional(1, "fall") else 1
    scores[:, 1:3] = way * np.array([0.0, 0.0009, 0.0011])[:, None]
    reference = references(np.zeros_like(scores))
    reference["label"], reference["has_label"] = np.zeros(3, np.int32), np.ones(3, bool)
    violated, _ = judged(oracle, {**observations(3), "scores": scores}, reference)
    tie = isinstance(oracle, Margin)
    assert violated.tolist() == [tie, tie, not tie]


@every
def test_a_verdict_names_the_fault(oracle: Oracle) -> None:
    row = Row(
        outputs=np.array([0.0, 2.0, 1.0, 3.0, 0.0, 1.0]),
        scores=np.array([0.0, 2.0, 1.0]),
        root_scores=np.array([0.0, 1.0, 2.0]),
        label=2,
        first_bad="dense",
        distance=-1.0,
    )
    verdict = oracle.verdict(row)
    assert isinstance(verdict, Verdict) and verdict == oracle.verdict(row)
    assert verdict.signature and all(isinstance(each, str) for each in verdict.signature)
    assert (verdict.threat == "evasion") == oracle.about_label
