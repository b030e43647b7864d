"""Five small readers with planted faults, and inputs at which they fail."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator

import numpy as np

from mlfuzz.contracts import Agrees, Finite, Range
from mlfuzz.entry_point import EntryPoint
from mlfuzz.refusals import Refusal


class BadFile(Exception):
    """The proper refusal."""


def chunks(data: bytes) -> dict[bytes, bytes]:
    """A RIFF-like container: a wrong length of ``fmt ``, and a division by its second field."""
    if data[:4] != b"RIFF":
        raise BadFile
    found, place = {}, 8
    while place < len(data):
        name, size = data[place : place + 4], struct.unpack_from("<H", data, place + 4)[0]
        found[name] = data[place + 6 : place + 6 + size]
        place += 6 + size
    rate, width = struct.unpack("<HH", found[b"fmt "])
    found[b"frames"] = bytes(len(found.get(b"data", b"")) // width + rate * 0)
    return found


def settings(data: bytes) -> dict[str, float]:
    """Lines of ``name = value``: not every text is a number, and a name may be empty."""
    values = {}
    for line in data.decode("latin-1").split("\n"):
        if line.startswith("#") or not line.strip():
            continue
        name, sign, value = line.partition("=")
        if not sign:
            raise BadFile(line)
        first = name.strip()[0]
        values[first + name] = 1 / float(value) if "gain" in name else float(value)
    return values


def tree(data: bytes, depth: int = 0) -> int:
    """Tag, length, value; tag 1 holds more of them.  Depth 4 is forgotten, tag 7 too."""
    total = place = 0
    while place + 1 < len(data):
        tag, size = data[place], data[place + 1]
        if tag == 1:
            total += tree(data[place + 2 : place + 2 + size], depth + 1)
        elif tag == 7:
            total += {0: 1, 1: 2}[size]
        elif tag == 9 and depth > 2:
            assert size != 3, "three"
        place += 2 + size
    return total


def samples(data: bytes) -> np.ndarray:
    """Float samples after a magic, taken as they are; the second decoder reads them the same way
    but for an odd count."""
    if data[:4] != b"FLT1" or len(data) < 8:
        raise BadFile
    return np.frombuffer(data[4 : len(data) // 4 * 4], "<f4")


def second(data: bytes) -> np.ndarray | None:
    values = np.frombuffer(data[4 : len(data) // 4 * 4], "<f4")
    return values[:-1] if data[-1:] == b"!" else None


def sealed(data: bytes) -> int:
    """A checksum before everything else; behind it a look-up that a long word breaks."""
    if zlib.crc32(data[4:]) != int.from_bytes(data[:4], "little"):
        raise ValueError("checksum")
    words = data[4:].split(b" ")
    return sum(b"abcdefgh".index(word[:1]) * 10 // (9 - len(word)) for word in words)


ENTRIES = (
    EntryPoint(chunks, name="chunks", refuses=[BadFile]),
    EntryPoint(settings, name="settings", refuses=[BadFile]),
    EntryPoint(tree, name="tree"),
    EntryPoint(samples, name="samples", refuses=[BadFile],
               contract=[Finite(), Range(-1, 1), Agrees(second, shapes=True)]),
    EntryPoint(sealed, name="sealed", refuses=[Refusal(ValueError, __name__)]),
)  # fmt: skip
SEEDS = {
    "chunks": b"RIFF\0\0\0\0note\x05\0hellofmt \x04\0\x40\x1f\x02\0data\x08\0abcdefgh",
    "settings": b"# a comment\nrate = 8000\ngain = 1.5\nname_of_it = 7\nlast = 1e3\n",
    "tree": bytes([1, 12, 1, 10, 1, 8, 1, 6, 9, 4, 1, 2, 3, 4, 2, 3, 7, 7, 7, 7, 1, 0, 5, 2, 8, 8]),
    "samples": b"FLT1" + np.linspace(-0.9, 0.9, 24).astype("<f4").tobytes(),
    "sealed": b"abc def gh aa bb cc dd ee ff gg hh aaa bbb",
}  # fmt: skip
WORDS = (b"\0", b"\xff", b"=", b"\n", b"gain = 0\n", b"\x07\x05", b"\x7f", b" ", b"eeeeeeeee",
         b"!", b"\xff\xff\xff\x7f", b"\x09\x03", b"\x01")  # fmt: skip


def mutants(entry: EntryPoint, rng: random.Random) -> Iterator[bytes]:
    """Without end: a few random edits of the seed, once or twice over; the seal is mended."""
    while True:
        data = bytearray(SEEDS[entry.name] * rng.choice((1, 1, 2)))
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(data) + 1)
            if rng.random() < 0.6:
                data[place : place + rng.randint(0, 3)] = rng.choice(WORDS)
            else:
                data[place : place + 1] = bytes([rng.randrange(256)])
        if entry.name == "sealed":
            data[:0] = zlib.crc32(data).to_bytes(4, "little")
        yield bytes(data)
