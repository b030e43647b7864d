"""Constants of a module become a dictionary that libFuzzer can read."""

from __future__ import annotations

import re
from types import ModuleType

from mlfuzz.structure.tokens import MAX_ITEMS, MAX_TOKEN_BYTES, MAX_TOKENS, dictionary, mine

LINE = re.compile(r'"(?:[ !#-\[\]-~]|\\\\|\\"|\\x[0-9A-F]{2})+"')
"""One entry as libFuzzer's documentation has it: printable, the rest escaped."""

SOURCE = '''
"""The module's text."""
import json

NAME = "top level"
MAGIC = b"fLaC"
RATE = 44100
KINDS = {"wide", "narrow"}
FROZEN = frozenset({b"frozen"})
TABLE = {"key": "value", 0x1234: None}

def parse(data):
    """A function's text."""
    if data[:4] == b"OggS" or data in (b"one", b"two"):
        return 0x0102
    if data in {"three", "four"}:
        return [b"inner" for _ in data]
    def nested():
        return "nested"
    return nested

class Reader:
    """A class's text."""

    def read(self, data):
        """A method's text."""
        return data == "method"

    @staticmethod
    def static(data):
        return data == "static"

    @classmethod
    def made(cls, data):
        return data == "class method"
'''


def module(source: str = SOURCE) -> ModuleType:
    made = ModuleType("made")
    exec(compile(source, "<made>", "exec"), vars(made))
    return made


def test_strings_and_bytes_of_functions_and_methods_are_mined() -> None:
    tokens = mine([module()])
    expected = {b"OggS", b"inner", b"nested", b"method", b"static", b"class method"}
    assert expected <= set(tokens)


def test_items_of_tuples_and_sets_in_code_are_mined() -> None:
    assert {b"one", b"two", b"three", b"four"} <= set(mine([module()]))


def test_top_level_strings_sets_and_keys_are_mined() -> None:
    tokens = mine([module()])
    assert {b"top level", b"fLaC", b"wide", b"narrow", b"frozen", b"key"} <= set(tokens)
    assert b"value" not in tokens


def test_numbers_are_two_and_four_bytes_little_end_first() -> None:
    tokens = mine([module()])
    assert {b"\x02\x01", b"\x02\x01\0\0", b"\x34\x12", b"\x34\x12\0\0"} <= set(tokens)
    assert b"\x44\xac" in tokens  # 44,100
    assert mine([module("A = 0x10000")]) == [b"\0\0\1\0"]


def test_numbers_that_say_nothing_are_left_out() -> None:
    assert mine([module(f"A, B, C, D, E, F = 0, 1, -5, True, 2.5, {1 << 32}")]) == []


def test_texts_of_documentation_are_left_out() -> None:
    assert not [token for token in mine([module()]) if b"text" in token]


def test_what_was_imported_is_left_out() -> None:
    assert mine([module("from json import dumps, JSONDecoder")]) == []


def test_each_token_comes_once() -> None:
    tokens = mine([module(), module()])
    assert len(tokens) == len(set(tokens)) > 0


def test_the_order_is_that_of_the_source() -> None:
    assert mine([module("A = 'b'\nB = 'a'"), module("C = 'c'")]) == [b"b", b"a", b"c"]


def test_empty_and_long_constants_are_left_out() -> None:
    longest = "x" * MAX_TOKEN_BYTES
    assert mine([module(f"A, B, C = '', '{longest}', '{longest}x'")]) == [longest.encode()]


def test_tokens_are_capped() -> None:
    many = "\n".join(f"A{number} = 'token {number}'" for number in range(MAX_TOKENS + 9))
    tokens = mine([module(many)])
    assert len(tokens) == MAX_TOKENS
    assert tokens[-1] == f"token {MAX_TOKENS - 1}".encode()


def test_a_large_table_takes_only_its_share() -> None:
    table = module("TABLE = {f'key {number}': 0 for number in range(100_000)}\nLAST = 'last'")
    tokens = mine([table])
    assert len(tokens) == MAX_ITEMS + 1
    assert tokens[-1] == b"last"


def test_lone_surrogates_are_harmless() -> None:
    assert mine([module("A = 'a\\ud800'")]) == [b"a?"]


def test_code_is_looked_at_and_never_run() -> None:
    assert mine([module("def parse(data):\n    raise SystemExit('never')")]) == [b"never"]


def test_plain_tokens_are_written_as_they_are() -> None:
    assert dictionary([b"fmt ", b"a/b"]) == '"fmt "\n"a/b"\n'


def test_quotes_backslashes_and_unprintable_bytes_are_escaped() -> None:
    assert dictionary([b'"\\\n\0\xff#']) == '"\\x22\\x5C\\x0A\\x00\\xFF\\x23"\n'


def test_every_byte_survives_the_dictionary() -> None:
    tokens = [bytes([byte, 255 - byte]) for byte in range(256)]
    text = dictionary([*tokens, *mine([module()])])
    assert text.isascii()
    lines = text.splitlines()
    assert all(LINE.fullmatch(line) for line in lines)
    assert [read(line) for line in lines[:256]] == tokens


def read(line: str) -> bytes:
    """A line as libFuzzer reads it."""
    return line[1:-1].encode().decode("unicode_escape").encode("latin-1")


def test_no_tokens_make_an_empty_dictionary() -> None:
    assert dictionary(mine([])) == ""
