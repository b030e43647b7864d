"""zip (docx, npz, jar and their kin): members, and a directory at the end that repeats them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from struct import pack, unpack_from

from mlfuzz.structure.chunk import (
    MAX_CHUNKS,
    RAW,
    Chunk,
    Chunks,
    Field,
    Fields,
    Role,
    by_kind,
    is_moved,
)
from mlfuzz.structure.chunked import Chunked, Span, begins
from mlfuzz.structure.formats.png import inflated
from mlfuzz.structure.number import LE16, LE32, Number

LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"
_FIXED = {LOCAL: 30, CENTRAL: 46, END: 22}
"""Bytes of a record before the parts of any length."""
_STORED, _DEFLATED = 0, 8
_UNKNOWN = 8
"""Flag: the sizes follow the data."""


def _parse(data: bytes) -> Chunks:
    """Records one after another; name and extra data lie in the head, a comment in the content."""
    chunks: Chunks = []
    at, end = 0, len(data)
    while at < end and len(chunks) < 2 * MAX_CHUNKS:
        kind = data[at : at + 4]
        fixed = _FIXED.get(kind)
        if fixed is None or at + fixed > end:
            break
        chunk = _record(data, at, kind, fixed)
        chunks.append(chunk)
        at += chunk.size
    if at < end:
        chunks.append(Chunk(RAW, b"", data[at:], b"", at))
    return chunks


def _record(data: bytes, at: int, kind: bytes, fixed: int) -> Chunk:
    end = len(data)
    if kind == END:
        begin, size = at + fixed, LE16.read(data, at + 20)
    elif kind == CENTRAL:
        name, extra, size = unpack_from("<HHH", data, at + 28)
        begin = min(end, at + fixed + name + extra)
    else:
        size, name, extra = unpack_from("<I4xHH", data, at + 18)
        begin = min(end, at + fixed + name + extra)
        if data[at + 6] & _UNKNOWN and size == 0:
            return _streamed(data, at, begin)
    stop = min(end, begin + size)
    return Chunk(kind, data[at:begin], data[begin:stop], b"", at)


def _streamed(data: bytes, at: int, begin: int) -> Chunk:
    """A member whose sizes follow its data, in a record that is its tail."""
    stop = data.find(b"PK\7\x08", begin)
    if stop < 0:
        return Chunk(LOCAL, data[at:begin], b"", b"", at)
    return Chunk(LOCAL, data[at:begin], data[begin:stop], data[stop : stop + 16], at)


def _make(kind: bytes, content: bytes) -> Chunk:
    """A stored member named by the first line of the content."""
    name, _, rest = content.partition(b"\n")
    name = name[:0xFFFF] or b"x"
    head = pack("<4s5HIIIHH", LOCAL, 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0) + name
    chunk = Chunk(LOCAL, head, rest, b"", -1)
    _mend(chunk)
    return chunk


def _mend(chunk: Chunk) -> None:
    """Sizes, checksum and the length of the name."""
    if chunk.kind == LOCAL and len(chunk.head) >= 30:
        _mend_member(chunk)
    elif chunk.kind == CENTRAL and len(chunk.head) >= 46:
        extra = LE16.read(chunk.head, 30)
        chunk.head = LE16.write(chunk.head, 28, max(0, len(chunk.head) - 46 - extra))
        chunk.head = LE16.write(chunk.head, 32, len(chunk.content))
    elif chunk.kind == END:
        chunk.head = LE16.write(chunk.head, 20, len(chunk.content))


def _mend_member(chunk: Chunk) -> None:
    head, content = chunk.head, chunk.content
    body = content if LE16.read(head, 8) == _STORED else _unwrap(chunk)
    crc, size = unpack_from("<I4xI", head, 14)
    if body is not None:
        crc, size = zlib.crc32(body), len(body)
    name = max(0, len(head) - 30 - LE16.read(head, 28))
    numbers = pack("<IIIH", crc, len(content) & 0xFFFFFFFF, size & 0xFFFFFFFF, name & 0xFFFF)
    if chunk.tail:
        chunk.tail = b"PK\7\x08" + numbers[:12]
        numbers = bytes(12) + numbers[12:]
    chunk.head = head[:14] + numbers + head[28:]


def _total(chunks: Chunks, before: int) -> None:
    """Let the directory say what the members do, and the end where the directory lies."""
    entries = {LE32.read(c.head, 42): c for c in chunks if c.kind == CENTRAL and len(c.head) >= 46}
    if is_moved(chunks, before):
        entries = _rebuild(chunks, entries)
    _sync_all(chunks, entries)
    begin = length = at = count = 0
    for chunk in chunks:
        if chunk.kind == CENTRAL:
            begin, length, count = (begin if count else at), length + chunk.size, count + 1
        elif chunk.kind == END:
            counts = pack("<HHII", count & 0xFFFF, count & 0xFFFF, length, begin if count else at)
            chunk.head = chunk.head[:8] + counts + chunk.head[20:]
        at += chunk.size


def _rebuild(chunks: Chunks, entries: dict[int, Chunk]) -> dict[int, Chunk]:
    """Members, one entry for each in their order, and the end; by the members' places so far.

    A new member has a made-up place below 0 until it is known where it begins.
    """
    rebuilt: dict[int, Chunk] = {}
    others = [chunk for chunk in chunks if chunk.kind != CENTRAL]
    for member in others:
        if member.kind == LOCAL and len(member.head) >= 30:
            entry = entries.get(member.start) or _entry(member)
            member.start = member.start if member.start >= 0 else -2 - len(rebuilt)
            rebuilt[member.start] = entry
    others.sort(key=_rank)
    ends = [index for index, chunk in enumerate(others) if _rank(chunk)]
    at = ends[0] if ends else len(others)
    chunks[:] = [*others[:at], *rebuilt.values(), *others[at:]]
    return rebuilt


def _rank(chunk: Chunk) -> int:
    """The end, and what was found behind the directory, come last."""
    return int(chunk.kind == END or (chunk.kind == RAW and chunk.start > 0))


def _sync_all(chunks: Chunks, entries: dict[int, Chunk]) -> None:
    """``entries``: by where their member began."""
    at = 0
    for chunk in chunks:
        if chunk.kind == LOCAL and len(chunk.head) >= 30 and chunk.start in entries:
            _sync(chunk, entries[chunk.start], at)
        at += chunk.size


def _entry(member: Chunk) -> Chunk:
    version, flags, method = unpack_from("<HHH", member.head, 4)
    head = pack("<4s6H", CENTRAL, 0x31E, version, flags, method, 0, 33).ljust(46, b"\0")
    return Chunk(CENTRAL, head, b"", b"", -1)


def _sync(member: Chunk, central: Chunk, at: int) -> None:
    head = member.head
    name = head[30 : len(head) - LE16.read(head, 28)]
    sizes = (member.tail[4:16] if len(member.tail) == 16 else head[14:26]).ljust(12, b"\0")
    extra = LE16.read(central.head, 30)
    rest = central.head[max(46, len(central.head) - extra) :] if extra else b""
    fixed = central.head[:16] + sizes + pack("<HHH", len(name), len(rest), len(central.content))
    central.head = fixed + central.head[34:42] + pack("<I", at & 0xFFFFFFFF) + name + rest


def _unwrap(chunk: Chunk) -> bytes | None:
    """A member's data, uncompressed."""
    if chunk.kind == LOCAL and len(chunk.head) >= 30:
        method = LE16.read(chunk.head, 8)
        if method == _DEFLATED:
            return inflated(chunk.content, -zlib.MAX_WBITS)
    return chunk.content


def _wrap(chunk: Chunk, body: bytes) -> None:
    if chunk.kind == LOCAL and len(chunk.head) >= 30 and LE16.read(chunk.head, 8) == _DEFLATED:
        stream = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
        body = stream.compress(body) + stream.flush()
    chunk.content = body


def _names(chunk: Chunk) -> Sequence[Span]:
    if chunk.kind == LOCAL and len(chunk.head) >= 30:
        extra = LE16.read(chunk.head, 28)
        return (("head", 30, max(30, len(chunk.head) - extra), False),)
    return ()


_METHODS = (0, 1, 6, 8, 9, 12, 14, 93, 95, 99)
_FLAGS = (0, 1, 2, 8, 9, 0x20, 0x40, 0x800, 0x2000)
_MODES = (0, 0o100644 << 16, 0o120777 << 16, 0o040755 << 16, 0o104755 << 16, 0x10)
"""Attributes: a file, a link, a folder, one that runs as its owner."""


def _fields(*places: tuple[int, Number, Role, tuple[int, ...]]) -> Fields:
    return tuple(Field(*place, "head") for place in places)


ZIP = Chunked(
    name="zip", matches=begins(LOCAL, END), parse=_parse, make=_make, mend=_mend, total=_total,
    fields=by_kind({
        LOCAL: _fields(
            (4, LE16, "number", ()), (6, LE16, "code", _FLAGS), (8, LE16, "code", _METHODS),
            (10, LE32, "number", ()), (14, LE32, "length", ()), (18, LE32, "length", ()),
            (22, LE32, "length", ()), (26, LE16, "length", ()), (28, LE16, "length", ()),
        ),
        CENTRAL: _fields(
            (4, LE16, "number", ()), (8, LE16, "code", _FLAGS), (10, LE16, "code", _METHODS),
            (12, LE32, "number", ()), (16, LE32, "length", ()), (20, LE32, "length", ()),
            (24, LE32, "length", ()), (28, LE16, "length", ()), (30, LE16, "length", ()),
            (32, LE16, "length", ()), (34, LE16, "number", ()), (36, LE16, "number", ()),
            (38, LE32, "code", _MODES), (42, LE32, "offset", ()),
        ),
        END: _fields(
            (4, LE16, "number", ()), (6, LE16, "number", ()), (8, LE16, "length", ()),
            (10, LE16, "length", ()), (12, LE32, "length", ()), (16, LE32, "offset", ()),
            (20, LE16, "length", ()),
        ),
    }),
    names=_names,
    samples=(
        (LOCAL, b"../x\nx"), (LOCAL, b"/tmp/x\nx"), (LOCAL, b"x/\n"), (LOCAL, b"link\n../.."),
        (LOCAL, b"a\\b\nx"), (LOCAL, b"x\n"), (LOCAL, b"x.json\n{}"),
        (LOCAL, b"x.npy\n\x93NUMPY\1\0\0\0"),
    ),
    unwrap=_unwrap, wrap=_wrap, shortened=0.03, is_checked=True,
)  # fmt: skip
