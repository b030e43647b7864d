"""Changes of bytes of which nothing is known: what is damaged, or of no known format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlfuzz.structure.draw import Draw
from mlfuzz.structure.number import (
    BE16,
    BE32,
    LE16,
    LE32,
    LE64,
    SPECIALS,
    U8,
    odd_number,
)  # fmt: skip
from mlfuzz.structure.repeat import repeat

MAX_BLOCK = 256
"""Longest block that is dropped, copied or taken over, in bytes."""


def change_byte(data: bytes, draw: Draw) -> bytes:
    """Set a byte, or flip one of its bits."""
    at = draw.below(len(data))
    byte = data[at] ^ 1 << draw.below(8) if draw.random() < 0.5 else draw.below(256)
    return data[:at] + bytes((byte,)) + data[at + 1 :]


def change_number(data: bytes, draw: Draw) -> bytes:
    """Write an odd number of one to eight bytes, or an odd float."""
    at = draw.below(len(data))
    if draw.random() < 0.25:
        new = draw.pick(SPECIALS)
        at -= at % len(new)
        return data[:at] + new + data[at + len(new) :]
    number = draw.pick((U8, LE16, LE32, LE64, BE16, BE32))
    if at + number.width > len(data):
        return change_byte(data, draw)
    value = odd_number(number.read(data, at), number.bits, draw.rng)
    return number.write(data, at, value)


def change_block(data: bytes, draw: Draw) -> bytes:
    """Drop a block, copy it elsewhere, or cut the end off."""
    start, choice = draw.below(len(data)), draw.random()
    stop = start + 1 + draw.below(min(MAX_BLOCK, len(data) - start))
    if choice < 0.4:
        return data[:start] + data[stop:]
    if choice < 0.9:
        at = draw.below(len(data) + 1)
        return data[:at] + data[start:stop] + data[at:]
    return data[:start]


def splice(data: bytes, draw: Draw) -> bytes:
    """Take over a block of another input, or all of it from some place on."""
    other = draw.other
    if not other:
        return change_block(data, draw)
    at, start = draw.below(len(data)), draw.below(len(other))
    if draw.random() < 0.3:
        return data[:at] + other[start:]
    block = other[start : start + 1 + draw.below(MAX_BLOCK)]
    return data[:at] + block + data[at + draw.below(2) * len(block) :]


def insert_token(data: bytes, draw: Draw) -> bytes:
    """Insert a word of the target, or write it over."""
    token = draw.pick(draw.tokens) if draw.tokens else draw.rng.randbytes(1 + draw.below(4))
    at = draw.below(len(data) + 1)
    return data[:at] + token + data[at + draw.below(2) * len(token) :]


def put_head(data: bytes, draw: Draw) -> bytes:
    """Let it begin as a seed does."""
    if not draw.heads:
        return change_byte(data, draw)
    head = draw.pick(draw.heads)
    return head + data[len(head) :]


CHANGES: dict[str, Callable[[bytes, Draw], bytes]] = {
    "byte": change_byte,
    "number": change_number,
    "block": change_block,
    "splice": splice,
    "token": insert_token,
    "head": put_head,
    "repeat": repeat,
}


@dataclass(frozen=True)
class Raw:
    """The format that everything has."""

    name: str = "bytes"

    @property
    def operations(self) -> tuple[str, ...]:
        return tuple(CHANGES)

    @property
    def matches(self) -> Callable[[bytes], bool]:
        return lambda data: True

    def mutate(self, data: bytes, operation: str, draw: Draw) -> bytes:
        if not data:  # something must come of an empty input
            data = draw.pick(draw.heads) if draw.heads else b"\0"
        return CHANGES[operation](data, draw)
