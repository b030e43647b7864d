"""Numbers as files write them, and the values that programs forget."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from struct import Struct, pack
from typing import NamedTuple


class Number(NamedTuple):
    """How a number lies in bytes; ``read`` may be called where ``width`` bytes are left."""

    bits: int
    width: int
    read: Callable[[bytes, int], int]
    """(data, offset) -> value"""
    write: Callable[[bytes, int, int], bytes]
    """(data, offset, value) -> all of data with the value in it, its high bits cut off"""


def fixed(code: str) -> Number:
    """A number as ``struct`` writes it, such as ``"<I"``; unsigned."""
    struct = Struct(code)
    size, top = struct.size, (1 << 8 * struct.size) - 1

    def read(data: bytes, at: int) -> int:
        value: int = struct.unpack_from(data, at)[0]
        return value

    def write(data: bytes, at: int, value: int) -> bytes:
        return data[:at] + struct.pack(value & top) + data[at + size :]

    return Number(8 * size, size, read, write)


def packed(code: str, shift: int, bits: int) -> Number:
    """Some bits of a number that ``struct`` writes, ``shift`` from its low end."""
    whole, top = fixed(code), (1 << bits) - 1

    def read(data: bytes, at: int) -> int:
        return whole.read(data, at) >> shift & top

    def write(data: bytes, at: int, value: int) -> bytes:
        others = whole.read(data, at) & ~(top << shift)
        return whole.write(data, at, others | (value & top) << shift)

    return Number(bits, whole.width, read, write)


def octal(width: int) -> Number:
    """Octal digits and a NUL, as tar writes them; what does not parse reads as 0."""
    bits = 3 * (width - 1)

    def read(data: bytes, at: int) -> int:
        digits = data[at : at + width].strip(b" \0")
        return int(digits, 8) if digits and not digits.translate(None, b"01234567") else 0

    def write(data: bytes, at: int, value: int) -> bytes:
        digits = b"%0*o\0" % (width - 1, value & (1 << bits) - 1)
        return data[:at] + digits + data[at + width :]

    return Number(bits, width, read, write)


def varint_end(data: bytes, at: int) -> int:
    """Where a number of seven bits a byte ends; 0 if it does not."""
    for stop in range(at, min(at + 10, len(data))):
        if data[stop] < 0x80:
            return stop + 1
    return 0


def read_varint(data: bytes, at: int) -> int:
    value = 0
    for index, byte in enumerate(data[at : varint_end(data, at)]):
        value |= (byte & 0x7F) << 7 * index
    return value


def varint(value: int) -> bytes:
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def _write_varint(data: bytes, at: int, value: int) -> bytes:
    stop = varint_end(data, at) or len(data)
    return data[:at] + varint(value & (1 << 64) - 1) + data[stop:]


def _read_24(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "big")


def _write_24(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + (value & 0xFFFFFF).to_bytes(3, "big") + data[at + 3 :]


U8 = fixed("B")
LE16, LE32, LE64 = fixed("<H"), fixed("<I"), fixed("<Q")
BE16, BE32, BE64 = fixed(">H"), fixed(">I"), fixed(">Q")
BE24 = Number(24, 3, _read_24, _write_24)
VARINT = Number(64, 1, read_varint, _write_varint)

_LEADING = (float("inf"), float("nan"), float("-inf"), 1e20, 1.0, 0.0, 1e-45, -1.0)
SPECIALS = tuple(pack(order + "f", value) for order in "<>" for value in _LEADING) + tuple(
    pack(order + "d", value) for order in "<>" for value in (*_LEADING[:4], 1e300, 5e-324)
)
"""float32 and float64 in both byte orders: not finite, huge, smallest, 0, 1."""


def odd_number(value: int, bits: int, rng: Random) -> int:
    """A number that programs forget: 0, 1, the largest, the sign, a neighbour, twice, half."""
    top = (1 << bits) - 1
    choice = int(rng.random() * 10)
    if choice < 7:
        return (0, 1, top, top >> 1, (top >> 1) + 1, value + 1, value - 1)[choice] & top
    if choice == 7:
        return (value << 1) & top
    return value >> 1 if choice == 8 else int(rng.random() * 66) & top
