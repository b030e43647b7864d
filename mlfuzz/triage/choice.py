"""Which findings a command means: an id or a prefix of it, harness/id, a folder, or all."""

from __future__ import annotations

from pathlib import Path

from mlfuzz.errors import StoreError
from mlfuzz.store import all_findings, only_match
from mlfuzz.store.finding import COMMIT_POINT


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
