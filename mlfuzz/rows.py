"""Inputs on the host: named arrays, padded to one shape, alone or stacked to a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlfuzz.core import Arrays, Domain


def stack(rows: Sequence[Arrays]) -> dict[str, np.ndarray]:
    """Rows to one batch: each array gets a leading B."""
    return {name: np.stack([np.asarray(row[name]) for row in rows]) for name in rows[0]}


def split(batch: Arrays) -> list[Arrays]:
    """A batch to its rows."""
    count = len(next(iter(batch.values())))
    return [{name: value[i] for name, value in batch.items()} for i in range(count)]


def shipped(domain: Domain, row: Arrays) -> Any:
    """A padded row as ``decode`` would have given it: cut, and bare where it is one array."""
    cut = {
        spec.name: row[spec.name][: int(row[f"{spec.name}_length"])]
        if spec.padded
        else row[spec.name]
        for spec in domain.specs()
    }
    return next(iter(cut.values())) if len(cut) == 1 else cut


def constant(domain: Domain, value: float) -> Arrays:
    """One input of full length with a single value throughout, clipped to each array's range."""
    row: dict[str, np.ndarray] = {}
    for spec in domain.specs():
        row[spec.name] = np.full(spec.shape, np.clip(value, spec.low, spec.high), spec.dtype)
        if spec.padded:
            row[f"{spec.name}_length"] = np.asarray(spec.shape[0], np.int32)
    return row


def ordinary(domain: Domain) -> Arrays:
    """One input of full length that is nothing special: quiet noise in mid-range, on the grid."""
    row: dict[str, np.ndarray] = {}
    rng = np.random.default_rng(0)
    for spec in domain.specs():
        middle, span = (spec.high + spec.low) / 2, spec.high - spec.low
        noise = middle + 0.05 * span * rng.standard_normal(spec.shape)
        step = spec.quantum or 0.0
        steps = np.rint(noise / step) * step if step else noise
        row[spec.name] = np.clip(steps, spec.low, spec.high).astype(spec.dtype)
        if spec.padded:
            row[f"{spec.name}_length"] = np.asarray(spec.shape[0], np.int32)
    return row
