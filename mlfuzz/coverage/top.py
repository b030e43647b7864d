"""Coverage of the most active neurons of each layer: which they are, and their patterns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Observation, Profile, TargetSpec
from mlfuzz.coverage.archive import mark, mark_all


@dataclass(frozen=True)
class TopNeuronCoverage:
    """Share of the neurons that were among the k most active of their layer for some input (TKNC).

    Parameters
    ----------
    k : int
        At least 1.

    Notes
    -----
    Formula: ``|union over x and layers of top_k(x, layer)| / |N|``.
    Reduction: a neuron is a channel, its value the mean over all other axes.
    Tap: as the target does, after the activation by default.
    At equality: a neuron counts if it is larger than the (k+1)-th largest of its layer, so of
    neurons that tie across that border none does, and a layer whose neurons are all equal covers
    nothing.  Nor does a layer that holds a value which is not finite.
    Source: Ma et al., "DeepGauge" (2018), section 3.2.
    Where we differ: DeepGauge leaves ties open; published code takes the lower index, which covers
    the first k neurons of a layer that is all zero.  A layer of at most k neurons is left out of
    N: all its neurons are always among the k.
    """

    k: int = 2
    needs_profile: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _check_k(self.k)

    def init(self, spec: TargetSpec, profile: Profile | None) -> Array:
        """(N,) bool, all False."""
        return np.zeros(sum(n for n in spec.layers.values() if n > self.k), bool)

    def update(self, state: Array, observation: Observation) -> tuple[Array, Array]:
        """See ``Coverage``; novel: some neuron is among the k for the first time."""
        top = _top(observation.activations.values(), self.k)
        if not top:
            return state, ops.zeros((observation.outputs.shape[0],), "bool")
        return mark_all(state, ops.concatenate(top, axis=1))

    def summary(self, state: Array) -> Array:
        """Share of the neurons that were among the k, a scalar in 0..1."""
        return ops.sum(ops.cast(state, "float32")) / max(1, state.shape[0])


@dataclass(frozen=True)
class TopPatternCoverage:
    """Share of the hash cells that some input's pattern of most active neurons fell into (TKNP).

    Parameters
    ----------
    k : int
        At least 1.
    bits : int
        1 to 24: there are ``2**bits`` cells.

    Notes
    -----
    Formula: ``|{h(top_k(x, layer 1), top_k(x, layer 2), ...) : x}| / 2**bits``, h the upper bits of
    the sum, modulo ``2**32``, of one fixed random number for each neuron that is among the k.
    Reduction and tap: as ``TopNeuronCoverage``.
    At equality: as there, so a pattern may hold fewer than k neurons of a layer.  A row with a
    value that is not finite has no pattern.
    Source: Ma et al., "DeepGauge" (2018), section 3.2, which counts the patterns themselves.
    Where we differ: patterns are hashed, so that the state has a fixed size and stays on the
    device.  Two patterns share a cell with a chance of ``2**-bits``; when a share s of the cells is
    reached, that share of the new patterns goes unseen.  A set has no order within the k, where
    published code takes the same neurons in another order for another pattern.  Layers of at most
    k neurons are left out: their pattern never changes.
    """

    k: int = 2
    bits: int = 16
    needs_profile: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _check_k(self.k)
        if not 1 <= self.bits <= 24:
            raise ValueError(f"bits {self.bits}: expected 1 to 24")

    def init(self, spec: TargetSpec, profile: Profile | None) -> Array:
        """(2**bits,) bool, all False."""
        return np.zeros(2**self.bits, bool)

    def update(self, state: Array, observation: Observation) -> tuple[Array, Array]:
        """See ``Coverage``; novel: the pattern's cell is reached for the first time."""
        return mark(state, self.cell(observation)[:, None])

    def summary(self, state: Array) -> Array:
        """Share of the cells that were reached, a scalar in 0..1."""
        return ops.sum(ops.cast(state, "float32")) / state.shape[0]

    def cell(self, observation: Observation) -> Array:
        """(B,) int32: the cell of each row's pattern, -1 where there is none."""
        layers = observation.activations.values()
        top = _top(layers, self.k)
        if not top:
            return ops.full((observation.outputs.shape[0],), -1, "int32")
        hit = ops.concatenate(top, axis=1)
        total = ops.sum(ops.where(hit, ops.convert_to_tensor(_numbers(hit.shape[1])), 0), axis=1)
        # The shift is arithmetic: the mask takes off the copies of the sign.
        cell = ops.bitwise_and(ops.right_shift(total, 32 - self.bits), 2**self.bits - 1)
        finite = ops.all(ops.isfinite(ops.concatenate(list(layers), axis=1)), axis=1)
        return ops.where(finite, ops.cast(cell, "int32"), -1)


def _check_k(k: int) -> None:
    if k < 1:
        raise ValueError(f"k {k}: expected at least 1")


def _top(layers: Iterable[Array], k: int) -> list[Array]:
    """(B, n) bool for each layer of more than k neurons: larger than the (k+1)-th largest."""
    found = []
    for layer in layers:
        if layer.shape[1] > k:
            border = ops.top_k(layer, k + 1)[0][:, k:]
            finite = ops.all(ops.isfinite(layer), axis=1, keepdims=True)
            found.append(ops.logical_and(layer > border, finite))
    return found


def _numbers(neurons: int) -> np.ndarray:
    """(N,) int32: one random number for each neuron, the same in every run."""
    ends = np.iinfo(np.int32)
    rng = np.random.default_rng(0)
    return rng.integers(ends.min, ends.max, neurons, np.int32, endpoint=True)
