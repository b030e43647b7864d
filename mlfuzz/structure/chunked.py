"""A format made of chunks, from a short description."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlfuzz.structure.change import CHANGES, Draft, shorten_all
from mlfuzz.structure.chunk import HEAD, RAW, Chunk, Chunks, Field, Fields, Part, join, write
from mlfuzz.structure.draw import Draw

DOWN = 0.7
"""Share of the changes that happen a level further down, at each level."""
MAX_DEPTH = 8
"""Levels."""

Span = tuple[Part, int, int, bool]
"""Part of a chunk, start, stop, whether the place is of fixed width and padded with NULs."""


def begins(*magics: bytes) -> Callable[[bytes], bool]:
    """Whether data begin with one of the magic numbers."""

    def matches(data: bytes) -> bool:
        return data.startswith(magics)

    return matches


def nothing(chunk: Chunk) -> None:
    """Mend nothing."""


def no_total(chunks: Chunks, before: int) -> None:
    """No part of the file depends on all the chunks."""


def no_fields(chunk: Chunk) -> Fields:
    return ()


def no_names(chunk: Chunk) -> Sequence[Span]:
    return ()


def content_of(chunk: Chunk) -> bytes | None:
    return chunk.content


def set_content(chunk: Chunk, body: bytes) -> None:
    chunk.content = body


@dataclass(frozen=True)
class Chunked:
    r"""A format of chunks, described.

    Parameters
    ----------
    name : str
    matches : callable
        Whether data are of this format, from their first bytes.
    parse : callable
        Data to chunks; joined they must give the data again, whatever these are.
    make : callable
        A new chunk of a kind with a content.
    mend : callable
        Write the lengths of one chunk.
    seal : callable
        Write the checksum of one chunk.
    total : callable
        (chunks, how many there were before) -> None: write what depends on all the chunks, such
        as the length of the file, a count, offsets.
    fields : callable
        The numbers in a chunk; ``by_kind`` makes one from a table.
    lengths : sequence of Field
        The numbers in the head of every chunk.
    kinds : tuple of bytes
        Kinds of chunks to insert.
    samples : tuple of (kind, content)
        Whole chunks to insert.
    names : callable
        Where names of files lie in a chunk, for an archive.
    unwrap, wrap : callable
        What lies inside a chunk (uncompressed, without a prefix), which may be a file of another
        format, and how it is put back; ``None`` where that cannot be known.
    shortened : float
        Share of mutants whose long contents are cut to a few bytes.
    nests : callable
        Whether a chunk's content is made of chunks of this format again, where that is common:
        most changes then happen some levels down.
    is_checked : bool
        Readers refuse a wrong checksum: then what other mutations make is sealed too.

    Examples
    --------
    Records of a letter, a length of two bytes and a content, behind a magic number, with a rate
    in the records ``r``:

    >>> from mlfuzz.structure import Chunked, Field, Walk, begins, by_kind, mutator_for
    >>> from mlfuzz.structure.number import LE16, LE32
    >>> walk = Walk(start=4, head=3, kind_size=1, size_at=1, size=LE16)
    >>> TOY = Chunked(
    ...     name="toy", matches=begins(b"TOY1"),
    ...     parse=walk.parse, make=walk.make, mend=walk.mend,
    ...     lengths=walk.lengths, kinds=(b"r", b"d"),
    ...     fields=by_kind({b"r": (Field(0, LE32), Field(4, LE16, "code", (1, 2, 7)))}),
    ... )
    >>> seed = b"TOY1r\6\0\x40\x1f\0\0\1\0d\2\0hi"
    >>> [chunk.kind for chunk in TOY.parse(seed)]
    [b'<head>', b'r', b'd']
    >>> from random import Random
    >>> mutator = mutator_for([seed], extra=[TOY])
    >>> len(mutator.mutate(seed, seed, Random(1), 100)) <= 100
    True
    """

    name: str
    matches: Callable[[bytes], bool]
    parse: Callable[[bytes], Chunks]
    make: Callable[[bytes, bytes], Chunk]
    mend: Callable[[Chunk], None] = nothing
    seal: Callable[[Chunk], None] = nothing
    total: Callable[[Chunks, int], None] = no_total
    fields: Callable[[Chunk], Fields] = no_fields
    lengths: tuple[Field, ...] = ()
    kinds: tuple[bytes, ...] = ()
    samples: tuple[tuple[bytes, bytes], ...] = ()
    names: Callable[[Chunk], Sequence[Span]] = no_names
    unwrap: Callable[[Chunk], bytes | None] = content_of
    wrap: Callable[[Chunk, bytes], None] = set_content
    shortened: float = 0.1
    nests: Callable[[Chunk], bool] | None = None
    is_checked: bool = False

    @property
    def operations(self) -> tuple[str, ...]:
        missing = {"name"} if self.names is no_names else set()
        missing |= set() if self.kinds else {"rename"}
        return tuple(name for name in CHANGES if name not in missing)

    def fields_of(self, chunk: Chunk) -> Fields:
        """The fields of a chunk, those of its head among them."""
        fields = self.fields(chunk)
        if chunk.kind in (HEAD, RAW) or not self.lengths:
            return fields
        return (*fields, *self.lengths)

    def mutate(self, data: bytes, operation: str, draw: Draw) -> bytes:
        """Change chunks and fields, then mend what that broke, most of the time."""
        chunks = self.parse(data)
        before = len(chunks)
        below = self._below(chunks, draw)
        if below is not None:
            return self._mutate_below(chunks, below, operation, draw)
        draft = Draft(self, chunks, draw)
        if draw.random() < self.shortened:
            shorten_all(chunks)
        CHANGES[operation](draft)
        if draw.is_mended:
            self._mend(chunks, before)
        for chunk, field, value in draft.late:
            write(chunk, field, value)
        if draw.is_sealed:
            self._seal(chunks)
        return join(chunks)

    def _below(self, chunks: Chunks, draw: Draw) -> Chunk | None:
        """The chunk in which the change shall happen; most of the time, if there is one."""
        if self.nests is None or draw.depth >= MAX_DEPTH or draw.random() >= DOWN:
            return None
        nests = [chunk for chunk in chunks if self.nests(chunk)]
        return draw.pick(nests) if nests else None

    def _mutate_below(self, chunks: Chunks, below: Chunk, operation: str, draw: Draw) -> bytes:
        outer, size = draw.max_size, sum(chunk.size for chunk in chunks)
        draw.max_size = max(0, outer - size) + len(below.content)
        draw.depth += 1
        below.content = self.mutate(below.content, operation, draw)[: draw.max_size]
        draw.depth -= 1
        draw.max_size = outer
        below.is_touched = True
        if draw.is_mended:
            self._mend(chunks, len(chunks))
        return join(chunks)

    def sealed(self, data: bytes) -> bytes:
        """The data with all lengths and checksums right."""
        chunks = self.parse(data)
        for chunk in chunks:
            self.mend(chunk)
        self.total(chunks, len(chunks))
        for chunk in chunks:
            self.seal(chunk)
        return join(chunks)

    def _mend(self, chunks: Chunks, before: int) -> None:
        for chunk in chunks:
            if chunk.is_touched:
                self.mend(chunk)
        self.total(chunks, before)

    def _seal(self, chunks: Chunks) -> None:
        if self.seal is not nothing:
            for chunk in chunks:
                if chunk.is_touched:
                    self.seal(chunk)
