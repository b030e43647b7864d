"""TIFF, and the EXIF data of other formats: directories of entries that point at each other."""

from __future__ import annotations

from struct import pack

from mlfuzz.structure.chunk import HEAD, MAX_CHUNKS, RAW, Chunk, Chunks, Field, Fields, relocate
from mlfuzz.structure.chunked import Chunked, begins
from mlfuzz.structure.number import BE16, BE32, LE16, LE32, Number

_SIZES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8)
"""Bytes of a value, by its type."""
_SUB = (0x014A, 0x8769, 0x8825, 0xA005)
"""Tags whose value is where another directory lies."""
_TAGS = (
    0x00FE, 0x0100, 0x0101, 0x0102, 0x0103, 0x0106, 0x010E, 0x010F, 0x0111, 0x0112, 0x0115, 0x0116,
    0x0117, 0x011A, 0x011C, 0x013D, 0x0140, 0x0142, 0x0143, 0x0144, 0x0145, 0x0152, 0x0153, 0x0201,
    0x0202, 0x8769, 0x8773, 0x8825, 0x9000, 0x927C, 0x9286, 0xA002, 0xA005, 0xA420,
)  # fmt: skip

COUNT, ENTRY, NEXT = b"count", b"entry", b"next"


def _numbers(order: bytes) -> tuple[Number, Number]:
    """Of two and of four bytes, as the mark ``II`` or ``MM`` says."""
    return (BE16, BE32) if order[:1] == b"M" else (LE16, LE32)


def _parse(data: bytes) -> Chunks:
    """Directories cut into entries, in the order in which they lie; what else there is between."""
    chunks = [Chunk(HEAD, b"", data[:8], b"", 0)]
    at = 8
    for start, stop, kind in sorted(_pieces(data)):
        if start < at:
            continue  # directories that overlap: the first has the bytes
        if start > at:
            chunks.append(Chunk(RAW, b"", data[at:start], b"", at))
        chunks.append(Chunk(kind, b"", data[start:stop], b"", start))
        at = stop
    if at < len(data):
        chunks.append(Chunk(RAW, b"", data[at:], b"", at))
    return chunks


def _pieces(data: bytes) -> list[tuple[int, int, bytes]]:
    """Start, stop and kind of all parts of directories.

    Kinds end with the order of bytes, which their fields need.
    """
    short, long = _numbers(data)
    mark, end = data[:1], len(data)
    waiting = [long.read(data, 4)] if end >= 8 else []
    pieces: list[tuple[int, int, bytes]] = []
    seen = set()
    while waiting and len(pieces) < 2 * MAX_CHUNKS:
        at = waiting.pop()
        if at in seen or not 8 <= at <= end - 2:
            continue
        seen.add(at)
        pieces.append((at, at + 2, COUNT + mark))
        count = min(short.read(data, at), (end - at - 2) // 12, MAX_CHUNKS)
        at += 2
        for start in range(at, at + 12 * count, 12):
            pieces.append((start, start + 12, ENTRY + mark))
            if short.read(data, start) in _SUB:
                waiting.append(long.read(data, start + 8))
        at += 12 * count
        if at + 4 <= end:
            pieces.append((at, at + 4, NEXT + mark))
            waiting.append(long.read(data, at))
    return pieces


def _entry_fields(short: Number, long: Number) -> tuple[Fields, Fields]:
    """Of an entry that holds its value, and of one that says where it lies."""
    known: Fields = (
        Field(0, short, "code", _TAGS),
        Field(2, short, "code", tuple(range(19))),
        Field(4, long),
    )
    return (*known, Field(8, long)), (*known, Field(8, long, "offset"))


_ENTRIES = {b"I": _entry_fields(LE16, LE32), b"M": _entry_fields(BE16, BE32)}
_MAGICS = (0x2A, 0x2B, 0x4F52, 0x55)


def _fields(chunk: Chunk) -> Fields:
    kind, mark = chunk.kind[:-1], chunk.kind[-1:]
    if chunk.kind == HEAD:
        short, long = _numbers(chunk.content)
        return (Field(0, BE16), Field(2, short, "code", _MAGICS), Field(4, long, "offset"))
    if mark not in _ENTRIES:
        return ()
    short, long = _numbers(mark)
    if kind == COUNT:
        return (Field(0, short, "length"),)
    if kind == NEXT:
        return (Field(0, long, "offset"),)
    return _ENTRIES[mark][_points(chunk.content, short, long)]


def _points(content: bytes, short: Number, long: Number) -> bool:
    """Whether the value of an entry is too long to lie in it."""
    if len(content) < 12:
        return False
    code = short.read(content, 2)
    size = _SIZES[code] if code < len(_SIZES) else 0
    return short.read(content, 0) in _SUB or size * long.read(content, 4) > 4


def _make(kind: bytes, content: bytes) -> Chunk:
    """An entry, whatever the kind: little end first, which a big-endian file reads as odd."""
    kind = kind if kind[-1:] in _ENTRIES else ENTRY + b"I"
    return Chunk(kind, b"", content[:12].ljust(12, b"\0"), b"", -1)


def _total(chunks: Chunks, before: int) -> None:
    """Count entries again where there are more or fewer, and let offsets follow what moved."""
    if len(chunks) != before:
        for index, chunk in enumerate(chunks):
            if chunk.kind[:-1] == COUNT:
                short, _ = _numbers(chunk.kind[-1:])
                chunk.content = short.write(
                    chunk.content[:2].ljust(2, b"\0"), 0, _run(chunks, index)
                )
    relocate(chunks, _fields)


def _run(chunks: Chunks, index: int) -> int:
    """How many entries follow a count."""
    stop = index + 1
    while stop < len(chunks) and chunks[stop].kind[:-1] == ENTRY:
        stop += 1
    return stop - index - 1


def _samples(order: str, mark: bytes) -> tuple[tuple[bytes, bytes], ...]:
    entries = (
        (0x0100, 4, 1, 0), (0x0101, 4, 1, 0xFFFFFFFF), (0x0102, 3, 1, 64), (0x0103, 3, 1, 5),
        (0x0112, 3, 1, 6), (0x0112, 3, 1, 0), (0x0111, 4, 1, 8), (0x0117, 4, 1, 0xFFFFFFFF),
        (0x8769, 4, 1, 8), (0x8825, 4, 1, 8), (0xA005, 4, 1, 8), (0x011A, 5, 1, 0),
        (0x010E, 2, 0xFFFFFFFF, 8), (0x927C, 7, 0, 0), (0x9000, 7, 4, 0),
    )  # fmt: skip
    return tuple((ENTRY + mark, pack(order + "HHII", *entry)) for entry in entries)


TIFF = Chunked(
    name="tiff", matches=begins(b"II*\0", b"MM\0*"), parse=_parse, make=_make, total=_total,
    fields=_fields,
    samples=_samples("<", b"I") + _samples(">", b"M"), shortened=0.02,
)  # fmt: skip
