"""One input at a time through an entry point, in a limited child that may die of it.

Confirmation, adoption and replay use it; it works without Atheris.  Several inputs share a child;
after a death the next input gets a new one.
"""

from __future__ import annotations

import io
import os
import select
from contextlib import suppress
from pathlib import Path
from struct import pack, unpack
from types import TracebackType
from typing import Literal, Self

import msgspec
import numpy as np

from mlfuzz.core import Arrays
from mlfuzz.errors import EngineError
from mlfuzz.isolate import Child, Scratch, Watch, spawn
from mlfuzz.outcome import Outcome, death_verdict
from mlfuzz.outcome.stacks import Scope

DEFAULT_TIMEOUT_S = 10.0
DEFAULT_MEMORY_MB = 2048
START_S = 300.0
POLL_S = 0.02


class Request(msgspec.Struct):
    """What the child is asked; ``entry`` is not looked at for ``decode``.

    ``id``, ``max_executions`` and ``deadline_s`` are for ``minimise``.
    """

    kind: Literal["execute", "decode", "minimise"]
    entry: str
    data: bytes
    id: str = ""
    max_executions: int = 0
    deadline_s: float = 0.0


class Minimised(msgspec.Struct):
    """The smallest input found; None: the first one did not show the fault."""

    data: bytes | None
    critical: tuple[tuple[int, int], ...] = ()
    executions: int = 0


class Reply(msgspec.Struct):
    """What it answers: an outcome, .npy files or a smaller input; at its start the scopes."""

    outcome: Outcome | None = None
    arrays: dict[str, bytes] | None = None
    minimised: Minimised | None = None
    scopes: dict[str, Scope] | None = None
    error: str | None = None


class Worker:
    """A child that runs single inputs; a context manager, not for several threads at once.

    Parameters
    ----------
    harness_path : Path
        The harness is loaded in the child only.
    timeout_s : float or None
        For one input, by the clock of ``isolate.Watch``; None: 10.
    memory_mb : int or None
        What one input may take beyond the start of the process; None: 2,048.
    lines : Path, optional
        A folder: the lines that inputs reach are written there, one file an entry point.
    """

    def __init__(
        self,
        harness_path: Path,
        *,
        timeout_s: float | None = None,
        memory_mb: int | None = None,
        lines: Path | None = None,
    ) -> None:
        self.timeout_s = timeout_s or DEFAULT_TIMEOUT_S
        self._harness_path, self._memory_mb = harness_path, memory_mb or DEFAULT_MEMORY_MB
        self._options = [f"--lines={lines.resolve()}"] if lines else []
        self._scratch = Scratch()
        self._child: Child | None = None
        self._scopes: dict[str, Scope] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child and remove what it wrote."""
        self._stop()
        self._scratch.close()

    def execute(self, entry_name: str, data: bytes) -> Outcome:
        """What the input does to the entry point; a death, hang or memory bomb is a fault.

        Raises
        ------
        EngineError
            If the child cannot load the harness, or knows no such entry point.
        """
        reply = self._ask(Request("execute", entry_name, data))
        if isinstance(reply, Outcome):
            return reply
        assert reply.outcome is not None
        return reply.outcome

    def decode(self, data: bytes) -> Arrays | Outcome:
        """The arrays that a file decodes to, unrounded; an Outcome where it gives none.

        Raises
        ------
        EngineError
            As ``execute``.
        """
        reply = self._ask(Request("decode", "", data))
        if isinstance(reply, Outcome):
            return reply
        if reply.arrays is None:
            assert reply.outcome is not None
            return reply.outcome
        return {
            name: np.load(io.BytesIO(array), allow_pickle=False)
            for name, array in reply.arrays.items()
        }

    def minimise(
        self, entry_name: str, data: bytes, id: str, *, max_executions: int, deadline_s: float
    ) -> Minimised | Outcome:
        """Make an input smaller inside the child, keeping the finding's id; milliseconds.

        Returns
        -------
        Minimised or Outcome
            The outcome is the child's death at one of the inputs that were tried.

        Raises
        ------
        EngineError
            As ``execute``.
        """
        reply = self._ask(Request("minimise", entry_name, data, id, max_executions, deadline_s))
        if isinstance(reply, Outcome):
            return reply
        assert reply.minimised is not None
        return reply.minimised

    def wake(self) -> None:
        """Start the child now, so that its imports take no input's time.

        Raises
        ------
        EngineError
            If the child cannot load the harness.
        """
        if self._child is None or not self._child.is_alive:
            self._start()

    def _ask(self, request: Request) -> Reply | Outcome:
        self.wake()
        assert self._child is not None
        child = self._child
        watch = self._watch(child)
        with suppress(BrokenPipeError):
            write_frame(self._to_child, msgspec.msgpack.encode(request))
        reply = self._receive(watch)
        if reply is None:
            return self._dead(child, watch, request)
        if reply.error is not None:
            raise EngineError(reply.error)
        return reply

    def _watch(self, child: Child) -> Watch:
        return Watch(child, timeout_s=self.timeout_s, memory_mb=self._memory_mb, start_s=START_S)

    def _start(self) -> Child:
        self._stop()
        there, self._to_child = os.pipe()
        self._from_child, back = os.pipe()
        child = self._child = spawn(
            "mlfuzz.input_child",
            [
                f"--harness={self._harness_path.resolve()}",
                f"--memory-mb={self._memory_mb}",
                f"--requests={there}",
                f"--replies={back}",
                *self._options,
            ],
            folder=self._scratch.folder / "input",
            size_bytes=64,
            pass_handles=(there, back),
        )
        os.close(there)
        os.close(back)
        hello = self._receive(self._watch(child))
        if hello is None or hello.scopes is None:
            reason = hello.error if hello else child.last_words()
            self._stop()
            raise EngineError(f"{self._harness_path}: cannot be loaded in a child: {reason}")
        self._scopes = hello.scopes
        return child

    def _receive(self, watch: Watch) -> Reply | None:
        """The next reply; None if the child died first."""
        while True:
            readable, _, _ = select.select([self._from_child], [], [], POLL_S)
            if readable:
                frame = read_frame(self._from_child)
                return None if frame is None else msgspec.msgpack.decode(frame, type=Reply)
            watch.tick()

    def _dead(self, child: Child, watch: Watch, request: Request) -> Outcome:
        death = child.death()
        scope = self._scopes.get(request.entry) or Scope(request.entry or "decode", (), {})
        verdict = death_verdict(watch.how, death.cause, death.stack, scope, request.data)
        return Outcome(state="fault", verdict=verdict, traceback=death.stack or None)

    def _stop(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None
            os.close(self._to_child)
            os.close(self._from_child)


def write_frame(handle: int, data: bytes) -> None:
    """Four bytes of length, then the data."""
    rest = memoryview(pack("<I", len(data)) + data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def read_frame(handle: int) -> bytes | None:
    """The next frame, or None where the other end is gone."""
    head = _read(handle, 4)
    return None if head is None else _read(handle, unpack("<I", head)[0])


def _read(handle: int, count: int) -> bytes | None:
    parts = []
    while count:
        part = os.read(handle, min(count, 1 << 20))
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
