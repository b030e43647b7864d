"""Inputs that the domain allows and no photograph is: for wild groups alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Batch, Params
from mlfuzz.mutators import purse

LEVELS = (0.0, 1.0, 128.0, 254.0, 255.0)
"""Both ends of the range, the smallest steps from them, and the middle."""


@dataclass(frozen=True)
class Constant:
    """Put one value in place of every pixel: black, white, the middle.

    Notes
    -----
    ``params.values`` is (B, 2): the share of the picture that stays, 0 or 1, and the value that is
    added.  Cost: 1 unless identity; within bounds it is never drawn.
    Source: models that divide by a norm or a variance fail at such inputs, which no label-keeping
    change reaches.
    """

    identity: ClassVar[tuple[float, ...]] = (1.0, 0.0)
    strengths: ClassVar[tuple[int, ...]] = ()
    budget: ClassVar[str] = "wild"
    version: ClassVar[int] = 1

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        drawn = np.stack([np.zeros(count), rng.choice(LEVELS, count)], axis=1)
        return Params(purse.keys(count, rng), _wild(drawn, self.identity, spent))

    def cost(self, params: Params) -> np.ndarray:
        return purse.changed(params.values, self.identity)

    def apply(self, batch: Batch, params: Params) -> Batch:
        stays, added = params.values[:, :1, None, None], params.values[:, 1:2, None, None]
        return batch.replace(image=batch["image"] * stays + added)


@dataclass(frozen=True)
class Pixel:
    """Set a single pixel to an end of the range in all channels.

    Notes
    -----
    ``params.values`` is (B, 3): the place as shares of height and width, and what is added there;
    twice the range, so that it saturates whatever it meets.  Cost: 1 unless identity; within
    bounds it is never drawn: there salt does it, within its share.
    Source: Su et al., "One pixel attack for fooling deep neural networks" (2019), section 3,
    without its search.
    """

    identity: ClassVar[tuple[float, ...]] = (0.0, 0.0, 0.0)
    strengths: ClassVar[tuple[int, ...]] = (2,)
    budget: ClassVar[str] = "wild"
    version: ClassVar[int] = 1

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        added = rng.choice((-510.0, 510.0), count)
        drawn = np.stack([rng.random(count), rng.random(count), added], axis=1)
        return Params(purse.keys(count, rng), _wild(drawn, self.identity, spent))

    def cost(self, params: Params) -> np.ndarray:
        return purse.changed(params.values, self.identity)

    def apply(self, batch: Batch, params: Params) -> Batch:
        image, values = batch["image"], params.values[:, :, None]
        height, width = image.shape[1:3]
        down, across = (np.arange(n, dtype=np.float32)[None, :] for n in (height, width))
        row = ops.round(values[:, 0] * (height - 1.0)) == ops.convert_to_tensor(down)
        column = ops.round(values[:, 1] * (width - 1.0)) == ops.convert_to_tensor(across)
        there = ops.logical_and(row[:, :, None], column[:, None, :])
        added = ops.cast(there, "float32") * values[:, 2:3]
        return batch.replace(image=image + added[..., None])


@dataclass(frozen=True)
class CopiedChannel:
    """Copy one channel over another; a grey picture stays as it is.

    Notes
    -----
    ``params.values`` is (B, 2): the number of the channel that is copied and of the one that goes;
    equal: nothing changes.  Cost: 1 unless equal; within bounds it is never drawn.
    Source: models that compare or divide by the difference of two columns fail where they are
    equal.
    """

    identity: ClassVar[tuple[float, ...]] = (0.0, 0.0)
    strengths: ClassVar[tuple[int, ...]] = ()
    budget: ClassVar[str] = "wild"
    version: ClassVar[int] = 1

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        source = rng.integers(0, 3, count)
        target = (source + rng.integers(1, 3, count)) % 3
        drawn = np.stack([source, target], axis=1)
        return Params(purse.keys(count, rng), _wild(drawn, self.identity, spent))

    def cost(self, params: Params) -> np.ndarray:
        values = np.asarray(params.values)
        return np.asarray(values[:, 0] != values[:, 1], np.float64)

    def apply(self, batch: Batch, params: Params) -> Batch:
        image = batch["image"]
        channels = image.shape[3]
        if channels == 1:
            return batch
        number = ops.convert_to_tensor(np.arange(channels, dtype=np.float32))
        is_source = ops.cast(params.values[:, :1, None, None] == number, "float32")
        source = ops.sum(image * is_source, axis=3, keepdims=True)
        is_target = params.values[:, 1:2, None, None] == number
        return batch.replace(image=ops.where(is_target, source, image))


@dataclass(frozen=True)
class Inverted:
    """Turn light into dark and dark into light.

    Notes
    -----
    ``255 - x``.  ``params.values`` is (B, 2): the factor, 1 or -1, and what is added, 0 or 255.
    Cost: 1 unless identity; within bounds it is never drawn.
    """

    identity: ClassVar[tuple[float, ...]] = (1.0, 0.0)
    strengths: ClassVar[tuple[int, ...]] = ()
    budget: ClassVar[str] = "wild"
    version: ClassVar[int] = 1

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        drawn = np.tile([-1.0, 255.0], (count, 1))
        return Params(purse.keys(count, rng), _wild(drawn, self.identity, spent))

    def cost(self, params: Params) -> np.ndarray:
        return purse.changed(params.values, self.identity)

    def apply(self, batch: Batch, params: Params) -> Batch:
        factor, added = params.values[:, :1, None, None], params.values[:, 1:2, None, None]
        return batch.replace(image=batch["image"] * factor + added)


@dataclass(frozen=True)
class Clipped:
    """Send every value to the nearer end of the range, or all above a level.

    Notes
    -----
    A value at or above the level becomes 255, the others 0.  ``params.values`` is (B, 1): the
    level, 1 to 255; 0: the picture stays.  Cost: 1 unless identity; within bounds it is never
    drawn.
    """

    identity: ClassVar[tuple[float, ...]] = (0.0,)
    strengths: ClassVar[tuple[int, ...]] = ()
    budget: ClassVar[str] = "wild"
    version: ClassVar[int] = 1

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        drawn = np.where(rng.random(count) < 0.5, 128, rng.integers(1, 256, count))[:, None]
        return Params(purse.keys(count, rng), _wild(drawn, self.identity, spent))

    def cost(self, params: Params) -> np.ndarray:
        return purse.changed(params.values, self.identity)

    def apply(self, batch: Batch, params: Params) -> Batch:
        image, level = batch["image"], params.values[:, :1, None, None]
        clipped = ops.where(image >= level, 255.0, 0.0)
        return batch.replace(image=ops.where(level > 0, clipped, image))


def _wild(drawn: np.ndarray, identity: tuple[float, ...], spent: np.ndarray | None) -> np.ndarray:
    """(count, P) float32: what was drawn in a wild group, the identity within bounds."""
    values = drawn if spent is None else np.tile(identity, (len(drawn), 1))
    return np.asarray(values, np.float32)
