"""How a mutator spends its purse of 1: what is left, what may be drawn, what was paid.

Host only, float64; nothing of one mutator may come in here.
"""

from __future__ import annotations

import numpy as np

MARGIN = 1e-6
"""Left unspent, so that rounding a drawn value to float32 never breaks the bound."""


def left(count: int, spent: np.ndarray) -> np.ndarray:
    """(count,) float64 in 0..1: what may still be spent."""
    rest = 1.0 - np.asarray(spent, np.float64)
    return np.broadcast_to(np.clip(rest - MARGIN, 0.0, 1.0), (count,))


def untouched(count: int, spent: np.ndarray) -> np.ndarray:
    """(count,) bool: rows whose purse is full, for changes that are made at most once."""
    return np.broadcast_to(np.asarray(spent, np.float64) <= 0.0, (count,))


def draw(
    low: float, high: float, count: int, spent: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(count,) float64 around 0: uniform in ``low``..``high``, shrunk to what is left."""
    return np.asarray(rng.uniform(low, high, count) * left(count, spent))


def paid(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """(B,) float64: the share of its bound that a value around 0 uses.

    Summed over a chain and kept under 1, it keeps the sum of the values within the bounds too.
    """
    bound = np.where(value > 0, max(high, MARGIN), max(-low, MARGIN))
    return np.asarray(np.abs(value) / bound)


def whole(value: np.ndarray, step: float) -> np.ndarray:
    """Whole multiples of ``step``, rounded towards 0, so that no bound is passed.

    With a step of 2**-k few bits are needed, and sums and products of them with pixels are exact
    in float32: they are the same bits in whatever order and on whatever device.
    """
    return np.asarray(np.trunc(value / step) * step)


def once(
    drawn: np.ndarray, identity: tuple[float, ...], count: int, spent: np.ndarray | None
) -> np.ndarray:
    """(count, P) float32: what was drawn where the purse is full, else the identity; None: all."""
    if spent is not None:
        drawn = np.where(untouched(count, spent)[:, None], drawn, identity)
    return np.asarray(drawn, np.float32)


def changed(values: np.ndarray, identity: tuple[float, ...]) -> np.ndarray:
    """(B,) float64: the whole purse, 1, for rows that are not the identity."""
    differs = np.asarray(values) != np.asarray(identity, np.float32)
    return np.asarray(differs.any(axis=1), np.float64)


def keys(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count,) int32: one seed a row for the noise that is made on the device."""
    return rng.integers(-(2**31), 2**31, count, dtype=np.int32)
