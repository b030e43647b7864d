"""What fuzzed code runs: pickles, source text, modules, libraries and commands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, ClassVar

from mlfuzz.core import Threat
from mlfuzz.detectors.run import Run, Severity, constants_of, frames, is_constant, is_importing

_TEMPLATES = frozenset({"collections", "dataclasses", "attr._make", "attr._compat", "enum"})
"""Modules that fill checked names into source of their own."""
MAX_IMPORTERS = 8
"""How many frames may hold a module's name as a constant."""
_SYNTAX = re.compile(r"[^\w\s,]")
"""A stretch of names and commas is data that a template was filled with, not code."""


@dataclass(frozen=True)
class Unpickle:
    """No class or function is looked up by a pickle, no code read by marshal.

    Threat: a pickle calls what it names, whatever the file's extension says.
    Events: ``pickle.find_class``, ``marshal.loads``, ``marshal.load``.  A pickle of plain numbers,
    texts and lists raises none.

    Parameters
    ----------
    is_named : bool
        True: only names that stand in the input as they are, for code that also reads pickles
        of its own; misses compressed ones.
    """

    is_named: bool = False
    events: ClassVar[tuple[str, ...]] = ("pickle.find_class", "marshal.loads", "marshal.load")
    threat: ClassVar[Threat] = "code execution"
    severity: ClassVar[Severity] = "high"

    def judge(self, event: str, arguments: Sequence[Any], run: Run) -> str | None:
        """See ``Detector``."""
        if event != "pickle.find_class":
            return f"{event} of serialised code"
        module, name = str(arguments[0]), str(arguments[1])
        if self.is_named and not (run.holds(module, 1) and run.holds(name, 1)):
            return None
        return f"a pickle that names {module}.{name}"


@dataclass(frozen=True)
class Execute:
    """No text of the input is run as Python.

    Threat: ``eval`` of a field, a template filled with one, code objects made of bytes.
    Events: ``compile`` takes note of source that holds a stretch of the input, ``exec`` of what
    was compiled from it is the alarm, as ``ast.literal_eval`` compiles too and runs nothing;
    ``code.__new__`` where the bytecode stands in the input.
    Not meant: stretches that the calling code itself holds as a constant, stretches of names and
    commas only, and what ``namedtuple`` or ``dataclass`` fill in.

    Parameters
    ----------
    stretch : int
        Characters of the input that must stand in the source; all of a shorter input.
    """

    stretch: int = 8
    events: ClassVar[tuple[str, ...]] = ("compile", "exec", "code.__new__")
    threat: ClassVar[Threat] = "code execution"
    severity: ClassVar[Severity] = "high"

    def judge(self, event: str, arguments: Sequence[Any], run: Run) -> str | None:
        """See ``Detector``."""
        caller = next(frames(), None)
        if caller is None or is_importing(caller):
            return None
        if event == "code.__new__":
            code = arguments[0]
            is_taken = isinstance(code, bytes) and len(code) >= self.stretch and code in run.data
            return "a code object with bytecode from the input" if is_taken else None
        if event == "compile":
            if self._is_tainted(arguments[0], caller, run):
                run.tainted_files.add(str(arguments[1]))
            return None
        file = getattr(arguments[0], "co_filename", None)
        return f"source from the input is run as {file}" if file in run.tainted_files else None

    def _is_tainted(self, source: object, caller: FrameType, run: Run) -> bool:
        text = _text(source)
        if not text or caller.f_globals.get("__name__") in _TEMPLATES:
            return False
        length = max(2, min(self.stretch, len(run.data.strip())))
        return any(
            _SYNTAX.search(piece) and not is_constant(piece, caller)
            for piece in run.stretch(text, length)
        )


def _text(source: object) -> str:
    """Source as text; "" for a syntax tree, which somebody looked at."""
    if isinstance(source, bytes):
        return source.decode("utf-8", "surrogateescape")
    return source if isinstance(source, str) else ""


@dataclass(frozen=True)
class Import:
    """No module is loaded by a name from the input.

    Threat: importing runs a module, and a folder that the input also writes to may lie on the path.
    Events: ``import``, and ``exec`` of a module's code for ``importlib.import_module``, which
    raises no ``import``.  Meant are names of modules not loaded yet that stand in the input whole
    and in the importing code not at all; so ``plugins.<name>`` is missed, as Pillow and the codecs
    do just that with names from a table.
    """

    events: ClassVar[tuple[str, ...]] = ("import", "exec")
    threat: ClassVar[Threat] = "code execution"
    severity: ClassVar[Severity] = "high"

    def judge(self, event: str, arguments: Sequence[Any], run: Run) -> str | None:
        """See ``Detector``."""
        stack = list(frames())
        inside = [frame for frame in stack if frame.f_code.co_name == "_find_and_load"]
        if event == "import":
            name = None if inside else arguments[0]
        else:  # a module's own imports are its author's: only the first counts
            is_first = len(inside) == 1 and is_importing(stack[0])
            name = inside[0].f_locals.get("name") if is_first else None
        if not isinstance(name, str) or not run.holds(name, 2):
            return None
        importers = [frame for frame in stack if not is_importing(frame)][:MAX_IMPORTERS]
        is_written = any(_writes(name, frame.f_code) for frame in importers)
        return None if is_written else f"import of {name!r}, a name from the input"


def _writes(name: str, code: CodeType) -> bool:
    """Whether code names a module itself; the packages before it may be understood."""
    last = name.rpartition(".")[2]
    return last in code.co_names or any(each in (name, last) for each in constants_of(code))


@dataclass(frozen=True)
class Library:
    """No shared library is loaded by a name from the input.

    Threat: loading a library runs its initialisers.
    Event: ``ctypes.dlopen``.  Meant are names that stand in the input.
    """

    events: ClassVar[tuple[str, ...]] = ("ctypes.dlopen",)
    threat: ClassVar[Threat] = "code execution"
    severity: ClassVar[Severity] = "high"

    def judge(self, event: str, arguments: Sequence[Any], run: Run) -> str | None:
        """See ``Detector``."""
        name = arguments[0]
        text = name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else str(name)
        if name is None or not run.holds(text, 2):
            return None
        return f"the library {text!r} is loaded, a name from the input"


@dataclass(frozen=True)
class Shell:
    """No command is run.

    Threat: a name from the input in a command line, or as its program.
    Events: ``os.system``, ``subprocess.Popen``, ``os.exec``, ``os.posix_spawn``, ``os.spawn``,
    ``pty.spawn``.  A bare ``os.fork`` runs nothing new and is not meant.
    """

    events: ClassVar[tuple[str, ...]] = (
        "os.system",
        "subprocess.Popen",
        "os.exec",
        "os.posix_spawn",
        "os.spawn",
        "pty.spawn",
    )
    threat: ClassVar[Threat] = "code execution"
    severity: ClassVar[Severity] = "high"

    def judge(self, event: str, arguments: Sequence[Any], run: Run) -> str | None:
        """See ``Detector``."""
        command = arguments[1] if event in ("subprocess.Popen", "os.spawn") else arguments[0]
        return f"{event} of {command!r}"
