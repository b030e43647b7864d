"""How an entry was made: the recipe is the test, the stored array its proof.

Values only, as in ``core``; what a mutator does is found by its ``repr`` in the harness.
"""

from __future__ import annotations

import msgspec


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One mutation of a recipe; ``mutator`` is its ``repr``."""

    mutator: str
    version: int
    key: int
    values: tuple[float, ...]


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How an entry was made: ``steps`` applied to the stored array named ``base``."""

    sequence: int
    base: str
    root: str
    made_by: str
    steps: tuple[Step, ...] = ()
    spent: dict[str, float] = {}
    wild: bool = False
    backend: str = ""
    device: str = ""
