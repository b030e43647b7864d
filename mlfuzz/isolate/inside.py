"""The child's side: bound to its parent, cut off, limited, and ready to be interrupted."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import IO

from mlfuzz.isolate.heartbeat import (
    GIVE_UP,
    GIVE_UP_KNOWN,
    HEARD,
    ORDER,
    STARTED,
    Heartbeat,
    SoftTimeout,
)
from mlfuzz.isolate.usage import status_kb

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000


def enter(parent: int) -> None:
    """Bind this process to its parent's life and cut it off; to be called before any thread starts.

    Parameters
    ----------
    parent : int
        Process id of whoever started it; exits at once where that one is already gone.
    """
    bind(parent)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _cut_network(ctypes.CDLL(None, use_errno=True))


def bind(parent: int) -> None:
    """Die with the parent; after each fork anew."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def _cut_network(libc: ctypes.CDLL) -> None:
    """A network of its own without any device, where the system allows it."""
    if libc.unshare(_CLONE_NEWNET) == 0:
        return
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
        with suppress(OSError):
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def limit_memory(memory_mb: int) -> None:
    """Allow ``memory_mb`` of address space beyond what this process has now: then MemoryError."""
    limit = status_kb("self", "VmSize") * 1024 + (memory_mb << 20)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def arm(
    beat: Heartbeat,
    stack: IO[bytes],
    is_known: Callable[[FrameType | None], bool] = lambda frame: False,
) -> None:
    """Take the signals of a watching parent, and write stacks of native deaths to ``stack``.

    Notes
    -----
    libFuzzer and pytest set handlers of their own: call it again inside the first callback.
    """

    def leave(_: int, frame: FrameType | None) -> None:
        order, beat.words[HEARD] = beat.words[ORDER], beat.words[STARTED]
        if beat.is_inside and (order == GIVE_UP or (order == GIVE_UP_KNOWN and is_known(frame))):
            raise SoftTimeout

    faulthandler.disable()  # enabling twice would change nothing
    faulthandler.enable(stack, all_threads=False)
    faulthandler.register(signal.SIGUSR2, stack, all_threads=False)
    signal.signal(signal.SIGUSR1, leave)
