"""What a channel loses or adds: dropped stretches, clicks, and the eight bits of a telephone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import gcd
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Batch, Params
from mlfuzz.domains.audio import QUANTUM, within
from mlfuzz.mutators import purse

_HALF = 1 << 15
_BIAS, _LARGEST = 33, 8158
"""Of G.711 in its 14-bit units: added before the segments are found, and where it saturates."""


@dataclass(frozen=True)
class Dropout:
    """Silence one stretch, as a lost packet does.

    Parameters
    ----------
    share : float
        Longest stretch as a share of the length, 0..1; a label should survive 0.05.

    Notes
    -----
    ``params.values`` is (B, 2): where it starts, as a share of the length, and its share.  Cost:
    the share over the limit; the shares of a chain add up.  Wild: up to the whole length.
    """

    share: float = 0.05
    identity: ClassVar[tuple[float, ...]] = (0.0, 0.0)
    strengths: ClassVar[tuple[int, ...]] = (1,)
    budget: ClassVar[str] = "drop"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"share {self.share}: expected 0 to 1")

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        if spent is None:
            share = rng.random(count)
        else:
            share = rng.random(count) * purse.left(count, spent) * self.share
        start = rng.random(count) * (1.0 - share)
        return Params(purse.keys(count, rng), np.stack([start, share], axis=1).astype(np.float32))

    def cost(self, params: Params) -> np.ndarray:
        return purse.paid(np.asarray(params.values, np.float64)[:, 1], 0.0, self.share)

    def apply(self, batch: Batch, params: Params) -> Batch:
        length = ops.cast(batch["audio_length"], "float32")[:, None]
        place = ops.arange(batch["audio"].shape[1], dtype="float32")[None, :]
        start = ops.round(params.values[:, :1] * length)
        end = start + ops.floor(params.values[:, 1:2] * length)
        lost = ops.logical_and(place >= start, place < end)
        return batch.replace(audio=ops.where(lost, 0.0, batch["audio"]))


@dataclass(frozen=True)
class Clicks:
    """Add a few clicks, each a single sample.

    Parameters
    ----------
    share : float
        Most clicks as a share of the samples, 0..1.
    level : float
        How much a click adds or takes away, of a full scale of 1.

    Notes
    -----
    ``params.values`` is (B, 1): the share; ``params.key`` chooses the places, as many as the share
    of the length allows or fewer, spread by an affine permutation of the padded samples.
    Cost: the share over the limit; the shares of a chain add up.  Wild: up to a twentieth.
    Source: the sparse changes of Su et al., "One pixel attack for fooling deep neural networks"
    (2019), section 3, drawn blindly.
    """

    share: float = 0.001
    level: float = 0.5
    identity: ClassVar[tuple[float, ...]] = (0.0,)
    strengths: ClassVar[tuple[int, ...]] = (0,)
    budget: ClassVar[str] = "clicks"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"share {self.share}: expected 0 to 1")

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        most = 0.05 if spent is None else purse.left(count, spent) * self.share
        share = rng.random(count) ** 2 * most
        return Params(purse.keys(count, rng), share[:, None].astype(np.float32))

    def cost(self, params: Params) -> np.ndarray:
        return purse.paid(np.asarray(params.values, np.float64)[:, 0], 0.0, self.share)

    def apply(self, batch: Batch, params: Params) -> Batch:
        audio, count = batch["audio"], batch["audio"].shape[1]
        length = ops.cast(batch["audio_length"], "float32")[:, None]
        clicks = ops.cast(ops.floor(params.values[:, :1] * length), "int32")
        strides = ops.convert_to_tensor(_strides(count))
        stride = ops.take(strides, ops.bitwise_and(params.key, len(_strides(count)) - 1))
        start = ops.bitwise_and(ops.right_shift(params.key, 8), (1 << 16) - 1)
        index = ops.arange(count, dtype="int32")[None, :]
        order = ops.mod(index * stride[:, None] + start[:, None], count)
        sign = 1.0 - 2.0 * ops.cast(ops.bitwise_and(order, 1), "float32")
        is_hit = ops.logical_and(order < clicks, within(batch))
        return batch.replace(audio=audio + ops.where(is_hit, sign * np.float32(self.level), 0.0))


@dataclass(frozen=True)
class MuLaw:
    """Send the sound through the eight bits of a telephone.

    Notes
    -----
    ``params.values`` is (B, 1): 1 coded and decoded, 0 left alone.  A table of all 65,536 samples
    of the grid, made on the host.  Cost: 1, at most once a chain; coding twice changes nothing.
    Source: ITU-T Recommendation G.711 (1988), section 3 and table 2a, mu-law with 255 levels.
    """

    identity: ClassVar[tuple[float, ...]] = (0.0,)
    strengths: ClassVar[tuple[int, ...]] = ()
    budget: ClassVar[str] = "codec"
    version: ClassVar[int] = 1

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        coded = np.ones(count) if spent is None else purse.untouched(count, spent)
        return Params(purse.keys(count, rng), coded[:, None].astype(np.float32))

    def cost(self, params: Params) -> np.ndarray:
        return np.asarray(np.asarray(params.values)[:, 0] != 0.0, np.float64)

    def apply(self, batch: Batch, params: Params) -> Batch:
        audio = batch["audio"]
        steps = ops.cast(ops.clip(ops.round(audio * _HALF), -_HALF, _HALF - 1), "int32")
        coded = ops.take(ops.convert_to_tensor(_mu_law()), steps + _HALF)
        return batch.replace(audio=ops.where(params.values[:, :1] > 0.5, coded, audio))


@cache
def _strides(count: int) -> np.ndarray:
    """256 int32 without a common factor with ``count``, so that each permutes 0..count - 1."""
    most = min(count, ((1 << 31) - (1 << 16)) // count)  # an index times it fits an int32
    fitting = [stride for stride in range(1, most + 1) if gcd(stride, count) == 1]
    chosen = np.random.default_rng(0).choice(fitting, 256)
    return np.asarray(chosen, np.int32)


@cache
def _mu_law() -> np.ndarray:
    """(65536,) float32: what becomes of each sample from -32768 to 32767 of the grid."""
    steps = np.arange(-_HALF, _HALF)
    size = np.minimum(np.abs(steps) >> 2, _LARGEST) + _BIAS  # 14 bits of the 16
    segment = np.floor(np.log2(size)).astype(np.int64) - 5
    level = (size >> (segment + 1)) & 15
    decoded = ((2 * level + 33) << segment) - _BIAS
    return np.asarray(np.sign(steps) * (decoded << 2) * QUANTUM, np.float32)
