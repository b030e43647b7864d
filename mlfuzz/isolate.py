"""Limited child processes: how one is started, watched, ended, and what its end tells.

Mechanism only: no harness, no store and no Atheris may come in here.  Parent and child share a
piece of memory, the heartbeat, from which the parent recovers the input of any death.
"""

from __future__ import annotations

import ctypes
import faulthandler
import mmap
import os
import resource
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

MAX_INPUT_BYTES = 1 << 20
MAX_LOG_BYTES = 1 << 20
RETIRED = 75
"""Exit status of a child that asks for a successor: it has grown, and no input is to blame."""

_HEADER_BYTES = 64
STARTED, ENDED, ANSWERED, LENGTH, ORDER = range(5)
"""The words of a heartbeat: inputs begun, ended and answered; length of the last; an order."""
GO_ON, GIVE_UP_KNOWN, GIVE_UP = range(3)
"""Orders with SIGUSR1: leave the input if it hangs where others did; leave it anyway."""

_KEPT = ("PATH", "LANG", "VIRTUAL_ENV", "KERAS_BACKEND", "LD_LIBRARY_PATH", "TZ")
_KEPT_PREFIXES = ("LC_", "PYTHON", "OMP_", "TF_", "CUDA_", "XLA_", "JAX_", "MLFUZZ_")
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000


class SoftTimeout(BaseException):
    """Raised inside fuzzed code that takes too long; no ``except Exception`` stops it."""


class Heartbeat:
    """Memory shared with a child: five counters, then the input that runs now.

    Parameters
    ----------
    handle : int
        File descriptor of the memory, open in both processes.
    size_bytes : int
        Longest input.
    """

    def __init__(self, handle: int, size_bytes: int) -> None:
        self.handle = handle
        self.memory = mmap.mmap(handle, _HEADER_BYTES + size_bytes)
        self.words = memoryview(self.memory)[:_HEADER_BYTES].cast("Q")

    @classmethod
    def create(cls, size_bytes: int) -> Heartbeat:
        """New memory, without a name on any disk."""
        handle = os.memfd_create("mlfuzz")
        os.ftruncate(handle, _HEADER_BYTES + size_bytes)
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


# --- in the child -------------------------------------------------------------------------------


def enter(parent: int) -> None:
    """Bind this process to its parent's life and cut it off; to be called before any thread starts.

    Parameters
    ----------
    parent : int
        Process id of whoever started it; exits at once where that one is already gone.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _cut_network(libc)


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
    limit = _status_kb("self", "VmSize") * 1024 + (memory_mb << 20)
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
        order = beat.words[ORDER]
        if beat.is_inside and (order == GIVE_UP or (order == GIVE_UP_KNOWN and is_known(frame))):
            raise SoftTimeout

    faulthandler.disable()  # enabling twice would change nothing
    faulthandler.enable(stack, all_threads=False)
    faulthandler.register(signal.SIGUSR2, stack, all_threads=False)
    signal.signal(signal.SIGUSR1, leave)


# --- in the parent ------------------------------------------------------------------------------


class Scratch:
    """A temporary folder that is removed at the end, also those that killed processes left."""

    def __init__(self) -> None:
        self._remove_orphans()
        self.folder = Path(tempfile.mkdtemp(prefix=f"mlfuzz-{os.getpid()}-"))

    @staticmethod
    def _remove_orphans() -> None:
        with suppress(OSError):
            for folder in Path(tempfile.gettempdir()).glob("mlfuzz-*-*"):
                owner = folder.name.split("-")[1]
                if owner.isdecimal() and not os.path.exists(f"/proc/{owner}"):
                    shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Death:
    """How a child ended.

    Parameters
    ----------
    cause : str
        The signal's name, such as ``SIGSEGV``, or ``exit 3``.
    input : bytes or None
        What ran; None: nothing did.
    stack : str
        What faulthandler wrote; may be empty.
    """

    cause: str
    input: bytes | None
    stack: str


class Child:
    """``python -m module args`` in a session, a folder and an environment of its own.

    Parameters
    ----------
    module : str
        Gets ``args`` and then ``--parent``, ``--beat``, ``--size`` and ``--stack``.
    folder : Path
        Made new; holds its log, its stacks, and ``work``: its working folder and HOME.
    size_bytes : int
        Longest input.
    pass_handles : sequence of int
        File descriptors that it inherits.

    Notes
    -----
    The child dies with the *thread* that started it (a trap of PR_SET_PDEATHSIG).
    """

    def __init__(
        self,
        module: str,
        args: Sequence[str],
        *,
        folder: Path,
        size_bytes: int = MAX_INPUT_BYTES,
        pass_handles: Sequence[int] = (),
    ) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "work" / "tmp").mkdir(parents=True)
        self.log, self.stack = folder / "log", folder / "stack"
        self.beat = Heartbeat.create(size_bytes)
        own = ["--parent", os.getpid(), "--beat", self.beat.handle, "--size", size_bytes]
        with open(self.log, "ab") as log:  # append mode: the parent may cut it off meanwhile
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *args]
                + [str(each) for each in [*own, "--stack", self.stack]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder / "work",
                env=environment(folder / "work"),
                pass_fds=(self.beat.handle, *pass_handles),
                start_new_session=True,
            )

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """A signal to the child's main thread.

        One to the process may reach another thread, and Python then runs its handler whenever
        something else interrupts the main one: in a tight loop never.
        """
        if self.is_alive:
            ctypes.CDLL(None).tgkill(self.process.pid, self.process.pid, int(number))

    def pause(self) -> None:
        self._send_group(signal.SIGSTOP)

    def resume(self) -> None:
        self._send_group(signal.SIGCONT)

    def kill(self) -> None:
        """End it and whatever it started; waits until it is gone."""
        self._send_group(signal.SIGKILL)
        self.process.wait()

    def _send_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def close(self) -> None:
        self.kill()
        self.beat.close()

    def cpu_s(self) -> float:
        """Processor time so far, in seconds to 10 ms."""
        with suppress(OSError, IndexError, ValueError):
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return 0.0

    def rss_mb(self) -> int:
        """Resident memory now."""
        return _status_kb(str(self.process.pid), "VmRSS") >> 10

    def cut_log(self) -> None:
        """Empty the log once it is long."""
        if self.log.stat().st_size > MAX_LOG_BYTES:
            os.truncate(self.log, 0)

    def last_words(self) -> str:
        """The last line of the log that says something."""
        lines = [line.strip() for line in _tail(self.log).splitlines() if line.strip()]
        return lines[-1][:300] if lines else "it wrote nothing"

    def death(self) -> Death:
        """How it ended; only once it has."""
        code = self.process.wait()
        self._send_group(signal.SIGKILL)  # what it started may live on
        return Death(_cause(code), self.beat.input(), _tail(self.stack))


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
        elif self._step == 1 and elapsed_s >= self.ask_known_s + 0.3:
            if self.ask_known_s < self.timeout_s and self.knows(_tail(self.child.stack)):
                self._end_hang()
        elif self._step == 2 and elapsed_s >= self.timeout_s + 1.0:
            self._step = 3
            self.child.send(signal.SIGUSR2)
        elif self._step == 3 and elapsed_s >= self.timeout_s + 1.5:
            self._end_hang()

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


def environment(home: Path) -> dict[str, str]:
    """What a child may know: nothing of the user's but paths, language and framework settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    kept.setdefault("PYTHONHASHSEED", "0")  # else the order of sets differs in a replay
    return kept | {
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(_own_paths()),
    }


def _own_paths() -> list[str]:
    """Where this process imports from beyond its installation, such as a source tree."""
    installed = {Path(path).resolve() for path in sysconfig.get_paths().values()}
    paths = [Path(path or os.getcwd()).resolve() for path in sys.path]
    standard = Path(os.__file__).resolve().parent
    return [
        str(path)
        for path in dict.fromkeys(paths)
        if path.is_dir() and path not in installed and standard not in (path, *path.parents)
    ]


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:  # a real-time signal
        return f"signal {-code}"


def _status_kb(process: str, field: str) -> int:
    with suppress(OSError, IndexError, ValueError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
    return 0


def _tail(path: Path) -> str:
    with suppress(OSError), open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 65536))
        return file.read().decode(errors="replace")
    return ""
