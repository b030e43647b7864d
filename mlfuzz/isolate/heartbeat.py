"""What parent and child share: the heartbeat, a piece of memory that outlives any death."""

from __future__ import annotations

import mmap
import os

MAX_INPUT_BYTES = 1 << 20
LEAST_BYTES = 1 << 16
"""Room for an input in every heartbeat: growth is measured on longer ones than libFuzzer makes."""
MAX_LOG_BYTES = 1 << 20
RETIRED = 75
"""Exit status of a child that asks for a successor: it has grown, and no input is to blame."""

_HEADER_BYTES = 64
STARTED, ENDED, ANSWERED, LENGTH, ORDER, HEARD = range(6)
"""The words of a heartbeat: inputs begun, ended and answered; length of the last; an order, and the
input at which Python ran the handler of one."""
GO_ON, GIVE_UP_KNOWN, GIVE_UP = range(3)
"""Orders with SIGUSR1: leave the input if it hangs where others did; leave it anyway."""


class SoftTimeout(BaseException):
    """Raised inside fuzzed code that takes too long; no ``except Exception`` stops it."""


class Heartbeat:
    """Memory shared with a child: six counters, then the input that runs now.

    Parameters
    ----------
    handle : int
        File descriptor of the memory, open in both processes.
    size_bytes : int
        Longest input.
    """

    def __init__(self, handle: int, size_bytes: int) -> None:
        self.handle = handle
        self.memory = mmap.mmap(handle, _room(size_bytes))
        self.words = memoryview(self.memory)[:_HEADER_BYTES].cast("Q")

    @classmethod
    def create(cls, size_bytes: int) -> Heartbeat:
        """New memory, without a name on any disk."""
        handle = os.memfd_create("mlfuzz")
        os.ftruncate(handle, _room(size_bytes))
        return cls(handle, size_bytes)

    def begin(self, data: bytes, count: int) -> None:
        """Say that input number ``count`` runs now; the count goes last, so it vouches for all."""
        size = len(data)
        self.memory[_HEADER_BYTES : _HEADER_BYTES + size] = data
        self.words[LENGTH] = size
        self.words[STARTED] = count

    @property
    def is_inside(self) -> bool:
        """Whether an input was begun and not ended."""
        return self.words[STARTED] != self.words[ENDED]

    def input(self) -> bytes | None:
        """The input that runs, or ran when the child died; None: it was between two."""
        if not self.is_inside:
            return None
        return self.memory[_HEADER_BYTES : _HEADER_BYTES + self.words[LENGTH]]

    def close(self) -> None:
        self.words.release()
        self.memory.close()
        os.close(self.handle)


def _room(size_bytes: int) -> int:
    return _HEADER_BYTES + max(size_bytes, LEAST_BYTES)
