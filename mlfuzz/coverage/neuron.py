"""Coverage of single neurons: activated beyond a threshold, and sections of their range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Observation, Profile, TargetSpec
from mlfuzz.coverage.archive import mark, mark_all
from mlfuzz.coverage.profile import ranges


@dataclass(frozen=True)
class NeuronCoverage:
    """Share of the neurons that some input activated (NC).

    Parameters
    ----------
    threshold : float
        A neuron is activated above it.
    order : "mean-then-scale" or "mean"
        What is compared with the threshold: the neuron's mean scaled to 0..1 between the smallest
        and the largest neuron of its layer for this input, or the mean as it is.

    Notes
    -----
    Formula: ``|{n : exists x, v(n, x) > threshold}| / |N|``.
    Reduction: a neuron is a channel, its value the mean over all other axes; then, for
    "mean-then-scale", ``(v - min) / (max - min)`` over the channels of the layer.
    Tap: as the target does, after the activation by default.
    At equality: not activated.  Nor is a value that is not finite: one input that overflows would
    cover its layers for good.
    Source: Pei et al., "DeepXplore" (2017), section 4.1.
    Where we differ: DeepXplore scales all values of the layer first and then takes the mean of
    each channel; here the mean comes first, since the target hands over one number a neuron.  A
    layer whose neurons are all equal scales to 0 (0/0 there), and a layer of one neuron, which
    can never be activated so, is left out of N.  Scaling is blind to magnitude: "mean" is not.
    """

    threshold: float = 0.5
    order: Literal["mean-then-scale", "mean"] = "mean-then-scale"
    needs_profile: ClassVar[bool] = False

    def init(self, spec: TargetSpec, profile: Profile | None) -> Array:
        """(N,) bool, all False."""
        return np.zeros(sum(n for n in spec.layers.values() if self._counts(n)), bool)

    def update(self, state: Array, observation: Observation) -> tuple[Array, Array]:
        """See ``Coverage``; novel: some neuron is activated for the first time."""
        values = [
            self._value(layer)
            for layer in observation.activations.values()
            if self._counts(layer.shape[1])
        ]
        if not values:  # only layers of one neuron
            rows = next(iter(observation.activations.values())).shape[0]
            return state, ops.zeros((rows,), "bool")
        joined = ops.concatenate(values, axis=1)
        active = ops.logical_and(joined > self.threshold, ops.isfinite(joined))
        return mark_all(state, active)

    def summary(self, state: Array) -> Array:
        """Share of the neurons that were activated, a scalar in 0..1."""
        return ops.sum(ops.cast(state, "float32")) / max(1, state.shape[0])

    def _counts(self, neurons: int) -> bool:
        return neurons > 1 or self.order == "mean"

    def _value(self, layer: Array) -> Array:
        if self.order == "mean":
            return layer
        low = ops.min(layer, axis=1, keepdims=True)
        span = ops.max(layer, axis=1, keepdims=True) - low
        return ops.where(span > 0, (layer - low) / ops.where(span > 0, span, 1.0), 0.0)


@dataclass(frozen=True)
class MultisectionCoverage:
    """Share of the sections of the neurons' ranges that some input reached (KMNC).

    Parameters
    ----------
    sections : int
        Equal parts, at least 1, into which the range of a neuron over the profile is cut.

    Notes
    -----
    Formula: ``sum over n of |{i : exists x, v(n, x) in section i of [low_n, high_n]}| / (k |N|)``.
    Reduction: a neuron is a channel, its value the mean over all other axes.
    Tap: as the target does, after the activation by default.
    At equality: a value on the border of two sections belongs to the upper one; ``low`` to the
    first and ``high`` to the last, so that the profile is never outside itself.
    Source: Ma et al., "DeepGauge" (2018), section 3.1.1.
    Where we differ: a neuron that is constant over the profile (``low == high``) has no sections
    and is left out of N; DeepGauge's formula leaves that case open.
    """

    sections: int = 100
    needs_profile: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.sections < 1:
            raise ValueError(f"sections {self.sections}: expected at least 1")

    def init(self, spec: TargetSpec, profile: Profile | None) -> Array:
        """A tree: ``covered`` (N * sections,) bool, ``low`` and ``high`` (N,) float32.

        Raises
        ------
        ValueError
            Where there is no profile, or one of another number of neurons.
        """
        ends = ranges(spec, profile)
        return {"covered": np.zeros(spec.neurons * self.sections, bool), **ends}

    def update(self, state: Array, observation: Observation) -> tuple[Array, Array]:
        """See ``Coverage``; novel: some section is reached for the first time."""
        values = ops.concatenate(list(observation.activations.values()), axis=1)
        covered, novel = mark(state["covered"], self._cells(state, values))
        return {**state, "covered": covered}, novel

    def summary(self, state: Array) -> Array:
        """Share of the sections of living neurons that were reached, a scalar in 0..1."""
        live = ops.sum(ops.cast(_live(state), "float32"))
        reached = ops.sum(ops.cast(state["covered"], "float32"))
        return reached / ops.maximum(live * self.sections, 1.0)

    def _cells(self, state: Mapping[str, Array], values: Array) -> Array:
        low, high, live = state["low"], state["high"], _live(state)
        inside = ops.logical_and(live, ops.logical_and(values >= low, values <= high))
        # Masked before the division and the cast: NaN becomes -2147483648 and a gather fails.
        share = ops.where(inside, values - low, 0.0) / ops.where(live, high - low, 1.0)
        section = ops.minimum(ops.cast(share * self.sections, "int32"), self.sections - 1)
        first = ops.arange(values.shape[1], dtype="int32")[None, :] * self.sections
        return ops.where(inside, first + section, -1)


def _live(state: Mapping[str, Array]) -> Array:
    span = state["high"] - state["low"]
    return ops.logical_and(span > 0, ops.isfinite(span))
