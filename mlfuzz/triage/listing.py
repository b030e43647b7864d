"""``mlfuzz triage``: all findings in a table, grouped by what they have in common, worst first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mlfuzz.progress import printable
from mlfuzz.store import Finding, Findings, all_findings

SEVERITIES = ("high", "medium", "low")
STABILITIES = ("stable", "batch-dependent", "flaky")
STYLES = {"high": "bold red", "medium": "yellow", "low": "cyan"}


def print_table(corpora: Path, console: Console) -> None:
    """Print the findings of every harness under ``corpora``, then what could not be read.

    Raises
    ------
    StoreError
        If a folder cannot be listed; a damaged finding is only named.
    """
    stores = all_findings(corpora)
    for store in stores:
        findings, damaged = store.load_all()
        if findings:
            console.print(table(store, findings))
        if damaged:
            console.print(Text(f"{len(damaged)} skipped:"))
        for line in damaged:
            console.print(Text(f"  {printable(line)}"))
    if not any(store.known() for store in stores):
        console.print(Text(f"no findings in {printable(str(corpora))}/crashes"))


def table(store: Findings, findings: Iterable[Finding]) -> Table:
    """One row a finding under a line for each group."""
    rows = sorted(findings, key=badness)
    result = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True, title_justify="left")
    result.title = f"{printable(store.folder.name)}: {len(rows)} findings"
    result.add_column("\nid", no_wrap=True)
    result.add_column("severity, kind, place\nwhere", overflow="fold", ratio=1)
    result.add_column("stability\nbounds, steps", no_wrap=True)
    result.add_column("threat\nsize, found", no_wrap=True)
    for _, group in groupby(rows, key=cause):
        _add_group(result, store, list(group))
    return result


def badness(finding: Finding) -> tuple[int, int, str, str, str, tuple[str, ...]]:
    """Sorts the worst first: severity, then stability, then kind, source and signature."""
    return (
        _rank(finding.severity, SEVERITIES),
        _rank(finding.stability, STABILITIES),
        finding.kind,
        finding.source,
        _place(finding),
        finding.signature,
    )


def _rank(value: str, order: Sequence[str]) -> int:
    return order.index(value) if value in order else len(order)


def cause(finding: Finding) -> tuple[str, ...]:
    """What the findings of a group share."""
    return (
        finding.severity,
        finding.stability,
        finding.kind,
        finding.source,
        finding.threat,
        _place(finding),
    )


def _place(finding: Finding) -> str:
    """The innermost frame: two faults in one function are likely to go with one repair."""
    return "".join(finding.signature[-2:-1])


def _add_group(result: Table, store: Findings, group: Sequence[Finding]) -> None:
    first = group[0]
    head = Text(printable(first.severity), STYLES.get(first.severity, "default"))
    head.append(printable(f" {first.kind} in {first.source}"), "bold")
    shared = (Text(printable(first.stability)), Text(printable(first.threat)))
    result.add_row(Text(f"x{len(group)}"), head, *shared)
    for finding in group:
        result.add_row(*_cells(store, finding))
    result.add_section()


def _cells(store: Findings, finding: Finding) -> list[Text]:
    size = _size(store.path(finding, finding.input))
    cells = (
        finding.short_id,
        where(finding),
        f"{finding.bounds}\n{steps(finding)}",
        f"{size}\n{found(finding)}",
    )
    return [Text(printable(cell, keep="\n")) for cell in cells]


def where(finding: Finding) -> str:
    """What tells it from its neighbours: type, innermost frame, statement; or label -> answer."""
    signature = finding.signature
    return " | ".join(signature if len(signature) < 4 else (signature[0], *signature[-2:]))


def steps(finding: Finding) -> str:
    """How many mutations lie between it and its seed, where a recipe says so."""
    if finding.recipe is None:
        return ""
    count = len(finding.recipe.steps)
    return f"{count} step{'s' * (count != 1)}"


def found(finding: Finding) -> str:
    """Month, day, hour and minute of the ISO time."""
    return str(finding.found.get("time", ""))[5:16].replace("T", " ")


def _size(path: Path) -> str:
    try:
        return f"{path.stat().st_size} bytes"
    except OSError:
        return "gone"
