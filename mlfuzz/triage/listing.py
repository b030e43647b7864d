"""``mlfuzz triage``: one line a cause, worst first; what is opened shows its findings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mlfuzz.progress import printable
from mlfuzz.store import Finding, Findings, all_findings
from mlfuzz.triage.causes import Cause, causes
from mlfuzz.triage.choice import folder_of

ALL = "all"
STYLES = {"high": "bold red", "medium": "yellow", "low": "cyan"}


def print_table(corpora: Path, console: Console, opened: str | None = None) -> None:
    """Print the findings of every harness under ``corpora``, then what could not be read.

    Parameters
    ----------
    opened : str, optional
        The id of a finding, or its start: its cause is shown finding by finding.  ``all``: each.

    Raises
    ------
    StoreError
        If a folder cannot be listed, or none or several findings are meant by ``opened``; a
        damaged finding is only named.
    """
    one = folder_of(opened, corpora) if opened and opened != ALL else None
    stores = all_findings(corpora)
    for store in stores:
        findings, damaged = store.load_all()
        groups = causes(findings)
        if groups:
            shown = groups if opened == ALL else [each for each in groups if _holds(each, one)]
            console.print(table(store, groups, shown))
            if any(len(each.findings) > 1 for each in groups if each not in shown):
                console.print(Text("--open ID shows each finding of that cause, --open all each"))
        if damaged:
            console.print(Text(f"{len(damaged)} skipped:"))
        for line in damaged:
            console.print(Text(f"  {printable(line)}"))
    if not any(store.known() for store in stores):
        console.print(Text(f"no findings in {printable(str(corpora))}/crashes"))


def _holds(cause: Cause, folder: Path | None) -> bool:
    """Whether the finding in this folder is one of the cause's."""
    return folder is not None and any(
        (finding.harness, finding.id) == (folder.parent.name, folder.name)
        for finding in cause.findings
    )


def table(store: Findings, groups: Sequence[Cause], opened: Sequence[Cause] = ()) -> Table:
    """One row a cause, and under those that are opened two lines a finding."""
    result = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True, title_justify="left")
    count = sum(len(each.findings) for each in groups)
    result.title = f"{printable(store.folder.name)}: {_counted(count, 'finding')}"
    result.title += f", {_counted(len(groups), 'cause')}"
    names = ("severity, kind, place", "stability", "threat")
    if opened:
        names = (f"{names[0]}\nwhere", f"{names[1]}\nbounds, steps", f"{names[2]}\nsize, found")
    result.add_column("", no_wrap=True)
    result.add_column("id", no_wrap=True)
    result.add_column(names[0], overflow="fold", ratio=1)
    result.add_column(names[1], no_wrap=True)
    result.add_column(names[2], no_wrap=True)
    for cause in groups:
        result.add_row(*_cause_cells(cause))
        for finding in cause.findings if cause in opened else ():
            result.add_row("", *_cells(store, finding))
        if cause in opened:
            result.add_section()
    return result


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _cause_cells(cause: Cause) -> list[Text]:
    worst = cause.worst
    head = Text(printable(worst.severity), STYLES.get(worst.severity, "default"))
    head.append(printable(f" {worst.kind} in {worst.source}"), "bold")
    place = f" at {cause.place}" if cause.place else ""
    faults = f": {cause.faults}" if cause.faults else ""
    head.append(printable(f"{place}{faults}"))
    count = Text(f"x{len(cause.findings)}")
    words = (worst.short_id, cause.stabilities, cause.threats)
    id, *shared = (Text(printable(word)) for word in words)
    return [count, id, head, *shared]


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
