"""A dictionary for libFuzzer, mined from the constants of the target's own code.

Code is looked at, never run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import pack
from types import CodeType, FunctionType, ModuleType
from typing import Any

MAX_TOKENS = 512
MAX_TOKEN_BYTES = 32
MAX_ITEMS = 256
"""Looked at in one set or mapping."""

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-.:/")


def mine(modules: Iterable[ModuleType]) -> list[bytes]:
    """The strings, bytes and small whole numbers that a module's code compares or looks up.

    Parameters
    ----------
    modules : iterable of modules
        Constants of their functions and methods, and the items of sets and the keys of mappings
        at their top level.

    Returns
    -------
    list of bytes
        Each once, at most ``MAX_TOKENS``; numbers as two and four bytes, little end first.
    """
    tokens: dict[bytes, None] = {}
    for module in modules:
        for value in _constants(module):
            for token in _encoded(value):
                if 0 < len(token) <= MAX_TOKEN_BYTES:
                    tokens[token] = None
    return list(tokens)[:MAX_TOKENS]


def dictionary(tokens: Iterable[bytes]) -> str:
    """The tokens as the text of a libFuzzer dictionary."""
    return "".join(f'"{_escaped(token)}"\n' for token in tokens)


def _escaped(token: bytes) -> str:
    return "".join(chr(byte) if byte in _PLAIN else f"\\x{byte:02X}" for byte in token)


def _encoded(value: Any) -> Iterator[bytes]:
    if isinstance(value, str):
        yield value.encode("utf-8", "replace")
    elif isinstance(value, bytes):
        yield value
    elif isinstance(value, int) and not isinstance(value, bool):
        if 1 < value < 1 << 16:
            yield pack("<H", value)
        if 1 < value < 1 << 32:
            yield pack("<I", value)


def _constants(module: ModuleType) -> Iterator[Any]:
    for name, value in list(vars(module).items()):
        if name.startswith("__"):
            continue
        if isinstance(value, set | frozenset | dict):
            yield from list(value)[:MAX_ITEMS]
        elif isinstance(value, str | bytes | int):
            yield value
        elif getattr(value, "__module__", None) == module.__name__:
            yield from _of_member(value)


def _of_member(value: Any) -> Iterator[Any]:
    if isinstance(value, FunctionType):
        yield from _of_code(value.__code__, without=value.__doc__)
    elif isinstance(value, type):
        for member in list(vars(value).values()):
            function = getattr(member, "__func__", member)
            if isinstance(function, FunctionType):
                yield from _of_code(function.__code__, without=function.__doc__)


def _of_code(code: CodeType, without: str | None) -> Iterator[Any]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _of_code(constant, None)
        elif isinstance(constant, tuple | frozenset):
            yield from list(constant)[:MAX_ITEMS]
        elif constant != without:
            yield constant
