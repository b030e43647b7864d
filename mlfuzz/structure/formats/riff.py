"""RIFF (WAV, AVI and their kin) and IFF (AIFF): named chunks behind a magic number and a size."""

from __future__ import annotations

from collections.abc import Callable
from struct import pack, unpack_from

from mlfuzz.structure.chunk import HEAD, Chunk, Chunks, Field, Fields, Walk, by_kind
from mlfuzz.structure.chunked import Chunked, begins
from mlfuzz.structure.number import BE16, BE32, BE64, LE16, LE32, LE64, Number

Table = dict[bytes, Fields]


def _codes(*codes: bytes) -> tuple[int, ...]:
    """Names of four letters as the numbers of a field, high byte first."""
    return tuple(int.from_bytes(code, "big") for code in codes)


_WAVE_FORMATS = (0, 1, 2, 3, 6, 7, 0x11, 0x31, 0x50, 0x55, 0xFFFE, 0xFFFF)
_BITS = (0, 1, 4, 7, 8, 12, 16, 20, 24, 32, 48, 64, 65)
_EXTENSIBLE_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def _wave_fields(short: Number, long: Number, huge: Number) -> Table:
    """Numbers lie in the order of the file, names high byte first in both."""
    magics = (b"RIFF", b"RIFX", b"RF64", b"LIST")
    head = (
        Field(0, BE32, "code", _codes(*magics)),
        Field(4, long, "length"),
        Field(8, BE32, "code", _codes(b"WAVE", b"AVI ", b"INFO", b"WEBP", b"ACON", b"adtl")),
    )
    form = (
        Field(0, short, "code", _WAVE_FORMATS),
        Field(2, short),
        Field(4, long),
        Field(8, long, "length"),  # bytes a second and bytes a sample follow from the others,
        Field(12, short, "length"),  # so the mending would undo them
        Field(14, short, "code", _BITS),
        Field(16, short, "length"),
        Field(18, short),
        Field(20, long),
        Field(24, short, "code", _WAVE_FORMATS),
    )
    longs = tuple(Field(at, long) for at in range(0, 56, 4))
    return {
        HEAD: head,
        b"fmt ": form,
        b"strf": form,
        b"fact": longs[:1],
        b"ds64": (Field(0, huge), Field(8, huge), Field(16, huge), Field(24, long)),
        b"cue ": longs[:7],
        b"smpl": longs[:15],
        b"inst": longs[:1],
        b"avih": longs,
        b"strh": longs,
        b"VP8X": longs[:2],
        b"ANMF": longs[:4],
    }


def _wave_samples(order: str) -> tuple[tuple[bytes, bytes], ...]:
    """Usual ``fmt `` chunks, what editors add, and floats that are none."""
    forms = [
        (code, channels, rate_hz, bits)
        for code, bits in ((1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64), (0xFFFE, 24))
        for channels, rate_hz in ((1, 16000), (2, 44100), (1, 8000))
    ]
    samples = [(b"fmt ", _form(order, *form)) for form in forms]
    samples += [
        (b"LIST", b"INFOISFT" + pack(order + "I", 4) + b"abc\0"),
        (b"fact", pack(order + "I", 100)),
        (b"cue ", pack(order + "II4sIII", 1, 1, b"data", 0, 0, 0)),
        (b"data", pack(order + "4f", float("inf"), float("nan"), 1e20, -1.0)),
        (b"data", bytes(16)),
        (b"Fake", b""),
    ]
    return tuple(samples)


def _form(order: str, code: int, channels: int, rate_hz: int, bits: int) -> bytes:
    align = channels * bits // 8
    form = pack(order + "HHIIHH", code, channels, rate_hz, rate_hz * align, align, bits)
    if code == 0xFFFE:
        form += pack(order + "HHIH", 22, bits, 0, 1) + _EXTENSIBLE_TAIL
    return form


def _wave_mend(order: str, walk: Walk) -> Callable[[Chunk], None]:
    """Lengths, and bytes a second and a sample: readers refuse a file where they do not fit."""

    def mend(chunk: Chunk) -> None:
        walk.mend(chunk)
        content = chunk.content
        if chunk.kind == b"fmt " and len(content) >= 16:
            channels, rate_hz, _, _, bits = unpack_from(order + "HIIHH", content, 2)
            align = (channels * ((bits + 7) // 8)) & 0xFFFF
            rates = pack(order + "IH", (rate_hz * align) & 0xFFFFFFFF, align)
            chunk.content = content[:8] + rates + content[14:]

    return mend


def _total(size: Number) -> Callable[[Chunks, int], None]:
    def total(chunks: Chunks, before: int) -> None:
        """The size in the head counts all that follows it."""
        head = chunks[0].content if chunks else b""
        if len(head) >= 8:
            whole = sum([chunk.size for chunk in chunks])
            chunks[0].content = size.write(head, 4, whole - 8)

    return total


def _unwrap(chunk: Chunk) -> bytes | None:
    """A list is a file of its own, with its name as the magic number."""
    if chunk.kind in _NESTED:
        return chunk.head + chunk.content
    return chunk.content


def _wrap(chunk: Chunk, body: bytes) -> None:
    chunk.content = body[8:] if chunk.kind in _NESTED else body


_NESTED = (b"LIST", b"FORM", b"CAT ")
_KINDS = (
    b"fmt ", b"data", b"fact", b"LIST", b"JUNK", b"Fake", b"ds64", b"cue ", b"smpl", b"bext",
    b"inst", b"PEAK", b"id3 ", b"iXML", b"avih", b"strh", b"strf", b"idx1", b"VP8 ", b"VP8X",
)  # fmt: skip


def _riff(name: str, order: str, magics: tuple[bytes, ...]) -> Chunked:
    short, long, huge = (LE16, LE32, LE64) if order == "<" else (BE16, BE32, BE64)
    walk = Walk(start=12, size=long, even=True)
    return Chunked(
        name=name, matches=begins(*magics), parse=walk.parse, make=walk.make,
        mend=_wave_mend(order, walk), total=_total(long), lengths=walk.lengths,
        fields=by_kind(_wave_fields(short, long, huge)), kinds=_KINDS,
        samples=_wave_samples(order), unwrap=_unwrap, wrap=_wrap, shortened=0.5,
    )  # fmt: skip


RIFF = _riff("riff", "<", (b"RIFF", b"RF64", b"LIST"))
RIFX = _riff("rifx", ">", (b"RIFX",))

_COMPRESSIONS = _codes(b"NONE", b"sowt", b"fl32", b"fl64", b"alaw", b"ulaw", b"ima4", b"FL32", b"x")
_walk = Walk(start=12, even=True)
IFF = Chunked(
    name="iff", matches=begins(b"FORM", b"CAT "), parse=_walk.parse, make=_walk.make,
    mend=_walk.mend, total=_total(BE32), lengths=_walk.lengths,
    kinds=(b"COMM", b"SSND", b"MARK", b"INST", b"FVER", b"NAME", b"ANNO", b"FORM", b"BMHD"),
    fields=by_kind({
        HEAD: (
            Field(0, BE32, "code", _codes(b"FORM", b"LIST", b"CAT ")),
            Field(4, BE32, "length"),
            Field(8, BE32, "code", _codes(b"AIFF", b"AIFC", b"8SVX", b"ILBM")),
        ),
        b"COMM": (
            Field(0, BE16), Field(2, BE32), Field(6, BE16, "code", _BITS),
            Field(8, BE16), Field(10, BE64),  # exponent and mantissa of the rate
            Field(18, BE32, "code", _COMPRESSIONS), Field(22, BE16),
        ),
        b"SSND": (Field(0, BE32), Field(4, BE32)),
        b"MARK": (Field(0, BE16), Field(2, BE16), Field(4, BE32), Field(8, BE16)),
        b"FVER": (Field(0, BE32),),
        b"BMHD": (Field(0, BE16), Field(2, BE16), Field(8, BE16), Field(10, BE16)),
    }),
    samples=(
        (b"COMM", pack(">HIHHQ", 1, 4, 16, 0x400C, 0xFA << 56)),
        (b"SSND", pack(">II4H", 0, 0, 1, 2, 3, 4)),
        (b"COMM", pack(">HIHHQ4sH", 1, 4, 32, 0x400C, 0xFA << 56, b"fl32", 0)),
    ),
    unwrap=_unwrap, wrap=_wrap, shortened=0.3,
)  # fmt: skip
