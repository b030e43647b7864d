"""What the system says of a process, and what the process wrote last."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def status_kb(process: str, field: str) -> int:
    """A size in ``/proc/<process>/status``, kilobytes; 0 where it is gone."""
    with suppress(OSError, IndexError, ValueError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
    return 0


def tail(path: Path) -> str:
    """The end of a text file; empty where there is none."""
    with suppress(OSError), open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 65536))
        return file.read().decode(errors="replace")
    return ""
