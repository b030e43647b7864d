"""The parts of a file: chunks one after another, fields at fixed places in them.

A file is always the chunks' bytes joined, so that nothing is lost, whatever is damaged.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from mlfuzz.structure.number import BE32, Number

MAX_CHUNKS = 64
"""Parsed at most; what lies behind them is one chunk, so that a megabyte costs no more."""

HEAD = b"<head>"
"""Kind of the bytes before the first chunk: magic number, version."""
RAW = b"<raw>"
"""Kind of what does not parse."""

Part = Literal["head", "content", "tail"]
Role = Literal["number", "code", "length", "offset"]


class Chunk:
    """A part of a file that can be dropped, repeated, moved.

    Attributes
    ----------
    kind : bytes
        What the format calls it.
    head, content, tail : bytes
        As they lie in the file; a head holds the length, a tail padding or a checksum.
    start : int
        Where it began in the parsed file; -1 if it is new.
    is_touched : bool
        Whether its length and checksum may be wrong now.  What was wrong before stays wrong:
        a damaged parent was kept for its damage.
    """

    __slots__ = ("content", "head", "is_touched", "kind", "start", "tail")

    def __init__(self, kind: bytes, head: bytes, content: bytes, tail: bytes, start: int) -> None:
        self.kind, self.head, self.content, self.tail = kind, head, content, tail
        self.start, self.is_touched = start, False

    def copy(self) -> Chunk:
        return Chunk(self.kind, self.head, self.content, self.tail, -1)

    @property
    def size(self) -> int:
        return len(self.head) + len(self.content) + len(self.tail)


Chunks = list[Chunk]


class Field(NamedTuple):
    """A number at a fixed place in a chunk.

    ``role``: a *code* gets one of ``codes`` or one that a seed has; an *offset* also points back
    at itself; *length* and *offset* are written after the mending, which would undo them.
    """

    offset: int
    number: Number
    role: Role = "number"
    codes: tuple[int, ...] = ()
    part: Part = "content"


Fields = Sequence[Field]


def by_kind(table: Mapping[bytes, Fields]) -> Callable[[Chunk], Fields]:
    """The fields of a chunk from a table of kinds."""

    def fields(chunk: Chunk) -> Fields:
        return table.get(chunk.kind, ())

    return fields


def join(chunks: Chunks) -> bytes:
    return b"".join([part for c in chunks for part in (c.head, c.content, c.tail)])


@dataclass(frozen=True)
class Walk:
    """Chunks of the usual shape, "name, length, content", one after another.

    Parameters
    ----------
    start : int
        Bytes before the first chunk.
    head : int
        Bytes of a chunk before its content.
    kind_at, kind_size : int
        Where the name lies in the head.
    size_at : int
    size : Number
        Where and how the length lies in the head.
    counted : int
        What the length counts besides the content, in bytes.
    even : bool
        Whether contents of odd length are followed by a zero.
    tail : int
        Bytes after the content, a checksum for example.
    is_last : callable
        Whether, by its head, a chunk is the last.
    """

    start: int = 0
    head: int = 8
    kind_at: int = 0
    kind_size: int = 4
    size_at: int = 4
    size: Number = BE32
    counted: int = 0
    even: bool = False
    tail: int = 0
    is_last: Callable[[bytes], bool] | None = None

    @property
    def lengths(self) -> tuple[Field, ...]:
        """The length as a field of every chunk."""
        return (Field(self.size_at, self.size, "length", (), "head"),)

    def parse(self, data: bytes) -> Chunks:
        """A damaged length ends the walk with what is left."""
        chunks = [Chunk(HEAD, b"", data[: self.start], b"", 0)] if self.start else []
        at, end, width, read = self.start, len(data), self.head, self.size.read
        while at + width <= end and len(chunks) < MAX_CHUNKS:
            size = max(0, read(data, at + self.size_at) - self.counted)
            begin = at + width
            stop = min(end, begin + size)
            after = min(end, stop + (size & 1 if self.even else 0) + self.tail)
            kind = data[at + self.kind_at : at + self.kind_at + self.kind_size]
            chunks.append(Chunk(kind, data[at:begin], data[begin:stop], data[stop:after], at))
            if self.is_last is not None and self.is_last(chunks[-1].head):
                at = after
                break
            at = after
        if at < end:
            chunks.append(Chunk(RAW, b"", data[at:], b"", at))
        return chunks

    def make(self, kind: bytes, content: bytes) -> Chunk:
        """A new chunk, its checksum still zero."""
        stop = self.kind_at + self.kind_size
        name = kind[: self.kind_size].ljust(self.kind_size, b"\0")
        head = bytes(self.kind_at) + name + bytes(max(0, self.head - stop))
        chunk = Chunk(kind, head, content, bytes(self.tail), -1)
        self.mend(chunk)
        return chunk

    def mend(self, chunk: Chunk) -> None:
        """Write the length that the content has."""
        if chunk.kind == HEAD or len(chunk.head) != self.head:
            return
        size = len(chunk.content) + self.counted
        chunk.head = self.size.write(chunk.head, self.size_at, size)
        if self.even:
            chunk.tail = bytes(len(chunk.content) & 1)


def position(chunks: Chunks, index: int) -> int:
    """Where a chunk begins in the file as it is now."""
    return sum([chunk.size for chunk in chunks[:index]])


def is_moved(chunks: Chunks, before: int) -> bool:
    """Whether chunks came, went or changed places since ``before`` of them were parsed."""
    starts = [chunk.start for chunk in chunks]
    return len(chunks) != before or -1 in starts or starts != sorted(starts)


def relocate(chunks: Chunks, fields: Callable[[Chunk], Fields]) -> None:
    """Let offsets point at what they pointed at before chunks moved."""
    moves, at = [], 0
    for chunk in chunks:
        if chunk.start >= 0:
            moves.append((chunk.start, at - chunk.start))
        at += chunk.size
    if not any([shift for _, shift in moves]):
        return
    moves.sort()
    starts = [start for start, _ in moves]
    for chunk in chunks:
        for field in fields(chunk):
            if field.role == "offset" and has(chunk, field):
                value = read(chunk, field)
                index = bisect_right(starts, value) - 1
                if value and index >= 0:
                    write(chunk, field, value + moves[index][1])


def has(chunk: Chunk, field: Field) -> bool:
    """Whether the chunk is long enough to hold the field."""
    return field.offset + field.number.width <= len(getattr(chunk, field.part))


def read(chunk: Chunk, field: Field) -> int:
    return field.number.read(getattr(chunk, field.part), field.offset)


def write(chunk: Chunk, field: Field, value: int) -> None:
    part = field.number.write(getattr(chunk, field.part), field.offset, value)
    setattr(chunk, field.part, part)
    chunk.is_touched = True
