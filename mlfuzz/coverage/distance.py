"""Distances between vectors, exact: equal vectors are at 0, at any batch size."""

from __future__ import annotations

from mlfuzz.backend import ops
from mlfuzz.core import Array

AT_ONCE = 2**22
"""Differences that are held at once: 16 MiB."""


def squared_distances(rows: Array, others: Array) -> Array:
    """(B, E) and (R, E) to (B, R): the squares of the Euclidean distances.

    By differences, B R E of each operation.  A matrix product would take a tenth of the time, but
    ``|a|^2 + |b|^2 - 2 a b`` of equal vectors is not 0, and on a GPU it is off by a thousandth.
    """
    each = max(1, AT_ONCE // (rows.shape[0] * rows.shape[1]))
    parts = [
        ops.sum(ops.square(rows[:, None] - others[None, first : first + each]), axis=2)
        for first in range(0, others.shape[0], each)
    ]
    return ops.concatenate(parts, axis=1)
