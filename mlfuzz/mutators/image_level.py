"""Brighter, darker, flatter, and with other tones and colours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Batch, Params
from mlfuzz.mutators import purse
from mlfuzz.mutators.grid import on_grid

MIDDLE = 127.5
FINE = 2.0**-10
"""Step of a factor: times a pixel it needs 19 bits, so float32 is exact."""
WILD_OCTAVES = 2.0
TONES = 32
"""Gamma curves an octave."""
LUMA = (77 / 256, 150 / 256, 29 / 256)
"""Of red, green and blue: 0.299, 0.587, 0.114 (ITU-R BT.601) in whole 256ths."""


@dataclass(frozen=True)
class Brightness:
    """Add the same to every pixel; beyond the range it saturates.

    Parameters
    ----------
    low, high : float
        Range of what is added, around 0; a label should survive +-20 of 255.

    Notes
    -----
    ``params.values`` is (B, 1): a whole number.  Cost: its share of the bound; those of a chain
    add up.  Wild: +-255.
    Source: Tian et al., "DeepTest" (2018), section 4.2, brightness.
    """

    low: float = -20.0
    high: float = 20.0
    identity: ClassVar[tuple[float, ...]] = (0.0,)
    strengths: ClassVar[tuple[int, ...]] = (0,)
    budget: ClassVar[str] = "brightness"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not self.low <= 0 <= self.high:
            raise ValueError(f"brightness {self.low}..{self.high}: expected a range around 0")

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        if spent is None:
            added = rng.uniform(-255.0, 255.0, count)
        else:
            added = purse.draw(self.low, self.high, count, spent, rng)
        values = purse.whole(added, 1.0)[:, None].astype(np.float32)
        return Params(purse.keys(count, rng), values)

    def cost(self, params: Params) -> np.ndarray:
        return purse.paid(np.asarray(params.values, np.float64)[:, 0], self.low, self.high)

    def apply(self, batch: Batch, params: Params) -> Batch:
        added = on_grid(params.values[:, :1, None, None], 1.0)
        return batch.replace(image=batch["image"] + added)


@dataclass(frozen=True)
class Contrast:
    """Spread the pixels from mid-grey, or draw them together; beyond the range they saturate.

    Parameters
    ----------
    low, high : float
        Range of the factor, around 1; a label should survive 0.7 to 1.3.

    Notes
    -----
    ``(x - 127.5) f + 127.5``.  ``params.values`` is (B, 1): the factor in whole 1024ths.  Cost:
    its logarithm over the bound's; factors of a chain multiply.  Wild: a quarter to four.
    Source: DeepTest, section 4.2; there the factor is about 0, which changes the brightness too.
    """

    low: float = 0.7
    high: float = 1.3
    identity: ClassVar[tuple[float, ...]] = (1.0,)
    strengths: ClassVar[tuple[int, ...]] = (0,)
    budget: ClassVar[str] = "contrast"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check_factors("contrast", self.low, self.high)

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        return Params(purse.keys(count, rng), _factors(self.low, self.high, count, spent, rng))

    def cost(self, params: Params) -> np.ndarray:
        return _factor_cost(params, self.low, self.high)

    def apply(self, batch: Batch, params: Params) -> Batch:
        factor = on_grid(params.values[:, :1, None, None], FINE)
        return batch.replace(image=(batch["image"] - MIDDLE) * factor + MIDDLE)


@dataclass(frozen=True)
class Gamma:
    """Bend the curve of tones; black and white stay.

    Parameters
    ----------
    low, high : float
        Range of the exponent, around 1; a label should survive 0.7 to 1.4.

    Notes
    -----
    ``255 (x / 255) ** g`` from a table of 256 whole numbers a curve, made on the host: no power is
    taken on the device.  ``params.values`` is (B, 1): the curve, in whole 32nds of an octave of
    g, positive for darker.  Cost: its share of the bound; exponents of a chain multiply.  Wild:
    two octaves either way.
    """

    low: float = 0.7
    high: float = 1.4
    identity: ClassVar[tuple[float, ...]] = (0.0,)
    strengths: ClassVar[tuple[int, ...]] = (0,)
    budget: ClassVar[str] = "gamma"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        limit = 2.0**WILD_OCTAVES
        if not 1 / limit <= self.low <= 1 <= self.high <= limit:
            raise ValueError(
                f"gamma {self.low}..{self.high}: expected a range around 1, from 0.25 to 4"
            )

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        if spent is None:
            octaves = rng.uniform(-WILD_OCTAVES, WILD_OCTAVES, count)
        else:
            octaves = purse.draw(np.log2(self.low), np.log2(self.high), count, spent, rng)
        values = purse.whole(octaves * TONES, 1.0)[:, None].astype(np.float32)
        return Params(purse.keys(count, rng), values)

    def cost(self, params: Params) -> np.ndarray:
        octaves = np.asarray(params.values, np.float64)[:, 0] / TONES
        return purse.paid(octaves, float(np.log2(self.low)), float(np.log2(self.high)))

    def apply(self, batch: Batch, params: Params) -> Batch:
        curves = tone_curves()
        middle = len(curves) // 2
        curve = ops.cast(params.values[:, :1, None, None], "int32") + middle
        index = ops.cast(batch["image"], "int32") + curve * 256
        table = ops.convert_to_tensor(curves.ravel())
        return batch.replace(image=ops.take(table, ops.clip(index, 0, curves.size - 1)))


@dataclass(frozen=True)
class Saturation:
    """Make colours stronger or paler; a grey picture stays as it is.

    Parameters
    ----------
    low, high : float
        Range of the factor, around 1; a label should survive 0.7 to 1.3.

    Notes
    -----
    ``y + (x - y) f`` for each channel x, with the luma y of BT.601 rounded to a whole number.
    ``params.values``, cost and wild: as ``Contrast``.  The bound is that of contrast: both draw
    values together towards a middle.
    """

    low: float = 0.7
    high: float = 1.3
    identity: ClassVar[tuple[float, ...]] = (1.0,)
    strengths: ClassVar[tuple[int, ...]] = (0,)
    budget: ClassVar[str] = "saturation"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check_factors("saturation", self.low, self.high)

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        return Params(purse.keys(count, rng), _factors(self.low, self.high, count, spent, rng))

    def cost(self, params: Params) -> np.ndarray:
        return _factor_cost(params, self.low, self.high)

    def apply(self, batch: Batch, params: Params) -> Batch:
        image = batch["image"]
        if image.shape[3] == 1:
            return batch
        red, green, blue = (image[..., c : c + 1] * np.float32(LUMA[c]) for c in range(3))
        luma = ops.round(red + green + blue)
        factor = on_grid(params.values[:, :1, None, None], FINE)
        return batch.replace(image=luma + (image - luma) * factor)


@cache
def tone_curves() -> np.ndarray:
    """(129, 256) float32 of whole numbers: a curve for each 32nd of an octave, -2 to 2."""
    most = round(WILD_OCTAVES * TONES)
    exponents = 2.0 ** (np.arange(-most, most + 1) / TONES)
    curves = 255.0 * (np.arange(256) / 255.0) ** exponents[:, None]
    return np.asarray(np.rint(curves), np.float32)


def _check_factors(name: str, low: float, high: float) -> None:
    if not 0 < low <= 1 <= high:
        raise ValueError(f"{name} {low}..{high}: expected a range around 1, above 0")


def _factors(
    low: float, high: float, count: int, spent: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """(count, 1) float32, log-uniform around 1, rounded towards it."""
    if spent is None:
        octaves = rng.uniform(-WILD_OCTAVES, WILD_OCTAVES, count)
    else:
        octaves = purse.draw(np.log2(low), np.log2(high), count, spent, rng)
    factors = 1.0 + purse.whole(2.0**octaves - 1.0, FINE)
    return np.asarray(factors[:, None], np.float32)


def _factor_cost(params: Params, low: float, high: float) -> np.ndarray:
    octaves = np.log2(np.asarray(params.values, np.float64)[:, 0])
    return purse.paid(octaves, float(np.log2(low)), float(np.log2(high)))
