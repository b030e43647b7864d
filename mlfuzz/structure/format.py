"""What the mutator asks of a format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mlfuzz.structure.draw import Draw


class Format(Protocol):
    """A kind of file and what can be done to one.

    ``Chunked`` and ``Text`` are made from a short description, and are what to use; a format of
    one's own need only have these four names.
    """

    @property
    def name(self) -> str:
        """Short: it leads the names of the operations, ``png: field``."""

    @property
    def operations(self) -> tuple[str, ...]:
        """Names of what ``mutate`` can do."""

    @property
    def matches(self) -> Callable[[bytes], bool]:
        """Whether data look like one; called for each mutant, so it looks at the first bytes."""

    def mutate(self, data: bytes, operation: str, draw: Draw) -> bytes:
        """Data that match, changed by one of the operations; of any length."""
