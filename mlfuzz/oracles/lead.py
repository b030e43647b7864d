"""By how much a class is preferred: the one measure that all oracles about classes share."""

from __future__ import annotations

from mlfuzz.backend import ops
from mlfuzz.core import Array


def lead(scores: Array, expected: Array, rank: int = 1) -> Array:
    """(B,): the score of a class less the best of the others.

    Parameters
    ----------
    scores : (B, C) float32
    expected : (B,) int
        The class; -1 and what lies beyond C is none, with the lead of minus infinity.
    rank : int
        Over the best of the others, the second best, ...; infinity where there are too few.
    """
    index = ops.arange(scores.shape[1], dtype="int32")[None, :]
    is_expected = index == ops.cast(expected, "int32")[:, None]
    own = ops.max(ops.where(is_expected, scores, -float("inf")), axis=1)
    return own - _best(ops.where(is_expected, -float("inf"), scores), rank)


def has_answer(scores: Array) -> Array:
    """(B,) bool: no score is NaN or +inf; minus infinity is how a model masks an answer."""
    return ops.all(scores < float("inf"), axis=1)


def _best(scores: Array, rank: int) -> Array:
    """(B,): the largest score, the second largest, ...; minus infinity where there are too few."""
    if rank >= scores.shape[1]:
        return ops.full_like(scores[:, 0], -float("inf"))
    if rank == 1:
        return ops.max(scores, axis=1)
    return ops.top_k(scores, rank)[0][:, -1]
