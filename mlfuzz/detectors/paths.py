"""Where a path leads, and which folder it was meant to stay in.

Only reads the file system: links are followed to learn where they end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from types import FrameType

from mlfuzz.detectors.run import Run


def text_of(path: object) -> str | None:
    """A path as text; None for a file handle or nothing."""
    if isinstance(path, str):
        return path
    if isinstance(path, os.PathLike):
        path = os.fspath(path)
    return os.fsdecode(path) if isinstance(path, (str, bytes)) else None


def absolute(path: str, folder: object = -1) -> str:
    """The path from the root on, not normalised: ``..`` stays.

    Parameters
    ----------
    folder : int
        Handle of the folder that a relative path starts from; -1 or None: the working folder.
    """
    if path.startswith(os.sep):
        return path
    is_handle = isinstance(folder, int) and folder >= 0
    start = os.readlink(f"/proc/self/fd/{folder}") if is_handle else os.getcwd()
    return os.path.join(start, path)


def end_of(path: str, is_followed: bool) -> str:
    """Where an absolute path ends; ``is_followed``: also through a link that is its last part."""
    if is_followed or os.path.basename(path) in ("", ".", ".."):
        return os.path.realpath(path)
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def is_within(path: str, folders: Sequence[str]) -> bool:
    """Whether a resolved path is one of these resolved folders or lies in one."""
    return any(path == each or path.startswith(each.rstrip(os.sep) + os.sep) for each in folders)


def named_by(path: str, turn: int, run: Run) -> str | None:
    """The folder that a name from the input was joined to: the input holds the whole rest.

    Parameters
    ----------
    path : str
        Absolute, not normalised.
    turn : int
        Index of the part that may lead out; the name must reach back to it.
    """
    parts = path.split(os.sep)
    for start in range(1, turn + 1):  # the longest name first
        if run.holds(os.sep.join(parts[start:]), 1):
            return os.sep.join(parts[:start]) or os.sep
    return None


def given_to(path: str, turn: int, stack: Iterator[FrameType]) -> str | None:
    """The longest folder before that part which some function on the stack was given."""
    parts = path.split(os.sep)
    before = {os.sep.join(parts[:end]) for end in range(2, turn + 1)}
    given = {each.rstrip(os.sep) for each in _arguments(stack)} & before
    return max(given, key=len, default=None)


def _arguments(stack: Iterator[FrameType]) -> Iterator[str]:
    for frame in stack:
        code, values = frame.f_code, frame.f_locals
        for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
            text = _folder_text(values.get(name))
            if text:
                yield os.path.join(os.getcwd(), text)


def _folder_text(value: object) -> str | None:
    """Only of types that are surely harmless to ask: an argument may be anything."""
    known = isinstance(value, (str, bytes)) or type(value).__module__ == "pathlib"
    return text_of(value) if known else None


def climb(path: str) -> int | None:
    """Index of the first ``..`` in an absolute path."""
    parts = path.split(os.sep)
    return parts.index("..") if ".." in parts else None


def link(path: str, allowed: Sequence[str]) -> int | None:
    """Index of the first part of an absolute path that is a link inside the allowed folders."""
    parts = path.split(os.sep)
    for end in range(2, len(parts) + 1):
        step = os.sep.join(parts[:end])
        if os.path.islink(step) and is_within(end_of(step, False), allowed):
            return end - 1
    return None


def before(path: str, turn: int) -> str:
    """The path up to that part."""
    return os.sep.join(path.split(os.sep)[:turn]) or os.sep
