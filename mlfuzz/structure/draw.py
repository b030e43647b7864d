"""What one mutation may draw from: chance, another input, what the seeds and the target know."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from mlfuzz.structure.chunk import Chunk
    from mlfuzz.structure.format import Format

Item = TypeVar("Item")

MENDED = 0.8
"""Share of mutants whose lengths, counts and checksums are right again."""
SEALED = 0.9
"""Share whose checksums are right, so some with lengths that lie and pass the checksum."""


class Draw:
    """One for a mutator; ``rng``, ``other`` and ``max_size`` change with each call.

    Parameters
    ----------
    formats : sequence of Format
        Known ones, the first that matches an input inside another is taken.
    tokens : sequence of bytes
        Words of the target.

    Attributes
    ----------
    other : bytes
        Another input, whose parts may be taken over.
    max_size : int
        Longest mutant, in bytes.
    pool : dict of str to list of Chunk
        Chunks of the seeds by format, each kind once.
    codes : dict of (format, kind, part, offset) to list of int
        What the seeds hold in a field of codes.
    heads : list of bytes
        First bytes of the seeds, one for each format.
    depth : int
        How many formats the present one lies inside.
    is_mended, is_sealed : bool
        Whether lengths, and checksums, are made right after a change.
    """

    def __init__(self, formats: Sequence[Format] = (), tokens: Sequence[bytes] = ()) -> None:
        self.formats, self.tokens = formats, tokens
        self.other, self.max_size, self.depth = b"", 0, 0
        self.pool: dict[str, list[Chunk]] = {}
        self.codes: dict[tuple[str, bytes, str, int], list[int]] = {}
        self.heads: list[bytes] = []
        self.start(Random(0), b"", 0)

    def start(self, rng: Random, other: bytes, max_size: int) -> None:
        """Begin a mutant; what is mended is decided once, for all that happens to it."""
        self.rng, self.random = rng, rng.random
        self.other, self.max_size, self.depth = other, max_size, 0
        fate = rng.random()
        self.is_mended, self.is_sealed = fate < MENDED, fate < SEALED

    def below(self, count: int) -> int:
        """A whole number from 0 to ``count - 1``; ``Random.randrange`` takes five times as long."""
        return int(self.random() * count)

    def pick(self, items: Sequence[Item]) -> Item:
        return items[int(self.random() * len(items))]

    def format_of(self, data: bytes) -> Format | None:
        for format in self.formats:
            if format.matches(data):
                return format
        return None
