"""Coverage of surprise: how unlike the seeds of the same answer an input is, in buckets.

The vector of a row is its embedding, what goes into the last layer; its class is its answer, the
output that won.  What the seeds gave is worked out on the host in float64, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Observation, Profile, TargetSpec
from mlfuzz.coverage.archive import mark
from mlfuzz.coverage.distance import squared_distances
from mlfuzz.coverage.profile import traces
from mlfuzz.coverage.whitening import whitening
from mlfuzz.errors import HarnessError


@dataclass(frozen=True)
class LikelihoodSurprise:
    """Share of the buckets of likelihood-based surprise that some input reached (LSA).

    Parameters
    ----------
    upper : float
        End of the last bucket, over 0.
    buckets : int
        Equal parts of 0 to ``upper``, at least 1.
    ridge : float
        Share of the mean variance that is added to each neuron's, over 0 where there are fewer
        seeds than neurons: their covariance has no inverse.
    variance : float
        Neurons whose variance within the classes is not above it are left out.

    Notes
    -----
    Formula: ``-log(sum over seeds i of the class of exp(-|W (x - x_i)|^2 / (2 h^2)) / R_c)``, with
    W W' the inverse of the covariance within the classes and h = R_c ** (-1 / (E + 4)), Scott's
    bandwidth for the R_c seeds of the class and the E neurons left.  The criterion is the share of
    the intervals (U (i - 1) / n, U i / n] that hold some input's surprise.
    Reduction: a neuron is a channel, its value the mean over all other axes.
    Tap: before the last layer.
    At equality: a surprise on a border belongs to the lower bucket, 0 to the first one.  Rounding
    may differ with the batch size: so near to a border either bucket may be reached.  Beyond
    ``upper`` there is no bucket, nor for a row that is not finite, has no answer, or has one
    that fewer than 2 seeds share.
    Source: Kim et al., "Guiding Deep Learning System Testing Using Surprise Adequacy" (2019),
    section II-B, and section II-D for the buckets; the defaults of ``upper``, ``buckets`` and
    ``variance`` are of the size of its own.
    Where we differ: all classes share one covariance, about their own means, since a class of a few
    seeds has none of its own; the density is relative to the highest that the class could have,
    which takes a constant a class off and makes 0 the least surprise.
    """

    upper: float = 2000.0
    buckets: int = 1000
    ridge: float = 0.01
    variance: float = 1e-5
    needs_profile: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check(self.upper, self.buckets)

    def init(self, spec: TargetSpec, profile: Profile | None) -> Array:
        """A tree: ``covered`` (buckets,) bool, and of the seeds what the formula needs.

        Raises
        ------
        ValueError
            Where there is no profile, one of another target, or one without embeddings.
        HarnessError
            Where no two seeds have one answer, or no neuron differs within an answer.
        """
        embeddings, answers = traces(spec, profile, least=2)
        whiten = whitening(embeddings, answers, self.ridge, self.variance)
        counts = np.bincount(answers, minlength=spec.outputs)
        bandwidth = np.maximum(counts, 1) ** (-1.0 / (whiten.shape[1] + 4))
        return {
            "covered": np.zeros(self.buckets, bool),
            "whiten": whiten.astype(np.float32),
            "centre": embeddings.mean(axis=0).astype(np.float32),
            "seeds": ((embeddings - embeddings.mean(axis=0)) @ whiten).astype(np.float32),
            "answers": answers.astype(np.int32),
            "scale": (0.5 / bandwidth**2).astype(np.float32),
            "log_count": np.log(np.maximum(counts, 1)).astype(np.float32),
        }

    def update(self, state: Array, observation: Observation) -> tuple[Array, Array]:
        """See ``Coverage``; novel: some bucket is reached for the first time."""
        return _marked(state, self.surprise(state, observation), self.upper)

    def summary(self, state: Array) -> Array:
        """Share of the buckets that were reached, a scalar in 0..1."""
        return _share(state)

    def surprise(self, state: Mapping[str, Array], observation: Observation) -> Array:
        """(B,) float32 of at least 0; NaN or infinity where there is none."""
        answer, same, known = _classes(state, observation)
        place = ops.matmul(observation.embedding - state["centre"], state["whiten"])
        scale = ops.take(state["scale"], answer)[:, None]
        far = ops.where(same, squared_distances(place, state["seeds"]) * scale, float("inf"))
        # From the nearest seed on: the densities themselves would all underflow.
        nearest = ops.where(known, ops.min(far, axis=1), 0.0)
        near = ops.sum(ops.exp(nearest[:, None] - far), axis=1)
        surprise = nearest - ops.log(near) + ops.take(state["log_count"], answer)
        return ops.where(known, ops.maximum(surprise, 0.0), float("nan"))


@dataclass(frozen=True)
class DistanceSurprise:
    """Share of the buckets of distance-based surprise that some input reached (DSA).

    Parameters
    ----------
    upper, buckets
        As of ``LikelihoodSurprise``.

    Notes
    -----
    Formula: ``|x - a| / |a - b|``, a the nearest seed of x's class, b the nearest seed of another
    class to a; then the share of the buckets.
    Reduction, tap: as ``LikelihoodSurprise``.
    At equality: as there; of seeds equally near the first is taken.  Where a and b are the same
    vector there is no surprise.  A single seed of a class is enough.
    Source: Kim et al. (2019), section II-C; ``upper`` and ``buckets`` are of the size of its own.
    Where we differ: only in 0 having a bucket.
    """

    upper: float = 2.0
    buckets: int = 1000
    needs_profile: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check(self.upper, self.buckets)

    def init(self, spec: TargetSpec, profile: Profile | None) -> Array:
        """A tree: ``covered`` (buckets,) bool, and the seeds with their distance to other classes.

        Raises
        ------
        ValueError
            As ``LikelihoodSurprise.init``.
        HarnessError
            Where all seeds have the same answer.
        """
        embeddings, answers = traces(spec, profile)
        if len(np.unique(answers)) < 2:
            raise HarnessError(
                "coverage=: the model answers all seeds alike, and DistanceSurprise compares "
                "answers. Expected seeds of two answers; add some, or choose LikelihoodSurprise."
            )
        return {
            "covered": np.zeros(self.buckets, bool),
            "seeds": embeddings.astype(np.float32),
            "answers": answers.astype(np.int32),
            "to_other": _to_other_classes(embeddings, answers).astype(np.float32),
        }

    def update(self, state: Array, observation: Observation) -> tuple[Array, Array]:
        """See ``Coverage``; novel: some bucket is reached for the first time."""
        return _marked(state, self.surprise(state, observation), self.upper)

    def summary(self, state: Array) -> Array:
        """Share of the buckets that were reached, a scalar in 0..1."""
        return _share(state)

    def surprise(self, state: Mapping[str, Array], observation: Observation) -> Array:
        """(B,) float32 of at least 0; NaN or infinity where there is none."""
        _, same, known = _classes(state, observation)
        squares = squared_distances(observation.embedding, state["seeds"])
        squares = ops.where(same, squares, float("inf"))
        nearest = ops.take(state["to_other"], ops.argmin(squares, axis=1))
        return ops.where(known, ops.sqrt(ops.min(squares, axis=1)) / nearest, float("nan"))


@dataclass(frozen=True)
class MahalanobisSurprise:
    """Share of the buckets of surprise by Mahalanobis distance that some input reached (MDSA).

    Parameters
    ----------
    upper, buckets, ridge, variance
        As of ``LikelihoodSurprise``.

    Notes
    -----
    Formula: ``sqrt((x - m_c)' S^-1 (x - m_c))``, m_c the mean of the seeds of x's class c, S the
    covariance within the classes; then the share of the buckets.
    Reduction, tap, equality, what has no surprise: as ``LikelihoodSurprise``.
    Source: Kim et al., "Reducing DNN Labelling Cost Using Surprise Adequacy" (2020).
    Where we differ: all classes share one covariance, with a ridge, as ``LikelihoodSurprise`` has
    it; ``upper`` is ours.
    """

    upper: float = 100.0
    buckets: int = 1000
    ridge: float = 0.01
    variance: float = 1e-5
    needs_profile: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check(self.upper, self.buckets)

    def init(self, spec: TargetSpec, profile: Profile | None) -> Array:
        """A tree: ``covered`` (buckets,) bool, ``means`` (C, E), whitened, and how to whiten.

        Raises
        ------
        ValueError, HarnessError
            As ``LikelihoodSurprise.init``.
        """
        embeddings, answers = traces(spec, profile, least=2)
        whiten = whitening(embeddings, answers, self.ridge, self.variance)
        centre = embeddings.mean(axis=0)
        means = np.zeros((spec.outputs, whiten.shape[1]))
        for answer in np.unique(answers):
            means[answer] = (embeddings[answers == answer].mean(axis=0) - centre) @ whiten
        return {
            "covered": np.zeros(self.buckets, bool),
            "whiten": whiten.astype(np.float32),
            "centre": centre.astype(np.float32),
            "means": means.astype(np.float32),
            "answers": answers.astype(np.int32),
        }

    def update(self, state: Array, observation: Observation) -> tuple[Array, Array]:
        """See ``Coverage``; novel: some bucket is reached for the first time."""
        return _marked(state, self.surprise(state, observation), self.upper)

    def summary(self, state: Array) -> Array:
        """Share of the buckets that were reached, a scalar in 0..1."""
        return _share(state)

    def surprise(self, state: Mapping[str, Array], observation: Observation) -> Array:
        """(B,) float32 of at least 0; NaN or infinity where there is none."""
        answer, _, known = _classes(state, observation)
        place = ops.matmul(observation.embedding - state["centre"], state["whiten"])
        square = ops.sum(ops.square(place - ops.take(state["means"], answer, axis=0)), axis=1)
        return ops.where(known, ops.sqrt(square), float("nan"))


def _check(upper: float, buckets: int) -> None:
    if not upper > 0 or buckets < 1:
        raise ValueError(
            f"{buckets} buckets up to {upper}: expected at least 1 bucket and a number over 0"
        )


def _classes(state: Mapping[str, Array], observation: Observation) -> tuple[Array, Array, Array]:
    """(answer (B,) int32, same (B, R): the seed has it too, known (B,): some seed has)."""
    answer = ops.cast(ops.argmax(observation.scores, axis=1), "int32")
    answered = ops.logical_not(ops.any(ops.isnan(observation.scores), axis=1))
    same = answer[:, None] == state["answers"][None, :]
    return answer, same, ops.logical_and(answered, ops.any(same, axis=1))


def _marked(state: Mapping[str, Array], surprise: Array, upper: float) -> tuple[Array, Array]:
    count = state["covered"].shape[0]
    # Comparisons with NaN are false: what has no surprise is masked before the cast.
    inside = ops.logical_and(surprise >= 0, surprise <= upper)
    part = ops.where(inside, surprise, 0.0) * np.float32(count / upper)
    bucket = ops.clip(ops.cast(ops.ceil(part), "int32") - 1, 0, count - 1)
    covered, novel = mark(state["covered"], ops.where(inside, bucket, -1)[:, None])
    return {**state, "covered": covered}, novel


def _share(state: Mapping[str, Array]) -> Array:
    return ops.sum(ops.cast(state["covered"], "float32")) / state["covered"].shape[0]


def _to_other_classes(embeddings: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """(R,) float64: from each seed to the nearest seed of another class."""
    return np.array(
        [
            np.linalg.norm(embeddings[answers != answer] - each, axis=1).min()
            for each, answer in zip(embeddings, answers, strict=True)
        ]
    )
