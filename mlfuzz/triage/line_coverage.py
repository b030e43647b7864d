"""``mlfuzz coverage``: the lines of the target that neither seeds nor corpus reach.

The inputs are run again in a limited child: they may be deadly.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mlfuzz.errors import StoreError
from mlfuzz.harness import EntryPoint, Harness, load
from mlfuzz.isolate import Scratch
from mlfuzz.outcome.lines import function_lines, read_records
from mlfuzz.progress import printable
from mlfuzz.store import Corpus
from mlfuzz.store.files import reported
from mlfuzz.worker import DEFAULT_TIMEOUT_S, Worker

DEADLY = ("native", "hang", "out-of-memory")
"""What ends the process, or the time of an input."""

Input = tuple[str, bytes]
"""A name and the content."""


@dataclass(frozen=True)
class FileCoverage:
    """Which lines of the functions of a file were reached."""

    file: str
    lines: frozenset[int]
    reached: frozenset[int]

    @property
    def missing(self) -> str:
        """Ranges such as ``12-18, 40``; between two ends no line was reached."""
        return ranges(self.lines, self.lines - self.reached)


@dataclass(frozen=True)
class EntryCoverage:
    """The files of an entry point's target, and the inputs that ended badly."""

    entry: str
    inputs: int
    files: tuple[FileCoverage, ...]
    deadly: tuple[str, ...]


def print_coverage(harness_path: Path, corpora: Path, console: Console) -> None:
    """Replay what there is for each entry point, and print a table for each.

    Raises
    ------
    HarnessError, StoreError, EngineError
        If the harness cannot be used, or there is nothing to replay.
    """
    harness = load(harness_path)
    inputs = {entry.name: _inputs(harness, entry, corpora) for entry in harness.code}
    if not any(inputs.values()):
        raise StoreError(
            f"{corpora / harness.name}: no seeds and no corpus of an entry point. "
            "Expected files in seeds/<entry point>; or `mlfuzz run` the harness first."
        )
    results = replayed(harness, inputs)
    for result in results:
        nothing = Text(printable(f"{result.entry}: nothing to replay"))
        console.print(table(result) if result.inputs else nothing)
        for line in result.deadly:
            console.print(Text(f"  {printable(line)}"))
    console.print(Text(summary(results)))


def _inputs(harness: Harness, entry: EntryPoint, corpora: Path) -> list[Input]:
    corpus = Corpus(corpora, harness.name)
    seeds = [*corpus.seeds(entry.name), *entry.options.seed_files()]
    found = corpus.new_bytes(entry.name, set(), sys.maxsize)
    return [*((str(path), _read(path)) for path in seeds), *found]


def _read(path: Path) -> bytes:
    with reported(path, "read"):
        return path.read_bytes()


def replayed(harness: Harness, inputs: dict[str, list[Input]]) -> list[EntryCoverage]:
    """Run the inputs of each entry point in a child that notes down lines."""
    scratch = Scratch()
    # Traced code is slower: what counts as a hang in a run may be none here.
    timeout_s = max(harness.timeout_s or 0.0, DEFAULT_TIMEOUT_S)
    try:
        with Worker(
            harness.path, timeout_s=timeout_s, memory_mb=harness.memory_mb, lines=scratch.folder
        ) as worker:
            return [
                _replay(worker, entry, given, scratch.folder / entry)
                for entry, given in inputs.items()
            ]
    finally:
        scratch.close()


def _replay(worker: Worker, entry: str, inputs: Sequence[Input], record: Path) -> EntryCoverage:
    deadly = []
    for name, data in inputs:
        verdict = worker.execute(entry, data).verdict
        if verdict is not None and verdict.kind in DEADLY:
            deadly.append(f"{name}: {verdict.kind}, {verdict.values['message']}")
    reached = read_records(record) if inputs else {}
    files = (file_coverage(file, lines) for file, lines in reached.items())
    return EntryCoverage(entry, len(inputs), tuple(files), tuple(deadly))


def file_coverage(file: str, reached: Iterable[int]) -> FileCoverage:
    """The lines of a file's functions, and which of them were reached."""
    try:
        code = compile(Path(file).read_bytes(), file, "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError):  # changed or gone since it was loaded
        return FileCoverage(file, frozenset(reached), frozenset(reached))
    lines = frozenset(function_lines(code))
    return FileCoverage(file, lines, lines.intersection(reached))


def ranges(lines: Iterable[int], missing: Iterable[int]) -> str:
    """Missing lines as ``12-18, 40``: what lies between two of them holds no other line."""
    left = frozenset(missing)
    parts = []
    for is_missing, group in groupby(sorted(lines), key=lambda line: line in left):
        numbers = list(group)
        if is_missing:
            parts.append("-".join(str(each) for each in dict.fromkeys([numbers[0], numbers[-1]])))
    return ", ".join(parts)


def table(result: EntryCoverage) -> Table:
    """One row a file."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    shown.title = printable(f"{result.entry}: {result.inputs:,} inputs replayed")
    shown.add_column("file", overflow="fold")
    for name in ("lines", "reached", "share"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("not reached", overflow="fold")
    for file in result.files:
        shown.add_row(
            Text(printable(_short(file.file))),
            *(Text(cell) for cell in _counts(file)),
            Text(file.missing),
        )
    return shown


def summary(results: Sequence[EntryCoverage]) -> str:
    """All files in one line; a file of two entry points counts what either reached."""
    files = [file for result in results for file in result.files]
    lines = {(file.file, line) for file in files for line in file.lines}
    reached = {(file.file, line) for file in files for line in file.reached}
    share = f"{len(reached) / len(lines):.0%}" if lines else "no Python code"
    return f"{len(reached):,} of {len(lines):,} lines of functions reached ({share})"


def _counts(file: FileCoverage) -> Iterator[str]:
    lines, reached = len(file.lines), len(file.reached)
    yield f"{lines:,}"
    yield f"{reached:,}"
    yield f"{reached / lines:.0%}" if lines else ""


def _short(file: str) -> str:
    """Relative to the current folder, or to where it was imported from."""
    places = [os.getcwd(), *sorted(filter(None, sys.path), key=len, reverse=True)]
    for place in places:
        if Path(file).is_relative_to(place):
            return str(Path(file).relative_to(place))
    return file
