"""Who started threads at import: a process that has some hangs in whatever it forks.

Any tensor operation starts a pool (TensorFlow, JAX and PyTorch alike); importing them does not.
"""

from __future__ import annotations

import os
import sys
from types import FrameType


class ThreadWatch:
    """Counts this process's threads at each import from now on.

    Notes
    -----
    An audit hook cannot be removed: it goes quiet once ``culprit`` was asked.
    """

    def __init__(self) -> None:
        self._before = self._count = _threads()
        self._is_on, self._last = True, "the harness"
        self._culprit: str | None = None
        sys.addaudithook(self._see)

    def culprit(self) -> str | None:
        """The module that was being run when threads appeared, and how many; None: none did."""
        self._is_on = False
        more = _threads() - self._before
        if more <= 0:
            return None
        who = self._culprit or f"{self._last}, or what imports it,"
        return f"{who} started {more} thread{'s' * (more > 1)} at import"

    def _see(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self._is_on or event != "import":
            return
        count = _threads()
        if count > self._count and self._culprit is None:
            self._culprit = _module(sys._getframe(1))
        self._count, self._last = count, str(arguments[0])


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))


def _module(frame: FrameType | None) -> str | None:
    """The innermost module whose own code is running, import machinery left out."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name and not name.startswith(("importlib", "_frozen_importlib")):
            return name
        frame = frame.f_back
    return None
