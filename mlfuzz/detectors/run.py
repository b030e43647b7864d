"""One input while it runs, as a detector sees it, and what a detector is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, ClassVar, Literal, Protocol

from mlfuzz.core import Threat

_PACKAGE = Path(__file__).resolve().parent.parent
OWN_FOLDER = f"{_PACKAGE / 'detectors'}{os.sep}"
RUNNERS = tuple(str(_PACKAGE / name) for name in ("outcome", "code_child", "input_child"))
"""Files and folders whose code calls entry points: where a stack of fuzzed code begins."""
Severity = Literal["high", "medium", "low"]

MAX_SEARCHED = 1 << 13
"""Characters of a text that are looked for in the input; the rest is not looked at."""


class Detector(Protocol):
    """One thing that fuzzed code must not do; a frozen dataclass of few parameters.

    ``events`` are the audit events it looks at.  What Python does not tell by an event of its own
    is told by one named ``mlfuzz.*``, which a detector's ``install`` arranges once a process.
    """

    events: ClassVar[tuple[str, ...]]
    threat: ClassVar[Threat]
    severity: ClassVar[Severity]

    def judge(self, event: str, arguments: Sequence[Any], run: Run) -> str | None:
        """None, or what is wrong in a few words; called in whichever thread acts, before it does.

        It must not act itself: events of its own are not seen by any detector.
        """


class Run:
    """The input that runs, where it may write, and what detectors note down meanwhile.

    One a guard, as making one for each input costs as much as all the rest of a quiet run.

    Parameters
    ----------
    allowed : sequence of str
        Resolved folders in which fuzzed code may do what it likes.
    """

    __slots__ = ("allowed", "data", "decompressed_bytes", "has_links", "prefixes", "tainted_files")

    def __init__(self, allowed: Sequence[str]) -> None:
        self.data, self.allowed = b"", allowed
        self.prefixes = tuple(folder.rstrip(os.sep) + os.sep for folder in allowed)
        self.has_links = False  # only links of this input: another's would not be found again
        self.decompressed_bytes = 0
        self.tainted_files: set[str] = set()  # ``co_filename`` of what was compiled from the input

    def begin(self, data: bytes) -> None:
        """The next input."""
        self.data = data
        self.has_links = False
        self.decompressed_bytes = 0
        self.tainted_files.clear()

    def holds(self, text: str, least: int) -> bool:
        """Whether a text of at least ``least`` characters stands in the input as it is."""
        if len(text) < least:
            return False
        return _encoded(text) in self.data

    def stretch(self, text: str, length: int) -> Iterator[str]:
        """The longest pieces of at least ``length`` characters that text and input share."""
        text, start = text[:MAX_SEARCHED], 0
        while start + length <= len(text):
            end = start + length
            if not self.holds(text[start:end], length):
                start += 1
                continue
            while end < len(text) and self.holds(text[start : end + 1], length):
                end += 1
            yield text[start:end]
            start = end


def _encoded(text: str) -> bytes:
    """How a text stands in a file; what was no UTF-8 there gets its bytes back."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


# --- who acts -----------------------------------------------------------------------------------


def frames() -> Iterator[FrameType]:
    """The stack of whoever acts, from the innermost to the entry point, without this room's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_own(frame):
        frame = frame.f_back
    while frame is not None and not frame.f_code.co_filename.startswith(RUNNERS):
        yield frame
        frame = frame.f_back


def is_own(frame: FrameType) -> bool:
    """Whether a frame runs code of this room."""
    return frame.f_code.co_filename.startswith(OWN_FOLDER)


def is_importing(frame: FrameType) -> bool:
    """Whether a frame belongs to Python's own import system."""
    return frame.f_code.co_filename.startswith("<frozen importlib")


def is_constant(text: str, frame: FrameType) -> bool:
    """Whether a text is part of a constant of that code: its author wrote it, not the input.

    Constants of its module that the code names count too: SQL often stands there.
    """
    names = (frame.f_globals.get(name) for name in frame.f_code.co_names)
    texts = _texts([value for value in names if isinstance(value, str | tuple)])
    return any(text in constant for constant in (*constants_of(frame.f_code), *texts))


def constants_of(code: CodeType) -> Iterator[str]:
    """The texts that stand in that code."""
    return _texts(code.co_consts)


def _texts(constants: Sequence[object]) -> Iterator[str]:
    for constant in constants:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, tuple):
            yield from _texts(constant)
