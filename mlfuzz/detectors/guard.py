"""The audit hook: detectors look at what an input does, and what is unsafe does not happen."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from mlfuzz.core import Threat
from mlfuzz.detectors.run import Detector, Run, Severity, frames, is_importing

MAX_STACK = 200

Call = tuple[str, int, str, str]
"""One line of a stack: file, line, module, qualified name."""


class UnsafeCall(BaseException):
    """Raised in place of the unsafe act; no ``except Exception`` stops it."""


class Alarm(msgspec.Struct, frozen=True):
    """The first unsafe act of an input.

    Parameters
    ----------
    detector, event : str
        The detector's class and the audit event.
    message : str
        What was about to happen.
    stack : tuple of Call
        Outermost first, taken at the act: the exception may be swallowed.
    """

    detector: str
    event: str
    message: str
    threat: Threat
    severity: Severity
    stack: tuple[Call, ...]

    @property
    def key(self) -> tuple[object, ...]:
        """Equal keys have equal signatures."""
        return self.detector, self.stack


class Guard:
    """Watches one input at a time; what it takes note of, ``end`` tells.

    Parameters
    ----------
    detectors : sequence of Detector
        Of the entry point.
    allowed : sequence of Path
        Folders in which fuzzed code may write: the child's working folder.

    Notes
    -----
    Audit hooks cannot be removed, so one is installed once a process, at the first guard, and a
    table decides what it looks at: empty between two inputs.  All threads are watched, as an act
    is unsafe in each; one that acts between two inputs is not seen, one left over from an earlier
    input is blamed on the input that runs then, which confirmation will not bear out.  What
    happens while a module is imported is its author's doing and never an alarm, except that an
    input chose the module (``Import``).  An input that changes the working folder does not change
    it for the next one.
    """

    def __init__(self, detectors: Sequence[Detector], allowed: Sequence[Path]) -> None:
        self._run = Run([os.path.realpath(folder) for folder in allowed])
        self._detectors = by_event(detectors)
        self._watched = {"os.chdir": self._leave, **dict.fromkeys(self._detectors, self._look)}
        self._closing = [each for each in detectors if "mlfuzz.answered" in each.events]
        self._folder, self._is_elsewhere = os.getcwd(), False
        self._alarm: Alarm | None = None
        self._busy: set[int] = set()
        for detector in detectors:
            getattr(detector, "install", _nothing)()
        _install()

    def begin(self, data: bytes) -> None:
        """From here on every act is the input's."""
        global _watched
        self._alarm = None
        self._busy.clear()  # a soft time-out may have come in the middle of a look
        self._run.begin(data)
        _watched = self._watched

    def end(self, is_answered: bool = False) -> Alarm | None:
        """Stop watching; the first alarm since ``begin``, also where the code swallowed it.

        Parameters
        ----------
        is_answered : bool
            The input was neither refused nor at fault: some acts are told by that alone.
        """
        global _watched
        _watched = {}
        if self._is_elsewhere:
            self._is_elsewhere = False
            os.chdir(self._folder)
        if is_answered and self._closing and self._alarm is None:
            self._close()
        return self._alarm

    def _close(self) -> None:
        for each in self._closing:
            if getattr(each, "mark", b"") in self._run.data:
                message = each.judge("mlfuzz.answered", (), self._run)
                if message is not None:
                    name = type(each).__name__
                    self._alarm = Alarm(
                        name, "mlfuzz.answered", message, each.threat, each.severity, ()
                    )

    def _leave(self, event: str, arguments: Sequence[Any]) -> None:
        self._is_elsewhere = True
        if event in self._detectors:
            self._look(event, arguments)

    def _look(self, event: str, arguments: Sequence[Any]) -> None:
        thread = threading.get_ident()
        if thread in self._busy:  # an event of a detector's own work
            return
        self._busy.add(thread)
        try:
            alarm = self._judge(event, arguments)
        finally:
            self._busy.discard(thread)
        if alarm is not None:
            self._alarm = self._alarm or alarm
            raise UnsafeCall(alarm.message)

    def _judge(self, event: str, arguments: Sequence[Any]) -> Alarm | None:
        for detector in self._detectors[event]:
            message = _message(detector, event, arguments, self._run)
            if message is None:
                continue
            stack = list(frames())
            name = type(detector).__name__
            if name == "Import" or not any(map(is_importing, stack)):
                calls = tuple(map(_call, reversed(stack[:MAX_STACK])))
                return Alarm(name, event, message, detector.threat, detector.severity, calls)
        return None


def by_event(detectors: Iterable[Detector]) -> dict[str, tuple[Detector, ...]]:
    """Which detectors look at which event."""
    table: dict[str, tuple[Detector, ...]] = {}
    for detector in detectors:
        for event in detector.events:
            table[event] = (*table.get(event, ()), detector)
    return table


def _message(detector: Detector, event: str, arguments: Sequence[Any], run: Run) -> str | None:
    try:
        return detector.judge(event, arguments, run)
    except (OSError, ValueError):  # a path that is none: the act itself will say so
        return None


def _call(frame: FrameType) -> Call:
    module = str(frame.f_globals.get("__name__", "?"))
    return frame.f_code.co_filename, frame.f_lineno or 0, module, frame.f_code.co_qualname


def _nothing() -> None:
    """In place of the ``install`` that most detectors do without."""


# --- the hook -----------------------------------------------------------------------------------

_watched: Mapping[str, Any] = {}
_is_installed = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    # Python calls it for each of its events, some of them a million times a second.
    look = _watched.get(event)
    if look is not None:
        look(event, arguments)


def _install() -> None:
    global _is_installed
    if not _is_installed:
        _is_installed = True
        sys.addaudithook(_hook)
