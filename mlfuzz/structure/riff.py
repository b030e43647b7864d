"""Mutations of RIFF files (WAV and its kin) that reach what lies behind the magic number.

Pure: bytes and a random generator in, bytes out.  Speed matters, so a file is a flat list of
chunks and no objects are made.
"""

from __future__ import annotations

from random import Random
from struct import pack, pack_into, unpack_from

MAGICS = (b"RIFF", b"RIFX", b"RF64")
MAX_CHUNKS = 64
SHORT = 64
"""Bytes left of a chunk that is shortened."""
HEAD = 12
"""Bytes before the first chunk: magic, size, form such as ``WAVE``."""

_IDS = (b"fmt ", b"data", b"fact", b"LIST", b"JUNK", b"Fake", b"ds64", b"cue ", b"smpl", b"bext")
_FORMATS = (1, 3, 0xFFFE, 0, 2, 6, 7, 0x55, 0xFFFF)
_EXTENSIBLE_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_FLOATS = (
    b"\x00\x00\x80\x7f", b"\x00\x00\xc0\x7f", b"\x00\x00\x80\xff", b"\xec\x78\xad\x60",
    b"\x00\x00\x80\x3f", b"\x00\x00\x00\x00", b"\x01\x00\x00\x00",
)  # fmt: skip
"""float32: inf, NaN, -inf, 1e20, 1, 0, the smallest."""

# name, offset and struct code of the numbers in a "fmt " chunk
_FIELDS = ((0, "H"), (2, "H"), (4, "I"), (8, "I"), (12, "H"), (14, "H"))

Chunks = list[list[bytes]]
"""[[id, declared size (4 bytes), content], ...]"""


def is_riff(data: bytes) -> bool:
    return data[:4] in MAGICS and len(data) >= HEAD


def mutate(data: bytes, other: bytes, rng: Random, max_size: int) -> bytes:
    """Change one to three things of a RIFF file.

    Parameters
    ----------
    data : bytes
        Anything; what is no RIFF file gets the head of one, or its bytes changed.
    other : bytes
        Another input; if it is a RIFF file, some of its chunks may be taken over.
    max_size : int
        Longest result, in bytes.
    """
    draw = rng.random
    if not is_riff(data):
        data = _with_head(data) if draw() < 0.5 else _bytes(data, rng)
        return data[:max_size]
    order = ">" if data[:4] == b"RIFX" else "<"
    chunks = split(data, order)
    head = data[:HEAD]
    if draw() < 0.5:
        _shorten(chunks, order)
    for _ in range(1 if draw() < 0.6 else 3):
        choice = draw()
        if choice < 0.45:
            _change_format(chunks, rng, order)
        elif choice < 0.6:
            _change_size(chunks, rng, order)
        elif choice < 0.75:
            _change_content(chunks, rng)
        elif choice < 0.9:
            _change_chunks(chunks, rng, order)
        elif choice < 0.97:
            _take_chunk(chunks, other, rng, order)
        else:
            head = _change_head(head, rng)
    return join(head, chunks, order, mend=draw() < 0.8)[:max_size]


def split(data: bytes, order: str = "<") -> Chunks:
    """Walk the chunks; a damaged size ends the walk with what is left."""
    chunks: Chunks = []
    at, end = HEAD, len(data)
    while at + 8 <= end and len(chunks) < MAX_CHUNKS:
        (size,) = unpack_from(f"{order}I", data, at + 4)
        stop = min(end, at + 8 + size + (size & 1))
        chunks.append([data[at : at + 4], data[at + 4 : at + 8], data[at + 8 : stop]])
        at = stop
    if at < end:
        chunks.append([b"", b"", data[at:]])
    return chunks


def join(head: bytes, chunks: Chunks, order: str = "<", *, mend: bool = False) -> bytes:
    """The file again; ``mend``: with the size in its head as it should be."""
    body = b"".join([part for chunk in chunks for part in chunk])
    if mend:
        head = head[:4] + pack(f"{order}I", min(len(body) + 4, 0xFFFFFFFF)) + head[8:]
    return head + body


def _shorten(chunks: Chunks, order: str) -> None:
    """Leave little of long contents: most faults sit in the heads, and short files run faster."""
    for chunk in chunks:
        if len(chunk[2]) > SHORT and chunk[1]:
            chunk[2] = chunk[2][:SHORT]
            chunk[1] = pack(f"{order}I", SHORT)


def _with_head(data: bytes) -> bytes:
    return b"RIFF" + pack("<I", len(data)) + b"WAVE" + data[HEAD:]


def _bytes(data: bytes, rng: Random) -> bytes:
    if not data:
        return b"RIFF"
    at = int(rng.random() * len(data))
    return data[:at] + bytes((int(rng.random() * 256),)) + data[at + 1 :]


def odd_number(value: int, bits: int, rng: Random) -> int:
    """A number that programs forget: 0, 1, the largest, the sign, a neighbour, twice, half."""
    top = (1 << bits) - 1
    choice = int(rng.random() * 10)
    if choice < 7:
        return (0, 1, top, top >> 1, (top >> 1) + 1, value + 1, value - 1)[choice] & top
    if choice == 7:
        return (value << 1) & top
    return value >> 1 if choice == 8 else int(rng.random() * 66)


def _change_format(chunks: Chunks, rng: Random, order: str) -> None:
    """Write an odd number into a field of a ``fmt `` chunk, or another format altogether."""
    chunk = next((chunk for chunk in chunks if chunk[0] == b"fmt "), None)
    if chunk is None or len(chunk[2]) < 16:
        chunks.insert(0, _format_chunk(rng, order))
        return
    choice = rng.random()
    if choice < 0.1:
        chunks[chunks.index(chunk)] = _format_chunk(rng, order)
        return
    content = bytearray(chunk[2])
    offset, code = _FIELDS[int(rng.random() * 6)]
    (value,) = unpack_from(order + code, content, offset)
    if offset == 0:
        value = _FORMATS[int(rng.random() * len(_FORMATS))]
    elif offset == 14 and choice < 0.6:
        value = (0, 1, 7, 8, 12, 16, 24, 32, 64, 65)[int(rng.random() * 10)]
    else:
        value = odd_number(value, 16 if code == "H" else 32, rng)
    pack_into(order + code, content, offset, value)
    if choice > 0.4:
        _mend_rate(content, rng, order, offset)
    chunk[2] = bytes(content)


def _mend_rate(content: bytearray, rng: Random, order: str, changed: int) -> None:
    """Make bytes a second fit again: readers refuse a PCM file at once where they do not."""
    channels, rate_hz, _, align, bits = unpack_from(f"{order}HIIHH", content, 2)
    if changed != 12 and rng.random() < 0.5:
        align = (channels * ((bits + 7) // 8)) & 0xFFFF
    pack_into(f"{order}IH", content, 8, (rate_hz * align) & 0xFFFFFFFF, align)


def _format_chunk(rng: Random, order: str) -> list[bytes]:
    """A ``fmt `` chunk of a usual kind."""
    draw = rng.random
    code = _FORMATS[int(draw() * 3)]
    channels, bits = 1 + int(draw() * 2), (8, 16, 24, 32, 64)[int(draw() * 5)]
    rate_hz = (8000, 16000, 44100, 4000, 11025)[int(draw() * 5)]
    align = channels * bits // 8
    inner = 1 if code == 0xFFFE else code
    content = pack(f"{order}HHIIHH", code, channels, rate_hz, rate_hz * align, align, bits)
    if code == 0xFFFE:
        content += pack(f"{order}HHIH", 22, bits, 0, inner) + _EXTENSIBLE_TAIL
    return [b"fmt ", pack(f"{order}I", len(content)), content]


def _change_size(chunks: Chunks, rng: Random, order: str) -> None:
    """Declare another size of a chunk than it has."""
    if not chunks:
        return
    chunk = chunks[int(rng.random() * len(chunks))]
    if len(chunk[1]) == 4:
        (size,) = unpack_from(f"{order}I", chunk[1])
        chunk[1] = pack(f"{order}I", odd_number(size, 32, rng))


def _change_content(chunks: Chunks, rng: Random) -> None:
    """Cut a chunk's content, or put odd samples into it; its declared size stays."""
    if not chunks:
        return
    chunk = chunks[int(rng.random() * len(chunks))]
    content, draw = chunk[2], rng.random
    if draw() < 0.5:
        chunk[2] = content[: int(draw() * min(len(content), 64))]
    elif len(content) >= 4:
        at = int(draw() * (len(content) // 4)) * 4
        chunk[2] = content[:at] + _FLOATS[int(draw() * len(_FLOATS))] + content[at + 4 :]


def _change_chunks(chunks: Chunks, rng: Random, order: str) -> None:
    """Insert, repeat, drop, swap or rename whole chunks, or shorten one with its size."""
    draw = rng.random
    choice = draw()
    if choice < 0.25 or not chunks:
        content = rng.randbytes(int(draw() * 18))
        size, padding = pack(f"{order}I", len(content)), bytes(len(content) & 1)
        new = [_IDS[int(draw() * len(_IDS))], size, content + padding]
        chunks.insert(int(draw() * (len(chunks) + 1)), new)
        return
    index = int(draw() * len(chunks))
    chunk = chunks[index]
    if choice < 0.4:
        chunks.insert(int(draw() * (len(chunks) + 1)), chunk.copy())
    elif choice < 0.55:
        del chunks[index]
    elif choice < 0.7:
        chunks.append(chunks.pop(index))
    elif choice < 0.85:
        chunk[0] = _IDS[int(draw() * len(_IDS))]
    else:
        chunk[2] = chunk[2][: int(draw() * min(len(chunk[2]), 256))]
        chunk[1] = pack(f"{order}I", len(chunk[2]))
        chunk[2] += bytes(len(chunk[2]) & 1)


def _take_chunk(chunks: Chunks, other: bytes, rng: Random, order: str) -> None:
    """Put a chunk of another file in place of one here, or beside it."""
    given = split(other, order) if is_riff(other) else []
    if not given:
        return
    at = int(rng.random() * (len(chunks) + 1))
    chunks[at : at + int(rng.random() * 2)] = [given[int(rng.random() * len(given))]]


def _change_head(head: bytes, rng: Random) -> bytes:
    choice = rng.random()
    if choice < 0.5:
        return MAGICS[int(rng.random() * len(MAGICS))] + head[4:]
    return head[:4] + pack("<I", odd_number(0, 32, rng)) + head[8:]
