"""``mlfuzz shrink``: make the inputs of code findings smaller, keeping what they show.

Inputs run in a child that may die.  Exceptions and breaches are searched inside it, deaths and
hangs input by input; what comes out counts only once another process has shown the fault again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mlfuzz.errors import EngineError, StoreError
from mlfuzz.harness import Harness
from mlfuzz.minimise import critical_bytes, minimise
from mlfuzz.outcome import Outcome
from mlfuzz.outcome.record import SHRUNK
from mlfuzz.outcome.same import is_same
from mlfuzz.progress import printable
from mlfuzz.store import Finding, Findings, read_file
from mlfuzz.triage.choice import Saved, groups_of, load_for
from mlfuzz.triage.replay import timeout_s
from mlfuzz.worker import Minimised, Worker

IN_PROCESS = ("exception", "contract")
"""Kinds that a process outlives."""
MAX_EXECUTIONS = 200_000
DEFAULT_TIME_S = 60.0
CRITICAL_SHARE = 0.2
"""Of the time for one finding that dies or hangs: to see which of its bytes matter."""
LATER = "findings of a model will be shrunk by their recipe, in a later version"


@dataclass(frozen=True)
class Shrunk:
    """What came of one finding; ``after`` and ``before`` in bytes."""

    finding: Finding
    state: str
    before: int = 0
    after: int = 0
    executions: int = 0
    is_failure: bool = False


def shrink(
    wanted: str,
    corpora: Path,
    harness_path: Path | None,
    console: Console,
    time_s: float = DEFAULT_TIME_S,
) -> int:
    """Shrink one finding, a folder of them or all, and print a table.

    Parameters
    ----------
    time_s : float
        For each finding, at most.

    Returns
    -------
    int
        0, or 1 if one did not show its fault any more.

    Raises
    ------
    StoreError, HarnessError
        If nothing is meant, or if its harness cannot be used.
    EngineError
        If only findings of a model are meant.
    """
    groups, damaged = groups_of(wanted, corpora, harness_path)
    findings = [finding for _, group in groups for finding, _ in group]
    if findings and all(finding.engine != "code" for finding in findings):
        raise EngineError(f"{wanted}: {LATER}. Expected a finding of the code engine.")
    results = [each for path, group in groups for each in _shrink_group(path, group, time_s)]
    shown = [result for result in results if result.state != LATER]
    console.print(_table(shown) if shown else Text("nothing to shrink"))
    if left := len(results) - len(shown):
        console.print(Text(f"left out: {left:,} of the model; {LATER}"))
    for line in damaged:
        console.print(Text(printable(line)))
    return int(bool(damaged) or any(result.is_failure for result in results))


def _shrink_group(path: Path, group: Sequence[Saved], time_s: float) -> Iterator[Shrunk]:
    harness = load_for(path, group)
    with (
        Worker(path, memory_mb=harness.memory_mb) as searching,
        Worker(path, memory_mb=harness.memory_mb) as confirming,
    ):
        for finding, folder in group:
            searching.timeout_s = confirming.timeout_s = timeout_s(harness, finding)
            shrinking = _Shrinking(harness, searching, confirming, time_s)
            yield shrinking.shrink(finding, folder)


@dataclass(frozen=True)
class _Shrinking:
    """What all findings of a harness have in common."""

    harness: Harness
    searching: Worker
    confirming: Worker
    time_s: float

    def shrink(self, finding: Finding, folder: Path) -> Shrunk:
        """Search, confirm in another process, save by the store's own rules."""
        if finding.engine != "code":
            return Shrunk(finding, LATER)
        if finding.source not in {entry.name for entry in self.harness.code}:
            return Shrunk(finding, "the harness has no such entry point", is_failure=True)
        store, data = _store(finding, folder), read_file(folder / finding.input)
        found = self._search(finding, data)
        if found.data is None:
            state = "not reproduced: the input does not show this fault"
            return Shrunk(finding, state, len(data), len(data), found.executions, True)
        outcome = self.confirming.execute(finding.source, found.data)
        if not is_same(outcome.verdict, finding.kind, finding.signature):
            state = f"kept: in a new process the smaller input was {outcome.why()}"
            return Shrunk(finding, state, len(data), len(data), found.executions, True)
        state = _save(store, finding, found, outcome)
        return Shrunk(finding, state, len(data), len(found.data), found.executions)

    def _search(self, finding: Finding, data: bytes) -> Minimised:
        if finding.kind in IN_PROCESS:
            found = self.searching.minimise(
                finding.source,
                data,
                finding.id,
                max_executions=MAX_EXECUTIONS,
                deadline_s=self.time_s,
            )
            if isinstance(found, Minimised):
                return found
        # Deaths and hangs; and an exception one of whose neighbours ended the process.
        return self._one_by_one(finding, data)

    def _one_by_one(self, finding: Finding, data: bytes) -> Minimised:
        count, start_s = 0, time.monotonic()

        def still_fails(candidate: bytes) -> bool:
            nonlocal count
            count += 1
            return is_same(
                self.searching.execute(finding.source, candidate).verdict,
                finding.kind,
                finding.signature,
            )

        if not still_fails(data):
            return Minimised(None, executions=count)
        search_s = self.time_s * (1 - CRITICAL_SHARE)
        best = minimise(data, still_fails, max_executions=MAX_EXECUTIONS, deadline_s=search_s)
        left_s = self.time_s - (time.monotonic() - start_s)
        spans = critical_bytes(best, still_fails, max_executions=MAX_EXECUTIONS, deadline_s=left_s)
        return Minimised(best, tuple(spans), count)


def _store(finding: Finding, folder: Path) -> Findings:
    """The store that the folder is part of."""
    crashes = folder.resolve().parent.parent
    if crashes.name != "crashes" or folder.resolve().parent.name != finding.harness:
        raise StoreError(
            f"{folder}: not in a store. Expected .../crashes/{finding.harness}/{finding.id}; "
            "copy the folder there to shrink it."
        )
    return Findings(crashes.parent, finding.harness)


def _save(store: Findings, finding: Finding, found: Minimised, outcome: Outcome) -> str:
    assert found.data is not None and outcome.verdict is not None
    smaller = msgspec.structs.replace(
        finding,
        critical=found.critical,
        stability="stable",
        verdict={**finding.verdict, **outcome.verdict.values},
    )
    state = store.save(
        smaller,
        found.data,
        suffix=Path(finding.input).suffix,
        traceback=outcome.traceback,
        nearness=(len(found.data), SHRUNK),
    )
    return "kept: there is one as small" if state == "known" else "shrunk"


def _table(results: Sequence[Shrunk]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("id", "kind", "source"):
        table.add_column(name, overflow="fold")
    for name in ("bytes before", "after", "executions"):
        table.add_column(name, justify="right")
    table.add_column("result", overflow="fold")
    for result in results:
        finding = result.finding
        words = (finding.short_id, finding.kind, finding.source)
        numbers = (result.before, result.after, result.executions)
        table.add_row(
            *(Text(printable(cell)) for cell in words),
            *(Text(f"{number:,}") for number in numbers),
            Text(printable(result.state), "bold red" if result.is_failure else "default"),
        )
    return table
