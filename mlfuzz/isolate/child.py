"""A child process as its parent sees it: started, paused, ended, and what its end tells."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlfuzz.isolate.heartbeat import MAX_INPUT_BYTES, MAX_LOG_BYTES, Heartbeat
from mlfuzz.isolate.usage import status_kb, tail

_KEPT = ("PATH", "LANG", "VIRTUAL_ENV", "KERAS_BACKEND", "LD_LIBRARY_PATH", "TZ")
_KEPT_PREFIXES = ("LC_", "PYTHON", "OMP_", "TF_", "CUDA_", "XLA_", "JAX_", "MLFUZZ_")


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
