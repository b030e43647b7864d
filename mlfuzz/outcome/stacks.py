"""Stacks: which of their lines are the target's own, and how those are named.

The same fault must get the same names from a traceback, a running frame or a dump of
faulthandler, in every process.
"""

from __future__ import annotations

import ast
import linecache
import os
import re
import sys
import sysconfig
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType, TracebackType

import msgspec

from mlfuzz.entry_point import EntryPoint

MAX_FRAMES = 3
MAX_STATEMENT = 400

_OURS = (f"{Path(__file__).resolve().parent.parent}{os.sep}", f"{os.sep}atheris{os.sep}")
_STANDARD = tuple(
    os.path.realpath(sysconfig.get_paths()[name]) + os.sep for name in ("stdlib", "platstdlib")
)
_DUMP_LINE = re.compile(r'^  File "(.*)", line (\d+) in (.*)$')


class Site(msgspec.Struct, frozen=True):
    """One line of a stack: where the code is and what it was doing."""

    file: str
    line: int
    module: str
    function: str

    @property
    def name(self) -> str:
        return f"{self.module}:{self.function}"


class Scope(msgspec.Struct, frozen=True):
    """What of a stack is the target's own.

    Parameters
    ----------
    name : str
        The entry point.
    modules : tuple of str
        The function's own module and those that are instrumented.
    files : mapping file -> module
        Of those that are loaded: a dump of faulthandler knows files only.
    """

    name: str
    modules: tuple[str, ...]
    files: dict[str, str]


def scope_of(entry: EntryPoint) -> Scope:
    """The scope of an entry point whose harness is loaded in this process."""
    own = getattr(entry.function, "__module__", None)
    names = tuple(dict.fromkeys([own, *entry.instrument] if own else entry.instrument))
    loaded = {name: getattr(sys.modules.get(name), "__file__", None) for name in names}
    return Scope(entry.name, names, {file: name for name, file in loaded.items() if file})


def traceback_sites(step: TracebackType | None) -> list[Site]:
    """The lines of a traceback, outermost first."""
    sites = []
    while step is not None:
        sites.append(_site(step.tb_frame, step.tb_lineno))
        step = step.tb_next
    return sites


def _site(frame: FrameType, line: int) -> Site:
    code: CodeType = frame.f_code
    module = frame.f_globals.get("__name__", "?")
    return Site(code.co_filename, line or 0, str(module), code.co_qualname)


def frame_sites(frame: FrameType | None) -> list[Site]:
    """The stack of a running frame, outermost first."""
    sites = []
    while frame is not None:
        sites.append(_site(frame, frame.f_lineno))
        frame = frame.f_back
    return sites[::-1]


def own_sites(sites: Sequence[Site], modules: Sequence[str]) -> list[Site]:
    """The target's own lines: those in ``modules``, else all beyond the standard library."""
    rest = [site for site in sites if not is_ours(site.file) and not _is_standard(site.file)]
    own = [site for site in rest if is_within(site.module, modules)]
    return own or rest


def innermost(sites: Sequence[Site]) -> tuple[str, ...]:
    """Up to three functions, the innermost last; one that calls itself counts once."""
    names: list[str] = []
    for site in reversed(sites):
        if not names or names[-1] != site.name:
            names.append(site.name)
        if len(names) == MAX_FRAMES:
            break
    return tuple(reversed(names))


def cycle(sites: Sequence[Site]) -> tuple[str, ...]:
    """The functions that an endless recursion goes round in, whichever of them hit the limit."""
    counts = Counter(site.name for site in sites)
    often = [name for name, count in counts.most_common(MAX_FRAMES) if count > 2]
    return tuple(sorted(often)) or innermost(sites)


def statement_of(sites: Sequence[Site]) -> str:
    """The innermost line's statement as ``ast.unparse`` writes it; "" where there is no source."""
    if not sites:
        return ""
    return _statement(sites[-1].file, sites[-1].line)


@lru_cache(maxsize=1024)
def _statement(file: str, line: int) -> str:
    around = [
        node
        for node in ast.walk(_tree(file))
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    if not around:
        return ""
    # The walk goes from the outside inwards: of equally long ones the last lies deepest.
    innermost_node = min(reversed(around), key=lambda node: (node.end_lineno or 0) - node.lineno)
    # Of a compound statement the first line is its head; what it holds has nodes of its own.
    text = ast.unparse(innermost_node).splitlines()[0]
    return text if len(text) <= MAX_STATEMENT else f"{text[:MAX_STATEMENT]}..."


@lru_cache(maxsize=64)
def _tree(file: str) -> ast.Module:
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module(body=[], type_ignores=[])


def dump_sites(stack: str, files: Mapping[str, str]) -> list[Site]:
    """The last stack of a faulthandler dump, outermost first; functions have no class there."""
    block = stack.rpartition("(most recent call first):")[2]
    lines = [match for match in map(_DUMP_LINE.match, block.splitlines()) if match]
    return [
        Site(m[1], int(m[2]), files.get(m[1]) or _module_of(m[1]), m[3]) for m in reversed(lines)
    ]


def _module_of(file: str) -> str:
    """The name of a module by the packages that its file lies in."""
    path = Path(file)
    parts = [path.stem]
    while (path.parent / "__init__.py").is_file():
        path = path.parent
        parts.append(path.name)
    return ".".join(reversed(parts))


def is_ours(file: str) -> bool:
    """Whether a file belongs to mlfuzz or Atheris."""
    return file.startswith(_OURS[0]) or _OURS[1] in file


@lru_cache(maxsize=1024)
def _is_standard(file: str) -> bool:
    real = os.path.realpath(file)
    return file.startswith("<frozen") or (
        real.startswith(_STANDARD) and "site-packages" not in real and "dist-packages" not in real
    )


def is_within(module: str, modules: Sequence[str]) -> bool:
    """Whether a module is one of these or lies in one of these packages."""
    return module in modules or any(module.startswith(f"{name}.") for name in modules)
