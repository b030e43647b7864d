"""What came of shrinking: one line of a table for each finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

from mlfuzz.progress import printable
from mlfuzz.store import Finding


@dataclass(frozen=True)
class Shrunk:
    """What came of one finding; ``before`` and ``after`` in words: its bytes or its steps."""

    finding: Finding
    state: str
    before: str = ""
    after: str = ""
    executions: int = 0
    is_failure: bool = False


def table(results: Sequence[Shrunk]) -> Table:
    """All of them, failures in red."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("id", "kind", "source"):
        made.add_column(name, overflow="fold")
    for name in ("before", "after", "executions"):
        made.add_column(name, justify="right")
    made.add_column("result", overflow="fold")
    for result in results:
        finding = result.finding
        words = (finding.short_id, finding.kind, finding.source, result.before, result.after)
        made.add_row(
            *(Text(printable(cell)) for cell in words),
            Text(f"{result.executions:,}"),
            Text(printable(result.state), "bold red" if result.is_failure else "default"),
        )
    return made
