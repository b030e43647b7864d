"""Protocol buffers as they lie on the wire: numbered fields, lengths as varints, any nesting."""

from __future__ import annotations

from mlfuzz.structure.chunk import MAX_CHUNKS, RAW, Chunk, Chunks, Field, Fields
from mlfuzz.structure.chunked import Chunked
from mlfuzz.structure.number import LE32, LE64, VARINT, read_varint, varint, varint_end
from mlfuzz.structure.text import is_text

_VARINT, _LONG, _BYTES, _SHORT = 0, 1, 2, 5
_WIRES = (_VARINT, _LONG, _BYTES, _SHORT)
_FIXED = {_LONG: 8, _SHORT: 4, 3: 0, 4: 0}
MAX_NUMBER = 1 << 14
"""Larger field numbers are taken as a sign that the bytes are something else."""


def _parse(data: bytes) -> Chunks:
    """Fields whose kind is their tag; a length belongs to the head."""
    chunks: Chunks = []
    at, end = 0, len(data)
    while at < end and len(chunks) < MAX_CHUNKS:
        tag_end, begin, stop = _extent(data, at, end)
        if not stop:
            break
        chunks.append(Chunk(data[at:tag_end], data[at:begin], data[begin:stop], b"", at))
        at = stop
    if at < end:
        chunks.append(Chunk(RAW, b"", data[at:], b"", at))
    return chunks


def _extent(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Where the tag of a field ends, its content begins and ends; zeros if it is none."""
    tag_end = begin = varint_end(data, at)
    tag = data[at] if begin == at + 1 else read_varint(data, at) if begin else 0
    if not 8 <= tag < MAX_NUMBER << 3:
        return 0, 0, 0
    wire, stop = tag & 7, 0
    if wire == _VARINT:
        stop = varint_end(data, begin)
    elif wire == _BYTES:
        begin = varint_end(data, begin)
        stop = begin and begin + read_varint(data, tag_end)
    elif wire in _FIXED:
        stop = begin + _FIXED[wire]
    return (tag_end, begin, stop) if stop <= end else (0, 0, 0)


def _is_protobuf(data: bytes) -> bool:
    """Nothing marks one: two fields or more that fill the bytes, the first with a low number."""
    if len(data) < 4 or not 8 <= data[0] < 0x80 or data[0] & 7 not in _WIRES or is_text(data):
        return False
    return _count(data) > 1


def _count(data: bytes) -> int:
    """How many fields fill the bytes; 0 if none do."""
    at, end = 0, len(data)
    for count in range(MAX_CHUNKS):
        if at == end:
            return count
        _, _, at = _extent(data, at, end)
        if not at:
            return 0
    return MAX_CHUNKS


def _nests(chunk: Chunk) -> bool:
    return bool(chunk.head) and chunk.head[0] & 7 == _BYTES and _count(chunk.content) > 0


def _fields(chunk: Chunk) -> Fields:
    return _BY_WIRE[chunk.head[0] & 7] if chunk.head else ()


_TAG = Field(0, VARINT, "code", tuple(number << 3 | wire for number in (1, 2, 3, 15, 16)
                                      for wire in (0, 1, 2, 3, 4, 5, 7)), "head")  # fmt: skip
_BY_WIRE: tuple[Fields, ...] = (
    (_TAG, Field(0, VARINT), Field(0, VARINT)),
    (_TAG, Field(0, LE64), Field(0, LE64)),
    (_TAG, Field(1, VARINT, "length", (), "head")),
    (_TAG,),
    (_TAG,),
    (_TAG, Field(0, LE32), Field(0, LE32)),
    (_TAG,),
    (_TAG,),
)


def _make(kind: bytes, content: bytes) -> Chunk:
    """A field with the tag ``kind``, of its wire type."""
    tag = kind[: varint_end(kind, 0)] or b"\x0a"
    chunk = Chunk(tag, tag, content, b"", -1)
    wire = tag[0] & 7
    if wire == _VARINT:
        chunk.content = varint(int.from_bytes(content[:8], "little"))
    elif wire in _FIXED:
        chunk.content = content[: _FIXED[wire]].ljust(_FIXED[wire], b"\0")
    _mend(chunk)
    return chunk


def _mend(chunk: Chunk) -> None:
    """Write the length behind the tag."""
    stop = varint_end(chunk.head, 0)
    if stop and chunk.head[0] & 7 == _BYTES:
        chunk.head = chunk.head[:stop] + varint(len(chunk.content))


PROTOBUF = Chunked(
    name="protobuf", matches=_is_protobuf, parse=_parse, make=_make, mend=_mend, fields=_fields,
    samples=(
        (b"\x08", b"\xff" * 8), (b"\x0a", b""), (b"\x0a", b"x"), (b"\x12", b"\x0a\0"),
        (b"\x0b", b""), (b"\x0c", b""), (b"\x0d", b"\0\0\xc0\x7f"),
        (b"\x09", b"\0\0\0\0\0\0\xf0\x7f"), (b"\x12", b"\xff\xfe"),
        (b"\x0a", b"\x0a\x04\x0a\x02\x0a\0"),
    ),
    shortened=0.05, nests=_nests,
)  # fmt: skip
