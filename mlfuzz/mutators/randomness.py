"""Noise on the device as a pure function of (key, index): the same bits at any batch size and place.

Integer arithmetic only, wrapping in int32: no transcendental function may come in here, since
TensorFlow's vectorised ones depend on where in a batch a row stands.
"""

from __future__ import annotations

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array

_DEVIATION = 2.0 * np.sqrt((256.0**2 - 1.0) / 12.0)
"""Of the sum of four bytes."""


def bits(key: Array, count: int) -> Array:
    """(B, count) int32, every bit fair: a hash of each row's key and the index.

    Parameters
    ----------
    key : (B,) int32
    count : int

    Notes
    -----
    The finaliser of MurmurHash3 (Appleby, fmix32) over key and index.  Keys are mixed first: keys
    that differ by a multiple of the index's factor would give shifted copies otherwise.
    """
    index = np.arange(count, dtype=np.int64) * 0x9E3779B1
    return _mix(_mix(key)[:, None] + _wrapped(index)[None, :])


def uniform(key: Array, count: int) -> Array:
    """(B, count) float32 in 0 <= u < 1, on a grid of 2**-24."""
    return ops.cast(_shifted(bits(key, count), 8), "float32") * np.float32(2.0**-24)


def normal(key: Array, count: int) -> Array:
    """(B, count) float32 of mean 0 and variance 1, nearly normal, within +-3.5.

    Notes
    -----
    The sum of the four bytes of one hash (Irwin-Hall of order 4, excess kurtosis -0.3): exact in
    integers, so that the bits are the same on every backend, and a third of Box-Muller's time.
    """
    hashed = bits(key, count)
    pairs = ops.bitwise_and(hashed, 0x00FF00FF) + ops.bitwise_and(
        ops.right_shift(hashed, 8), 0x00FF00FF
    )
    total = ops.bitwise_and(pairs, 0xFFFF) + ops.right_shift(pairs, 16)
    return (ops.cast(total, "float32") - np.float32(510.0)) * np.float32(1.0 / _DEVIATION)


def _mix(value: Array) -> Array:
    value = ops.bitwise_xor(value, _shifted(value, 16)) * _signed(0x85EBCA6B)
    value = ops.bitwise_xor(value, _shifted(value, 13)) * _signed(0xC2B2AE35)
    return ops.bitwise_xor(value, _shifted(value, 16))


def _shifted(value: Array, count: int) -> Array:
    """Logical shift to the right; the backends' own copies the sign."""
    return ops.bitwise_and(ops.right_shift(value, count), (1 << (32 - count)) - 1)


def _signed(constant: int) -> int:
    return constant - 2**32 if constant >= 2**31 else constant


def _wrapped(values: np.ndarray) -> np.ndarray:
    return (values & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
