"""Plain Atheris on an entry point, as somebody would write it by hand; ``code_speed.py`` runs it.

python benchmarks/plain_atheris.py HARNESS ENTRY COUNTER LIBFUZZER_ARGUMENT...
"""

from __future__ import annotations

import importlib
import mmap
import sys
from types import FunctionType

import atheris

from mlfuzz.harness import load


def main() -> None:
    path, name, counter, *arguments = sys.argv[1:]
    with open(counter, "r+b") as file:
        count = memoryview(mmap.mmap(file.fileno(), 8)).cast("Q")
    entry = load(path).entry(name)
    for module in (entry.function.__module__, *entry.instrument):
        _instrument(module)
    function = entry.function

    def callback(data: bytes) -> None:
        count[0] += 1
        try:  # noqa: SIM105 - a context manager would slow the baseline down
            function(data)
        except Exception:
            pass

    atheris.Setup(["plain", *arguments], callback)
    atheris.Fuzz()


def _instrument(name: str) -> None:
    """Its functions only: instrument_imports would take the whole package, and be slower."""
    for value in vars(importlib.import_module(name)).values():
        if isinstance(value, FunctionType) and value.__module__ == name:
            atheris.instrument_func(value)


if __name__ == "__main__":
    main()
