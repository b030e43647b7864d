"""Files that fuzzed code may neither write nor read."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any, ClassVar

from mlfuzz.core import Threat
from mlfuzz.detectors import paths
from mlfuzz.detectors.run import Run, Severity, constants_of, frames

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_WRITING_MODES = frozenset("wax+")
_HARMLESS = ("/dev/null", "/dev/zero", "/dev/full")
_PATHS: Mapping[str, tuple[tuple[int, int], ...]] = {
    "open": ((0, -1),),
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.link": ((0, 2), (1, 3)),
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.removexattr": ((0, -1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.rmdir": ((0, 1),),
    "os.setxattr": ((0, -1),),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, -1),),
    "os.utime": ((0, 3),),
    "shutil.rmtree": ((0, 1),),
    "sqlite3.connect": ((0, -1),),
}
"""Of each event the places of its paths, each with that of its folder's handle (-1: none)."""
_FOLLOWING = frozenset({"open", "os.chmod", "os.truncate", "sqlite3.connect"})
"""Events that act on what a link points to; the others on the link, or do not say."""


@dataclass(frozen=True)
class WriteOutside:
    """Nothing is written, made, moved or removed outside the folder it belongs in.

    Threat: a member of an archive named ``../x`` or ``/x``, or a link and a file behind it,
    overwrites the user's files.
    Events: ``open`` for writing, ``os.mkdir``, ``os.rename`` (and ``replace``), ``os.remove``,
    ``os.rmdir``, ``os.link``, ``os.symlink``, ``os.chmod``, ``os.chown``, ``os.truncate``,
    ``os.utime``, ``os.setxattr``, ``os.removexattr``, ``shutil.rmtree``, ``sqlite3.connect``.

    Parameters
    ----------
    folders : tuple of str
        Where it may write beside the child's working folder.

    Notes
    -----
    Outside the allowed folders all is an alarm.  Inside them a path is one if it turns, by ``..``
    or through a link, and ends outside its *destination*: the folder that the input's name was
    joined to, if the input holds all that follows it; else, where no code on the stack writes
    ``..`` itself, the longest folder before the turn that a function there was given, or what
    stands before the turn.  So ``a/../b`` may be written and ``../b`` may not, also where the
    archive is compressed.  A link is an alarm when it is made, if its target stands in the input,
    else when something is written through it.
    """

    folders: tuple[str, ...] = ()
    events: ClassVar[tuple[str, ...]] = tuple(_PATHS)
    threat: ClassVar[Threat] = "code execution"
    severity: ClassVar[Severity] = "high"

    def judge(self, event: str, arguments: Sequence[Any], run: Run) -> str | None:
        """See ``Detector``."""
        if event == "open" and not _is_writing(arguments):
            return None
        run.has_links = run.has_links or event == "os.symlink"
        for place, folder in _PATHS[event]:
            text = paths.text_of(arguments[place])
            if text is None or _is_no_file(event, text):
                continue
            path = paths.absolute(text, -1 if folder < 0 else arguments[folder])
            why = self._why(path, event in _FOLLOWING, run)
            if why is None and event == "os.symlink":
                why = _why_link(path, paths.text_of(arguments[0]) or "", run)
            if why is not None:
                return f"{event} of {path!r}, {why}"
        return None

    def _why(self, path: str, is_followed: bool, run: Run) -> str | None:
        if not run.has_links and ".." not in path and path.startswith(run.prefixes):
            return None  # the common case: to follow a path costs some fifty microseconds
        allowed = (*run.allowed, *map(os.path.realpath, self.folders))
        end = paths.end_of(path, is_followed)
        if not paths.is_within(end, allowed):
            return None if end in _HARMLESS else "outside the folders it may write in"
        if end == path:
            return None
        turn = _turn(path, is_followed, allowed)
        if turn is None:
            return None
        folder = _destination(path, turn, run)
        if folder is None:
            return None
        return None if paths.is_within(end, [os.path.realpath(folder)]) else f"outside {folder!r}"


def _turn(path: str, is_followed: bool, allowed: Sequence[str]) -> int | None:
    """Index of the first part that may lead elsewhere; an act on a link itself stays where it is.

    Links beyond the allowed folders, such as a ``/tmp`` that is one, do not count.
    """
    way = path if is_followed else os.path.dirname(path)
    turns = [paths.climb(path), paths.link(way, allowed)]
    return min((each for each in turns if each is not None), default=None)


def _destination(path: str, turn: int, run: Run) -> str | None:
    """The folder that a path was meant to stay in; None where the code itself turns there."""
    named = paths.named_by(path, turn, run)
    if named is None and any(_climbs(frame.f_code) for frame in frames()):
        return None
    return named or paths.given_to(path, turn, frames()) or paths.before(path, turn)


def _climbs(code: CodeType) -> bool:
    """Whether ``..`` stands in the code as part of a path."""
    return any(".." in each.split(os.sep) for each in constants_of(code))


def _why_link(path: str, target: str, run: Run) -> str | None:
    """Whether a link that is about to be made points out, and the input said so."""
    folder = _destination(path, path.count(os.sep), run) if run.holds(target, 1) else None
    if folder is None:
        return None
    end = os.path.realpath(os.path.join(os.path.dirname(path), target))
    is_inside = paths.is_within(end, [os.path.realpath(folder)])
    return None if is_inside else f"a link to {target!r}, outside {folder!r}"


def _is_writing(arguments: Sequence[Any]) -> bool:
    mode, flags = arguments[1], arguments[2]
    if isinstance(mode, str) and not _WRITING_MODES.isdisjoint(mode):
        return True
    return isinstance(flags, int) and bool(flags & _WRITING)


def _is_no_file(event: str, text: str) -> bool:
    """SQLite's databases in memory; an address (``file:``) is not taken apart."""
    return event == "sqlite3.connect" and (text in ("", ":memory:") or text.startswith("file:"))


@dataclass(frozen=True)
class ReadOutside:
    """No file is read, no folder listed, by a name that the input gives and that leads outside.

    Threat: ``/etc/passwd`` or ``../../secret`` in a list of files, an external entity of XML, a
    link in an archive, and the answer shows what was read.
    Events: ``open``, ``os.listdir``, ``os.scandir``; ``os.symlink`` to know of links.
    Meant: an absolute path outside the allowed folders that stands in the input; a name with
    ``..`` that stands in the input and ends outside the folder it was joined to; a way through a
    link, made by the same input, that ends outside the allowed folders.

    Parameters
    ----------
    folders : tuple of str
        Where it may read whatever the input names.
    """

    folders: tuple[str, ...] = ()
    events: ClassVar[tuple[str, ...]] = ("open", "os.listdir", "os.scandir", "os.symlink")
    threat: ClassVar[Threat] = "disclosure"
    severity: ClassVar[Severity] = "high"

    def judge(self, event: str, arguments: Sequence[Any], run: Run) -> str | None:
        """See ``Detector``."""
        if event == "os.symlink":
            run.has_links = True
            return None
        text = paths.text_of(arguments[0])
        if text is None or (event == "open" and _is_writing(arguments)):
            return None
        why = _why_read(text, self.folders, run)
        return None if why is None else f"{event} of {text!r}, {why}"


def _why_read(text: str, folders: Sequence[str], run: Run) -> str | None:
    """Cheap questions first: most files that are read have names that the input does not hold."""
    if ".." in text:
        return _why_climb(paths.absolute(text), run)
    is_named = text.startswith(os.sep) and run.holds(text, 4) and text not in _HARMLESS
    is_own = run.has_links and paths.absolute(text).startswith(run.prefixes)
    if not is_named and not is_own:
        return None
    allowed = (*run.allowed, *map(os.path.realpath, folders))
    is_inside = paths.is_within(os.path.realpath(text), allowed)
    return None if is_inside else "outside the allowed folders by a name from the input"


def _why_climb(path: str, run: Run) -> str | None:
    """A way up counts only where the input holds all of it: much code asks for its neighbours."""
    turn = paths.climb(path)
    folder = None if turn is None else paths.named_by(path, turn, run)
    if folder is None or paths.is_within(os.path.realpath(path), [os.path.realpath(folder)]):
        return None
    return f"outside {folder!r} by a name from the input"
