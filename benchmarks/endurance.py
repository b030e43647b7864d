"""A long run with faults on: the supervisor's memory stays flat, and nobody is left behind.

``mlfuzz run`` on the target of ``deaths.py``; then three short runs that end by Ctrl-C, SIGTERM
and kill -9 of the supervisor.  Run from the repository:

    python benchmarks/endurance.py [--time 20m] [--json FILE]
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from deaths import HARNESS
from measuring import machine, measured, report

from mlfuzz.cli import seconds

EVERY_S = 2.0
SHORT_S = 15.0
GONE_S = 10.0
"""Within which children notice that their parent has gone."""
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time", type=seconds, default=1200.0, help="such as 20m")
    parser.add_argument("--json", default="", help="write the rows to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "deaths_harness.py").write_text(
            HARNESS.format(folder=str(Path(__file__).resolve().parent))
        )
        memory_mb, zombies = _watched(Path(name), options.time)
        left = {end.name: _left_behind(Path(name), end) for end in ENDS}
    half = memory_mb[len(memory_mb) // 2 :]
    hours = np.arange(len(half)) * EVERY_S / 3600
    slope_mb = float(np.polyfit(hours, half, 1)[0])
    rows = [
        measured("endurance/supervisor_mb", memory_mb),
        measured("endurance/slope_mb_per_hour", [slope_mb]),
        measured("endurance/zombies_at_once", zombies),
        *(measured(f"endurance/left_after_{end}", [count]) for end, count in left.items()),
    ]
    units = {row.name: "processes" for row in rows} | {
        "endurance/supervisor_mb": "MB",
        "endurance/slope_mb_per_hour": "MB an hour, second half",
    }
    report(f"{options.time:g} s with faults on", rows, machine(["atheris"]), units, options.json)


def _start(folder: Path, time_s: float) -> subprocess.Popen[bytes]:
    arguments = ["run", "deaths_harness.py", "--only", "code", "--time", f"{time_s:g}s"]
    with open(folder / "output", "ab") as output:
        return subprocess.Popen(
            [sys.executable, "-c", "from mlfuzz.cli import main; main()", *arguments],
            cwd=folder,
            stdout=output,
            stderr=output,
            env={**os.environ, "CI": "true", "PYTHONPATH": ":".join(filter(None, sys.path))},
        )


def _watched(folder: Path, time_s: float) -> tuple[list[float], list[float]]:
    """The supervisor's resident memory, and how many zombies there were, every two seconds."""
    process = _start(folder, time_s)
    memory_mb, zombies = [], []
    while process.poll() is None:
        time.sleep(EVERY_S)
        try:
            text = Path(f"/proc/{process.pid}/statm").read_text()
        except OSError:
            break
        memory_mb.append(int(text.split()[1] or 0) * os.sysconf("SC_PAGE_SIZE") / 1e6)
        zombies.append(float(sum(state == "Z" for state in _family(process.pid).values())))
    print((folder / "output").read_text(errors="replace").splitlines()[-8:])
    return [each for each in memory_mb if each], zombies


def _left_behind(folder: Path, end: signal.Signals) -> int:
    """Processes of a run that live on after its supervisor was ended."""
    process = _start(folder, 600.0)
    time.sleep(SHORT_S)
    family = _family(process.pid)
    process.send_signal(end)
    process.wait()
    until_s = time.monotonic() + GONE_S
    while time.monotonic() < until_s and any(map(_is_alive, family)):
        time.sleep(0.1)
    return sum(map(_is_alive, family))


def _family(root: int) -> dict[int, str]:
    """Process ids of all below a process, and their states."""
    parents, states = {}, {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                fields = (path / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(path.name)], states[int(path.name)] = int(fields[1]), fields[0]
    family, waiting = {}, [root]
    while waiting:
        parent = waiting.pop()
        below = [pid for pid, above in parents.items() if above == parent]
        family.update({pid: states[pid] for pid in below})
        waiting += below
    return family


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    main()
