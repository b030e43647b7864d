"""Some pixels of each picture, chosen by a key: so many as asked for, never more.

Whole numbers only, so the same pixels on every device; what is done to them is the mutator's.
"""

from __future__ import annotations

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array


def scattered(key: Array, share: Array, count: int) -> tuple[Array, Array]:
    """Choose pixels of each row.

    Parameters
    ----------
    key : (B,) int32
    share : (B,) float32
        Of the pixels, 0..1.
    count : int
        Pixels of a picture.

    Returns
    -------
    chosen : (B, count) float32
        1 for at most ``floor(share * count)`` pixels, else 0.
    odd : (B, count) float32
        0 or 1, as good as chance, for whoever does two things.

    Notes
    -----
    Pixel p has the rank ``(a p + b) mod m`` with m the next prime and a, b from the key: all ranks
    differ, so those below a number are that many pixels without sorting (ranks of the few numbers
    between ``count`` and m belong to no pixel).  The chosen pixels are evenly spaced
    along the lines, which chance is not; a draw for each pixel would be beyond its share in every
    other picture.
    """
    prime = _prime_from(count)
    most = max(1, min(prime - 1, (2**31 - 1) // prime))  # so that a p stays below 2**31
    factor = 1 + ops.mod(ops.bitwise_and(key, 0xFFFF), most)
    start = ops.bitwise_and(ops.right_shift(key, 16), 0x7FFF) * (prime // 2**15 + 1)
    place = ops.arange(count, dtype="int32")[None, :]
    ranks = ops.mod(ops.mod(factor[:, None] * place, prime) + ops.mod(start, prime)[:, None], prime)
    number = ops.cast(ops.floor(share * np.float32(count)), "int32")
    sign = ops.bitwise_and(ops.right_shift(key, 15), 1)
    odd = ops.bitwise_and(ranks + sign[:, None], 1)
    return ops.cast(ranks < number[:, None], "float32"), ops.cast(odd, "float32")


def _prime_from(number: int) -> int:
    """The smallest prime that is not below ``number``."""
    number = max(number, 2)
    while any(number % factor == 0 for factor in range(2, int(number**0.5) + 1)):
        number += 1
    return number
