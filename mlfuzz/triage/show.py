"""``mlfuzz show ID``: everything that is known about one finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mlfuzz.progress import printable
from mlfuzz.recipe import Recipe
from mlfuzz.store import Finding, load_finding, read_file
from mlfuzz.store.files import list_files
from mlfuzz.store.finding import TRACEBACK
from mlfuzz.triage.choice import folder_of
from mlfuzz.triage.hexdump import hexdump


def print_finding(wanted: str, corpora: Path, console: Console) -> None:
    """Print the finding with that id, prefix or folder.

    Raises
    ------
    StoreError
        If there is none, if several fit, or if it is damaged.
    """
    folder = folder_of(wanted, corpora)
    finding = load_finding(folder)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in (*_facts(finding), *_evidence(finding), *_files(folder)):
        grid.add_row(Text(printable(name)), Text(printable(value)))
    console.print(grid)
    if finding.engine == "code":
        _print_input(finding, folder, console)
    _print_traceback(folder, console)


def _facts(finding: Finding) -> Iterator[tuple[str, str]]:
    yield "id", finding.id
    yield "harness", finding.harness
    yield "engine", f"{finding.engine}, {finding.source}"
    yield "kind", f"{finding.kind} ({finding.severity}, {finding.threat})"
    for i, part in enumerate(finding.signature):
        yield "" if i else "signature", part
    yield "stability", finding.stability
    yield "bounds", finding.bounds + ", wild" * finding.wild
    yield "origin", finding.origin + ", array-only" * finding.array_only
    yield from _pairs("verdict", finding.verdict)


def _evidence(finding: Finding) -> Iterator[tuple[str, str]]:
    if finding.recipe is not None:
        yield from _recipe(finding.recipe)
    yield from _pairs("found", finding.found)
    yield from _pairs("versions", finding.versions)
    yield "replay", finding.replay


def _pairs(title: str, values: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for i, (name, value) in enumerate(values.items()):
        shown = f"{value:.6g}" if isinstance(value, float) else str(value)
        yield "" if i else title, f"{name} {shown}"


def _recipe(recipe: Recipe) -> Iterator[tuple[str, str]]:
    yield "recipe", f"base {recipe.base[:12]}, root {recipe.root[:12]}, by {recipe.made_by}"
    for i, step in enumerate(recipe.steps, 1):
        values = ", ".join(f"{value:.6g}" for value in step.values)
        yield "", f"{i}. {step.mutator} v{step.version} key {step.key} values ({values})"
    for purse, spent in recipe.spent.items():
        yield "", f"spent {spent:.3g} of {purse}"
    if recipe.backend:
        yield "", f"exact on {recipe.backend}, {recipe.device}"


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    for i, path in enumerate(list_files(folder)):
        yield "" if i else "files", f"{path} ({path.lstat().st_size} bytes)"


def _print_input(finding: Finding, folder: Path, console: Console) -> None:
    console.print()
    for line in hexdump(read_file(folder / finding.input), finding.critical):
        console.print(Text(line), soft_wrap=True)


def _print_traceback(folder: Path, console: Console) -> None:
    if folder / TRACEBACK in list_files(folder):
        text = read_file(folder / TRACEBACK).decode("utf-8", "backslashreplace")
        console.print()
        console.print(Text(printable(text, keep="\n\t")), soft_wrap=True)
