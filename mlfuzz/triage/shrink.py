"""``mlfuzz shrink``: make saved inputs smaller and recipes simpler, keeping what they show.

Inputs of code run in a child that may die.  Exceptions and breaches are searched inside it, deaths
and hangs input by input; what comes out counts only once another process has shown the fault again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text

from mlfuzz.harness import Harness
from mlfuzz.minimise import critical_bytes, minimise
from mlfuzz.outcome import Outcome
from mlfuzz.outcome.record import SHRUNK
from mlfuzz.outcome.same import is_same
from mlfuzz.progress import printable
from mlfuzz.store import Finding, Findings, read_file
from mlfuzz.triage.choice import Saved, groups_of, load_for, store_of
from mlfuzz.triage.replay import decoded, timeout_s
from mlfuzz.triage.shrunk import Shrunk, table
from mlfuzz.worker import Minimised, Worker

IN_PROCESS = ("exception", "contract")
"""Kinds that a process outlives."""
MAX_EXECUTIONS = 200_000
DEFAULT_TIME_S = 60.0
CRITICAL_SHARE = 0.2
"""Of the time for one finding that dies or hangs: to see which of its bytes matter."""


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
    """
    groups, damaged = groups_of(wanted, corpora, harness_path)
    results = [each for path, group in groups for each in _shrink_group(path, group, time_s)]
    console.print(table(results) if results else Text("nothing to shrink"))
    for line in damaged:
        console.print(Text(printable(line)))
    return int(bool(damaged) or any(result.is_failure for result in results))


def _shrink_group(path: Path, group: Sequence[Saved], time_s: float) -> Iterator[Shrunk]:
    harness = load_for(path, group)
    code = [pair for pair in group if pair[0].engine == "code"]
    model = [pair for pair in group if pair[0].engine != "code"]
    with (
        Worker(path, memory_mb=harness.memory_mb) as searching,
        Worker(path, memory_mb=harness.memory_mb) as confirming,
    ):
        for finding, folder in code:
            searching.timeout_s = confirming.timeout_s = timeout_s(harness, finding)
            shrinking = _Shrinking(harness, searching, confirming, time_s)
            yield shrinking.shrink(finding, folder)
        yield from _shrink_model(harness, confirming, model)


def _shrink_model(harness: Harness, worker: Worker, pairs: Sequence[Saved]) -> Iterator[Shrunk]:
    if pairs:
        # Late, since only findings of a model need the seconds that a framework takes to load.
        from mlfuzz.triage.shrink_model import shrink_model

        yield from shrink_model(harness, lambda data: decoded(worker, data), pairs)


@dataclass(frozen=True)
class _Shrinking:
    """What all findings of a harness have in common."""

    harness: Harness
    searching: Worker
    confirming: Worker
    time_s: float

    def shrink(self, finding: Finding, folder: Path) -> Shrunk:
        """Search, confirm in another process, save by the store's own rules."""
        if finding.source not in {entry.name for entry in self.harness.code}:
            return Shrunk(finding, "the harness has no such entry point", is_failure=True)
        store, data = store_of(finding, folder), read_file(folder / finding.input)
        before, found = _bytes(data), self._search(finding, data)
        if found.data is None:
            state = "not reproduced: the input does not show this fault"
            return Shrunk(finding, state, before, before, found.executions, True)
        outcome = self.confirming.execute(finding.source, found.data)
        if not is_same(outcome.verdict, finding.kind, finding.signature):
            state = f"kept: in a new process the smaller input was {outcome.why()}"
            return Shrunk(finding, state, before, before, found.executions, True)
        state = _save(store, finding, found, outcome)
        return Shrunk(finding, state, before, _bytes(found.data), found.executions)

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


def _bytes(data: bytes) -> str:
    return f"{len(data):,} bytes"


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
