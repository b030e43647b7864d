"""Noise on the device as a pure function of (key, index): the same bits at any batch size.

A row's noise is the sum of two stretches of a bank, chosen by the bits of its key.  The bank is
made on the host by an integer hash, so it is the same on every machine and backend; no generator
with a state and no transcendental function may come in here.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array

BLOCK = 64
"""Samples that are copied at once: a gather costs by the index, not by the byte."""
OFFSETS = 1024
"""Places where a stretch may start in each half of the bank; 2**21 noises a colour, with signs."""
TILTS = (0.0, 0.84, 1.0, 1.19, 1.41)
"""Of the colours: white, then a fall of the power by about f**-0.5, f**-1, f**-1.5 and f**-2."""
OCTAVES = 8
_BYTES_DEVIATION = 2.0 * np.sqrt((256.0**2 - 1.0) / 12.0)


def noise(key: Array, count: int, colour: Array | None = None) -> Array:
    """(B, count) float32 of mean 0 and expected variance 1; equal keys give equal noise.

    Parameters
    ----------
    key : (B,) int32
        Bits 0 to 9 and 10 to 19 are the two places in the bank, bit 20 the sign of the second.
    count : int
    colour : (B,) int32, optional
        Index into ``TILTS``; default 0, white.

    Notes
    -----
    Costs a third of a hash for every sample (11 passes over the array on TensorFlow).  The two
    stretches are from different halves of the bank, so they never meet themselves.
    """
    half = OFFSETS + -(-count // BLOCK)
    table = bank(half, 1 if colour is None else len(TILTS))
    start = 0 if colour is None else colour * (2 * half)
    first = ops.bitwise_and(key, OFFSETS - 1) + start
    second = ops.bitwise_and(ops.right_shift(key, 10), OFFSETS - 1) + (start + half)
    sign = 1 - 2 * ops.bitwise_and(ops.right_shift(key, 20), 1)
    inverted = ops.cast(sign, "float32")[:, None, None]
    total = _stretch(table, first, count) + _stretch(table, second, count) * inverted
    return ops.reshape(total, (-1, total.shape[1] * BLOCK))[:, :count]


@cache
def bank(half: int, colours: int) -> np.ndarray:
    """(colours * 2 * half, BLOCK) float32 of variance 1/2: two halves a colour."""
    count = 2 * half * BLOCK
    rows = [_coloured(count, tilt, stream) for stream, tilt in enumerate(TILTS[:colours])]
    return np.asarray(np.concatenate(rows) * np.sqrt(0.5), np.float32).reshape(-1, BLOCK)


def _stretch(table: np.ndarray, start: Array, count: int) -> Array:
    """(B, blocks, BLOCK): consecutive blocks of the bank from each row's start."""
    blocks = ops.arange(-(-count // BLOCK), dtype="int32")[None, :]
    return ops.take(ops.convert_to_tensor(table), start[:, None] + blocks, axis=0)


def _coloured(count: int, tilt: float, stream: int) -> np.ndarray:
    """(count,) float64 of variance 1.

    A sum over octaves of white noise held for 1, 2, 4, ... samples, each ``tilt`` times the one
    before: Voss's method (Gardner, "White and brown music, fractal curves and one-over-f
    fluctuations", 1978).  Plus and times only: the same bits everywhere.
    """
    total, power = np.zeros(0), 0.0
    for octave in reversed(range(OCTAVES if tilt else 1)):
        size = -(-count // 2**octave)
        fresh = _white(size, stream * OCTAVES + octave)
        total = np.repeat(total, 2)[:size] * tilt + fresh if len(total) else fresh
        power = power * tilt**2 + 1.0
    return np.asarray(total / np.sqrt(power))


def _white(count: int, stream: int) -> np.ndarray:
    """(count,) float64 of variance 1, nearly normal: the sum of the four bytes of a hash."""
    hashed = _mix(np.arange(count, dtype=np.uint32) + np.uint32(stream << 24))
    total = hashed.view(np.uint8).reshape(-1, 4).sum(axis=1)
    return np.asarray((total - 510.0) / _BYTES_DEVIATION)


def _mix(value: np.ndarray) -> np.ndarray:
    """The finaliser of MurmurHash3 (Appleby, fmix32), applied to (n,) uint32."""
    value = (value ^ (value >> 16)) * np.uint32(0x85EBCA6B)
    value = (value ^ (value >> 13)) * np.uint32(0xC2B2AE35)
    return np.asarray(value ^ (value >> 16))
