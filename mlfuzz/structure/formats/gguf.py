"""GGUF: keys with values, then descriptions of tensors, each "length, then data"."""

from __future__ import annotations

from struct import pack

from mlfuzz.structure.chunk import HEAD, MAX_CHUNKS, RAW, Chunk, Chunks, Field, Fields
from mlfuzz.structure.chunked import Chunked, begins
from mlfuzz.structure.number import LE32, LE64

KEY, TENSOR, PADDING = b"key", b"tensor", b"padding"
ALIGNMENT = 32
_SIZES = (1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8)
"""Bytes of a value, by its type; texts and lists say their own."""
_TEXT, _LIST = 8, 9
_TYPES = tuple(range(14))
_TENSOR_TYPES = (0, 1, 2, 3, 6, 7, 8, 9, 10, 14, 15, 16, 24, 30, 39)


def _parse(data: bytes) -> Chunks:
    chunks = [Chunk(HEAD, b"", data[:24], b"", 0)]
    at, end = 24, len(data)
    if end >= 24:
        for kind, count in ((KEY, LE64.read(data, 16)), (TENSOR, LE64.read(data, 8))):
            for _ in range(min(count, MAX_CHUNKS)):
                chunk = _key(data, at) if kind == KEY else _tensor(data, at)
                if chunk is None:
                    break
                chunks.append(chunk)
                at += chunk.size
    stop = min(end, at + -at % ALIGNMENT)
    if at < stop and not data[at:stop].strip(b"\0"):
        chunks.append(Chunk(PADDING, b"", data[at:stop], b"", at))
        at = stop
    if at < end:
        chunks.append(Chunk(RAW, b"", data[at:], b"", at))
    return chunks


def _key(data: bytes, at: int) -> Chunk | None:
    """The head ends with the length of a text, the type and the count of a list."""
    end = len(data)
    if at + 12 > end:
        return None
    begin = at + 12 + LE64.read(data, at)
    if begin > end:
        return None
    code = LE32.read(data, begin - 4)
    if code == _TEXT and begin + 8 <= end:
        size, begin = LE64.read(data, begin), begin + 8
    elif code == _LIST and begin + 12 <= end:
        size, begin = _list_size(data, begin), begin + 12
    else:
        size = _SIZES[code] if code < len(_SIZES) else end
    if begin + size > end:
        return None
    return Chunk(KEY, data[at:begin], data[begin : begin + size], b"", at)


def _list_size(data: bytes, at: int) -> int:
    """Bytes of the items of a list; beyond the data where that cannot be known."""
    code, count, end = LE32.read(data, at), LE64.read(data, at + 4), len(data)
    if code != _TEXT:
        size = _SIZES[code] if code < len(_SIZES) else 0
        return count * size if size else end
    begin = at = at + 12
    for _ in range(count):
        if at + 8 > end:
            return end
        at += 8 + LE64.read(data, at)
    return at - begin


def _tensor(data: bytes, at: int) -> Chunk | None:
    end = len(data)
    if at + 12 > end:
        return None
    begin = at + 8 + LE64.read(data, at)
    if begin + 4 > end:
        return None
    stop = begin + 4 + 8 * LE32.read(data, begin) + 12
    return Chunk(TENSOR, data[at:begin], data[begin:stop], b"", at) if stop <= end else None


def _fields(chunk: Chunk) -> Fields:
    if chunk.kind == HEAD:
        return _HEAD
    name = Field(0, LE64, "length", (), "head")
    if chunk.kind == KEY and len(chunk.head) >= 12:
        return (name, *_value_fields(chunk))
    if chunk.kind == TENSOR and len(chunk.content) >= 4:
        dims = min(LE32.read(chunk.content, 0), 8)
        sizes = [Field(4 + 8 * index, LE64) for index in range(dims)]
        code = Field(4 + 8 * dims, LE32, "code", _TENSOR_TYPES)
        return (name, Field(0, LE32, "length"), *sizes, code, Field(8 + 8 * dims, LE64))
    return ()


_HEAD: Fields = (
    Field(4, LE32, "code", (1, 2, 3, 4)), Field(8, LE64, "length"), Field(16, LE64, "length"),
)  # fmt: skip


def _value_fields(chunk: Chunk) -> Fields:
    """The type behind the key, and what the value begins with."""
    at = 12 + LE64.read(chunk.head, 0)
    code = Field(at - 4, LE32, "code", _TYPES, "head")
    if len(chunk.head) == at + 8:
        return (code, Field(at, LE64, "length", (), "head"))
    if len(chunk.head) == at + 12:
        inner = Field(at, LE32, "code", _TYPES, "head")
        return (code, inner, Field(at + 4, LE64, "length", (), "head"))
    return (code, Field(0, LE64 if len(chunk.content) >= 8 else LE32))


def _make(kind: bytes, content: bytes) -> Chunk:
    """A text with a key, whatever the kind."""
    return Chunk(KEY, _key_head(b"x", _TEXT) + pack("<Q", len(content)), content, b"", -1)


def _key_head(key: bytes, code: int) -> bytes:
    return pack("<Q", len(key)) + key + pack("<I", code)


def _mend(chunk: Chunk) -> None:
    """The length of a text, the count of a list of numbers."""
    head = chunk.head
    if chunk.kind != KEY or len(head) < 12:
        return
    at = 12 + LE64.read(head, 0)
    if len(head) == at + 8:
        chunk.head = LE64.write(head, at, len(chunk.content))
    elif len(head) == at + 12 and LE32.read(head, at) != _TEXT:
        code = LE32.read(head, at)
        size = _SIZES[code] if code < len(_SIZES) else 0
        chunk.head = LE64.write(head, at + 4, len(chunk.content) // max(1, size))


def _total(chunks: Chunks, before: int) -> None:
    """Count keys and tensors again where there are more or fewer, and align what follows."""
    head = chunks[0].content
    if len(chunks) != before and len(head) == 24:
        keys, tensors = (sum([c.kind == kind for c in chunks]) for kind in (KEY, TENSOR))
        chunks[0].content = head[:8] + pack("<QQ", tensors, keys)
    at = 0
    for chunk in chunks:
        if chunk.kind == PADDING:
            chunk.content = bytes(-at % ALIGNMENT)
        at += chunk.size


GGUF = Chunked(
    name="gguf", matches=begins(b"GGUF"), parse=_parse, make=_make, mend=_mend, total=_total,
    fields=_fields,
    samples=((KEY, b""), (KEY, b"x"), (KEY, b"llama"), (KEY, b"\xff\xfe"), (KEY, b"a" * 300)),
    shortened=0.05,
)  # fmt: skip
