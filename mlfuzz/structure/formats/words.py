"""Formats of text: JSON, XML, tables, plain text."""

from __future__ import annotations

import re

from mlfuzz.structure.text import ANYTHING, NUMBERS, STRINGS, WINDOW, Place, Spans, Text, is_text

_JSON_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[^\s\[\]{}",:]+', re.DOTALL)
_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_COLON = re.compile(rb"\s*:\s*")
_TAG = re.compile(rb"<(/?)[^<>]*?(/?)>")
_XML_TOKEN = re.compile(rb"<[^/<>?!][^<>]*>|&[^;<>]{0,16};|(?<=>)[^<>]*[^<>\s][^<>]*")
_CELL = re.compile(rb'"[^"]*"|[^,;\t\r\n]+')
_QUOTED_CELL = re.compile(rb'"[^"\n]*"')
_SENTENCE = re.compile(rb"[^\n.!?]+[.!?]*|\n|[.!?]+")


def _is_json(data: bytes) -> bool:
    return data[:64].lstrip()[:1] in (b"{", b"[") and is_text(data)


def _json_place(data: bytes, tokens: Spans, index: int) -> Place:
    """A key and its value belong together, a bracket takes along all that it closes."""
    start, stop = tokens[index]
    if index and _COLON.fullmatch(data, tokens[index - 1][1], start):
        return tokens[index - 1][0], start, _closed(data, start, stop)
    if index + 1 < len(tokens) and _COLON.fullmatch(data, stop, tokens[index + 1][0]):
        value, end = tokens[index + 1]
        return start, value, _closed(data, value, end)
    return start, start, _closed(data, start, stop)


def _closed(data: bytes, start: int, stop: int) -> int:
    if data[start : start + 1] not in (b"[", b"{"):
        return stop
    depth = 0
    for found in _BRACKET.finditer(data, start, start + WINDOW):
        mark = found[0]
        depth += (mark in (b"[", b"{")) - (mark in (b"]", b"}"))
        if depth == 0:
            return found.end()
    return stop


def _is_xml(data: bytes) -> bool:
    head = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    return head[:1] == b"<" and is_text(data)


def _xml_place(data: bytes, tokens: Spans, index: int) -> Place:
    """A tag takes along all up to the one that closes it."""
    start, stop = tokens[index]
    if data[start : start + 1] != b"<":
        return start, start, stop
    depth = 0
    for found in _TAG.finditer(data, start, start + WINDOW):
        if data[found.start() + 1] not in b"!?" and not found[2]:
            depth += -1 if found[1] else 1
        if depth <= 0:
            return start, start, found.end()
    return start, start, stop


def _is_table(data: bytes) -> bool:
    """Whether the first two lines have the same marks between cells, those in quotes left out."""
    if not is_text(data):
        return False
    lines = _QUOTED_CELL.sub(b"", data[:1024]).split(b"\n", 2)
    if len(lines) < 2:
        return False
    marks = [[line.count(mark) for mark in (b",", b";", b"\t")] for line in lines[:2]]
    return any(marks[0]) and marks[0] == marks[1]


_XML_VALUES = (
    b"", b"<a/>", b"<a></a>", b"<![CDATA[x]]>", b"<!-- -->", b"<?x y?>", b"&#0;", b"&#x10ffff;",
    b"&lt;", b"&x;", b"</a>", b'<a a="1" a="2"/>', b'<a xmlns:b="c"><b:d/></a>', b"<!DOCTYPE a>",
    b'<!DOCTYPE a [<!ENTITY x "y">]>', b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///x">]>',
)  # fmt: skip

_LAUGHS = b"".join(
    b'<!ENTITY x%d "%s">' % (level, b"&x%d;" % (level - 1) * 10 if level else b"x" * 10)
    for level in range(6)
)
_PROLOGUES = (
    (b"<!DOCTYPE a [" + _LAUGHS + b"]>", b"&x5;"),
    (b'<!DOCTYPE a [<!ENTITY x "y">]>', b"&x;"),
    (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///x">]>', b"&x;"),
    (b'<!DOCTYPE a [<!ENTITY x SYSTEM "http://localhost/x">]>', b"&x;"),
    (b'<!DOCTYPE a SYSTEM "x.dtd">', b"&x;"),
)
"""Ten to the sixth, one that is harmless, two from outside, a document type from outside."""

JSON = Text(
    name="json", matches=_is_json, token=_JSON_TOKEN, place=_json_place, separator=b",",
    values=ANYTHING, nests=((b"[", b"]"), (b'{"a":', b"}"), (b"[[],", b"]")),
)  # fmt: skip
XML = Text(
    name="xml", matches=_is_xml, token=_XML_TOKEN, place=_xml_place,
    values=_XML_VALUES,
    nests=((b"<a>", b"</a>"), (b'<a b="">', b"</a>"), (b"<b:a xmlns:b='c'>", b"</b:a>")),
    prologues=_PROLOGUES,
)  # fmt: skip
TABLE = Text(
    name="table", matches=_is_table, token=_CELL, separator=b",",
    values=(*NUMBERS[:12], *STRINGS[:8], b'"', b'""', b'"\n"', b"=1+1", b"\n", b",", b"\r"),
)  # fmt: skip
PLAIN = Text(name="text", matches=is_text, token=_SENTENCE)
