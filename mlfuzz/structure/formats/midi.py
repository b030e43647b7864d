"""MIDI: a head and tracks."""

from __future__ import annotations

from struct import pack

from mlfuzz.structure.chunk import Chunks, Field, Walk, by_kind
from mlfuzz.structure.chunked import Chunked, begins
from mlfuzz.structure.number import BE16


def _total(chunks: Chunks, before: int) -> None:
    """Count the tracks again where there are more or fewer."""
    if len(chunks) != before and chunks and len(chunks[0].content) >= 4:
        count = sum([chunk.kind == b"MTrk" for chunk in chunks])
        chunks[0].content = BE16.write(chunks[0].content, 2, count)


_walk = Walk()
MIDI = Chunked(
    name="midi", matches=begins(b"MThd"), parse=_walk.parse, make=_walk.make, mend=_walk.mend,
    total=_total, lengths=_walk.lengths, kinds=(b"MTrk", b"MThd", b"XFIH"),
    fields=by_kind({
        b"MThd": (Field(0, BE16, "code", (0, 1, 2)), Field(2, BE16, "length"), Field(4, BE16)),
    }),
    samples=(
        (b"MThd", pack(">HHH", 1, 1, 96)), (b"MThd", pack(">HHH", 0, 1, 0xE250)),
        (b"MTrk", b"\0\xff\x2f\0"), (b"MTrk", b"\0\x90\x40\x40\x60\x80\x40\0\0\xff\x2f\0"),
        (b"MTrk", b"\0\xff\x51\x03\0\0\0\0\xff\x58\x04\0\0\0\0\0\xff\x59\x02\x7f\x02"),
        (b"MTrk", b"\xff\xff\xff\x7f\xf0\xff\xff\xff\x7f"),
    ),
)  # fmt: skip
