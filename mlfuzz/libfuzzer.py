"""What a fuzz target asks of libFuzzer, beside the function: options and mutations of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

USED = ("max_len", "dict", "timeout", "rss_limit_mb")
_TOKEN = re.compile(r'^[^#"]*"(.*)"\s*$')
_ESCAPED = re.compile(rb'\\(?:x([0-9A-Fa-f]{2})|([\\"]))')


@dataclass(frozen=True)
class Options:
    """Of one fuzz target.

    Parameters
    ----------
    folders : sequence of Path
        Corpus folders: their files are seeds too.
    tokens : sequence of bytes
        Of its dictionary.
    max_bytes : int, optional
        Longest input; default: twice the longest seed.
    mutate : callable (data, max_size, seed) -> bytes, optional
        Its custom mutator.
    cross : callable (data, other, max_size, seed) -> bytes, optional
        Its custom crossover.
    hooks : sequence of str
        Atheris's ``enabled_hooks``: ``RegEx``, ``str``.
    unused : sequence of str
        Options of libFuzzer that nothing is made of.
    """

    folders: Sequence[Path] = ()
    tokens: Sequence[bytes] = ()
    max_bytes: int | None = None
    mutate: Callable[[bytes, int, int], bytes] | None = None
    cross: Callable[[bytes, bytes, int, int], bytes] | None = None
    hooks: Sequence[str] = ()
    unused: Sequence[str] = ()

    def seed_files(self) -> list[Path]:
        """All files of the corpus folders, also those in sub-folders."""
        paths = [path for folder in self.folders for path in sorted(folder.rglob("*"))]
        return [path for path in paths if path.is_file() and not path.is_symlink()]


def number(arguments: Sequence[str], name: str) -> int | None:
    """The value of ``-name=``, the last one where there are several; None below 1."""
    value = _value(arguments, name)
    return int(value) if value.isdecimal() and int(value) > 0 else None


def tokens(arguments: Sequence[str]) -> tuple[bytes, ...]:
    """Those in the file that ``-dict=`` names; none where it cannot be read."""
    path = Path(_value(arguments, "dict"))
    if not path.is_file():
        return ()
    lines = path.read_text("latin-1").splitlines()
    found = (match[1] for line in lines if (match := _TOKEN.match(line)))
    return tuple(token for text in found if (token := _unescaped(text.encode("latin-1"))))


def folders(arguments: Sequence[str]) -> tuple[Path, ...]:
    """The corpus folders among the arguments after the program's name."""
    plain = (Path(each) for each in arguments[1:] if not each.startswith("-"))
    return tuple(path.resolve() for path in plain if path.is_dir())


def unused(arguments: Sequence[str]) -> tuple[str, ...]:
    """The options of libFuzzer that are not read here or by the harness."""
    plain = [each for each in arguments[1:] if re.match("-[^-]", each)]
    return tuple(each for each in plain if each[1:].partition("=")[0] not in USED)


def _value(arguments: Sequence[str], name: str) -> str:
    start = f"-{name}="
    values = [each.removeprefix(start) for each in arguments if each.startswith(start)]
    return values[-1] if values else ""


def _unescaped(text: bytes) -> bytes:
    return _ESCAPED.sub(lambda it: bytes.fromhex(it[1].decode()) if it[1] else it[2], text)
