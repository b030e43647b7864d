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
    rank = np.broadcast_to(_rank(rows), cells.shape).reshape(-1)
    # "None" becomes a segment of its own at the end: what -1 means differs between backends.
    # Leaving out known cells first gains nothing: the gather costs what the scatter saves.
    segments = ops.reshape(ops.where(cells < 0, size, cells), (-1,))
    best = ops.segment_max(ops.convert_to_tensor(rank), segments, num_segments=size + 1)
    return _added(state, ops.where(state, 0, ops.maximum(best[:size], 0)), rows)


def mark_all(state: Array, hit: Array) -> tuple[Array, Array]:
    """``mark`` where each row says of every cell whether it holds it: ``hit`` (B, S) bool."""
    rank = ops.where(hit, _rank(hit.shape[0]), 0)
    best = ops.where(state, 0, ops.max(rank, axis=0))
    return _added(state, best, hit.shape[0])


def _rank(rows: int) -> np.ndarray:
    """(B, 1) int32: the earliest row has the highest rank; 0 is left for "nobody"."""
    return np.arange(rows, 0, -1, dtype=np.int32)[:, None]


def _added(state: Array, best: Array, rows: int) -> tuple[Array, Array]:
    """``best`` (S,) int32: the highest rank that newly reached each cell, 0 for none."""
    winners = ops.segment_max(ops.ones_like(best), best, num_segments=rows + 1)
    return ops.logical_or(state, best > 0), ops.flip(winners[1:] > 0, axis=0)
