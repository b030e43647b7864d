"""tar: members behind headers of 512 bytes with octal numbers and a sum."""

from __future__ import annotations

from collections.abc import Sequence

from mlfuzz.structure.chunk import MAX_CHUNKS, RAW, Chunk, Chunks, Field
from mlfuzz.structure.chunked import Chunked, Span
from mlfuzz.structure.number import U8, octal

BLOCK = 512
_SIZE, _SUM = octal(12), octal(7)
END = b"<end>"
_TYPES = b"012345670gxLKSVDM\0A"


def _is_tar(data: bytes) -> bool:
    return data[257:262] == b"ustar"


def _parse(data: bytes) -> Chunks:
    chunks: Chunks = []
    at, end = 0, len(data)
    while at + BLOCK <= end and data[at] and len(chunks) < MAX_CHUNKS:
        begin = at + BLOCK
        stop = min(end, begin + _SIZE.read(data, at + 124))
        after = min(end, stop + -(stop - begin) % BLOCK)
        kind = data[at + 156 : at + 157]
        chunks.append(Chunk(kind, data[at:begin], data[begin:stop], data[stop:after], at))
        at = after
    if at < end:
        is_end = not data[at] and at + BLOCK <= end
        chunks.append(Chunk(END if is_end else RAW, b"", data[at:], b"", at))
    return chunks


def header(name: bytes, kind: bytes = b"0", link: bytes = b"") -> bytes:
    """A header, its size and sum still zero."""
    numbers = b"0000644\0" + b"0000000\0" * 2 + b"00000000000\0" * 2
    head = name[:100].ljust(100, b"\0") + numbers + b" " * 8 + kind
    return (head + link[:100].ljust(100, b"\0") + b"ustar\x0000").ljust(BLOCK, b"\0")


def _make(kind: bytes, content: bytes) -> Chunk:
    """A member named by the first line of the content; of a link, what it points at too."""
    name, _, rest = content.partition(b"\n")
    link = rest if kind in (b"1", b"2") else b""
    chunk = Chunk(kind[:1], header(name or b"x", kind[:1], link), b"" if link else rest, b"", -1)
    _mend(chunk)
    _seal(chunk)
    return chunk


def _mend(chunk: Chunk) -> None:
    if len(chunk.head) == BLOCK:
        chunk.head = _SIZE.write(chunk.head, 124, len(chunk.content))
        chunk.tail = bytes(-len(chunk.content) % BLOCK)


def _seal(chunk: Chunk) -> None:
    """The sum of the header's bytes, its own place taken as spaces."""
    head = chunk.head
    if len(head) == BLOCK:
        total = sum(head) - sum(head[148:156]) + 8 * 32
        chunk.head = _SUM.write(head[:155] + b" " + head[156:], 148, total)


def _names(chunk: Chunk) -> Sequence[Span]:
    return _PLACES if len(chunk.head) == BLOCK else ()


_PLACES: tuple[Span, ...] = (
    ("head", 0, 100, True),
    ("head", 157, 257, True),
    ("head", 345, 500, True),
)
_HEADER = (
    Field(100, octal(8), "number", (), "head"), Field(108, octal(8), "number", (), "head"),
    Field(116, octal(8), "number", (), "head"), Field(124, _SIZE, "length", (), "head"),
    Field(136, octal(12), "number", (), "head"), Field(156, U8, "code", tuple(_TYPES), "head"),
    Field(329, octal(8), "number", (), "head"), Field(337, octal(8), "number", (), "head"),
    Field(124, U8, "code", (0x80, 0xFF, 0x20, 0x2D), "head"),  # a size in base 256, a sign
    Field(386, octal(12), "number", (), "head"), Field(483, octal(12), "number", (), "head"),
)  # fmt: skip

TAR = Chunked(
    name="tar", is_checked=True, matches=_is_tar, parse=_parse, make=_make, mend=_mend, seal=_seal,
    lengths=_HEADER, kinds=tuple(bytes((kind,)) for kind in _TYPES), names=_names,
    samples=(
        (b"2", b"link\n../.."), (b"2", b"link\n/"), (b"1", b"hard\n../../x"), (b"1", b"hard\n/x"),
        (b"0", b"link/x\nx"), (b"0", b"../x\nx"), (b"0", b"/tmp/x\nx"), (b"5", b"x/"),
        (b"2", b"loop\nloop"), (b"x", b"p\n15 path=../../x\n"), (b"g", b"p\n0 a=b\n"),
        (b"x", b"p\n11 size=-1\n"), (b"x", b"p\n99999999999 path=x\n"), (b"L", b"l\n" + b"a" * 200),
        (b"S", b"sparse\nx"), (b"3", b"device"), (b"6", b"pipe"),
    ),
)  # fmt: skip
