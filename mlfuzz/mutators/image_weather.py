"""Rain, fog, snow, glare and shadow in five severities; all pay from one purse.

Nothing is measured outdoors: these are the drawings that people make of the weather.  What is
drawn is worked out in whole 256ths, so that a replay gives the same bits on any device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Batch, Params
from mlfuzz.mutators import purse
from mlfuzz.mutators.grid import on_grid
from mlfuzz.mutators.randomness import noise
from mlfuzz.mutators.scatter import scattered

SEVERITIES = 5
WILD_SEVERITIES = 8
PRIME = 257
RAIN_GREY, FOG_GREY = 200.0, 220.0
"""Of lit drops and of fog: brighter than most of a picture, darker than white."""
PATCHES = 4
"""Fog changes over so many patches a side."""
_COSTS = np.arange(1, SEVERITIES + 1) / SEVERITIES * (1 - 1e-10)
"""Of each severity: a hair under its fifth, so that five of the first fit whatever the rounding."""


@dataclass(frozen=True)
class Rain:
    """Draw slanted streaks of rain.

    Parameters
    ----------
    severity : int
        Largest severity, 0 to 5.

    Notes
    -----
    The picture is cut into slanted lines and these into streaks of a fifth of the height; a hash of
    line and streak in whole numbers says which are lit: 2% of them for each degree of severity.
    There a pixel goes a sixteenth of the way to 200 for each degree.  ``params.values`` is (B, 2):
    the severity and the slant, pixels across for each pixel down, in whole 16ths; ``params.key``
    chooses the streaks.  Cost: a fifth for each degree, added up over a chain and over all weather.
    Wild: severity 1 to 8.
    Source: the kinds of weather are those of DeepTest, section 4.2 (rain, fog), and of Zhang et
    al., "DeepRoad" (2018); there they come from a picture editor and from a trained generator.
    """

    severity: int = SEVERITIES
    identity: ClassVar[tuple[float, ...]] = (0.0, 0.0)
    strengths: ClassVar[tuple[int, ...]] = (0,)
    budget: ClassVar[str] = "weather"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check(self.severity)

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        slant = rng.integers(-8, 9, count) / 16
        return _params(self.severity, [slant], count, spent, rng)

    def cost(self, params: Params) -> np.ndarray:
        return _cost(params)

    def apply(self, batch: Batch, params: Params) -> Batch:
        image, severity = batch["image"], _severity(params)
        height, width = image.shape[1:3]
        down, across = (ops.convert_to_tensor(p[None]) for p in np.indices((height, width)))
        slanted = ops.cast(down, "float32") * params.values[:, 1:2, None]
        line = ops.cast(ops.floor(slanted), "int32") + ops.cast(across, "int32") + height
        lit = _hashed(params.key, line, ops.cast(down, "int32"), max(2, height // 5))
        streak = ops.cast(lit[..., None], "float32") < severity * (PRIME // 50)
        drawn = image + (RAIN_GREY - image) * severity * (1 / 16)
        return batch.replace(image=ops.where(streak, drawn, image))


@dataclass(frozen=True)
class Fog:
    """Lay fog over the picture, thicker here and thinner there.

    Parameters
    ----------
    severity : int
        Largest severity, 0 to 5.

    Notes
    -----
    A pixel goes ``severity (1 + t) 13 / 256`` of the way to 220, where t, 0 to 1, is drawn for
    4 x 4 patches and linear between, as two matrix products.  ``params.values`` is (B, 1): the
    severity; ``params.key`` makes t.  Cost and wild: as ``Rain``.
    """

    severity: int = SEVERITIES
    identity: ClassVar[tuple[float, ...]] = (0.0,)
    strengths: ClassVar[tuple[int, ...]] = (0,)
    budget: ClassVar[str] = "weather"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check(self.severity)

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        return _params(self.severity, [], count, spent, rng)

    def cost(self, params: Params) -> np.ndarray:
        return _cost(params)

    def apply(self, batch: Batch, params: Params) -> Batch:
        image = batch["image"]
        thickness = ops.round(_patches(params.key, *image.shape[1:3]) * 64.0) * (1 / 64)
        way = (1.0 + thickness) * _severity(params) * 13.0
        way = ops.minimum(ops.round(way), 256.0) * (1 / 256)
        return batch.replace(image=image + (FOG_GREY - image) * way)


@dataclass(frozen=True)
class Snow:
    """Let white flakes fall.

    Parameters
    ----------
    severity : int
        Largest severity, 0 to 5.

    Notes
    -----
    Flakes lie on a 256th of the pixels for each degree, rounded down, and half as strong on their
    four neighbours; a flake goes three quarters of the way to white.  ``params.values`` is (B, 1):
    the severity; ``params.key`` places the flakes (see ``scatter``).  Cost and wild: as ``Rain``.
    """

    severity: int = SEVERITIES
    identity: ClassVar[tuple[float, ...]] = (0.0,)
    strengths: ClassVar[tuple[int, ...]] = (0,)
    budget: ClassVar[str] = "weather"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check(self.severity)

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        return _params(self.severity, [], count, spent, rng)

    def cost(self, params: Params) -> np.ndarray:
        return _cost(params)

    def apply(self, batch: Batch, params: Params) -> Batch:
        image = batch["image"]
        share = _severity(params)[:, 0, 0, 0] * (1 / 256)
        flakes = scattered(params.key, share, *image.shape[1:3])[0]
        flakes = ops.pad(flakes, ((0, 0), (1, 1), (1, 1), (0, 0)))  # none beyond the border
        beside = ops.maximum(
            ops.maximum(flakes[:, :-2, 1:-1], flakes[:, 2:, 1:-1]),
            ops.maximum(flakes[:, 1:-1, :-2], flakes[:, 1:-1, 2:]),
        )
        cover = ops.maximum(flakes[:, 1:-1, 1:-1], beside * 0.5) * 0.75
        return batch.replace(image=image + (255.0 - image) * cover)


@dataclass(frozen=True)
class Glare:
    """Let a light shine into the lens: a bright spot that fades to its rim.

    Parameters
    ----------
    severity : int
        Largest severity, 0 to 5.

    Notes
    -----
    At a distance d of the middle of a spot of radius r a pixel goes
    ``severity (1 - (d / r)**2)**2 / 8`` of the way to white.  ``params.values`` is (B, 4): the
    severity, the spot's place as shares of the height and width, and the square of the longer
    side over r, from the host; r is 0.2 to 0.5 of that side.  Cost and wild: as ``Rain``.
    """

    severity: int = SEVERITIES
    identity: ClassVar[tuple[float, ...]] = (0.0, 0.0, 0.0, 0.0)
    strengths: ClassVar[tuple[int, ...]] = (0,)
    budget: ClassVar[str] = "weather"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check(self.severity)

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        places = [rng.uniform(0.0, 1.0, count), rng.uniform(0.0, 1.0, count)]
        inverse = rng.uniform(0.2, 0.5, count) ** -2.0
        return _params(self.severity, [*places, inverse], count, spent, rng)

    def cost(self, params: Params) -> np.ndarray:
        return _cost(params)

    def apply(self, batch: Batch, params: Params) -> Batch:
        image, values = batch["image"], params.values[:, :, None, None]
        height, width = image.shape[1:3]
        down, across = (ops.convert_to_tensor(p) for p in np.indices((height, width), np.float32))
        dy = down[None] - ops.round(values[:, 1] * (height - 1.0))
        dx = across[None] - ops.round(values[:, 2] * (width - 1.0))
        # Rounded between the two products: a compiler may take three factors in any order.
        inverse = ops.round(values[:, 3] * np.float32(2.0**28 / max(height, width) ** 2))
        inverse = inverse * np.float32(2.0**-20)
        inside = ops.maximum(256.0 - ops.round((dy * dy + dx * dx) * inverse), 0.0) * (1 / 256)
        light = ops.round(inside * inside * 256.0) * (1 / 256)
        way = ops.minimum(light[..., None] * _severity(params) * (1 / 8), 1.0)
        return batch.replace(image=image + (255.0 - image) * way)


@dataclass(frozen=True)
class Shadow:
    """Let a shadow fall over one side of the picture, with a straight edge.

    Parameters
    ----------
    severity : int
        Largest severity, 0 to 5.

    Notes
    -----
    Beyond the edge, which is one pixel soft, 3/32 of the light goes for each degree.
    ``params.values`` is (B, 4): the severity; cosine and sine of the direction that the shadow lies
    in, in whole 128ths, from the host; and how far the edge is from the middle, as a share of half
    the longer side.  Cost and wild: as ``Rain``.
    """

    severity: int = SEVERITIES
    identity: ClassVar[tuple[float, ...]] = (0.0, 0.0, 0.0, 0.0)
    strengths: ClassVar[tuple[int, ...]] = (0,)
    budget: ClassVar[str] = "weather"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check(self.severity)

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        angle = rng.uniform(0.0, 2 * np.pi, count)
        direction = np.rint(np.stack([np.cos(angle), np.sin(angle)]) * 128) / 128
        return _params(
            self.severity, [*direction, rng.uniform(-0.8, 0.8, count)], count, spent, rng
        )

    def cost(self, params: Params) -> np.ndarray:
        return _cost(params)

    def apply(self, batch: Batch, params: Params) -> Batch:
        image, values = batch["image"], params.values[:, :, None, None]
        height, width = image.shape[1:3]
        down, across = np.indices((height, width), np.float32)
        v = ops.convert_to_tensor(down - np.float32((height - 1) / 2))[None]
        u = ops.convert_to_tensor(across - np.float32((width - 1) / 2))[None]
        edge = ops.round(values[:, 3] * np.float32(max(height, width) / 2))
        beyond = ops.clip(u * values[:, 1] + v * values[:, 2] - edge, 0.0, 1.0)
        return batch.replace(image=image - image * beyond[..., None] * _severity(params) * (3 / 32))


def _check(severity: int) -> None:
    if severity not in range(SEVERITIES + 1):
        raise ValueError(f"severity {severity}: expected 0 to {SEVERITIES}")


def _params(
    severity: int,
    more: list[np.ndarray],
    count: int,
    spent: np.ndarray | None,
    rng: np.random.Generator,
) -> Params:
    """Severities that the purse still affords, and beside them ``more``; all 0 where it is 0."""
    if spent is None:
        most = np.full(count, WILD_SEVERITIES)
    else:
        fit = np.asarray(spent, np.float64).reshape(-1, 1) + _COSTS[:severity] <= 1.0
        most = np.broadcast_to(fit.sum(axis=1), (count,))
    drawn = np.minimum(np.floor(rng.random(count) * most) + 1.0, most)
    values = np.stack([drawn, *more], axis=1) * (drawn > 0)[:, None]
    return Params(purse.keys(count, rng), values.astype(np.float32))


def _severity(params: Params) -> Array:
    """(B, 1, 1, 1): in whole 16ths, for shrinking knows severities between whole ones."""
    return on_grid(params.values[:, :1, None, None], 1 / 16)


def _cost(params: Params) -> np.ndarray:
    degrees = np.asarray(params.values, np.float64)[:, 0]
    return np.asarray(degrees * _COSTS[0])


def _hashed(key: Array, line: Array, down: Array, length: int) -> Array:
    """(B, H, W) int32 in 0..256: equal along a streak of a line, as good as chance between them."""
    parts = [ops.bitwise_and(ops.right_shift(key, shift), 0xFF) for shift in (0, 8, 16, 23)]
    a, b, c, d = (part[:, None, None] for part in parts)
    line = ops.mod(line, PRIME)
    streak = ops.floor_divide(down + ops.mod(line * (a + 1) + b, length), length)
    mixed = line * line * (c + 1) + line * streak * (d + 1) + streak * (a + 1)
    return ops.mod(mixed + b, PRIME)


def _patches(key: Array, height: int, width: int) -> Array:
    """(B, H, W, 1) in 0..1: a number in whole 16ths for each patch, linear between."""
    drawn = ops.clip(ops.round(noise(key, PATCHES * PATCHES) * 4.0) + 8.0, 0.0, 16.0) * (1 / 16)
    drawn = ops.reshape(drawn, (-1, PATCHES, PATCHES))
    rows = ops.convert_to_tensor(_between(height))
    columns = ops.convert_to_tensor(np.ascontiguousarray(_between(width).T))
    return ops.matmul(ops.matmul(rows, drawn), columns)[..., None]


def _between(count: int) -> np.ndarray:
    """(count, PATCHES) float32 in whole 32nds: how much of each patch a pixel shows."""
    place = np.linspace(0.0, PATCHES - 1.0, count)
    weights = np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(PATCHES)))
    later = np.rint(weights[:, 1:] * 32) / 32
    return np.concatenate([1.0 - later.sum(axis=1, keepdims=True), later], axis=1).astype(
        np.float32
    )
