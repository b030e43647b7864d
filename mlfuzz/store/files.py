"""How one file of the store is written, read and named; nothing here knows what is in it.

A file appears whole or not at all: it is written under a temporary name in ``.tmp/`` on the same
file system, synced and renamed.  Links are never followed.
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from mlfuzz.errors import StoreError

TEMPORARY = ".tmp"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_SUFFIX = re.compile(r"\.[A-Za-z0-9_]{1,16}")
_FULL = "Free some space, or give another folder with --corpora"
_DENIED = "Make it writable, or give another folder with --corpora"
_NO_FOLDER = "A folder is needed there: move the file away, or give another one with --corpora"
_ADVICE = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EROFS: _DENIED,
    errno.ENOTDIR: _NO_FOLDER,
    errno.EEXIST: _NO_FOLDER,
    errno.ENOENT: "Something removed it meanwhile; run again",
    errno.ELOOP: "Links are not followed: put the file or folder itself there",
}


def digest(data: bytes) -> str:
    """The one hash of mlfuzz: sha256 in 64 hex characters, shown as its first 12."""
    return hashlib.sha256(data).hexdigest()


@contextmanager
def reported(path: Path, action: str) -> Iterator[None]:
    """Turn an ``OSError`` in the block into one line that names path, reason and cure.

    Raises
    ------
    StoreError
        In place of every ``OSError``.
    """
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        advice = _ADVICE.get(error.errno or 0, "Check the disk, or give another with --corpora")
        raise StoreError(f"{path}: cannot {action} ({reason}). {advice}.") from error


def checked_name(name: str, what: str) -> str:
    """The name, if it may stand for a folder of its own.

    Raises
    ------
    StoreError
        For an empty name, separators, leading dots and whatever else could leave the folder.
    """
    if not _NAME.fullmatch(name):
        raise StoreError(
            f"{what} {name!r} cannot name a folder. Expected letters, digits, '_', '-', '.', "
            "no leading dot or dash, at most 100; give it another name in the harness."
        )
    return name


def clean_suffix(suffix: str) -> str:
    """The suffix if it is harmless, else none: it may come from the name of a stranger's file."""
    return suffix if _SUFFIX.fullmatch(suffix) else ""


def make_folder(folder: Path) -> Path:
    """Create the folder with its parents.

    Raises
    ------
    StoreError
        Where a file stands in the way or the disk refuses.
    """
    with reported(folder, "make this folder"):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def write(path: Path, data: bytes, temporary: Path, *, is_announced: bool = True) -> None:
    """Put ``data`` at ``path``, whole or not at all.

    Parameters
    ----------
    is_announced : bool
        True: the name too is on the disk before this returns.  False: a power cut, though no end
        of a process, may take the file back; half the time (a sync takes 1 to 2 ms).

    Raises
    ------
    StoreError
        If the disk is full, read-only or gone; what was at ``path`` is then still there.
    """
    make_folder(temporary)
    # The name says whose it is, so that a later run can tell what a dead one left.
    draft = temporary / f"{os.getpid()}-{secrets.token_hex(8)}"
    with reported(path, "write"):
        try:
            _write_draft(draft, data)
            os.replace(draft, path)
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise
        if is_announced:
            _sync_folder(path.parent)


def _write_draft(draft: Path, data: bytes) -> None:
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    """A rename lasts through a power cut only once the folder is synced too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path: Path) -> bytes:
    """The content of a regular file that is no link.

    Raises
    ------
    OSError
        As for any file; also for links (``ELOOP``), folders, pipes and devices (``EINVAL``).
    """
    # O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return file.read()


def read_file(path: Path) -> bytes:
    """The same, for a file that must be there.

    Raises
    ------
    StoreError
        If it is gone, a link, or cannot be read.
    """
    with reported(path, "read"):
        return read(path)


def list_files(folder: Path) -> list[Path]:
    """Regular files of a folder by name, without hidden ones and links; none if it is not there.

    Raises
    ------
    StoreError
        If the folder is there and cannot be read.
    """
    return [Path(e.path) for e in _entries(folder) if e.is_file(follow_symlinks=False)]


def list_folders(folder: Path) -> list[Path]:
    """Sub-folders by name, without hidden ones and links; none if the folder is not there.

    Raises
    ------
    StoreError
        If the folder is there and cannot be read.
    """
    return [Path(e.path) for e in _entries(folder) if e.is_dir(follow_symlinks=False)]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with reported(folder, "list this folder"):
        try:
            with os.scandir(folder) as entries:
                return sorted((e for e in entries if e.name[0] != "."), key=lambda e: e.name)
        except FileNotFoundError:
            return []


def sweep(temporary: Path) -> None:
    """Remove the temporary files of processes that are no more; failures do not matter."""
    with suppress(OSError):
        for draft in temporary.iterdir():
            # Another container on the same disk has processes that are not seen here: wait an hour.
            is_old = time.time() - draft.stat().st_mtime > 3600
            owner = draft.name.partition("-")[0]
            if is_old and owner.isdecimal() and not os.path.exists(f"/proc/{owner}"):
                draft.unlink()


def to_json(value: Any) -> bytes:
    """Indented JSON in which nothing is lost: see ``plain``."""
    return msgspec.json.format(to_json_line(value), indent=2)


def to_json_line(value: Any) -> bytes:
    """The same as ``to_json`` on one line."""
    return msgspec.json.encode(plain(msgspec.to_builtins(value))) + b"\n"


def plain(value: Any) -> Any:
    """The value with non-finite numbers as text and lone surrogates escaped.

    msgspec turns the one into ``null`` and refuses the other.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        return escape_surrogates(value)
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def escape_surrogates(text: str) -> str:
    """``'\\udcff'`` becomes six ASCII characters; all other text stays."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
