"""Every implementation of a Protocol, listed once: adding one is what it costs to be tested."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import twins

from mlfuzz.backend import Compiled, fetch, put
from mlfuzz.core import (
    Array,
    Batch,
    Coverage,
    Domain,
    Mutator,
    Observation,
    Oracle,
    Params,
    Profile,
    Reference,
    Scheduler,
    TargetSpec,
)
from mlfuzz.coverage.corner import BoundaryCoverage, StrongActivationCoverage
from mlfuzz.coverage.exponent import ExponentCoverage
from mlfuzz.coverage.nearest import NearestNeighbour
from mlfuzz.coverage.neuron import MultisectionCoverage, NeuronCoverage
from mlfuzz.coverage.output import OutputCells
from mlfuzz.coverage.surprise import (
    DistanceSurprise,
    LikelihoodSurprise,
    MahalanobisSurprise,
)
from mlfuzz.coverage.top import TopNeuronCoverage, TopPatternCoverage
from mlfuzz.domains.audio import Audio
from mlfuzz.domains.image import Image
from mlfuzz.mutators import audio, image
from mlfuzz.mutators.audio import (
    BandPass,
    Clicks,
    Clip,
    ColouredNoise,
    Dropout,
    Gain,
    Speed,
    TimeShift,
    WhiteNoise,
)
from mlfuzz.oracles.differential import Difference, Disagreement
from mlfuzz.oracles.labelled import ChangedAnswer, Margin, TopK, WrongAnswer
from mlfuzz.oracles.numeric import NonFinite
from mlfuzz.oracles.predicate import Predicate
from mlfuzz.oracles.regression import Directional, RegressionTolerance
from mlfuzz.schedulers import Adaptive, Thompson, Uniform

TWINS: tuple[tuple[Coverage, Callable[..., Any]], ...] = (
    (NeuronCoverage(), partial(twins.neuron_scaled, threshold=0.5)),
    (NeuronCoverage(0.2, "mean"), partial(twins.neuron_mean, threshold=0.2)),
    (MultisectionCoverage(10), partial(twins.multisection, sections=10)),
    (BoundaryCoverage(), twins.boundary),
    (StrongActivationCoverage(), twins.strong_activation),
    (TopNeuronCoverage(), partial(twins.top_neurons, k=2)),
    (TopNeuronCoverage(5), partial(twins.top_neurons, k=5)),
    (TopPatternCoverage(), partial(twins.top_patterns, k=2, bits=16)),
    (ExponentCoverage(), partial(twins.exponents, lowest=-8, octaves=4)),
    (ExponentCoverage(-3, 1), partial(twins.exponents, lowest=-3, octaves=1)),
    (NearestNeighbour(2.0, 256), partial(twins.nearest, threshold=2.0, capacity=256)),
    (
        LikelihoodSurprise(800.0, 40),
        partial(twins.surprise_buckets, kind=twins.likelihood, upper=800, buckets=40, ridge=0.01),
    ),
    (
        DistanceSurprise(3.0, 30),
        partial(twins.surprise_buckets, kind=twins.distance, upper=3, buckets=30),
    ),
    (
        MahalanobisSurprise(60.0, 30),
        partial(twins.surprise_buckets, kind=twins.mahalanobis, upper=60, buckets=30, ridge=0.01),
    ),
    (OutputCells(), partial(twins.output_cells, bins=8)),
    (OutputCells(3), partial(twins.output_cells, bins=3)),
)
"""Each criterion with its twin, called with spec and profile."""
COVERAGE: tuple[Coverage, ...] = tuple(coverage for coverage, _ in TWINS)
EXCEPTIONS: dict[tuple[type, str], str] = {
    (NearestNeighbour, "test_what_is_covered_does_not_depend_on_the_order"): (
        "of rows near each other the first is kept, and others may be far from the one than from "
        "the other"
    ),
}
"""(criterion, law that it breaks): why.  Each says so in its docstring."""


def first_falls(observed: Observation, reference: Reference, batch: Batch) -> Array:
    """A rule as an author writes it: a distance."""
    return observed.scores[:, 0] - reference.scores[:, 0] + 0.5


def first_is_above_one(observed: Observation, reference: Reference, batch: Batch) -> Array:
    """The same as a truth value."""
    return observed.scores[:, 0] > 1.0


ORACLES: tuple[Oracle, ...] = (
    NonFinite(),
    WrongAnswer(),
    ChangedAnswer(),
    TopK(1),
    TopK(2),
    Margin(2.0),
    RegressionTolerance(4.0),
    RegressionTolerance(15.0, 1.0),
    Directional(1, "fall"),
    Directional(2, "rise"),
    Directional(0, "rise", by=2.0),
    Disagreement(),
    Disagreement(0.5),
    Difference(1.5),
    Predicate(first_falls),
    Predicate(first_is_above_one, kind="contract", threat="disruption"),
)
SCHEDULERS: tuple[Scheduler, ...] = (
    Uniform(),
    Adaptive(),
    Adaptive(1.0),
    Thompson(),
    Thompson(1.0),
)
AUDIO_DOMAINS = (Audio(max_samples=1000), Audio(rate_hz=16000, max_samples=333))
IMAGE_DOMAINS = (Image(28, 28), Image(12, 20, 3), Image(1, 1))
DOMAINS: tuple[Domain, ...] = (*AUDIO_DOMAINS, *IMAGE_DOMAINS)

AUDIO = Audio(max_samples=1000)
GREY, COLOUR = Image(28, 28), Image(12, 20, 3)
SPEC = TargetSpec(
    {"first": 6, "lonely": 1, "last": 5}, 4, False, ("features", "last", "outputs"), embedding=12
)


def recordings(count: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Fading tones in noise on the domain's grid, of 1 to 1,000 samples, zero beyond."""
    rng = np.random.default_rng(seed)
    place = np.arange(AUDIO.max_samples)
    length = rng.integers(300, AUDIO.max_samples + 1, count).astype(np.int32)
    length[:3] = (1, AUDIO.max_samples, 7)[:count]
    audio = np.sin(place * rng.uniform(0.05, 1.0, (count, 1))) * np.exp(-place / 400)
    audio = audio * rng.uniform(0.01, 1.0, (count, 1)) + rng.normal(0, 0.003, audio.shape)
    audio = np.clip(np.rint(audio * 32768), -32768, 32767) / 32768
    return {
        "audio": np.where(place < length[:, None], audio, 0.0).astype(np.float32),
        "audio_length": length,
    }


def full_scale() -> dict[str, np.ndarray]:
    """Silence, both ends of the range and a tone of half the rate, of full length."""
    audio = np.zeros((4, AUDIO.max_samples), np.float32)
    audio[1], audio[2], audio[3, ::2] = 32767 / 32768, -1.0, -1.0
    return {"audio": audio, "audio_length": np.full(4, AUDIO.max_samples, np.int32)}


def pictures(domain: Image, count: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Strokes as of digits, slopes and chance, on the domain's grid; black and white first."""
    rng = np.random.default_rng(seed)
    shape = (domain.height, domain.width, domain.channels)
    down, across = np.indices(shape[:2]) / max(shape[:2])
    images = np.zeros((count, *shape))
    for row in range(count):
        y, x, slope = rng.uniform(0.2, 0.8, 3)
        stroke = 1 - np.abs(down - y - (slope - 0.5) * (across - x)) * rng.uniform(4, 16)
        ramp = down * rng.uniform() + across * rng.uniform()
        made = (np.clip(stroke, 0, 1), ramp, rng.random(shape[:2]))[row % 3]
        tint = rng.uniform(0.3, 1.2, shape[2])
        images[row] = made[:, :, None] * tint
    images[:2] = np.arange(2).reshape(2, 1, 1, 1)[:count]
    return {"image": np.clip(np.rint(images * 255), 0, 255).astype(np.float32)}


def plain_pictures(domain: Image) -> dict[str, np.ndarray]:
    """Black, white, mid-grey and a chessboard of single pixels."""
    shape = (domain.height, domain.width, domain.channels)
    images = np.zeros((4, *shape), np.float32)
    images[1], images[2] = 255.0, 128.0
    images[3] = np.indices(shape[:2]).sum(axis=0)[:, :, None] % 2 * 255
    return {"image": images}


@dataclass(frozen=True)
class Subject:
    """A domain with its mutators, and what they are tried on.

    Parameters
    ----------
    inputs : callable (count, seed) -> batch
        Ordinary inputs, on the grid.
    extremes : callable () -> batch
        Four inputs at the ends of the range.
    module : where the mutators' names are
    zero_strength : mutators whose bounds leave no room
    """

    domain: Domain
    inputs: Callable[..., dict[str, np.ndarray]]
    extremes: Callable[[], dict[str, np.ndarray]]
    module: ModuleType
    mutators: tuple[Mutator, ...]
    zero_strength: tuple[Mutator, ...]


def _images(domain: Image) -> Subject:
    return Subject(
        domain,
        lambda count, seed=1: pictures(domain, count, seed),
        lambda: plain_pictures(domain),
        image,
        (*image.DEFAULT, *image.WILD),
        (
            image.Brightness(0.0, 0.0),
            image.Contrast(1.0, 1.0),
            image.Gamma(1.0, 1.0),
            image.Saturation(1.0, 1.0),
            image.GaussianNoise(0.0),
            image.ShotNoise(0.0),
            image.SaltAndPepper(0.0),
            image.GaussianBlur(1),
            image.MeanBlur(1),
            image.MotionBlur(1),
            image.Translation(0.0),
            image.Rotation(0.0),
            image.Scale(1.0, 1.0),
            image.Shear(0.0),
            image.Perspective(0.0),
            image.Occlusion(0.0),
            image.Rain(0),
            image.Fog(0),
            image.Snow(0),
            image.Glare(0),
            image.Shadow(0),
        ),
    )


SUBJECTS = (
    Subject(
        AUDIO,
        recordings,
        full_scale,
        audio,
        (*audio.DEFAULT, *audio.WILD),
        (
            Gain(0.0, 0.0),
            WhiteNoise(float("inf")),
            ColouredNoise(float("inf")),
            TimeShift(0.0),
            Speed(1.0, 1.0),
            BandPass(0.0, 4000.0),
            Clicks(0.0),
            Clip(0.0),
            Dropout(0.0),
        ),
    ),
    _images(GREY),
    _images(COLOUR),
)
"""Every domain with every mutator; what a law asks of one it asks of all."""


def pairs(choose: Callable[[Subject], tuple[Mutator, ...]]) -> Any:
    """A test over (subject, mutator), one for each mutator of each subject."""
    found = [(subject, mutator) for subject in SUBJECTS for mutator in choose(subject)]
    names = [f"{subject.domain!r}-{mutator!r}" for subject, mutator in found]
    return pytest.mark.parametrize(("subject", "mutator"), found, ids=names)


@cache
def _mutation(domain: Domain, mutator: Mutator) -> Compiled:
    """As the engine compiles it: the change, then back onto the grid."""

    def mutate(batch: dict[str, Array], key: Array, values: Array) -> dict[str, Array]:
        return dict(domain.round(mutator.apply(Batch(batch), Params(key, values))))

    return Compiled(mutate, fuse=True)


def mutated(
    mutator: Mutator,
    batch: Mapping[str, np.ndarray],
    params: Params,
    rows: Any = slice(None),
    domain: Domain = AUDIO,
) -> dict[str, np.ndarray]:
    """Some rows of a batch after a mutator, on the host."""
    some = {name: value[rows] for name, value in batch.items()}
    handles = _mutation(domain, mutator)(some, params.key[rows], params.values[rows])
    host: dict[str, np.ndarray] = fetch(handles, "test")
    return host


def activations(count: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Of the layers of ``SPEC``, (count, n) float32 each."""
    rng = np.random.default_rng(seed)
    return {
        name: np.maximum(rng.normal(0.2, 1.0, (count, size)), 0).astype(np.float32)
        for name, size in SPEC.layers.items()
    }


def observed(layers: Mapping[str, np.ndarray], scores: np.ndarray) -> dict[str, Any]:
    """A tree that becomes an ``Observation`` on the device."""
    joined = np.concatenate(list(layers.values()), axis=1)
    extremes = np.stack([joined.max(axis=1), np.abs(scores).max(axis=1)], axis=1)
    return {
        "outputs": scores,
        "scores": scores,
        "embedding": joined,
        "activations": dict(layers),
        "extremes": extremes,
    }


def observations(count: int, seed: int = 1) -> dict[str, Any]:
    """Random activations and scores of ``count`` rows; outputs as if of a pair."""
    scores, second = np.random.default_rng(seed + 1000).normal(0, 3, (2, count, SPEC.outputs))
    seen = observed(activations(count, seed), scores.astype(np.float32))
    both = np.concatenate([scores, scores + second / 3], axis=1).astype(np.float32)
    return {**seen, "outputs": both}


def rows_of(tree: Any, rows: Any) -> Any:
    """Some rows of a tree of arrays."""
    if isinstance(tree, Mapping):
        return {name: rows_of(value, rows) for name, value in tree.items()}
    return tree[rows] if np.ndim(tree) else tree


def profile() -> Profile:
    """Of activations narrower than those that tests observe; one neuron is constant.

    Of its four answers one is that of a single seed and one of none.
    """
    joined = np.concatenate(list(activations(20, seed=77).values()), axis=1) * np.float32(0.8)
    low, high = joined.min(axis=0), joined.max(axis=0)
    high[2] = low[2]
    return Profile(low, high, joined, joined, np.array([3] * 10 + [0] * 8 + [2, -1]))


def start(coverage: Coverage) -> Any:
    """A fresh state on the device."""
    return put(coverage.init(SPEC, profile() if coverage.needs_profile else None))


@cache
def _update(coverage: Coverage) -> Compiled:
    return Compiled(lambda state, seen: coverage.update(state, Observation(**seen)))


@cache
def _summary(coverage: Coverage) -> Compiled:
    return Compiled(coverage.summary)


def updated(coverage: Coverage, state: Any, seen: dict[str, Any]) -> tuple[Any, np.ndarray]:
    """(state on the device, novel on the host)."""
    state, novel = _update(coverage)(state, seen)
    return state, fetch(novel, "test")


def share(coverage: Coverage, state: Any) -> float:
    """The summary on the host."""
    return float(fetch(_summary(coverage)(state), "test"))


@cache
def _judge(oracle: Oracle) -> Compiled:
    def judge(seen: Any, reference: Any) -> Any:
        return oracle.judge(Batch({}), Observation(**seen), Reference(**reference))

    return Compiled(judge)


def judged(
    oracle: Oracle, seen: dict[str, Any], reference: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """(violated, distance) on the host."""
    violated, distance = fetch(_judge(oracle)(seen, reference), "test")
    return violated, distance


def references(scores: np.ndarray, seed: int = 1) -> dict[str, Any]:
    """References of rows whose roots had these scores; every other row has a label."""
    count = len(scores)
    label = np.random.default_rng(seed).integers(0, SPEC.outputs, count).astype(np.int32)
    return {
        "scores": scores,
        "label": label,
        "has_label": np.arange(count) % 2 == 0,
        "tolerance": np.float32(1e-3),
    }
