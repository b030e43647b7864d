"""A child process as its parent sees it: started, paused, ended, and what its end tells."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mlfuzz.isolate.environment import environment
from mlfuzz.isolate.heartbeat import MAX_INPUT_BYTES, MAX_LOG_BYTES, Heartbeat
from mlfuzz.isolate.usage import status_kb, tail


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


class Process(Protocol):
    """What is asked of a process that somebody started for us."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self) -> int: ...


class Child:
    """A process with a heartbeat, in a process group of its own.

    Parameters
    ----------
    process : Process
        Its leader.
    folder : Path
        Holds its log, its stacks, and ``work``: its working folder and HOME.
    server : Child, optional
        The process that forked it, and waits for its end.

    Notes
    -----
    A child dies with the *thread* that started it (a trap of PR_SET_PDEATHSIG).
    """

    def __init__(
        self, process: Process, beat: Heartbeat, folder: Path, server: Child | None = None
    ) -> None:
        self.process, self.beat, self._server = process, beat, server
        self.log, self.stack = folder / "log", folder / "stack"

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
        """Stop the clock for it, and for its server: that may be about to fork it."""
        self._send_group(signal.SIGSTOP)
        if self._server:
            self._server.pause()

    def resume(self) -> None:
        if self._server:
            self._server.resume()
        self._send_group(signal.SIGCONT)

    def kill(self) -> None:
        """End it and whatever it started; waits until it is gone."""
        self._send_group(signal.SIGKILL)
        if self._server:
            self._server.resume()  # a stopped one tells nobody of the end
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
        return status_kb(str(self.process.pid), "VmRSS") >> 10

    def cut_log(self) -> None:
        """Empty the log once it is long."""
        if self.log.stat().st_size > MAX_LOG_BYTES:
            os.truncate(self.log, 0)

    def last_words(self) -> str:
        """The last line of the log that says something."""
        lines = [line.strip() for line in tail(self.log).splitlines() if line.strip()]
        return lines[-1][:300] if lines else "it wrote nothing"

    def death(self) -> Death:
        """How it ended; only once it has."""
        code = self.process.wait()
        self._send_group(signal.SIGKILL)  # what it started may live on
        return Death(_cause(code), self.beat.input(), tail(self.stack))


def spawn(
    module: str,
    args: Sequence[str],
    *,
    folder: Path,
    size_bytes: int = MAX_INPUT_BYTES,
    pass_handles: Sequence[int] = (),
) -> Child:
    """``python -m module args`` in a session, a folder and an environment of its own.

    Parameters
    ----------
    module : str
        Gets ``args`` and then ``--parent``, ``--beat``, ``--size`` and ``--stack``.
    folder : Path
        Made new.
    size_bytes : int
        Longest input.
    pass_handles : sequence of int
        File descriptors that it inherits.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "work" / "tmp").mkdir(parents=True)
    beat = Heartbeat.create(size_bytes)
    own = ["--parent", os.getpid(), "--beat", beat.handle, "--size", size_bytes]
    with open(folder / "log", "ab") as log:  # append mode: the parent may cut it off meanwhile
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *args]
            + [str(each) for each in [*own, "--stack", folder / "stack"]],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder / "work",
            env=environment(folder / "work"),
            pass_fds=(beat.handle, *pass_handles),
            start_new_session=True,
        )
    return Child(process, beat, folder)


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:  # a real-time signal
        return f"signal {-code}"
