"""Surprise against values worked out by hand, SciPy's density, and seeds that cannot carry it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import gaussian_kde

from mlfuzz.backend import Compiled, fetch, put
from mlfuzz.core import Observation, Profile, TargetSpec
from mlfuzz.coverage.surprise import DistanceSurprise, LikelihoodSurprise, MahalanobisSurprise
from mlfuzz.errors import HarnessError

ALL = (LikelihoodSurprise(), DistanceSurprise(), MahalanobisSurprise())
every = pytest.mark.parametrize("criterion", ALL, ids=repr)


def profile(embeddings: Any, answers: list[int]) -> Profile:
    rows = np.asarray(embeddings, np.float32)
    ends = np.zeros(1, np.float32)
    return Profile(ends, ends, None, rows, np.array(answers))


def spec(own: Profile) -> TargetSpec:
    assert own.embeddings is not None
    return TargetSpec({"a": 1}, 3, False, (), embedding=own.embeddings.shape[1])


def surprise(criterion: Any, own: Profile, rows: Any, answers: list[int]) -> list[float]:
    """Of rows that the model answers so, -1 for not at all."""
    scores = np.eye(3, dtype=np.float32)[answers]
    scores[np.array(answers) < 0] = np.nan
    state = put(criterion.init(spec(own), own))

    def measured(state: Any, rows: Any, scores: Any) -> Any:
        return criterion.surprise(state, Observation(scores, scores, rows, {}, rows))

    found: list[float] = fetch(
        Compiled(measured)(state, np.asarray(rows, np.float32), scores), "test"
    ).tolist()
    return found


CROSS = profile([[2, 0], [-2, 0], [0, 1], [0, -1], [12, 0], [8, 0], [10, 1], [10, -1]],
                [0] * 4 + [1] * 4)  # fmt: skip
"""Two classes, the same cross about (0, 0) and about (10, 0)."""


def test_distance_surprise_is_a_quotient_of_two_distances() -> None:
    # (5, 0) as class 0: nearest is (2, 0), 3 away, whose nearest of class 1 is (8, 0), 6 away:
    # 3 / 6.  As class 1: nearest (8, 0), 3 away, and 6 back to (2, 0).  (0, 4): nearest (0, 1), 3
    # away; from there (8, 0) is sqrt(65) away.  A seed itself: 0.
    rows, answers = [[5, 0], [5, 0], [0, 4], [2, 0]], [0, 1, 0, 0]
    expected = [0.5, 0.5, 3 / np.sqrt(65), 0.0]
    assert surprise(DistanceSurprise(), CROSS, rows, answers) == pytest.approx(expected)


def test_mahalanobis_surprise_counts_in_deviations_of_the_classes() -> None:
    # Within the classes: sums of squares 2 * 8 and 2 * 2, free 8 - 2 = 6: variances 16/6 and 4/6.
    # (4, 0) as class 0: 4 / sqrt(16/6) = sqrt(6).  (0, 4): 4 / sqrt(4/6) = sqrt(24).  The same
    # from (10, 0) for class 1.  A mean itself: 0.
    rows, answers = [[4, 0], [0, 4], [10, 4], [10, 0]], [0, 0, 1, 1]
    expected = [np.sqrt(6), np.sqrt(24), np.sqrt(24), 0.0]
    found = surprise(MahalanobisSurprise(ridge=0.0), CROSS, rows, answers)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_a_ridge_adds_its_share_of_the_mean_variance() -> None:
    # The mean of 16/6 and 4/6 is 10/6; half of it makes 21/6 and 9/6.
    found = surprise(MahalanobisSurprise(ridge=0.5), CROSS, [[4, 0], [0, 4]], [0, 0])
    assert found == pytest.approx([4 / np.sqrt(21 / 6), 4 / np.sqrt(9 / 6)], rel=1e-5)


def test_likelihood_surprise_is_scipys_density_but_for_a_constant() -> None:
    # For one class the covariance within the classes is that of the class, as SciPy takes it, and
    # Scott's bandwidth is its default.  Its density has the factor sqrt(det(2 pi H)) besides.
    rng = np.random.default_rng(1)
    seeds = rng.normal(size=(30, 3)).astype(np.float32)
    rows = (rng.normal(size=(8, 3)) * 3).astype(np.float32)
    density = gaussian_kde(seeds.T.astype(np.float64))
    constant = 0.5 * np.log(np.linalg.det(2 * np.pi * density.covariance))
    expected = -density.logpdf(rows.T.astype(np.float64)) - constant
    found = surprise(LikelihoodSurprise(ridge=0.0), profile(seeds, [0] * 30), rows, [0] * 8)
    assert found == pytest.approx(expected.tolist(), rel=1e-4)


def test_far_from_all_seeds_the_likelihood_does_not_underflow() -> None:
    # exp(-square / 2) of a float32 is 0 beyond a square of 210.
    (found,) = surprise(LikelihoodSurprise(), CROSS, [[0, 100]], [0])
    assert 1000 < found < 1e6


@every
def test_without_an_answer_of_the_seeds_there_is_no_surprise(criterion: Any) -> None:
    rows = [[1, 1], [1, 1], [np.nan, 1], [np.inf, 1]]
    assert not np.isfinite(surprise(criterion, CROSS, rows, [2, -1, 0, 0])).any()


@every
def test_a_class_of_one_seed_counts_for_distances_alone(criterion: Any) -> None:
    own = profile([[2, 0], [-2, 0], [0, 1], [5, 5]], [0, 0, 0, 2])
    found = surprise(criterion, own, [[5, 4]], [2])
    # (5, 5) is 1 away from the row and sqrt(41) from (0, 1); (2, 0) is sqrt(34) away.
    if isinstance(criterion, DistanceSurprise):
        assert found == pytest.approx([1 / np.sqrt(34)])
    else:
        assert np.isnan(found).all()


def test_a_neuron_that_is_constant_within_the_classes_is_left_out() -> None:
    # The third number differs between the classes only: its variance within them is 0.
    third = np.repeat([[0], [7]], 4, axis=0)
    own = profile(np.concatenate([CROSS.embeddings, third], axis=1), [0] * 4 + [1] * 4)
    found = surprise(MahalanobisSurprise(ridge=0.0), own, [[4, 0, 99]], [0])
    assert found == pytest.approx([np.sqrt(6)], rel=1e-5)


def buckets(values: list[float]) -> list[bool]:
    """Novel, one after the other, of distances 0.. in four buckets of 0.5 up to 2."""
    criterion = DistanceSurprise(2.0, 4)
    own = profile([[0, 0], [1, 0]], [0, 1])  # 1 from class to class: (0, y) has the surprise |y|
    rows = np.array([[0, value] for value in values], np.float32)
    scores = np.tile(np.array([[1, 0, 0]], np.float32), (len(rows), 1))

    def step(state: Any, rows: Any, scores: Any) -> Any:
        return criterion.update(state, Observation(scores, scores, rows, {}, rows))[1]

    state = put(criterion.init(spec(own), own))
    found: list[bool] = fetch(Compiled(step)(state, rows, scores), "test").tolist()
    return found


def test_a_surprise_on_a_border_belongs_to_the_lower_bucket() -> None:
    # (0, 0.5] with 0 itself, (0.5, 1], (1, 1.5], (1.5, 2]; beyond 2 there is none.
    assert buckets([0, 0.5, 0.3]) == [True, False, False]
    assert buckets([0.5, 0.6, 1, 1.25, 1.5]) == [True, True, False, True, False]
    assert buckets([2, 1.6, 2.01, 1e30]) == [True, False, False, False]


def test_seeds_that_cannot_carry_a_criterion_are_refused() -> None:
    apart = profile([[0, 0], [1, 0], [2, 0]], [0, 1, 2])
    for criterion in (LikelihoodSurprise(), MahalanobisSurprise()):
        with pytest.raises(HarnessError, match="Expected at least 2 seeds that the model"):
            criterion.init(spec(apart), apart)
    alike = profile([[0, 0], [1, 0], [np.nan, 0]], [0, 0, 1])
    with pytest.raises(HarnessError, match="Expected seeds of two answers"):
        DistanceSurprise().init(spec(alike), alike)
    equal = profile([[1, 1]] * 3, [0] * 3)
    with pytest.raises(HarnessError, match="no neuron has a variance above"):
        LikelihoodSurprise().init(spec(equal), equal)
    flat = profile([[0, 0], [1, 1], [2, 2]], [0] * 3)
    with pytest.raises(HarnessError, match="Expected ridge= over 0, got 0"):
        MahalanobisSurprise(ridge=0.0).init(spec(flat), flat)


@every
def test_a_profile_without_embeddings_is_refused(criterion: Any) -> None:
    bare = Profile(np.zeros(1, np.float32), np.zeros(1, np.float32))
    with pytest.raises(ValueError, match="expected a profile with the seeds' embeddings"):
        criterion.init(TargetSpec({"a": 1}, 3, False, ()), bare)


@pytest.mark.parametrize("kind", [type(each) for each in ALL])
def test_no_bucket_is_refused(kind: Any) -> None:
    for wrong in ((0.0, 10), (float("nan"), 10), (1.0, 0)):
        with pytest.raises(ValueError, match="expected at least 1 bucket and a number over 0"):
            kind(*wrong)
