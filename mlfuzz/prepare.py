"""What ships between ``decode`` and the model: the harness's ``prepare``, one input at a time.

It is the author's code and may raise on an input that the domain allows; that is a fault of the
input's row, never the end of a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mlfuzz.core import Arrays
from mlfuzz.harness import Harness
from mlfuzz.rows import ordinary, shipped, stack


def prepared(harness: Harness, row: Arrays) -> Arrays:
    """What ``prepare`` gives for one row, named; NaN throughout where it raises.

    Raises
    ------
    HarnessError
        Where it raises on an ordinary input too.
    """
    try:
        return _prepared(harness, row)
    except Exception:
        assert harness.domain
        shapes = _prepared(harness, ordinary(harness.domain))
        return {name: np.full_like(value, np.nan) for name, value in shapes.items()}


def prepared_rows(harness: Harness, rows: Sequence[Arrays]) -> dict[str, np.ndarray]:
    """Many rows as one batch; no arrays where the harness has no ``prepare``."""
    return stack([prepared(harness, row) for row in rows]) if harness.prepare else {}


def why_unprepared(harness: Harness, row: Arrays) -> str | None:
    """None, or the stage and the type of what ``prepare`` raises on this row."""
    try:
        if harness.prepare:
            _prepared(harness, row)
    except Exception as error:
        return f"prepare: {type(error.__cause__ or error).__name__}"
    return None


def _prepared(harness: Harness, row: Arrays) -> Arrays:
    assert harness.prepare and harness.domain
    value = harness.prepare(shipped(harness.domain, row))
    return value if isinstance(value, Mapping) else {"input": np.asarray(value)}
