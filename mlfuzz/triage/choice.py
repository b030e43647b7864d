"""Which findings a command means: an id or a prefix of it, harness/id, a folder, or all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from mlfuzz.errors import HarnessError, StoreError
from mlfuzz.harness import Harness, load
from mlfuzz.store import Finding, Findings, all_findings, load_finding, only_match
from mlfuzz.store.finding import COMMIT_POINT

Saved = tuple[Finding, Path]
"""A finding and its folder."""


def folder_of(wanted: str, corpora: Path) -> Path:
    """The folder of the one finding that is meant.

    Raises
    ------
    StoreError
        If none or several are; the line names candidates.
    """
    given = Path(wanted)
    if (given / COMMIT_POINT).is_file():
        return given.resolve()
    harness, _, prefix = wanted.rpartition("/")
    matches = {
        f"{store.folder.name}/{id}": store.folder / id
        for store in all_findings(corpora)
        if harness in ("", store.folder.name)
        for id in store.matching(prefix)
    }
    return matches[only_match(wanted, sorted(matches), Path(corpora) / "crashes")]


def folders_of(wanted: str, corpora: Path) -> list[Path]:
    """The folders of all findings that are meant by an id, a folder of findings, or ``all``.

    Raises
    ------
    StoreError
        If none is meant by an id or a folder; ``all`` of nothing is nothing.
    """
    if wanted == "all":
        return [store.folder / i for store in all_findings(corpora) for i in sorted(store.known())]
    given = Path(wanted)
    if not given.is_dir() or (given / COMMIT_POINT).is_file():
        return [folder_of(wanted, corpora)]
    inside = sorted(point.parent.resolve() for point in given.glob(f"**/{COMMIT_POINT}"))
    if not inside:
        raise StoreError(f"{given}: no finding in this folder. Expected {COMMIT_POINT} in it.")
    return inside


def groups_of(
    wanted: str, corpora: Path, harness_path: Path | None
) -> tuple[list[tuple[Path, list[Saved]]], list[str]]:
    """Findings by the harness's file that they need, and one line for each damaged one.

    Parameters
    ----------
    harness_path : Path or None
        What the command line says; None: ``harnesses/<name>.py``.  With ``all`` only the
        findings of that harness are meant.

    Raises
    ------
    StoreError, HarnessError
        If nothing is meant, the only one is damaged, or the given harness does not load.
    """
    found, damaged = _load(folders_of(wanted, corpora))
    if harness_path and wanted == "all":
        own = load(harness_path).name
        found = [pair for pair in found if pair[0].harness == own]
    groups = groupby(found, key=lambda pair: pair[0].harness)
    return [
        (harness_path or Path("harnesses", f"{name}.py"), list(group)) for name, group in groups
    ], damaged


def _load(folders: Sequence[Path]) -> tuple[list[Saved], list[str]]:
    found, damaged = [], []
    for folder in folders:
        try:
            found.append((load_finding(folder), folder))
        except StoreError as error:
            if len(folders) == 1:
                raise
            damaged.append(str(error))
    return sorted(found, key=lambda pair: (pair[0].harness, pair[0].id)), damaged


def load_for(path: Path, group: Sequence[Saved]) -> Harness:
    """The harness for these findings.

    Raises
    ------
    HarnessError
        If there is no such file or it cannot be used.
    """
    if not path.is_file():
        name = group[0][0].harness
        raise HarnessError(f"{path}: no such harness. Give the file of {name!r} with --harness.")
    return load(path)


def store_of(finding: Finding, folder: Path) -> Findings:
    """The store that a finding's folder is part of.

    Raises
    ------
    StoreError
        If it lies elsewhere.
    """
    crashes = folder.resolve().parent.parent
    if crashes.name != "crashes" or folder.resolve().parent.name != finding.harness:
        raise StoreError(
            f"{folder}: not in a store. Expected .../crashes/{finding.harness}/{finding.id}; "
            "copy the folder there to shrink it."
        )
    return Findings(crashes.parent, finding.harness)
