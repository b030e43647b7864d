"""FLAC: metadata blocks before the frames of sound."""

from __future__ import annotations

from struct import pack

from mlfuzz.structure.chunk import HEAD, RAW, Chunk, Chunks, Field, Fields, Walk
from mlfuzz.structure.chunked import Chunked, begins
from mlfuzz.structure.number import BE16, BE24, BE32, BE64, LE32, U8, packed

_LAST = 0x80
"""Flag in the kind of the last block."""

_FIELDS: dict[int, Fields] = {
    0: (
        Field(0, BE16), Field(2, BE16), Field(4, BE24), Field(7, BE24),
        Field(10, packed(">Q", 44, 20)), Field(10, packed(">Q", 41, 3)),  # rate, channels
        Field(10, packed(">Q", 36, 5)), Field(10, packed(">Q", 0, 36)),  # bits, samples
    ),
    2: (Field(0, BE32, "code", (0x72696666, 0x61696666)),),
    3: (Field(0, BE64), Field(8, BE64), Field(16, BE16)),
    4: (Field(0, LE32),),
    5: (Field(128, BE64), Field(136, U8), Field(395, U8)),
    6: (Field(0, BE32, "code", (0, 3, 20)), Field(4, BE32), Field(8, BE32)),
}  # fmt: skip


def _fields(chunk: Chunk) -> Fields:
    return _FIELDS.get(chunk.kind[0] & 0x7F, ()) if chunk.kind not in (HEAD, RAW) else ()


def _is_last(head: bytes) -> bool:
    return head[0] >= _LAST


def _total(chunks: Chunks, before: int) -> None:
    """Only the last block has the flag, wherever blocks went."""
    if len(chunks) == before:
        return
    blocks = [chunk for chunk in chunks if len(chunk.head) == 4]
    for block in blocks:
        flag = _LAST if block is blocks[-1] else 0
        block.head = bytes((block.head[0] & 0x7F | flag,)) + block.head[1:]


_TAGS = pack("<I1sI", 1, b"x", 1) + pack("<I", 3) + b"A=b"
_walk = Walk(start=4, head=4, kind_size=1, size_at=1, size=BE24, is_last=_is_last)
FLAC = Chunked(
    name="flac", matches=begins(b"fLaC"), parse=_walk.parse, make=_walk.make, mend=_walk.mend,
    total=_total, lengths=(*_walk.lengths, Field(0, U8, "code", tuple(range(8)), "head")),
    fields=_fields, kinds=tuple(bytes((kind,)) for kind in (*range(8), 127)),
    samples=(
        (b"\0", pack(">HH6xQ16x", 4096, 4096, 16000 << 44 | 15 << 36 | 100)),
        (b"\4", _TAGS), (b"\4", pack("<II", 0, 0)), (b"\1", bytes(16)), (b"\3", bytes(18)),
        (b"\6", pack(">II9sI", 3, 9, b"image/png", 0) + bytes(20)),
    ),
)  # fmt: skip
