"""What ships between ``decode`` and the model: the harness's ``prepare``, one input at a time.

It is the author's code and may raise on an input that the domain allows; that is a fault of the
input's row, never the end of a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mlfuzz.core import Arrays
from mlfuzz.errors import HarnessError
from mlfuzz.harness import Harness
from mlfuzz.rows import ordinary, shipped, stack


def prepared(harness: Harness, row: Arrays) -> Arrays:
    """What ``prepare`` gives for one row, named; NaN throughout where it raises.

    Raises
    ------
    HarnessError
        Where it raises on an ordinary input too, or gives integers for a row that is at fault.
    """
    assert harness.domain
    expected = as_it_ships(harness, ordinary(harness.domain))
    if why_unprepared(harness, row) is None:
        return as_it_ships(harness, row)
    for name, value in expected.items():
        if value.dtype.kind != "f":
            raise HarnessError(
                f"{harness.path}: prepare= gives {name} as {value.dtype}. Expected floats, in "
                "which a row that it raises on can be marked; convert in features= or the model."
            )
    return {name: np.full_like(value, np.nan) for name, value in expected.items()}


def prepared_rows(harness: Harness, rows: Sequence[Arrays]) -> dict[str, np.ndarray]:
    """Many rows as one batch; no arrays where the harness has no ``prepare``."""
    return stack([prepared(harness, row) for row in rows]) if harness.prepare else {}


def why_unprepared(harness: Harness, row: Arrays) -> str | None:
    """None, or the stage and the type of what ``prepare`` raises on this row."""
    if not harness.prepare or not harness.domain:
        return None
    expected = as_it_ships(harness, ordinary(harness.domain))
    try:
        came = as_it_ships(harness, row)
    except Exception as error:
        return f"prepare: {type(error.__cause__ or error).__name__}"
    same = {n: v.shape for n, v in came.items()} == {n: v.shape for n, v in expected.items()}
    return None if same else "prepare: another shape"


def as_it_ships(harness: Harness, row: Arrays) -> Arrays:
    """What ``prepare`` gives for one row, named; raises what it raises."""
    assert harness.prepare and harness.domain
    value = harness.prepare(shipped(harness.domain, row))
    named = value if isinstance(value, Mapping) else {"input": value}
    return {name: np.asarray(array) for name, array in named.items()}
