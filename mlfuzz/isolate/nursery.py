"""A fork server: a process that has imported the target once, and forks for each child.

The parent's side is ``Nursery``, the server's side is ``serve``; they talk through a socket, over
which a child also gets its heartbeat and its pipe.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlfuzz.isolate.child import Child, spawn
from mlfuzz.isolate.heartbeat import Heartbeat
from mlfuzz.isolate.inside import bind

MAX_MESSAGE_BYTES = 1 << 16


class Nursery:
    """Starts children of one module that share its imports; the server comes up with the first.

    Parameters
    ----------
    module, args, folder, size_bytes
        As for ``spawn``.

    Attributes
    ----------
    why_not : str or None
        Why the server cannot fork; each child is then a server that stays.
    """

    def __init__(self, module: str, args: Sequence[str], *, folder: Path, size_bytes: int) -> None:
        self._module, self._args, self._folder = module, args, folder
        self._size_bytes = size_bytes
        self._server: Child | None = None
        self._control: socket.socket | None = None
        self.why_not: str | None = None

    def child(self, args: Sequence[str], pipe: int) -> Child:
        """A child that gets ``args`` besides, ``--pipe`` and ``--beat``; it may take a while.

        Parameters
        ----------
        pipe : int
            A file descriptor for it; the caller's own copy stays the caller's.
        """
        if self._server is None or not self._server.is_alive or self.why_not:
            self._start()
        assert self._server is not None and self._control is not None
        self._clean()
        beat = Heartbeat.create(self._size_bytes)
        with suppress(OSError):  # the server may have died: then the child has, too
            order = json.dumps(list(args)).encode()
            socket.send_fds(self._control, [order], [beat.handle, pipe])
        return Child(_Forked(self, self._server, self._control), beat, self._folder, self._server)

    def close(self) -> None:
        """End the server; its children must have been closed before."""
        if self._server is not None and self._control is not None:
            self._control.close()
            self._server.close()
            self._server = self._control = None

    def _start(self) -> None:
        self.close()
        self._control, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with there:
            self._server = spawn(
                self._module,
                [*self._args, f"--control={there.fileno()}"],
                folder=self._folder,
                size_bytes=self._size_bytes,
                pass_handles=(there.fileno(),),
            )

    def _clean(self) -> None:
        """What an earlier child left in the working folder, its log and its stack."""
        for name in ("log", "stack"):
            with suppress(OSError):
                os.truncate(self._folder / name, 0)
        for path in (self._folder / "work").iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        (self._folder / "work" / "tmp").mkdir(exist_ok=True)


class _Forked:
    """A process that the server started, or the server itself where that cannot fork."""

    def __init__(self, nursery: Nursery, server: Child, control: socket.socket) -> None:
        self._nursery, self._server, self._control = nursery, server, control
        self._pid: int | None = None
        self._code: int | None = None

    @property
    def pid(self) -> int:
        """The server's until it has forked."""
        return self._pid or self._server.process.pid

    def poll(self) -> int | None:
        with suppress(BlockingIOError):
            while self._code is None:
                self._hear(socket.MSG_DONTWAIT)
        return self._code

    def wait(self) -> int:
        while self._code is None:
            self._hear()
        return self._code

    def _hear(self, flags: int = 0) -> None:
        message = b""
        with suppress(ConnectionResetError):  # it ended with an order unread
            message = self._control.recv(MAX_MESSAGE_BYTES, flags)
        said: dict[str, Any] = json.loads(message or b"{}")
        if not said:
            self._code = self._server.process.wait()
        elif "forked" in said:
            self._pid = said["forked"]
        elif "stays" in said:
            self._nursery.why_not = said["stays"]
        else:
            self._code = said["code"]


def serve(handle: int, why_not: str | None) -> list[str]:
    """Carry out orders until the parent is gone; returns in each child, with its arguments.

    Parameters
    ----------
    handle : int
        The socket to the parent.
    why_not : str or None
        Why this process must not fork; it then returns with the first order.
    """
    control = socket.socket(fileno=handle)
    server = os.getpid()
    while True:
        order, handles, _, _ = socket.recv_fds(control, MAX_MESSAGE_BYTES, 2)
        if not order:
            os._exit(0)
        args = [*json.loads(order), f"--beat={handles[0]}", f"--pipe={handles[1]}"]
        if why_not:
            _say(control, stays=why_not)
            control.detach()  # open until the end of this process, which it tells the parent of
            return args
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            control.close()
            bind(server)
            return args
        with suppress(OSError):
            os.setpgid(child, child)  # whichever of the two comes first
        _say(control, forked=child)
        for each in handles:
            os.close(each)
        _, status = os.waitpid(child, 0)
        _say(control, code=os.waitstatus_to_exitcode(status))


def _say(control: socket.socket, **fields: object) -> None:
    control.send(json.dumps(fields).encode())
