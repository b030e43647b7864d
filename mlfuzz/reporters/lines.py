"""Plain lines for logs and pipes: one every few seconds, one for each finding."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TextIO

from mlfuzz.progress import EntryProgress, ModelProgress, Progress, printable
from mlfuzz.reporters.words import (
    ago,
    clock,
    count,
    criteria,
    last_new_s,
    percent,
)
from mlfuzz.store import Finding


class LinesReporter:
    """Prints to ``stream``; a progress line at most every ``every_s`` seconds."""

    def __init__(self, stream: TextIO | None = None, *, every_s: float = 5.0) -> None:
        self._stream = stream or sys.stdout
        self._every_s = every_s
        self._due = 0.0
        self._held: Progress | None = None
        self._told: set[str] = set()

    def progress(self, progress: Progress) -> None:
        self._held = progress
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + self._every_s
            self._show_held()

    def finding(self, finding: Finding, state: str) -> None:
        """One line a finding: the shorter inputs that are found for it later make none."""
        if state == "nearer" and finding.id in self._told:
            return
        self._told.add(finding.id)
        with suppress(Exception):
            self._print(finding_line(finding, state))

    def note(self, line: str) -> None:
        with suppress(Exception):
            self._print(printable(line))

    def close(self) -> None:
        """The last line tells how it ended."""
        self._show_held()

    def _show_held(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            with suppress(Exception):
                self._print(progress_line(held))

    def _print(self, line: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        self._stream.flush()


def finding_line(finding: Finding, state: str) -> str:
    """What was found, where, and the id to type next."""
    return printable(
        f"{state} finding {finding.short_id} {finding.kind} in {finding.source}"
        f" ({finding.severity}, {finding.stability}): {finding.headline}"
    )


def progress_line(progress: Progress) -> str:
    """The run in one line of ``name value`` pairs."""
    parts = [f"{clock(progress.elapsed_s)} of {printable(progress.budget)}"]
    if progress.model:
        parts.append(_model_part(progress.model))
    parts.extend(_entry_part(entry) for entry in progress.code)
    parts.append(
        f"findings {progress.findings} ({progress.new_findings} new), "
        f"last {ago(progress.last_finding_s)}, new coverage {ago(last_new_s(progress))}"
    )
    return " | ".join(parts)


def _model_part(model: ModelProgress) -> str:
    coverage = " ".join(f"{printable(n)} {percent(s)}" for n, s in criteria(model.coverage).items())
    return (
        f"model {count(model.executions)} at {count(model.executions_per_s)}/s "
        f"corpus {model.corpus} {coverage} adopted {model.adopted} "
        f"lift {printable(model.lift)}"
    )


def _entry_part(entry: EntryProgress) -> str:
    state = "" if entry.state == "running" else f" {entry.state}"
    return (
        f"{printable(entry.name)}{state} {count(entry.executions)} at "
        f"{count(entry.executions_per_s)}/s corpus {entry.corpus} edges {entry.coverage} "
        f"reach {percent(entry.reach)}"
    )
