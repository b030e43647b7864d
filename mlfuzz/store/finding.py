"""One finding: its fields, its name, and how its folder is read without trusting it.

A folder may come from a stranger: names in it never become paths unless they have the one form
that mlfuzz writes, and an input counts only if its content has the hash in its name.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from mlfuzz.errors import StoreError
from mlfuzz.progress import printable
from mlfuzz.recipe import Recipe
from mlfuzz.store.files import checked_name, digest, escape_surrogates, read, read_file

SCHEMA = 1
COMMIT_POINT = "finding.json"
TRACEBACK = "traceback.txt"

_ID = re.compile(r"[a-z]+(-[a-z]+)*-[0-9a-f]{12}")
_FILE = re.compile(r"(input|seed|twin)-([0-9a-f]{12})(\.[A-Za-z0-9_]{1,16})?")


class Finding(msgspec.Struct, kw_only=True):
    """What ``finding.json`` holds; ``id``, ``input``, ``seed`` and ``nearness`` are set on saving.

    Parameters
    ----------
    id : str
        Name of the folder: the kind, and 12 hex characters that stand for kind and signature.
    engine : str
        ``code`` or ``model``.
    source : str
        The entry point or the oracle.
    stability : str
        ``stable``, ``batch-dependent`` or ``flaky``.
    bounds : str
        ``in-bounds``, ``out-of-bounds`` or ``unknown``.
    origin : str
        ``mutation``, ``bytes`` or ``seed``.
    verdict : dict
        Measured values; a non-finite one reads back as the text ``nan``, ``inf`` or ``-inf``.
    input, seed, twin : str
        File names in the finding's folder; the twin is the nearest input seen to pass, where
        ``mlfuzz shrink`` looked.
    found : dict
        ``time`` (ISO 8601) and ``executions``.
    critical : tuple of (start, end)
        Spans of the input's bytes that matter, where ``mlfuzz shrink`` looked.
    nearness : tuple of float
        A smaller one of the same signature takes this one's place.
    """

    schema: int = SCHEMA
    id: str = ""
    harness: str
    engine: str
    source: str
    kind: str
    signature: tuple[str, ...]
    threat: str
    severity: str
    stability: str
    bounds: str
    origin: str = "mutation"
    verdict: dict[str, float | int | str]
    input: str = ""
    seed: str | None = None
    twin: str | None = None
    recipe: Recipe | None = None
    versions: dict[str, str] = {}
    found: dict[str, str | int] = {}
    replay: str = ""
    wild: bool = False
    array_only: bool = False
    critical: tuple[tuple[int, int], ...] = ()
    nearness: tuple[float, ...] = ()

    @property
    def short_id(self) -> str:
        """Eight characters that ``mlfuzz show`` understands."""
        return self.id[-12:][:8]

    @property
    def headline(self) -> str:
        """The signature in one line that is harmless to print."""
        return printable(" | ".join(self.signature))


def finding_id(kind: str, signature: Sequence[str]) -> str:
    """The name that equal faults share, such as ``exception-0123456789ab``."""
    parts = [escape_surrogates(part) for part in (kind, *signature)]
    return f"{kind}-{digest(msgspec.json.encode(parts))[:12]}"


def replay_command(id: str, harness_path: Path, corpora: Path) -> str:
    """What to type to see the finding again, from the folder in which the run was started."""
    options = f"--harness {shlex.quote(str(harness_path))}"
    if corpora != Path("corpora"):
        options += f" --corpora {shlex.quote(str(corpora))}"
    return f"mlfuzz replay {id} {options}"


def load_finding(folder: Path) -> Finding:
    """The finding in a folder, with every name in it checked and its files seen to be whole.

    Raises
    ------
    StoreError
        If it is damaged or of a newer mlfuzz; one line that names the folder.
    """
    seen = None
    while True:
        text = read_file(folder / COMMIT_POINT)
        try:
            return _whole(folder, text)
        except StoreError:
            # A running fuzzer may have put a nearer input in its place between two reads.
            if text == seen:
                raise
            seen = text


def _whole(folder: Path, text: bytes) -> Finding:
    finding = _parse(folder, text)
    _check_names(folder, finding)
    for name in (finding.input, finding.seed, finding.twin):
        if name is not None:
            _check_content(folder, name)
    return finding


def _parse(folder: Path, text: bytes) -> Finding:
    try:
        fields = msgspec.json.decode(text)
        _check_schema(folder, fields)
        # strict=False: "nan" reads as a number where a number is expected.
        return msgspec.convert(fields, Finding, strict=False)
    except (ValueError, RecursionError) as error:
        raise _damaged(folder, f"finding.json does not read: {error}") from error


def _check_schema(folder: Path, fields: Any) -> None:
    schema = fields.get("schema") if isinstance(fields, dict) else None
    if not isinstance(schema, int):
        raise _damaged(folder, "finding.json has no schema number")
    if schema > SCHEMA:
        raise StoreError(
            f"{folder}: written by a newer mlfuzz (schema {schema}; this one reads up to {SCHEMA})."
            " Install a newer mlfuzz to read it."
        )


def _check_names(folder: Path, finding: Finding) -> None:
    if not _ID.fullmatch(finding.id) or not finding.id.startswith(f"{finding.kind}-"):
        raise _damaged(folder, f"id {finding.id!r} is none of kind {finding.kind!r}")
    if finding.id != folder.name:
        raise _damaged(folder, f"id {finding.id!r} is not the folder's name")
    for role, name in (
        ("input", finding.input),
        ("seed", finding.seed),
        ("twin", finding.twin),
    ):
        match = _FILE.fullmatch(name) if name is not None else None
        if name is not None and (match is None or match[1] != role):
            raise _damaged(folder, f"{role} {name!r} is no name that mlfuzz gives")
    checked_name(finding.harness, f"{folder}: harness")


def _check_content(folder: Path, name: str) -> None:
    try:
        data = read(folder / name)
    except OSError as error:
        raise _damaged(folder, f"{name}: {error.strerror}") from error
    match = _FILE.fullmatch(name)
    if match is None or digest(data)[:12] != match[2]:
        raise _damaged(folder, f"{name}: its {len(data)} bytes do not have the hash in its name")


def _damaged(folder: Path, why: str) -> StoreError:
    return StoreError(f"{folder}: damaged, skipped ({escape_surrogates(why)})")
