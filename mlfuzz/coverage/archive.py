"""The one mechanism of coverage: a set of cells, and the first row of a batch to reach each."""

from __future__ import annotations

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array


def mark(state: Array, cells: Array) -> tuple[Array, Array]:
    """Add a batch to the set; a row is novel if it is the first to hold some cell.

    Parameters
    ----------
    state : (S,) bool
        Cells that were reached before.
    cells : (B, M) int32
        The cells of each row, -1 for none.

    Returns
    -------
    state : (S,) bool
    novel : (B,) bool
        The row holds a cell that neither ``state`` nor an earlier row holds.
    """
    rows, size = cells.shape[0], state.shape[0]
    # The earliest row has the highest rank; 0 is left for "nobody".
    rank = np.broadcast_to(np.arange(rows, 0, -1, dtype=np.int32)[:, None], cells.shape)
    flat = ops.reshape(ops.where(cells < 0, size, cells), (-1,))
    best = ops.segment_max(ops.convert_to_tensor(rank.reshape(-1)), flat, num_segments=size + 1)
    return _first(state, ops.maximum(best[:size], 0), rows)


def _first(state: Array, best: Array, rows: int) -> tuple[Array, Array]:
    """``best`` (S,) int32: the highest rank that reached each cell, 0 for none."""
    new = ops.where(state, 0, best)
    ones = ops.ones_like(new)
    ranks = ops.segment_max(ones, new, num_segments=rows + 1)
    return ops.logical_or(state, new > 0), ops.flip(ranks[1:] > 0, axis=0)
