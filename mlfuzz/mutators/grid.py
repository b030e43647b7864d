"""Whole multiples of a power of two, on the device: sums and products with pixels are exact.

What ``sample`` draws lies there already; what shrinking pulls towards the identity does not.
"""

from __future__ import annotations

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array


def on_grid(value: Array, step: float) -> Array:
    """The nearest whole multiples of ``step``, a power of two; halves go to the even one."""
    return ops.round(value * np.float32(1 / step)) * np.float32(step)
