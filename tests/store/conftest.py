"""What the tests of the store share: a finding, and a disk that is full."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

import pytest

from mlfuzz.store import Finding

MakeFinding = Callable[..., Finding]


@pytest.fixture
def make() -> MakeFinding:
    """A finding with given fields; each ``signature`` is a fault of its own."""

    def build(*signature: str, **fields: Any) -> Finding:
        values: dict[str, Any] = {
            "harness": "toy",
            "engine": "code",
            "source": "decode",
            "kind": "exception",
            "signature": signature or ("ValueError", "toy:decode"),
            "threat": "disruption",
            "severity": "medium",
            "stability": "stable",
            "bounds": "unknown",
            "verdict": {},
        }
        return Finding(**{**values, **fields})

    return build


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let the disk be full after so many more bytes."""

    def fill(room: int) -> None:
        left = [room]
        real = os.write

        def write(handle: int, data: bytes) -> int:
            if left[0] <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            done = real(handle, data[: left[0]])
            left[0] -= done
            return done

        monkeypatch.setattr("mlfuzz.store.files.os.write", write)

    return fill
