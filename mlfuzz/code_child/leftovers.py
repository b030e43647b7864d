"""What inputs leave behind and no single one is to blame for: memory, threads, files, a folder."""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path

from mlfuzz import isolate

MAX_THREADS = 8
MAX_FILES = 200


class Leftovers:
    """Clears up in the working folder, and ends the process where only that helps.

    Parameters
    ----------
    memory_mb : int
        What one input may take; half of it, and the process is too big for the next one.
    """

    def __init__(self, memory_mb: int) -> None:
        self._folder, self._most_mb = os.getcwd(), memory_mb // 2
        self.settle()

    def settle(self) -> None:
        """From here on it counts."""
        self._first_mb, self._first_threads = _resident_mb(), _threads()
        self._first_active = threading.active_count()

    def has_threads(self) -> bool:
        """Whether threads were left, as far as Python knows of them: cheap enough to ask often."""
        return threading.active_count() - self._first_active > MAX_THREADS

    def clear(self) -> None:
        """Go back to the working folder, empty it if it is full, ask for a successor if need be."""
        os.chdir(self._folder)
        for folder in (self._folder, os.path.join(self._folder, "tmp")):
            with suppress(OSError):
                _empty(folder)
        # a slow leak is nobody's fault: afresh before the memory limit blames an input
        is_grown = _resident_mb() - self._first_mb > self._most_mb
        if is_grown or _threads() - self._first_threads > MAX_THREADS:
            os._exit(isolate.RETIRED)


def _empty(folder: str) -> None:
    with os.scandir(folder) as entries:
        paths = [Path(entry.path) for entry in entries if entry.name != "tmp"]
    if len(paths) <= MAX_FILES:
        return
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _resident_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return (pages * os.sysconf("SC_PAGE_SIZE")) >> 20


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))
