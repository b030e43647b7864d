"""Which lines of the target's functions there are, and which of them inputs reach.

Lines of module and class bodies are left out: they run at import, whatever the input.  A line that
is reached for the first time is on the disk at once, so an input that ends its process loses none.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any, Self

import msgspec

from mlfuzz.outcome.stacks import is_within

Record = tuple[str, int]
"""A file of the target and a line reached in it; line 0: the file is part of the target."""

_COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")


class LineTrace:
    """Writes the lines that are reached while it is entered; a context manager, again and again.

    Parameters
    ----------
    modules : sequence of str
        The target's, with their sub-modules; one that is not loaded yet is imported.
    handle : int
        Of the file that the records are appended to.

    Notes
    -----
    Python ends a trace that raises: of an input that hits the recursion limit just there, what it
    does afterwards is missed, as with every tool that traces.
    """

    def __init__(self, modules: Sequence[str], handle: int) -> None:
        self._modules, self._handle = tuple(modules), handle
        self._is_own: dict[str, bool] = {}
        self._left: dict[int, tuple[CodeType, set[int]]] = {}
        for name in self._modules:
            with suppress(ImportError):
                importlib.import_module(name)
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file and is_within(name, self._modules):
                self._add(file)

    def __enter__(self) -> Self:
        threading.settrace(self._call)
        sys.settrace(self._call)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        sys.settrace(None)
        threading.settrace(None)

    def _call(self, frame: FrameType, event: str, argument: object) -> Any:
        """Follow a function of the target as long as it has lines left: loops are hot."""
        code = frame.f_code
        if not self._is_target(code.co_filename, frame):
            return None
        _, left = self._left.setdefault(id(code), (code, set(lines_of(code))))
        if not left:
            return None
        self._reach(code, code.co_firstlineno)
        return self._line

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "line" and self._reach(frame.f_code, frame.f_lineno):
            frame.f_trace_lines = False  # to return None would not do
        return self._line

    def _reach(self, code: CodeType, line: int) -> bool:
        """Whether all lines of this function have been reached by now."""
        _, left = self._left[id(code)]
        if line in left:
            left.discard(line)
            self._write(code.co_filename, line)
        return not left

    def _is_target(self, file: str, frame: FrameType) -> bool:
        known = self._is_own.get(file)
        if known is not None:
            return known
        self._is_own[file] = False
        if is_within(str(frame.f_globals.get("__name__")), self._modules):
            self._add(file)  # imported by an input
        return self._is_own[file]

    def _add(self, file: str) -> None:
        if file.endswith(".py"):
            self._is_own[file] = True
            self._write(file, 0)

    def _write(self, file: str, line: int) -> None:
        os.write(self._handle, msgspec.json.encode((file, line)) + b"\n")


def lines_of(code: CodeType) -> Iterator[int]:
    """The lines of one function's own code, its head among them; of no function in it."""
    if code.co_flags & inspect.CO_OPTIMIZED:  # else the body of a module or a class
        yield from (line for _, _, line in code.co_lines() if line is not None)


def function_lines(code: CodeType) -> Iterator[int]:
    """The lines of all functions in a module's code, without those that its import runs."""
    yield from lines_of(code)
    is_body = not code.co_flags & inspect.CO_OPTIMIZED
    for inner in code.co_consts:
        if isinstance(inner, CodeType) and not (is_body and inner.co_name in _COMPREHENSIONS):
            yield from function_lines(inner)


def read_records(path: Path) -> dict[str, set[int]]:
    """The lines reached, by file; the last record may be cut off where a process ended."""
    reached: dict[str, set[int]] = {}
    for text in path.read_bytes().splitlines():
        with suppress(msgspec.DecodeError):
            file, line = msgspec.json.decode(text, type=Record)
            reached.setdefault(file, set()).update([line] if line else [])
    return reached
