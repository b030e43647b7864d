"""The corpus of a harness: the author's seeds, and the queues that the two engines feed.

``queue/bytes/`` belongs to libFuzzer and holds nothing but inputs, which may vanish at any time;
``queue/model/`` belongs to the model engine, each array committed by its recipe.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout

from mlfuzz.errors import StoreError
from mlfuzz.recipe import Recipe
from mlfuzz.store.files import (
    TEMPORARY,
    checked_name,
    clean_suffix,
    digest,
    list_files,
    make_folder,
    read,
    reported,
    sweep,
    to_json,
    to_json_line,
    write,
)

SCHEMA = 1
NO_SEEDS = frozenset({"labels.csv"})
"""Files that may lie beside the seeds and are none."""

_ARRAY = re.compile(r"[0-9a-f]{64}(\.[A-Za-z0-9_]{1,16})?")


class _Entry(msgspec.Struct, kw_only=True):
    """What a recipe's file holds: ``input`` is a file name in ``queue/model/``."""

    schema: int = SCHEMA
    input: str
    recipe: Recipe


class Corpus:
    """The folder ``corpora/<harness>/``; parts of it are created when they are needed."""

    def __init__(self, corpora: Path, harness: str) -> None:
        self.folder = Path(corpora) / checked_name(harness, "harness")
        self._arrays = self.folder / "queue" / "model"
        self._recipes = self.folder / "queue" / "recipes"

    @property
    def _temporary(self) -> Path:
        return self.folder / TEMPORARY

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the corpus for one run; the system lets go of it however the process ends.

        Raises
        ------
        StoreError
            At once, if another run holds it.
        """
        make_folder(self.folder)
        lock = FileLock(self.folder / ".lock", timeout=0)
        with reported(self.folder, "lock"):
            try:
                lock.acquire()
            except Timeout as error:
                raise StoreError(self._held()) from error
        try:
            sweep(self._temporary)
            write(self.folder / ".lock.pid", f"{os.getpid()}\n".encode(), self._temporary)
            yield
        finally:
            lock.release()

    def _held(self) -> str:
        holder = "another process"
        with suppress(OSError, ValueError):
            holder = f"process {int(read(self.folder / '.lock.pid'))}"
        return (
            f"{self.folder}: in use by {holder}. "
            "Wait for that run to end, or give another folder with --corpora."
        )

    def seeds(self, entry: str) -> list[Path]:
        """The author's files for an entry point by name; no hidden ones, links or sub-folders.

        Raises
        ------
        StoreError
            If the folder is there and cannot be read.
        """
        folder = self.folder / "seeds" / checked_name(entry, "entry point")
        return [path for path in list_files(folder) if path.name not in NO_SEEDS]

    def bytes_folder(self, entry: str) -> Path:
        """libFuzzer's folder for an entry point, made if it is missing."""
        return make_folder(self._bytes(entry))

    def _bytes(self, entry: str) -> Path:
        return self.folder / "queue" / "bytes" / checked_name(entry, "entry point")

    def hand_to_code(self, entry: str, data: bytes, suffix: str) -> None:
        """Give the code engine an input: libFuzzer finds it in its folder, whole."""
        path = self.bytes_folder(entry) / f"{digest(data)}{clean_suffix(suffix)}"
        if not os.path.exists(path):
            write(path, data, self._temporary, is_announced=False)

    def new_bytes(self, entry: str, seen: set[str], limit: int) -> list[tuple[str, bytes]]:
        """Up to ``limit`` inputs of the code engine, (file name, content), that are not ``seen``.

        libFuzzer deletes what a smaller input covers, so files may vanish while this reads.
        """
        found: list[tuple[str, bytes]] = []
        for path in list_files(self._bytes(entry)):
            if len(found) >= limit:
                break
            if path.name not in seen:
                with suppress(OSError):
                    found.append((path.name, read(path)))
        return found

    def add(self, data: bytes, suffix: str, recipe: Recipe) -> str:
        """Keep an array with the recipe that made it; nothing happens if it is there.

        Returns
        -------
        str
            The digest of ``data``, the entry's name.
        """
        name = digest(data)
        commit_point = self._recipes / f"{name}.json"
        if os.path.exists(commit_point):
            return name
        entry = _Entry(input=f"{name}{clean_suffix(suffix)}", recipe=recipe)
        write(make_folder(self._arrays) / entry.input, data, self._temporary, is_announced=False)
        make_folder(self._recipes)
        write(commit_point, to_json(entry), self._temporary, is_announced=False)
        return name

    def load(self) -> tuple[list[tuple[str, bytes, Recipe]], list[str]]:
        """(digest, content, recipe) in the recipes' order, and one line for each damaged entry.

        Raises
        ------
        StoreError
            Only if the folder itself cannot be listed.
        """
        entries, damaged = [], []
        for path in list_files(self._recipes):
            try:
                entries.append(self._load_entry(path))
            except StoreError as error:
                damaged.append(str(error))
        return sorted(entries, key=lambda entry: (entry[2].sequence, entry[0])), damaged

    def _load_entry(self, path: Path) -> tuple[str, bytes, Recipe]:
        entry = _parse(path)
        if not _ARRAY.fullmatch(entry.input) or entry.input[:64] != path.name.removesuffix(".json"):
            raise StoreError(f"{path}: damaged, skipped (input {entry.input!r} is none of its own)")
        try:
            data = read(self._arrays / entry.input)
        except OSError as error:
            raise StoreError(f"{path}: damaged, skipped (its array: {error.strerror})") from error
        if digest(data) != entry.input[:64]:
            raise StoreError(f"{self._arrays / entry.input}: damaged, skipped (its hash differs)")
        return entry.input[:64], data, entry.recipe

    def append_stats(self, line: Mapping[str, Any]) -> None:
        """Add a line to ``stats-<pid>.jsonl`` with one write, so that lines never mix."""
        path = make_folder(self.folder) / f"stats-{os.getpid()}.jsonl"
        with reported(path, "write"), open(path, "ab", buffering=0) as file:
            file.write(to_json_line(line))


def _parse(path: Path) -> _Entry:
    try:
        fields = msgspec.json.decode(read(path))
        schema = fields.get("schema") if isinstance(fields, dict) else None
        if isinstance(schema, int) and schema > SCHEMA:
            raise StoreError(
                f"{path}: written by a newer mlfuzz (schema {schema}; this one reads up to "
                f"{SCHEMA}), skipped. Install a newer mlfuzz to read it."
            )
        return msgspec.convert(fields, _Entry, strict=False)
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{path}: damaged, skipped ({error})") from error
