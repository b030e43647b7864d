"""Time and memory of one child, and what is done when it takes too much."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Literal

from mlfuzz.isolate.child import Child
from mlfuzz.isolate.heartbeat import GIVE_UP, GIVE_UP_KNOWN, HEARD, ORDER, STARTED
from mlfuzz.isolate.usage import tail


class Watch:
    """Tells a child that it is too long at one input: asks it, then takes its stack, then ends it.

    Parameters
    ----------
    timeout_s, start_s : float
        For one input, and until the first one.
    memory_mb : int
        How much the child may grow above what it had at its first input.

    Attributes
    ----------
    ask_known_s : float
        From here on an input may be cut off if it hangs where many did before.
    knows : callable str -> bool
        Whether a stack is that of such a place.
    is_hung, has_grown : bool
        Why it ended the child.

    Notes
    -----
    The clock of an input is processor time, or a quarter of the time that went by where that is
    more: a busy machine is no hang, a sleep is one.
    """

    def __init__(self, child: Child, *, timeout_s: float, memory_mb: int, start_s: float) -> None:
        self.child, self.timeout_s, self.start_s = child, timeout_s, start_s
        self.memory_mb = memory_mb
        self.has_grown = self.is_hung = False
        self.ask_known_s = timeout_s
        self.knows: Callable[[str], bool] = lambda stack: False
        self._count, self._inside = -1, False
        self._wall = self._cpu_before = 0.0
        self._last = time.monotonic()
        self._step = self._ticks = 0
        self._limit_mb: int | None = None

    def tick(self, *, is_running: bool = True) -> None:
        """Look once; every 20 ms or so, also while the child is paused."""
        now = time.monotonic()
        passed, self._last = min(now - self._last, 0.2), now
        if not is_running or not self.child.is_alive:
            return
        beat = self.child.beat
        seen = (beat.words[STARTED], beat.is_inside)
        if seen != (self._count, self._inside):
            self._count, self._inside = seen
            self._wall, self._step, self._cpu_before = 0.0, 0, self.child.cpu_s()
        self._wall += passed
        self._check_memory()
        if self._wall >= min(self.timeout_s, self.ask_known_s) / 2:  # else spare the look at /proc
            self._act(max(self.child.cpu_s() - self._cpu_before, self._wall / 4))

    def _act(self, elapsed_s: float) -> None:
        if not self._inside:
            if elapsed_s >= self.start_s:
                self.child.kill()
            return
        if self._step == 0 and elapsed_s >= min(self.ask_known_s, self.timeout_s):
            self._step = 1
            if self.ask_known_s < self.timeout_s:
                self._ask(GIVE_UP_KNOWN)
                self.child.send(signal.SIGUSR2)
        elif self._step == 1 and elapsed_s >= self.timeout_s:
            self._step = 2
            self._ask(GIVE_UP)
        elif self._step == 1 and elapsed_s >= self.ask_known_s + 0.1:
            if self.ask_known_s < self.timeout_s and self.knows(tail(self.child.stack)):
                self._end_hang()
        elif self._step == 2 and elapsed_s >= self.timeout_s + 1.0:
            self._step = 3
            self.child.send(signal.SIGUSR2)
        elif self._step == 3 and elapsed_s >= self.timeout_s + 1.5:
            self._end_hang()

    @property
    def manner(self) -> Literal["hang", "hard hang"]:
        """How the input that runs hangs: a hard hang lets no handler in Python run."""
        words = self.child.beat.words
        return "hang" if words[HEARD] == words[STARTED] else "hard hang"

    @property
    def how(self) -> Literal["native", "hang", "hard hang", "out-of-memory"]:
        """What the child died of."""
        if self.is_hung:
            return self.manner
        return "out-of-memory" if self.has_grown else "native"

    def _end_hang(self) -> None:
        self.is_hung = True
        self.child.kill()

    def _ask(self, order: int) -> None:
        self.child.beat.words[ORDER] = order
        self.child.send(signal.SIGUSR1)

    def _check_memory(self) -> None:
        self._ticks += 1
        if self._ticks % 5 or not self._count > 0:
            return
        used_mb = self.child.rss_mb()
        if self._limit_mb is None:
            self._limit_mb = used_mb + self.memory_mb
        elif used_mb > self._limit_mb:
            self.has_grown = True
            self.child.kill()
