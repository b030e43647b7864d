"""What an entry point may refuse an input with: by type, or by type and raising module."""

from __future__ import annotations

import dis
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

_RAISES = frozenset(dis.opmap[name] for name in ("RAISE_VARARGS", "RERAISE"))


@dataclass(frozen=True)
class Refusal:
    """An exception of a type that a module raises on purpose, and nobody else.

    Parameters
    ----------
    type : type
        The exception or a class above it.
    module : str
        Where it must be raised: a module, or a package with all that is in it.

    Notes
    -----
    On purpose means: the innermost frame of the traceback runs code of that module, and stands at
    a ``raise`` or ``assert`` (instruction RAISE_VARARGS or RERAISE).  What C code raises has the
    line that called it as its innermost frame: ``int("x")``, ``struct.unpack`` and an operation
    of NumPy are not refusals, wherever they stand, and stay none when they are passed on with a
    bare ``raise``; ``raise ValueError(...) from error`` is one.  Modules compiled by Cython have
    no instructions that could be looked at: name their refusals by type alone.
    """

    type: type[BaseException]
    module: str

    def covers(self, error: BaseException) -> bool:
        """Whether the exception is such a refusal."""
        if not isinstance(error, self.type):
            return False
        innermost = _innermost(error.__traceback__)
        if innermost is None or not _is_raise(innermost):
            return False
        module = str(innermost.tb_frame.f_globals.get("__name__", ""))
        return module == self.module or module.startswith(f"{self.module}.")


AnyRefusal = type[BaseException] | Refusal


def plain_types(refuses: Sequence[AnyRefusal]) -> tuple[type[BaseException], ...]:
    """Those that an ``except`` clause can take."""
    return tuple(each for each in refuses if isinstance(each, type))


def by_module(refuses: Sequence[AnyRefusal]) -> tuple[Refusal, ...]:
    """Those that need a look at the traceback."""
    return tuple(each for each in refuses if isinstance(each, Refusal))


def problem(refuses: object) -> str | None:
    """What is wrong with an author's ``refuses``, in words that end with the cure."""
    if not isinstance(refuses, Sequence) or isinstance(refuses, str | bytes):
        return f"is {refuses!r}. Expected a list of exception types, such as [BadRecording]."
    return next((why for each in refuses if (why := _problem(each))), None)


def _problem(refusal: object) -> str | None:
    if not isinstance(refusal, Refusal):
        if _is_exception(refusal):
            return None
        return (
            f"holds {refusal!r}. Expected exception types, such as refuses=[BadRecording], or "
            "Refusal(ValueError, 'package.module')."
        )
    if not _is_exception(refusal.type):
        return f"holds a Refusal of {refusal.type!r}. Expected Refusal(ValueError, 'module')."
    if not isinstance(refusal.module, str) or not refusal.module:
        return (
            f"holds a Refusal in {refusal.module!r}. Expected the name of a module, such as "
            f"Refusal({refusal.type.__name__}, 'package.module')."
        )
    return None


def _is_exception(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


def _innermost(step: TracebackType | None) -> TracebackType | None:
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return step


def _is_raise(step: TracebackType) -> bool:
    code, place = step.tb_frame.f_code.co_code, step.tb_lasti
    return 0 <= place < len(code) and code[place] in _RAISES
