"""Coverage of the corners: neurons driven beyond what the seeds reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Observation, Profile, TargetSpec
from mlfuzz.coverage.archive import mark_all
from mlfuzz.coverage.profile import ranges


@dataclass(frozen=True)
class BoundaryCoverage:
    """Share of the corners, two a neuron, that some input reached (NBC).

    Notes
    -----
    Formula: ``(|{n : exists x, v(n, x) < low_n}| + |{n : exists x, v(n, x) > high_n}|) / (2 |N|)``.
    Reduction: a neuron is a channel, its value the mean over all other axes.
    Tap: as the target does, after the activation by default.
    At equality: inside, so that the profile set never covers itself.  A value that is not finite
    reaches no corner: one input that overflows would cover its layers for good.
    Source: Ma et al., "DeepGauge" (2018), section 3.1.2.
    Where we differ: each neuron has a cell for either corner; with one for both, as in published
    code, the share cannot pass a half.  The corners begin at the profile's ends; DeepGauge also
    tries ends moved out by the neuron's standard deviation.  A neuron that is constant over the
    profile counts like any other, since leaving its one value is what a corner means.  The lower
    corner of a neuron after a ReLU whose ``low`` is 0 can never be reached, and stays in N.
    """

    needs_profile: ClassVar[bool] = True

    def init(self, spec: TargetSpec, profile: Profile | None) -> Array:
        """A tree: ``covered`` (2 N,) bool, lower corners first, ``low`` and ``high`` (N,) float32.

        Raises
        ------
        ValueError
            Where there is no profile, or one of another number of neurons.
        """
        return {"covered": np.zeros(2 * spec.neurons, bool), **ranges(spec, profile)}

    def update(self, state: Array, observation: Observation) -> tuple[Array, Array]:
        """See ``Coverage``; novel: some corner is reached for the first time."""
        hit = ops.concatenate([_below(state, observation), _above(state, observation)], axis=1)
        covered, novel = mark_all(state["covered"], hit)
        return {**state, "covered": covered}, novel

    def summary(self, state: Array) -> Array:
        """Share of the corners that were reached, a scalar in 0..1."""
        return _share(state["covered"])


@dataclass(frozen=True)
class StrongActivationCoverage:
    """Share of the neurons that some input drove above what the seeds reached (SNAC).

    Notes
    -----
    Formula: ``|{n : exists x, v(n, x) > high_n}| / |N|``.
    Reduction, tap, equality, values that are not finite: as ``BoundaryCoverage``, of whose two
    corners this is the upper one.
    Source: Ma et al., "DeepGauge" (2018), section 3.1.2.
    Where we differ: only in where the corner begins, as there.
    """

    needs_profile: ClassVar[bool] = True

    def init(self, spec: TargetSpec, profile: Profile | None) -> Array:
        """A tree: ``covered`` (N,) bool and ``low`` and ``high`` (N,) float32.

        Raises
        ------
        ValueError
            Where there is no profile, or one of another number of neurons.
        """
        return {"covered": np.zeros(spec.neurons, bool), **ranges(spec, profile)}

    def update(self, state: Array, observation: Observation) -> tuple[Array, Array]:
        """See ``Coverage``; novel: some neuron is driven above its ``high`` for the first time."""
        covered, novel = mark_all(state["covered"], _above(state, observation))
        return {**state, "covered": covered}, novel

    def summary(self, state: Array) -> Array:
        """Share of the neurons that were driven above their ``high``, a scalar in 0..1."""
        return _share(state["covered"])


def _below(state: Mapping[str, Array], observation: Observation) -> Array:
    values = _values(observation)
    return ops.logical_and(values < state["low"], ops.isfinite(values))


def _above(state: Mapping[str, Array], observation: Observation) -> Array:
    values = _values(observation)
    return ops.logical_and(values > state["high"], ops.isfinite(values))


def _values(observation: Observation) -> Array:
    return ops.concatenate(list(observation.activations.values()), axis=1)


def _share(covered: Array) -> Array:
    return ops.sum(ops.cast(covered, "float32")) / max(1, covered.shape[0])
