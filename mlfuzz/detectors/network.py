"""What fuzzed code fetches or sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from mlfuzz.core import Threat
from mlfuzz.detectors.run import Run, Severity


@dataclass(frozen=True)
class Network:
    """No connection and no look-up of a name.

    Threat: an input that names an address makes the server fetch it (server-side request
    forgery), or sends what it read to a stranger.
    Events: ``urllib.Request``, ``http.client.connect``, ``ftplib.connect``, ``smtplib.connect``,
    ``socket.connect``, ``socket.sendto``, ``socket.sendmsg``, ``socket.getaddrinfo``,
    ``socket.gethostbyname``, ``socket.gethostbyaddr``.
    Local sockets (AF_UNIX) are not meant; a ``file:`` address is ``ReadOutside``'s.
    """

    events: ClassVar[tuple[str, ...]] = (
        "urllib.Request",
        "http.client.connect",
        "ftplib.connect",
        "smtplib.connect",
        "socket.connect",
        "socket.sendto",
        "socket.sendmsg",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
    )
    threat: ClassVar[Threat] = "disclosure"
    severity: ClassVar[Severity] = "high"

    def judge(self, event: str, arguments: Sequence[Any], run: Run) -> str | None:
        """See ``Detector``."""
        if event == "urllib.Request":
            url = str(arguments[0])
            is_local = url.lower().startswith(("file:", "data:"))
            return None if is_local else f"a request to {url!r}"
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            address = arguments[1]  # a path where the socket is local; None where connected before
            return f"{event} to {address!r}" if isinstance(address, tuple) else None
        where = arguments[0] if event.startswith("socket.") else arguments[1]
        return f"{event} of {where!r}"
