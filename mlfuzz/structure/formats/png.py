"""PNG: chunks with a checksum."""

from __future__ import annotations

import zlib
from struct import pack

from mlfuzz.structure.chunk import HEAD, RAW, Chunk, Field, Walk, by_kind
from mlfuzz.structure.chunked import Chunked, begins
from mlfuzz.structure.number import BE16, BE32, U8

MAGIC = b"\x89PNG\r\n\x1a\n"
MAX_INFLATED = 1 << 16
"""Longest picture that is uncompressed for a change, in bytes."""


def _seal(chunk: Chunk) -> None:
    if chunk.kind not in (HEAD, RAW):
        chunk.tail = pack(">I", zlib.crc32(chunk.content, zlib.crc32(chunk.head[4:])))


def inflated(data: bytes, window_bits: int = zlib.MAX_WBITS) -> bytes | None:
    """What a whole stream holds; ``None`` if it is damaged, not whole or long."""
    if len(data) > MAX_INFLATED:
        return None
    stream = zlib.decompressobj(window_bits)
    try:
        body = stream.decompress(data, MAX_INFLATED)
    except zlib.error:
        return None
    return body if stream.eof else None


def _unwrap(chunk: Chunk) -> bytes | None:
    return inflated(chunk.content) if chunk.kind == b"IDAT" else chunk.content


def _wrap(chunk: Chunk, body: bytes) -> None:
    chunk.content = zlib.compress(body, 1) if chunk.kind == b"IDAT" else body


_walk = Walk(start=8, kind_at=4, size_at=0, tail=4)
PNG = Chunked(
    name="png", matches=begins(MAGIC), parse=_walk.parse, make=_walk.make, mend=_walk.mend,
    seal=_seal, lengths=_walk.lengths,
    kinds=(
        b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"tEXt",
        b"zTXt", b"iTXt", b"bKGD", b"pHYs", b"sBIT", b"tIME", b"acTL", b"fcTL", b"fdAT", b"eXIf",
    ),
    fields=by_kind({
        b"IHDR": (
            Field(0, BE32), Field(4, BE32), Field(8, U8, "code", (1, 2, 4, 8, 16)),
            Field(9, U8, "code", (0, 2, 3, 4, 6)), Field(10, U8), Field(11, U8),
            Field(12, U8, "code", (0, 1)),
        ),
        b"gAMA": (Field(0, BE32),),
        b"cHRM": tuple(Field(at, BE32) for at in range(0, 32, 4)),
        b"sRGB": (Field(0, U8),),
        b"tRNS": (Field(0, BE16),),
        b"bKGD": (Field(0, BE16),),
        b"pHYs": (Field(0, BE32), Field(4, BE32), Field(8, U8)),
        b"tIME": (Field(0, BE16), *(Field(at, U8) for at in range(2, 7))),
        b"acTL": (Field(0, BE32), Field(4, BE32)),
        b"fcTL": (
            *(Field(at, BE32) for at in range(0, 20, 4)), Field(20, BE16), Field(22, BE16),
            Field(24, U8), Field(25, U8),
        ),
    }),
    samples=(
        (b"PLTE", bytes(3)), (b"tRNS", bytes(2)), (b"tRNS", bytes(1)), (b"gAMA", bytes(4)),
        (b"tEXt", b"Comment\0x"), (b"zTXt", b"a\0\0" + zlib.compress(b"x")),
        (b"iTXt", b"a\0\0\0\0\0x"), (b"iCCP", b"a\0\0" + zlib.compress(bytes(128))),
        (b"pHYs", bytes(9)), (b"acTL", bytes(8)), (b"fcTL", bytes(26)), (b"IEND", b""),
        (b"eXIf", b"II*\0\x08\0\0\0\0\0\0\0\0\0"),
    ),
    unwrap=_unwrap, wrap=_wrap, shortened=0.03, is_checked=True,
)  # fmt: skip
