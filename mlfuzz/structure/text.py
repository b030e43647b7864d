"""A format of text, from a short description: its tokens, how one grows to an element."""

from __future__ import annotations

import re
from codecs import utf_8_decode
from collections.abc import Callable
from dataclasses import dataclass

from mlfuzz.structure.draw import Draw
from mlfuzz.structure.repeat import repeat, spread, times

WINDOW = 2048
"""Bytes that are split into tokens for one mutation, so that a megabyte costs no more."""
NUMBER = re.compile(rb"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'', re.DOTALL)
WORD = re.compile(rb"[^\s]+")
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\v\x1b"))

NUMBERS = (
    b"0", b"-1", b"1", b"-0", b"-0.0", b"1e400", b"-1e400", b"1e-400", b"NaN", b"Infinity", b"inf",
    b"9" * 20, b"9" * 400, b"255", b"256", b"65536", b"2147483647", b"2147483648", b"4294967296",
    b"9223372036854775808", b"0.1", b"0.5", b"00", b"01", b"0x10", b"1_000", b"1,5", b"1e", b".",
    b"1e999999999", b"1e20", b"\xd9\xa1", b"\xc2\xb2", b"", b"-", b"1/0", b"true", b"null",
)  # fmt: skip
"""Not finite, beyond every type, not quite numbers, digits that are not ASCII."""

STRINGS = tuple(
    text.encode("utf-8", "surrogatepass")
    for text in (
        "", " ", "\0", "\\u0000", "\\ud800", "\ud800", "\ufeff", "\u202e", "\u00a0", "\u2028",
        "e" + "\u0301" * 40, "\U0001f468\u200d\U0001f469", "\u0130", "\u00df", "\ufb03", "\u0663",
        "\u00bd", "\ufffd", "\u3000", "\u0e33", "\U000e0001", "null", "None", "nan", "true", "-1",
        "../x", "/x", "__proto__", "__class__", "%s%n", "{0}", "${x}", "\\", '"', "'", "<a>",
        "&#0;", "&x;", "=1+1", "\r", "\n", "\t", ",", "#", "file:///x", "a" * 5000,
    )
)  # fmt: skip
"""Empty, long, with meanings elsewhere, and what Unicode has that changes its length or order."""

ANYTHING = (b"null", b"0", b'""', b"[]", b"{}", b"true", b"1e400", b'"x"', b"[0]", b"-1")


def no_extent(data: bytes, start: int, stop: int) -> int:
    """A token is an element of its own."""
    return stop


@dataclass(frozen=True)
class Text:
    """A format of text, described.

    Parameters
    ----------
    name : str
    matches : callable
        Whether data are of this format.
    token : pattern
        What an element begins with; matched one after another in a window.
    extent : callable
        (data, start, stop of a token) -> where the element ends that begins with it: the bracket
        closed, the key with its value.  Looks at ``WINDOW`` bytes at most.
    separator : bytes
        Between two elements, gone with one of them.
    values : tuple of bytes
        Elements of other types.
    nests : tuple of (open, close)
        What an element may lie in, many levels deep.
    """

    name: str
    matches: Callable[[bytes], bool]
    token: re.Pattern[bytes] = WORD
    extent: Callable[[bytes, int, int], int] = no_extent
    separator: bytes = b""
    values: tuple[bytes, ...] = STRINGS
    nests: tuple[tuple[bytes, bytes], ...] = ((b"(", b")"), (b"[", b"]"), (b'"', b'"'))

    @property
    def operations(self) -> tuple[str, ...]:
        return tuple(CHANGES)

    def mutate(self, data: bytes, operation: str, draw: Draw) -> bytes:
        return CHANGES[operation](self, data, draw)

    def element(self, data: bytes, draw: Draw) -> tuple[int, int]:
        """Where an element lies; in long data mostly one near the beginning."""
        begin = 0
        if len(data) > WINDOW and draw.random() < 0.5:
            begin = draw.below(len(data))
        found = list(self.token.finditer(data, begin, begin + WINDOW))
        if not found:
            return begin, begin
        start, stop = draw.pick(found).span()
        return start, max(stop, self.extent(data, start, stop))


def is_text(data: bytes) -> bool:
    """Whether the beginning is UTF-8 without control characters."""
    head = data[:256]
    if not head or len(head.translate(None, _CONTROL)) != len(head):
        return False
    try:
        utf_8_decode(head, "strict", len(data) <= 256)
    except UnicodeDecodeError:
        return False
    return True


def _found(pattern: re.Pattern[bytes], data: bytes, draw: Draw) -> re.Match[bytes] | None:
    """A match near a chance place, else near the beginning."""
    at = draw.below(len(data) + 1)
    return pattern.search(data, at, at + WINDOW) or pattern.search(data, 0, WINDOW)


def change_number(text: Text, data: bytes, draw: Draw) -> bytes:
    """Put a number that programs forget in place of one."""
    found = _found(NUMBER, data, draw)
    if found is None:
        return change_value(text, data, draw)
    start, stop = found.span()
    number, choice = found[0], draw.random()
    if choice < 0.2 and len(number) < 20 and number.lstrip(b"+-").isdigit():
        number = b"%d" % (int(number) + draw.pick((-1, 1)))
    elif choice < 0.3:
        return spread(data, start, stop, draw.pick((b"9", b"0", b"1", b"-", b".")), draw)
    else:
        number = draw.pick(NUMBERS)
    return data[:start] + number + data[stop:]


def change_string(text: Text, data: bytes, draw: Draw) -> bytes:
    """Put an odd string into quotes, or in place of a word."""
    found = _found(QUOTED if draw.random() < 0.7 else WORD, data, draw) or _found(WORD, data, draw)
    new = draw.pick(draw.tokens) if draw.tokens and draw.random() < 0.3 else draw.pick(STRINGS)
    if found is None:
        return data + new
    start, stop = found.span(found.lastindex or 0)
    at = start + draw.below(stop - start + 1)
    start, stop = draw.pick(((start, stop), (at, at)))
    return data[:start] + new + data[stop:]


def change_value(text: Text, data: bytes, draw: Draw) -> bytes:
    """Put an element of another type in place of one."""
    start, stop = text.element(data, draw)
    return data[:start] + draw.pick(text.values) + data[stop:]


def drop(text: Text, data: bytes, draw: Draw) -> bytes:
    """Drop an element with a separator beside it."""
    start, stop = text.element(data, draw)
    separator = text.separator
    if separator:
        if data.startswith(separator, stop):
            stop += len(separator)
        elif data.endswith(separator, 0, start):
            start -= len(separator)
    return data[:start] + data[stop:]


def repeat_element(text: Text, data: bytes, draw: Draw) -> bytes:
    """Put an element in twice, or 2^k times."""
    start, stop = text.element(data, draw)
    unit = data[start:stop] + text.separator
    count = 2
    if draw.random() < 0.6:
        count = times(len(unit), draw.max_size - len(data), draw)
    return data[:start] + unit * (count - 1) + data[start:]


def swap(text: Text, data: bytes, draw: Draw) -> bytes:
    """Exchange two elements."""
    (start, stop), (begin, end) = sorted((text.element(data, draw), text.element(data, draw)))
    if begin < stop:  # one lies in the other, which takes its place
        return data[:start] + data[begin:end] + data[stop:]
    return data[:start] + data[begin:end] + data[stop:begin] + data[start:stop] + data[end:]


def take(text: Text, data: bytes, draw: Draw) -> bytes:
    """Put an element of another input in place of one here, or before it."""
    other = draw.other if is_text(draw.other) else data
    start, stop = text.element(data, draw)
    begin, end = text.element(other, draw)
    if draw.random() < 0.5:
        return data[:start] + other[begin:end] + data[stop:]
    return data[:start] + other[begin:end] + text.separator + data[start:]


def nest(text: Text, data: bytes, draw: Draw) -> bytes:
    """Put an element 2^k levels deep; at times the levels are never closed."""
    start, stop = text.element(data, draw)
    opening, closing = draw.pick(text.nests)
    count = times(len(opening + closing), draw.max_size - len(data), draw)
    after = b"" if draw.random() < 0.2 else closing * count
    return data[:start] + opening * count + data[start:stop] + after + data[stop:]


def change_character(text: Text, data: bytes, draw: Draw) -> bytes:
    """Drop, double, insert a character, change its case, or all line ends."""
    at, choice = draw.below(len(data) + 1), draw.random()
    if choice < 0.1:
        return data.replace(b"\n", draw.pick((b"\r\n", b"\r", b"", b"\n\n", b"\x0b", b" ")))
    if choice < 0.4:
        return data[:at] + data[at + 1 :]
    if choice < 0.6:
        return data[:at] + data[at : at + 1] + data[at:]
    if choice < 0.7:
        return data[:at] + data[at : at + 16].swapcase() + data[at + 16 :]
    return data[:at] + draw.pick(STRINGS[:-1]) + data[at:]


def repeat_token(text: Text, data: bytes, draw: Draw) -> bytes:
    """Repeat a word, a character inside one, a line, a few bytes, a filler 2^k times."""
    return repeat(data, draw)


CHANGES: dict[str, Callable[[Text, bytes, Draw], bytes]] = {
    "number": change_number,
    "string": change_string,
    "value": change_value,
    "drop": drop,
    "repeat": repeat_element,
    "swap": swap,
    "take": take,
    "nest": nest,
    "character": change_character,
    "token": repeat_token,
}
"""What can be done to text."""
