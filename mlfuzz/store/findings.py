"""The findings of a harness: one folder a signature, safe for many writers and sudden ends.

``finding.json`` is the commit point: a folder without it was never announced.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import msgspec
from filelock import FileLock

from mlfuzz.errors import StoreError
from mlfuzz.store.files import (
    TEMPORARY,
    checked_name,
    clean_suffix,
    digest,
    escape_surrogates,
    list_folders,
    make_folder,
    read,
    reported,
    sweep,
    to_json,
    write,
)
from mlfuzz.store.finding import (
    COMMIT_POINT,
    SCHEMA,
    TRACEBACK,
    Finding,
    finding_id,
    load_finding,
)

LOCK_TIMEOUT_S = 60.0
"""A save takes milliseconds: whoever waits longer waits for a stopped process."""

SaveState = Literal["new", "nearer", "known", "rival"]


class Findings:
    """The folder ``corpora/crashes/<harness>/``.

    Parameters
    ----------
    corpora : Path
        The folder of all corpora; nothing is created before something is saved.
    harness : str
        Name of the harness.
    max_per_kind : int
        New signatures that one run saves of a kind; what comes beyond is only counted.
    """

    def __init__(self, corpora: Path, harness: str, *, max_per_kind: int = 200) -> None:
        self.corpora = Path(corpora)
        self.folder = self.corpora / "crashes" / checked_name(harness, "harness")
        self.max_per_kind = max_per_kind
        self.not_saved = 0
        self._new: Counter[str] = Counter()
        sweep(self._temporary)

    @property
    def _temporary(self) -> Path:
        return self.folder / TEMPORARY

    def save(
        self,
        finding: Finding,
        input: bytes,
        *,
        suffix: str,
        seed: bytes | None = None,
        seed_suffix: str = "",
        twin: bytes | None = None,
        traceback: str | None = None,
        nearness: tuple[float, ...],
    ) -> SaveState:
        """Save a finding with its files, unless one of its signature is there as near.

        Parameters
        ----------
        finding : Finding
            Gets its ``id``, ``input``, ``seed`` and ``nearness`` here.
        nearness : tuple of float
            Compared in order, smaller is nearer: fewer steps, smaller distance, fewer bytes.

        Returns
        -------
        str
            ``new`` and ``nearer`` are on the disk; for ``known`` nothing was written, nor for
            ``rival``: it would be better than what stands, were it stable.

        Raises
        ------
        StoreError
            If the disk refuses; what was saved before is untouched.
        """
        finding.id = finding_id(finding.kind, finding.signature)
        finding.input = f"input-{digest(input)[:12]}{clean_suffix(suffix)}"
        finding.seed, finding.twin, files = None, None, {finding.input: input}
        if seed is not None:
            finding.seed = f"seed-{digest(seed)[:12]}{clean_suffix(seed_suffix)}"
            files[finding.seed] = seed
        if twin is not None:
            finding.twin = f"twin-{digest(twin)[:12]}{clean_suffix(suffix)}"
            files[finding.twin] = twin
        if traceback is not None:
            files[TRACEBACK] = escape_surrogates(traceback).encode()
        finding.nearness = nearness
        return self._claim(finding, files)

    @contextmanager
    def draft(self, data: bytes, suffix: str) -> Iterator[Path]:
        """A file that is there while something is confirmed from it; a later run sweeps it up.

        Raises
        ------
        StoreError
            If the disk refuses.
        """
        path = self._temporary / f"{os.getpid()}-draft-{digest(data)[:12]}{clean_suffix(suffix)}"
        write(path, data, self._temporary, is_announced=False)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _claim(self, finding: Finding, files: dict[str, bytes]) -> SaveState:
        folder = self.folder / finding.id
        if not os.path.isdir(folder) and self._new[finding.kind] >= self.max_per_kind:
            self.not_saved += 1
            return "known"
        make_folder(folder)
        with reported(folder, "lock"):
            lock = FileLock(folder / ".lock", timeout=LOCK_TIMEOUT_S)
            lock.acquire()
        try:
            return self._save_locked(folder, finding, files)
        finally:
            lock.release()

    def _save_locked(self, folder: Path, finding: Finding, files: dict[str, bytes]) -> SaveState:
        if _is_newer(folder / COMMIT_POINT):
            return "known"
        before = self._standing(folder)
        if before is not None and (state := _against(finding, before)) != "nearer":
            return state
        for name, data in files.items():
            write(folder / name, data, self._temporary)
        write(folder / COMMIT_POINT, to_json(finding), self._temporary)
        if before is None:
            self._new[finding.kind] += 1
            return "new"
        self._remove_old(folder, before, keep=files)
        return "nearer"

    def _standing(self, folder: Path) -> Finding | None:
        """What is already saved; a damaged one is set aside."""
        if not os.path.exists(folder / COMMIT_POINT):
            return None
        try:
            return load_finding(folder)
        except StoreError:
            with reported(folder / COMMIT_POINT, "set the damaged file aside"):
                (folder / COMMIT_POINT).rename(folder / f"damaged-{COMMIT_POINT}")
            return None

    def _remove_old(self, folder: Path, before: Finding, keep: dict[str, bytes]) -> None:
        for name in (before.input, before.seed, before.twin):
            if name is not None and name not in keep:
                with suppress(OSError):
                    (folder / name).unlink()

    def load_all(self) -> tuple[list[Finding], list[str]]:
        """All whole findings by id, and one line for each that is damaged or too new.

        Raises
        ------
        StoreError
            Only if the folder itself cannot be listed.
        """
        findings, damaged = [], []
        for folder in self._committed():
            try:
                findings.append(load_finding(folder))
            except StoreError as error:
                damaged.append(str(error))
        return findings, damaged

    def _committed(self) -> list[Path]:
        return [f for f in list_folders(self.folder) if os.path.isfile(f / COMMIT_POINT)]

    def known(self) -> set[str]:
        """The ids on the disk."""
        return {folder.name for folder in self._committed()}

    def matching(self, prefix: str) -> list[str]:
        """The ids that begin with ``prefix``, or whose hash does."""
        return sorted(i for i in self.known() if i.startswith(prefix) or i[-12:].startswith(prefix))

    def find(self, prefix: str) -> Finding:
        """The one finding whose id, or whose hash after the kind, begins with ``prefix``.

        Raises
        ------
        StoreError
            If none or several do, or if it is damaged.
        """
        return load_finding(self.folder / only_match(prefix, self.matching(prefix), self.folder))

    def path(self, finding: Finding, name: str) -> Path:
        """Where a file of the finding lies."""
        return self.folder / finding.id / name


def only_match(prefix: str, ids: Sequence[str], folder: Path) -> str:
    """The single id.

    Raises
    ------
    StoreError
        Naming up to five candidates where there are several.
    """
    if len(ids) == 1:
        return ids[0]
    if not ids:
        raise StoreError(f"no finding {prefix!r} in {folder}. `mlfuzz triage` lists what is there.")
    names = ", ".join(ids[:5]) + (", ..." if len(ids) > 5 else "")
    raise StoreError(f"{prefix!r} fits {len(ids)} findings: {names}. Give more of the id.")


def all_findings(corpora: Path) -> list[Findings]:
    """The findings of each harness that has a folder in ``corpora/crashes/``.

    Raises
    ------
    StoreError
        If that folder cannot be listed.
    """
    folders = list_folders(Path(corpora) / "crashes")
    return [Findings(corpora, folder.name) for folder in folders]


def _against(finding: Finding, before: Finding) -> SaveState:
    """A stable finding is better than one that is not, and then the nearer one is."""
    is_nearer = finding.nearness < before.nearness
    if finding.stability == "stable":
        return "nearer" if is_nearer or before.stability != "stable" else "known"
    if before.stability == "stable":
        return "rival" if is_nearer else "known"
    return "nearer" if is_nearer else "rival"


def _is_newer(path: Path) -> bool:
    """Whether a newer mlfuzz wrote the file: such a one is never replaced."""
    try:
        fields = msgspec.json.decode(read(path))
        return isinstance(fields, dict) and int(fields.get("schema", 0)) > SCHEMA
    except (OSError, ValueError, TypeError, RecursionError):
        return False
