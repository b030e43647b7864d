"""The live screen: is it working, is it still finding, and what has it found."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

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

REFRESH_S = 0.25
LEFT_LINES = 20
"""Height of the picture that stays on the terminal after the run."""
LAST_NOTES = 2
SEVERITY_STYLE = {"high": "bold red", "medium": "yellow", "low": "cyan"}
STATE_STYLE = {"running": "green", "paused": "dim"}


class Screen(Console):
    """A console that goes quiet when its reader has gone, where rich would end the process."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class TerminalReporter:
    """Draws on an alternate screen; the last picture and all notes stay once it is closed."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Screen(highlight=False)
        self._live: Live | None = None
        self._last: Progress | None = None
        self._due = 0.0
        self._findings: dict[str, tuple[Finding, str]] = {}
        self._notes: list[str] = []
        self._printed = 0

    def progress(self, progress: Progress) -> None:
        self._last = progress
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + REFRESH_S
        with suppress(Exception):
            self._draw(progress)

    def finding(self, finding: Finding, state: str) -> None:
        """A nearer input of a finding changes its row; a new finding gets the first one."""
        self._findings[finding.id] = (finding, state)

    def note(self, line: str) -> None:
        self._notes.append(printable(line))
        if self._live is None:
            self._print_notes()

    def close(self) -> None:
        if self._live is None:
            return
        with suppress(Exception):
            self._live.stop()
        self._live = None
        with suppress(Exception):
            self._leave_picture()

    def _draw(self, progress: Progress) -> None:
        if self._live is None:
            # No refresh thread: a parent that forks must not have one.
            self._live = Live(
                console=self._console,
                screen=True,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        self._live.update(self.picture(progress, self._console.height), refresh=True)

    def _leave_picture(self) -> None:
        if self._last is not None:
            self._console.print(self.picture(self._last, LEFT_LINES, last_notes=0))
        self._print_notes()

    def _print_notes(self) -> None:
        """Those that only the alternate screen has shown so far."""
        unprinted, self._printed = self._notes[self._printed :], len(self._notes)
        with suppress(Exception):
            for note in unprinted:
                self._console.print(Text(note))

    def picture(
        self, progress: Progress, height: int, *, last_notes: int = LAST_NOTES
    ) -> RenderableType:
        """Everything in at most ``height`` lines of the console's width."""
        top = Group(_status(progress), _engines(progress, self._console))
        notes = [_note(line) for line in _last(self._notes, last_notes)]
        used = len(self._console.render_lines(top, pad=False)) + len(notes)
        room = max(1, height - used - 2)
        newest = list(self._findings.values())[: -room - 1 : -1]
        return Group(top, _newest(newest, room), *notes)


def _last(lines: Sequence[str], count: int) -> Sequence[str]:
    return lines[max(0, len(lines) - count) :]


def _note(line: str) -> Text:
    return Text(line, style="dim", no_wrap=True, overflow="ellipsis")


def _status(progress: Progress) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(" mlfuzz ", "bold reverse")
    line.append(f" {clock(progress.elapsed_s)} of {printable(progress.budget)}", "bold")
    line.append("  new coverage ").append(ago(last_new_s(progress)), "bold")
    line.append("  finding ").append(ago(progress.last_finding_s), "bold")
    return line.append(f"  {progress.new_findings} new", "bold red" * bool(progress.new_findings))


def _engines(progress: Progress, console: Console) -> RenderableType:
    panels = []
    if progress.model:
        panels.append(_panel(_model(progress.model, console), "model"))
    if progress.code:
        panels.append(_panel(_code(progress.code, console), "code"))
    grid = Table.grid(expand=True)
    for _ in panels:
        grid.add_column(ratio=1)
    rows = max((panel_lines(panel, console, len(panels)) for panel in panels), default=0)
    for panel in panels:
        panel.height = rows
    grid.add_row(*panels)
    return grid


def panel_lines(panel: Panel, console: Console, beside: int) -> int:
    """Lines that a panel takes when it is one of ``beside`` equals across the console."""
    options = console.options.update(width=console.width // beside)
    return len(console.render_lines(panel, options, pad=False))


def _panel(content: RenderableType, title: str) -> Panel:
    return Panel(content, title=title, title_align="left", border_style="blue")


def _rows() -> Table:
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(no_wrap=True, style="dim", max_width=12, overflow="ellipsis")
    table.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
    return table


def _model(model: ModelProgress, console: Console) -> RenderableType:
    rows = _rows()
    rows.add_row("executions", f"{count(model.executions)} at {count(model.executions_per_s)}/s")
    rows.add_row("corpus", f"{model.corpus}, {model.adopted} from bytes")
    for name, share in criteria(model.coverage).items():
        rows.add_row(Text(printable(name)), bar(share, console))
    rows.add_row("new", f"{ago(model.last_new_s)}, {model.findings} findings")
    rows.add_row("lift", Text(printable(model.lift)))
    rows.add_row("stability", f"{percent(model.stability)}, {model.bytes_per_batch} B/batch")
    return rows


def _code(entries: tuple[EntryProgress, ...], console: Console) -> RenderableType:
    rows = _rows()
    for entry in entries:
        state = Text(entry.state, STATE_STYLE.get(entry.state, "yellow"))
        state.append(f" {count(entry.executions)} at {count(entry.executions_per_s)}/s", "default")
        rows.add_row(Text(printable(entry.name), "bold"), state)
        rows.add_row(" corpus", f"{entry.corpus}, {entry.coverage} edges {ago(entry.last_new_s)}")
        rows.add_row(" reach", bar(entry.reach, console))
    return rows


def bar(share: float, console: Console, width: int = 12) -> Text:
    """A share in 0..1 as a bar with its number; plain ASCII where the terminal has no more."""
    full, empty = ("█", "░") if console.encoding.startswith("utf") else ("#", ".")
    cells = max(0, min(width, round(share * width)))
    line = Text(full * cells, "green").append(empty * (width - cells), "bright_black")
    return line.append(f" {percent(share)}", "default")


def _newest(findings: list[tuple[Finding, str]], room: int) -> Panel:
    table = Table.grid(expand=True, padding=(0, 1))
    for width in (8, 6, 15):
        table.add_column(no_wrap=True, width=width, overflow="ellipsis")
    table.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
    for finding, state in findings:
        table.add_row(
            printable(finding.short_id),
            state,
            Text(printable(finding.kind), SEVERITY_STYLE.get(finding.severity, "default")),
            Text(f"{printable(finding.source)}: {finding.headline}"),
        )
    content = table if findings else Text("none yet", "dim")
    return Panel(
        content, title="newest findings", title_align="left", border_style="blue", height=room + 2
    )
