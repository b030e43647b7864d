"""``mlfuzz coverage``: the lines of the target that neither seeds nor corpus reach.

The inputs are run again in a limited child: they may be deadly.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mlfuzz.entry_point import EntryPoint
from mlfuzz.errors import HarnessError, MlfuzzError, StoreError
from mlfuzz.harness import Harness, load
from mlfuzz.isolate import Scratch
from mlfuzz.outcome.lines import function_lines, read_records
from mlfuzz.progress import printable
from mlfuzz.store import Corpus, read_file
from mlfuzz.worker import DEFAULT_TIMEOUT_S, Worker

DEADLY = ("native", "hang", "out-of-memory")
"""What ends the process, or the time of an input."""

TOLD_FILES, TOLD_RANGES = 5, 8
"""At the end of a run: files, and ranges of lines of each."""

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
    """The files of an entry point's target, and the inputs that ended badly.

    ``given``: inputs that there were; ``inputs``: those that were replayed.
    """

    entry: str
    given: int
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
    if not harness.code:
        raise HarnessError(
            f"{harness.path}: has no code. Expected decode= or code=[EntryPoint(...)], whose lines "
            "are shown."
        )
    inputs = inputs_of(harness, corpora)
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


def told(harness: Harness, corpora: Path, limit_s: float) -> list[str]:
    """The same in a few lines, for the end of a run, by the inputs that there is time for."""
    try:
        results = replayed(harness, inputs_of(harness, corpora), limit_s)
    except MlfuzzError as error:
        return [printable(f"lines reached: not measured, {error}")]
    ran, given = (sum(getattr(each, n) for each in results) for n in ("inputs", "given"))
    by = (
        f"{ran:,} input{'s' * (ran != 1)}"
        if ran == given
        else f"{ran:,} of {given:,} inputs in {limit_s:g} s"
    )
    files = sorted(merged(results), key=lambda file: len(file.reached) - len(file.lines))
    missing = [file for file in files if file.missing]
    return [
        f"{summary(results)} by {by}" + ("; not:" if missing else ""),
        *(
            printable(f"  {_short(file.file)}: {_abridged(file.missing)}")
            for file in missing[:TOLD_FILES]
        ),
    ]


def inputs_of(harness: Harness, corpora: Path) -> dict[str, list[Input]]:
    """Seeds and corpus of each entry point."""
    return {entry.name: _inputs(harness, entry, corpora) for entry in harness.code}


def _inputs(harness: Harness, entry: EntryPoint, corpora: Path) -> list[Input]:
    corpus = Corpus(corpora, harness.name)
    seeds = [*corpus.seeds(entry.name), *entry.options.seed_files()]
    found = corpus.new_bytes(entry.name, set(), sys.maxsize)
    return [*((str(path), read_file(path)) for path in seeds), *found]


def replayed(
    harness: Harness, inputs: dict[str, list[Input]], limit_s: float = math.inf
) -> list[EntryCoverage]:
    """Run the inputs of each entry point in a child that notes down lines.

    ``limit_s``: for all of them together, the start of the child left out.
    """
    scratch = Scratch()
    # Traced code is slower: what counts as a hang in a run may be none here.
    timeout_s = min(max(harness.timeout_s or 0.0, DEFAULT_TIMEOUT_S), limit_s)
    try:
        with Worker(
            harness.path, timeout_s=timeout_s, memory_mb=harness.memory_mb, lines=scratch.folder
        ) as worker:
            if any(inputs.values()):
                worker.wake()
            until_s = time.monotonic() + limit_s
            return [
                _replay(worker, entry, given, scratch.folder / entry, until_s)
                for entry, given in inputs.items()
            ]
    finally:
        scratch.close()


def _replay(
    worker: Worker, entry: str, inputs: Sequence[Input], record: Path, until_s: float
) -> EntryCoverage:
    deadly, ran = [], 0
    for name, data in takewhile(lambda _: time.monotonic() < until_s, inputs):
        ran += 1
        verdict = worker.execute(entry, data).verdict
        if verdict is not None and verdict.kind in DEADLY:
            deadly.append(f"{name}: {verdict.kind}, {verdict.values['message']}")
    reached = read_records(record) if ran else {}
    files = (file_coverage(file, lines) for file, lines in reached.items())
    return EntryCoverage(entry, len(inputs), ran, tuple(files), tuple(deadly))


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


def merged(results: Sequence[EntryCoverage]) -> list[FileCoverage]:
    """Each file once: of two entry points it counts what either reached."""
    by_file: dict[str, FileCoverage] = {}
    for file in (file for result in results for file in result.files):
        known = by_file.get(file.file, file)
        reached = known.reached | file.reached
        by_file[file.file] = FileCoverage(file.file, known.lines | file.lines, reached)
    return list(by_file.values())


def summary(results: Sequence[EntryCoverage]) -> str:
    """All files in one line."""
    files = merged(results)
    lines = sum(len(file.lines) for file in files)
    reached = sum(len(file.reached) for file in files)
    share = f"{reached / lines:.0%}" if lines else "no Python code"
    return f"{reached:,} of {lines:,} lines of functions reached ({share})"


def _abridged(missing: str) -> str:
    parts = missing.split(", ")
    more = len(parts) - TOLD_RANGES
    return missing if more <= 0 else f"{', '.join(parts[:TOLD_RANGES])} and {more} more"


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
