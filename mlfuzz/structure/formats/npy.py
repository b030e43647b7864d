"""npy: a header that is the text of a Python literal, then the numbers of an array."""

from __future__ import annotations

from mlfuzz.structure.chunk import Chunk, Chunks, Field, Fields
from mlfuzz.structure.chunked import Chunked, begins
from mlfuzz.structure.number import LE16, LE32, U8, Number

HEADER, VALUES = b"header", b"values"


def _size(head: bytes) -> Number:
    return LE16 if head[6:7] <= b"\1" else LE32


def _parse(data: bytes) -> Chunks:
    size = _size(data)
    begin = 8 + size.width
    if len(data) < begin:
        return [Chunk(VALUES, b"", data, b"", 0)]
    stop = min(len(data), begin + size.read(data, 8))
    header = Chunk(HEADER, data[:begin], data[begin:stop], b"", 0)
    return [header, Chunk(VALUES, b"", data[stop:], b"", stop)]


def _make(kind: bytes, content: bytes) -> Chunk:
    if kind != HEADER:
        return Chunk(VALUES, b"", content, b"", -1)
    chunk = Chunk(HEADER, b"\x93NUMPY\1\0\0\0", content, b"", -1)
    _mend(chunk)
    return chunk


def _mend(chunk: Chunk) -> None:
    size = _size(chunk.head)
    if chunk.kind == HEADER and len(chunk.head) == 8 + size.width:
        chunk.head = size.write(chunk.head, 8, len(chunk.content))


def _fields(chunk: Chunk) -> Fields:
    if chunk.kind != HEADER:
        return ()
    return (
        Field(6, U8, "code", (0, 1, 2, 3, 4), "head"),
        Field(7, U8, "code", (0, 1), "head"),
        Field(8, _size(chunk.head), "length", (), "head"),
    )


def _header(dtype: bytes, shape: bytes, order: bytes = b"False") -> tuple[bytes, bytes]:
    text = b"{'descr': %s, 'fortran_order': %s, 'shape': %s, }\n" % (dtype, order, shape)
    return HEADER, text


NPY = Chunked(
    name="npy", matches=begins(b"\x93NUMPY"), parse=_parse, make=_make, mend=_mend, fields=_fields,
    kinds=(HEADER, VALUES),
    samples=(
        _header(b"'<f4'", b"()"), _header(b"'|O'", b"(1,)"), _header(b"'<f8'", b"(0,)"),
        _header(b"'>f2'", b"(2, 2)", b"True"), _header(b"'|V0'", b"(9999999999,)"),
        _header(b"[('a', '<f4'), ('b', '|S2')]", b"(1,)"), _header(b"'<U1'", b"(-1,)"),
        _header(b"'<M8[ns]'", b"(1,)"), _header(b"'|b1'", b"(True,)"), _header(b"''", b"[1]"),
    ),
    shortened=0.05,
)  # fmt: skip
