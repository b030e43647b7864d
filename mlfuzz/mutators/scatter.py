"""Some pixels of each picture, chosen by a key: so many as asked for, never more.

Whole numbers only, so the same pixels on every device; what is done to them is the mutator's.
"""

from __future__ import annotations

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array

_ODD = (np.int32(-1640531535), np.int32(-2048144789), np.int32(-1028477379))
"""0x9E3779B1 (the golden ratio of 2**32), 0x85EBCA6B and 0xC2B2AE3D, of MurmurHash3 and xxHash."""


def scattered(key: Array, share: Array, height: int, width: int) -> tuple[Array, Array]:
    """Choose pixels of each row.

    Parameters
    ----------
    key : (B,) int32
    share : (B,) float32
        Of the pixels, 0..1.
    height, width : int
        Of a picture.

    Returns
    -------
    chosen : (B, height, width, 1) float32
        1 for ``floor(share * height * width)`` pixels, else 0.
    odd : (B, height, width, 1) float32
        0 or 1, by turns, for whoever does two things.

    Notes
    -----
    The pixels are shuffled, and those that come to lie first are chosen: exactly so many, without
    sorting.  A draw for each pixel would be beyond its share in every other picture.  The shuffle
    is a Feistel network: each row is turned by a number hashed from the key, then each column, and
    so on, three times.
    """
    down, across = (ops.convert_to_tensor(p[None]) for p in np.indices((height, width), np.int32))
    key = key[:, None, None]
    for number in _ODD:
        across = ops.mod(across + _hashed(down, key * number), width)
        down = ops.mod(down + _hashed(across, key + number), height)
    rank = (down * width + across)[..., None]
    wanted = ops.cast(ops.floor(share * np.float32(height * width)), "int32")
    turn = ops.bitwise_and(ops.right_shift(key, 15), 1)[..., None]
    odd = ops.bitwise_and(rank + turn, 1)
    return ops.cast(rank < wanted[:, None, None, None], "float32"), ops.cast(odd, "float32")


def _hashed(place: Array, key: Array) -> Array:
    """int32 in 0..65535, as good as chance; sums and products wrap around."""
    value = place * _ODD[0] + key
    value = ops.bitwise_xor(value, ops.right_shift(value, 15)) * _ODD[1]
    value = ops.bitwise_xor(value, ops.right_shift(value, 13)) * _ODD[2]
    return ops.bitwise_and(ops.right_shift(value, 12), 0xFFFF)
