"""A format of text, from a short description: its tokens, and the elements that they begin."""

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


Spans = list[tuple[int, int]]
"""Start and stop of tokens one after another."""
Place = tuple[int, int, int]
"""Where an element starts, its value starts, and both stop: a key is before its value."""


def alone(data: bytes, tokens: Spans, index: int) -> Place:
    """A token is an element of its own."""
    start, stop = tokens[index]
    return start, start, stop


@dataclass(frozen=True)
class Text:
    r"""A format of text, described.

    Parameters
    ----------
    name : str
    matches : callable
        Whether data are of this format.
    token : pattern
        What an element begins with; matched one after another in a window.
    place : callable
        (data, tokens, index) -> where the element lies that the token belongs to: up to the
        bracket that closes, the key with its value.  Looks at ``WINDOW`` bytes at most.
    separator : bytes
        Between two elements, gone with one of them.
    values : tuple of bytes
        Elements of other types.
    nests : tuple of (open, close)
        What an element may lie in, many levels deep.
    prologues : tuple of (what comes before the first element, an element that uses it)
        Declarations of a document.

    Examples
    --------
    Settings, one in a line, whose name stays when the value changes:

    >>> import re
    >>> from mlfuzz.structure import Text, mutator_for
    >>> INI = Text(
    ...     name="ini", matches=lambda data: data.startswith(b"[main]"),
    ...     token=re.compile(rb"(?<==)[^\n]*"), values=(b"", b"-1", b"yes", b"${x}"),
    ... )
    >>> from random import Random
    >>> seed, rng, mutator = b"[main]\nsize=3\n", Random(1), mutator_for([], extra=[INI])
    >>> made = [mutator.mutate(seed, b"", rng, 100) for _ in range(500)]
    >>> b"[main]\nsize=yes\n" in made
    True
    """

    name: str
    matches: Callable[[bytes], bool]
    token: re.Pattern[bytes] = WORD
    place: Callable[[bytes, Spans, int], Place] = alone
    separator: bytes = b""
    values: tuple[bytes, ...] = STRINGS
    nests: tuple[tuple[bytes, bytes], ...] = ((b"(", b")"), (b"[", b"]"), (b'"', b'"'))
    prologues: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def operations(self) -> tuple[str, ...]:
        missing = set() if self.prologues else {"declare"}
        return tuple(name for name in CHANGES if name not in missing)

    def mutate(self, data: bytes, operation: str, draw: Draw) -> bytes:
        return CHANGES[operation](self, data, draw)

    def tokens(self, data: bytes, draw: Draw) -> Spans:
        """Tokens in a window, in long data often the one at the beginning."""
        begin = 0
        if len(data) > WINDOW and draw.random() < 0.5:
            begin = draw.below(len(data))
        return [found.span() for found in self.token.finditer(data, begin, begin + WINDOW)]

    def element(self, data: bytes, draw: Draw) -> Place:
        """Where an element lies; at the end if there is none."""
        tokens = self.tokens(data, draw)
        if not tokens:
            return len(data), len(data), len(data)
        return self.place(data, tokens, draw.below(len(tokens)))


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
    new = draw.pick(draw.tokens) if draw.tokens and draw.random() < 0.3 else draw.pick(STRINGS)
    found = _string(text, data, draw)
    if found is None:
        return data + new
    start, stop = found.span(found.lastindex or 0)
    if draw.random() < 0.3:
        start = stop = start + draw.below(stop - start + 1)
    return data[:start] + new + data[stop:]


def _string(text: Text, data: bytes, draw: Draw) -> re.Match[bytes] | None:
    """A string in quotes that a few tokens hold, so that it begins at its first quote; a word."""
    tokens = text.tokens(data, draw)
    for _ in range(4 if tokens and draw.random() < 0.9 else 0):
        found = QUOTED.search(data, *draw.pick(tokens))
        if found is not None:
            return found
    return _found(WORD, data, draw)


def change_value(text: Text, data: bytes, draw: Draw) -> bytes:
    """Put a value of another type in place of one."""
    _, start, stop = text.element(data, draw)
    return data[:start] + draw.pick(text.values) + data[stop:]


def drop(text: Text, data: bytes, draw: Draw) -> bytes:
    """Drop an element with a separator beside it."""
    start, _, stop = text.element(data, draw)
    if text.separator:
        before, after = data[:start].rstrip(), data[stop : stop + 16].lstrip()
        if after.startswith(text.separator):
            stop = data.index(text.separator, stop) + len(text.separator)
        elif before.endswith(text.separator):
            start = len(before) - len(text.separator)
    return data[:start] + data[stop:]


def repeat_element(text: Text, data: bytes, draw: Draw) -> bytes:
    """Put an element in twice, or 2^k times."""
    start, _, stop = text.element(data, draw)
    unit = data[start:stop] + text.separator
    count = 2
    if draw.random() < 0.6:
        count = times(len(unit), draw.max_size - len(data), draw)
    return data[:start] + unit * (count - 1) + data[start:]


def swap(text: Text, data: bytes, draw: Draw) -> bytes:
    """Exchange two values."""
    places = (text.element(data, draw)[1:], text.element(data, draw)[1:])
    (start, stop), (begin, end) = sorted(places)
    if begin < stop:  # one lies in the other, which takes its place
        return data[:start] + data[begin:end] + data[stop:]
    return data[:start] + data[begin:end] + data[stop:begin] + data[start:stop] + data[end:]


def take(text: Text, data: bytes, draw: Draw) -> bytes:
    """Put a value of another input in place of one here, or its element before one here."""
    other = draw.other if is_text(draw.other) else data
    start, value, stop = text.element(data, draw)
    begin, inner, end = text.element(other, draw)
    has_key, given_key = start < value, begin < inner
    if has_key != given_key or draw.random() < 0.5:
        return data[:value] + other[inner:end] + data[stop:]
    return data[:start] + other[begin:end] + text.separator + data[start:]


def nest(text: Text, data: bytes, draw: Draw) -> bytes:
    """Put a value 2^k levels deep; at times the levels are never closed."""
    _, start, stop = text.element(data, draw)
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


def declare(text: Text, data: bytes, draw: Draw) -> bytes:
    """Put declarations before the first element, and use them in place of another one."""
    tokens = text.tokens(data, draw)
    places = [text.place(data, tokens, index) for index in range(len(tokens))]
    if len(places) < 2:
        return change_value(text, data, draw)
    before, use = draw.pick(text.prologues)
    first = min(start for start, _, _ in places)
    _, start, stop = draw.pick([place for place in places if place[0] > first] or places)
    return data[:first] + before + data[first:start] + use + data[stop:]


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
    "declare": declare,
}
"""What can be done to text."""
