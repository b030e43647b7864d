"""Moved, turned, scaled, slanted and tilted: each at most once a chain.

All read the picture through one function, at places that are worked out from whole multiples of
2**-12: places and weights are exact in float32 up to 512 pixels a side, so a replay gives the same
bits on any device.  What comes in from outside repeats the border.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Batch, Params
from mlfuzz.mutators import purse
from mlfuzz.mutators.frame import framed
from mlfuzz.mutators.grid import on_grid

FINE = 2.0**-12
"""Step of the entries of a matrix: half a pixel off at a distance of 2,000."""
BETWEEN = 64.0
"""Places between two pixels from which a value is read."""
WILD_OCTAVES = 2.0
WILD_SHEAR = 1.0
WILD_TILT = 0.3


@dataclass(frozen=True)
class Translation:
    """Move the picture across and down.

    Parameters
    ----------
    limit : float
        Largest move to each side, as a share of the side, 0..1; a label should survive 10%.

    Notes
    -----
    ``params.values`` is (B, 2): the shares down and across, positive for down and right; moved by
    whole 64ths of a pixel, linear between.  Cost: 1, at most once a chain.  Wild: all the way out.
    Source: DeepTest, section 4.2, affine transformations.
    """

    limit: float = 0.1
    identity: ClassVar[tuple[float, ...]] = (0.0, 0.0)
    strengths: ClassVar[tuple[int, ...]] = (0, 1)
    budget: ClassVar[str] = "translation"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check("limit", self.limit, 1.0)

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        limit = 1.0 if spent is None else self.limit
        drawn = rng.uniform(-limit, limit, (count, 2))
        return Params(purse.keys(count, rng), purse.once(drawn, self.identity, count, spent))

    def cost(self, params: Params) -> np.ndarray:
        return purse.changed(params.values, self.identity)

    def apply(self, batch: Batch, params: Params) -> Batch:
        image = batch["image"]
        down, across = _places(image)
        dy = ops.round(params.values[:, :1, None] * (image.shape[1] * BETWEEN)) * (1 / BETWEEN)
        dx = ops.round(params.values[:, 1:2, None] * (image.shape[2] * BETWEEN)) * (1 / BETWEEN)
        return batch.replace(image=_read(image, down - dy, across - dx))


@dataclass(frozen=True)
class Rotation:
    """Turn the picture about its middle.

    Parameters
    ----------
    degrees : float
        Largest angle either way, 0..180; a label should survive 15.

    Notes
    -----
    ``params.values`` is (B, 2): cosine and sine, from the host, in whole 4096ths; a positive angle
    turns counter-clockwise.  Cost: 1, at most once a chain.  Wild: any angle.
    Source: DeepTest, section 4.2; Engstrom et al., "Exploring the landscape of spatial robustness"
    (2019), section 3.
    """

    degrees: float = 15.0
    identity: ClassVar[tuple[float, ...]] = (1.0, 0.0)
    strengths: ClassVar[tuple[int, ...]] = ()
    budget: ClassVar[str] = "rotation"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check("degrees", self.degrees, 180.0)

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        limit = 180.0 if spent is None else self.degrees
        angle = np.radians(rng.uniform(-limit, limit, count))
        drawn = _fine(np.stack([np.cos(angle), np.sin(angle)], axis=1))
        return Params(purse.keys(count, rng), purse.once(drawn, self.identity, count, spent))

    def cost(self, params: Params) -> np.ndarray:
        return purse.changed(params.values, self.identity)

    def apply(self, batch: Batch, params: Params) -> Batch:
        cosine, sine = params.values[:, :1, None], params.values[:, 1:2, None]
        matrix = ((cosine, sine), (-1.0 * sine, cosine))
        return batch.replace(image=_turned(batch["image"], matrix))


@dataclass(frozen=True)
class Scale:
    """Make what is shown larger or smaller, about the middle.

    Parameters
    ----------
    low, high : float
        Range of the factor, around 1; a label should survive 0.85 to 1.15.

    Notes
    -----
    ``params.values`` is (B, 1): the factor's reciprocal, from the host, in whole 4096ths.  Cost: 1,
    at most once a chain.  Wild: a quarter to four.
    Source: DeepTest, section 4.2.
    """

    low: float = 0.85
    high: float = 1.15
    identity: ClassVar[tuple[float, ...]] = (1.0,)
    strengths: ClassVar[tuple[int, ...]] = (0,)
    budget: ClassVar[str] = "scale"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not 0 < self.low <= 1 <= self.high:
            raise ValueError(f"scale {self.low}..{self.high}: expected a range around 1, above 0")

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        low, high = -np.log2(self.high), -np.log2(self.low)
        if spent is None:
            low, high = -WILD_OCTAVES, WILD_OCTAVES
        drawn = 1.0 + purse.whole(2.0 ** rng.uniform(low, high, (count, 1)) - 1.0, FINE)
        return Params(purse.keys(count, rng), purse.once(drawn, self.identity, count, spent))

    def cost(self, params: Params) -> np.ndarray:
        return purse.changed(params.values, self.identity)

    def apply(self, batch: Batch, params: Params) -> Batch:
        inverse = on_grid(params.values[:, :1, None], FINE)
        return batch.replace(image=_turned(batch["image"], ((inverse, 0.0), (0.0, inverse))))


@dataclass(frozen=True)
class Shear:
    """Slant the picture along one of its sides.

    Parameters
    ----------
    limit : float
        Largest pixels of slant for each pixel of distance from the middle; a label should survive
        0.2.

    Notes
    -----
    ``params.values`` is (B, 2): the slant across for each pixel down, and down for each pixel
    across, in whole 4096ths; one of them is 0.  Cost: 1, at most once a chain.  Wild: up to 1.
    Source: DeepTest, section 4.2.
    """

    limit: float = 0.2
    identity: ClassVar[tuple[float, ...]] = (0.0, 0.0)
    strengths: ClassVar[tuple[int, ...]] = (0, 1)
    budget: ClassVar[str] = "shear"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check("limit", self.limit, WILD_SHEAR)

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        limit = WILD_SHEAR if spent is None else self.limit
        slant = purse.whole(rng.uniform(-limit, limit, (count, 1)), FINE)
        drawn = slant * np.eye(2)[rng.integers(0, 2, count)]
        return Params(purse.keys(count, rng), purse.once(drawn, self.identity, count, spent))

    def cost(self, params: Params) -> np.ndarray:
        return purse.changed(params.values, self.identity)

    def apply(self, batch: Batch, params: Params) -> Batch:
        slant = on_grid(params.values[:, :, None], FINE)
        across, down = slant[:, :1], slant[:, 1:2]
        return batch.replace(image=_turned(batch["image"], ((1.0, down), (across, 1.0))))


@dataclass(frozen=True)
class Perspective:
    """Tilt the picture, so that one side is nearer than the other.

    Parameters
    ----------
    limit : float
        Largest change of scale at the middle of each side, 0..0.3; 0.1 moves a corner by about as
        much as the bounds of scale and translation do.

    Notes
    -----
    A place at (u, v) from the middle is read at ``(u, v) / (1 + e)``, where e grows evenly from
    the middle to ``params.values`` (B, 2) at the lower and at the right side.  The quotient is the
    first four terms of its series, ``1 - e + e**2 - e**3``, in whole 4096ths: no division on the
    device; within bounds it is off by at most 0.2%, in a corner.  Cost: 1, at most once a chain.
    Wild: 0.3.
    """

    limit: float = 0.1
    identity: ClassVar[tuple[float, ...]] = (0.0, 0.0)
    strengths: ClassVar[tuple[int, ...]] = (0, 1)
    budget: ClassVar[str] = "perspective"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check("limit", self.limit, WILD_TILT)

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        limit = WILD_TILT if spent is None else self.limit
        drawn = rng.uniform(-limit, limit, (count, 2))
        return Params(purse.keys(count, rng), purse.once(drawn, self.identity, count, spent))

    def cost(self, params: Params) -> np.ndarray:
        return purse.changed(params.values, self.identity)

    def apply(self, batch: Batch, params: Params) -> Batch:
        image = batch["image"]
        (down, across), (middle_y, middle_x) = _places(image), _middle(image)
        v, u = down - middle_y, across - middle_x
        tilt = _tilt(params.values[:, :1, None], v, middle_y)
        tilt = tilt + _tilt(params.values[:, 1:2, None], u, middle_x)
        nearer = 1.0 - on_grid(tilt * (1.0 - on_grid(tilt * (1.0 - tilt), FINE)), FINE)
        return batch.replace(image=_read(image, v * nearer + middle_y, u * nearer + middle_x))


Entry = Array | float
Matrix = tuple[tuple[Entry, Entry], tuple[Entry, Entry]]
"""Rows of what a place (v down, u across from the middle) is multiplied with; entries (B, 1, 1)."""


def _turned(image: Array, matrix: Matrix) -> Array:
    """The picture read at the matrix times each place, about the middle."""
    (down, across), (middle_y, middle_x) = _places(image), _middle(image)
    v, u = down - middle_y, across - middle_x
    (vv, vu), (uv, uu) = matrix
    return _read(image, v * vv + u * vu + middle_y, v * uv + u * uu + middle_x)


def _read(image: Array, down: Array, across: Array) -> Array:
    """(B, H, W, C) read at (B, H, W) places in pixels, linearly interpolated.

    One gather: each place brings the four pixels around it, which lie side by side.
    """
    _, height, width, channels = image.shape
    wide = framed(image, 0, 1, 0, 1)
    four = [wide[:, y : y + height, x : x + width] for y in (0, 1) for x in (0, 1)]
    table = ops.reshape(ops.concatenate(four, axis=3), (-1, 4 * channels))
    y, dy = _split(down, height)
    x, dx = _split(across, width)
    row = ops.arange(ops.shape(image)[0], dtype="int32")[:, None, None] * (height * width)
    taken = ops.take(table, row + y * width + x, axis=0)
    a, b, c, d = (taken[..., i * channels : (i + 1) * channels] for i in range(4))
    above, below = a + (b - a) * dx, c + (d - c) * dx
    return above + (below - above) * dy


def _split(place: Array, count: int) -> tuple[Array, Array]:
    """(B, H, W) places -> whole pixels int32, and what is left in 64ths, (B, H, W, 1)."""
    steps = ops.clip(ops.round(place * BETWEEN), 0.0, (count - 1) * BETWEEN)
    whole = ops.floor(steps * (1 / BETWEEN))
    return ops.cast(whole, "int32"), (steps * (1 / BETWEEN) - whole)[..., None]


def _places(image: Array) -> tuple[Array, Array]:
    """Of every pixel, down (1, H, W) and across (1, H, W)."""
    down, across = np.indices(image.shape[1:3], np.float32)
    return ops.convert_to_tensor(down[None]), ops.convert_to_tensor(across[None])


def _middle(image: Array) -> tuple[float, float]:
    return (image.shape[1] - 1) / 2, (image.shape[2] - 1) / 2


def _tilt(at_the_side: Array, place: Array, half: float) -> Array:
    """(B, H, W): what grows evenly from the middle to the side, in whole 1024ths."""
    slope = ops.round(at_the_side * np.float32(2.0**14 / max(half, 0.5))) * np.float32(2.0**-14)
    return ops.round(slope * place * 1024.0) * np.float32(1 / 1024)


def _fine(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint(values / FINE) * FINE)


def _check(name: str, value: float, most: float) -> None:
    if not 0 <= value <= most:
        raise ValueError(f"{name} {value}: expected 0 to {most}")
