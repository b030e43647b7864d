"""Repetition: one token, line or block 2^k times, inside what is valid otherwise.

That is what a quadratic loop, a regular expression that backtracks and a recursive parser need;
flipped bytes never make it.
"""

from __future__ import annotations

import re

from mlfuzz.structure.draw import Draw

WORD = re.compile(rb"[^\s,;:<>{}()\[\]\"'=&|/]+")
LINE = re.compile(rb"[^\n]*\n?")
FILLERS = (
    b" ", b"a", b"a ", b"0", b"1", b".", b"-", b"_", b"\n", b"\t", b"(", b"[", b"{", b"'", b'"',
    b"\\", b"/", b",", b"<", b"&", b"*", b"a,", b"a.", b"0 ", b"\r\n", b"../", b"\0", b"\xff",
)  # fmt: skip
"""What grammars treat as special, or skip over in a loop."""
SEPARATORS = frozenset(bytes((byte,)) for byte in b" \t\n.;-_/|")
WINDOW = 256
"""Searched for a token, in bytes."""


def times(size: int, room: int, draw: Draw) -> int:
    """A power of two, from 2 up to as many as fit into ``room``.

    Small powers are likelier: kilobytes show a slope, and megabytes cost thousands of other runs.
    """
    most = (room // max(1, size)).bit_length() - 1
    return 1 << 1 + int(draw.random() ** 2 * most) if most > 0 else 1


def repeat(data: bytes, draw: Draw) -> bytes:
    """Repeat something of ``data``, or put a filler into it many times."""
    start, stop = span(data, draw)
    unit = data[start:stop]
    if not unit or draw.random() < 0.3:
        start = stop = start + draw.below(stop - start + 1)
        unit = draw.pick(draw.tokens) if draw.tokens and draw.random() < 0.3 else draw.pick(FILLERS)
    return spread(data, start, stop, unit, draw)


def spread(data: bytes, start: int, stop: int, unit: bytes, draw: Draw) -> bytes:
    """``data`` with ``unit`` 2^k times in place of ``data[start:stop]``."""
    room = draw.max_size - len(data) + stop - start
    return data[:start] + unit * times(len(unit), room, draw) + data[stop:]


def span(data: bytes, draw: Draw) -> tuple[int, int]:
    """Where a word, a piece inside a word, a line or a few bytes lie."""
    at, choice = draw.below(len(data) + 1), draw.random()
    if choice < 0.2:
        return at, min(len(data), at + 1 + draw.below(8))
    found = (LINE if choice > 0.9 else WORD).search(data, at, at + WINDOW)
    if found is None:
        return at, min(len(data), at + 1)
    start, stop = found.span()
    if choice < 0.6:  # one to three characters inside a name or a number
        start += draw.below(stop - start)
        return start, min(stop, start + 1 + draw.below(3))
    # what parts a word from the next belongs to its repetition, a quote or a bracket does not
    return start, stop + (data[stop : stop + 1] in SEPARATORS and draw.random() < 0.7)
