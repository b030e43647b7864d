"""What the detectors cost: nothing to speak of for a quiet input, a little for each file it opens.

The audit hook cannot be taken out again, so what runs without it is measured first.  Run from the
repository:

    python benchmarks/detectors.py [--json FILE]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import timeit
from collections.abc import Callable, Sequence
from pathlib import Path

from measuring import Measured, machine, measured, report

from mlfuzz.detectors import DEFAULT, Guard
from mlfuzz.outcome import chain_key

SAMPLES = 15


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        rows = _rows(Path(folder))
        os.chdir("/")
    units = {row.name: "ns" for row in rows}
    report("Detectors", rows, machine(["mlfuzz"]), units, options.json)


def _rows(folder: Path) -> list[Measured]:
    file, error = str(folder / "file"), _error(6)
    acts: dict[str, tuple[int, Callable[[], object]]] = {
        "an audited built-in: id()": (100_000, lambda: id(file)),
        "chain_key of 7 frames": (10_000, lambda: chain_key(error)),
        "open a file to write": (2_000, lambda: open(file, "wb").close()),
        "open a file to read": (2_000, lambda: open(file, "rb").close()),
    }
    rows = _measure("without", acts)
    guard, data = Guard(DEFAULT, [folder]), bytes(4096)
    rows += _measure("between two inputs", acts)

    def quiet() -> None:
        guard.begin(data)
        guard.end()

    rows += _measure("guard", {"a quiet input: begin and end": (100_000, quiet)})
    guard.begin(data)
    rows += _measure("inside an input", acts)
    assert guard.end() is None
    return rows


def _measure(state: str, acts: dict[str, tuple[int, Callable[[], object]]]) -> list[Measured]:
    return [
        measured(f"{name} ({state})", _samples(act, count)) for name, (count, act) in acts.items()
    ]


def _samples(act: Callable[[], object], count: int) -> Sequence[float]:
    """Nanoseconds a call."""
    return [each / count * 1e9 for each in timeit.repeat(act, number=count, repeat=SAMPLES)]


def _error(depth: int) -> ValueError:
    """An exception that came through so many frames."""

    def down(steps: int) -> None:
        if not steps:
            raise ValueError
        down(steps - 1)

    try:
        down(depth)
    except ValueError as error:
        return error
    raise AssertionError("nothing was raised")


if __name__ == "__main__":
    main()
