"""An input as hexadecimal text with the bytes that matter in brackets; short, harmless to print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

WIDTH = 16
MAX_LINES = 16
MAX_CRITICAL = 64


def hexdump(data: bytes, critical: Iterable[tuple[int, int]]) -> Iterator[str]:
    """The lines: those with critical bytes if there are any, else the first.

    ``00000010  52 49[46 46]00``: of these the bytes 0x12 and 0x13 are critical.

    Parameters
    ----------
    critical : iterable of (start, end)
        May be a stranger's: what lies outside the data is left out.
    """
    spans = [(max(start, 0), min(end, len(data))) for start, end in critical]
    marked = frozenset(islice((i for span in spans for i in range(*span)), MAX_CRITICAL))
    rows = sorted({i // WIDTH for i in marked}) or list(range(-(-len(data) // WIDTH)))
    before = -1
    for row in rows[:MAX_LINES]:
        if row != before + 1:
            yield "..."
        yield _line(data, row * WIDTH, marked)
        before = row
    if (before + 1) * WIDTH < len(data):
        yield "..."
    yield _summary(len(data), sum(max(end - start, 0) for start, end in spans))


def _line(data: bytes, start: int, marked: frozenset[int]) -> str:
    row = data[start : start + WIDTH]
    cells = [f"{byte:02x}" for byte in row] + ["  "] * (WIDTH - len(row)) + [""]
    joined = "".join(_bracket(start, i, marked) + cell for i, cell in enumerate(cells))
    shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
    return f"{start:08x} {joined} {shown}"


def _bracket(start: int, i: int, marked: frozenset[int]) -> str:
    """What stands before byte ``i`` of a row, or after its last one."""
    is_left, is_right = i > 0 and start + i - 1 in marked, i < WIDTH and start + i in marked
    return " " if is_left == is_right else "]" if is_left else "["


def _summary(length: int, critical: int) -> str:
    if not critical:
        return f"{length} bytes"
    more = f"; the first {MAX_CRITICAL} of them are marked" if critical > MAX_CRITICAL else ""
    return f"{length} bytes, {critical} of them critical{more}"
