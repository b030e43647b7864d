"""JPEG: segments behind markers, with EXIF inside one of them."""

from __future__ import annotations

import re
from struct import pack

from mlfuzz.structure.chunk import MAX_CHUNKS, RAW, Chunk, Chunks, Field, Fields, by_kind
from mlfuzz.structure.chunked import Chunked, begins
from mlfuzz.structure.number import BE16, U8

_ALONE = frozenset((*range(0xD0, 0xDA), 0x01))
"""Markers without a length: start, end, restart."""
_SCAN = 0xDA
_NEXT = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_EXIF = b"Exif\0\0"


def _parse(data: bytes) -> Chunks:
    """The coded picture is the tail of its scan's segment."""
    chunks: Chunks = []
    at, end = 0, len(data)
    while at + 2 <= end and data[at] == 0xFF and len(chunks) < MAX_CHUNKS:
        code, begin = data[at + 1], at + 4
        if code in _ALONE or begin > end:
            begin = stop = after = at + 2
        else:
            after = stop = min(end, max(begin, at + 2 + (data[at + 2] << 8 | data[at + 3])))
        if code == _SCAN:
            marker = _NEXT.search(data, stop)
            after = marker.start() if marker else end
        kind = data[at : at + 2]
        chunks.append(Chunk(kind, data[at:begin], data[begin:stop], data[stop:after], at))
        at = after
    if at < end:
        chunks.append(Chunk(RAW, b"", data[at:], b"", at))
    return chunks


def _make(kind: bytes, content: bytes) -> Chunk:
    chunk = Chunk(kind, kind + (b"" if kind[-1:] == b"\xd8" else b"\0\0"), content, b"", -1)
    _mend(chunk)
    return chunk


def _mend(chunk: Chunk) -> None:
    """The length counts itself, and not the marker."""
    if len(chunk.head) == 4:
        chunk.head = BE16.write(chunk.head, 2, len(chunk.content) + 2)


def _unwrap(chunk: Chunk) -> bytes | None:
    return chunk.content.removeprefix(_EXIF)


def _wrap(chunk: Chunk, body: bytes) -> None:
    chunk.content = _EXIF + body if chunk.content.startswith(_EXIF) else body


_FRAME: Fields = (
    Field(0, U8, "code", (1, 8, 12, 16)), Field(1, BE16), Field(3, BE16),
    Field(5, U8, "code", (0, 1, 2, 3, 4)),
    *(Field(at, U8) for at in range(6, 18)),  # a component's name, sampling, table
)  # fmt: skip
_TABLE: Fields = (Field(0, U8), *(Field(at, U8) for at in range(1, 17)))
_LENGTH = Field(2, BE16, "length", (), "head")
_ADOBE = b"Adobe\0d\0\0\0\0"

JPEG = Chunked(
    name="jpeg", matches=begins(b"\xff\xd8\xff"), parse=_parse, make=_make, mend=_mend,
    lengths=(_LENGTH,),
    kinds=tuple(bytes((0xFF, code)) for code in (
        0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC9, 0xDA, 0xDB, 0xDC, 0xDD, 0xE0, 0xE1, 0xE2, 0xED, 0xEE,
        0xFE, 0xD8, 0x01,
    )),
    fields=by_kind({
        **{bytes((0xFF, code)): _FRAME for code in (0xC0, 0xC1, 0xC2, 0xC3, 0xC9)},
        b"\xff\xc4": _TABLE,
        b"\xff\xdb": (Field(0, U8, "code", (0, 1, 0x10, 0x13, 4)), Field(1, U8), Field(64, U8)),
        b"\xff\xda": (
            Field(0, U8, "code", (0, 1, 3, 4, 5)), *(Field(at, U8) for at in range(1, 10)),
        ),
        b"\xff\xdd": (Field(0, BE16),),
        b"\xff\xe0": (
            Field(5, U8), Field(6, U8), Field(7, U8, "code", (0, 1, 2)), Field(8, BE16),
            Field(10, BE16), Field(12, U8), Field(13, U8),
        ),
        b"\xff\xe2": (Field(12, U8), Field(13, U8)),
        b"\xff\xee": (Field(11, U8, "code", (0, 1, 2, 3)),),
    }),
    samples=(
        (b"\xff\xe0", b"JFIF\0\1\1\0" + pack(">HHBB", 1, 1, 0, 0)), (b"\xff\xfe", b"x"),
        (b"\xff\xdd", bytes(2)), (b"\xff\xe1", _EXIF + b"MM\0*\0\0\0\x08\0\0\0\0\0\0"),
        (b"\xff\xe1", b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>"), (b"\xff\xee", _ADOBE + b"\2"),
        (b"\xff\xe2", b"ICC_PROFILE\0\1\1" + bytes(128)), (b"\xff\xdb", bytes(65)),
        (b"\xff\xed", b"Photoshop 3.0\x008BIM\4\4\0\0\0\0\0\0"),
    ),
    unwrap=_unwrap, wrap=_wrap, shortened=0.05,
)  # fmt: skip
