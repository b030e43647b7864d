"""What fuzzed code asks a database."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, ClassVar

from mlfuzz.core import Threat
from mlfuzz.detectors.run import Run, Severity, frames, is_constant

EVENT = "mlfuzz.sql"
_LITERAL = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]")
_SYNTAX = re.compile(r"[A-Za-z_].*[\s=<>;(*]|[\s=<>;(*].*[A-Za-z_]", re.DOTALL)
_CALLERS = 6
"""How many frames may hold a piece of the statement as a constant."""


@dataclass(frozen=True)
class Sql:
    """No text of the input becomes SQL.

    Threat: a quote in a field ends the text it was put into, and what follows is a command.
    Event: ``mlfuzz.sql`` with each statement of ``sqlite3`` as it begins, parameters filled in,
    from a trace callback that ``sqlite3.connect/handle`` is the occasion to set.
    Meant: a stretch of the input that stands on both sides of a quote which SQLite takes for the
    end of a literal, or outside all literals and looks like SQL.  A bound parameter's quotes are
    doubled, so it never looks like that.

    Parameters
    ----------
    stretch : int
        Characters round a quote that must stand in the input; twice as many where there is none.

    Notes
    -----
    SQLite drops what a callback raises, so the statement is interrupted instead, which a short
    one may outrun.  Not seen: text that makes no valid SQL (it raises ``OperationalError``, a
    finding where that is not refused), connections made while no input ran, other databases.
    """

    stretch: int = 4
    events: ClassVar[tuple[str, ...]] = ("sqlite3.connect/handle", EVENT)
    threat: ClassVar[Threat] = "disclosure"
    severity: ClassVar[Severity] = "high"

    def judge(self, event: str, arguments: Sequence[Any], run: Run) -> str | None:
        """See ``Detector``."""
        if event != EVENT:
            _trace(arguments[0])
            return None
        statement = arguments[0]
        callers = [frame for frame, _ in zip(frames(), range(_CALLERS), strict=False)]
        for piece in self._pieces(statement, run):
            if not _is_written(piece, callers):
                return f"SQL with {piece!r} from the input: {statement}"
        return None

    def _pieces(self, statement: str, run: Run) -> Iterator[str]:
        """Stretches of the input that are part of the statement's syntax."""
        literals = [match.span() for match in _LITERAL.finditer(statement)]
        for quote in (place for start, end in literals for place in (start, end - 1)):
            for first in range(quote - self.stretch + 2, quote):
                piece = statement[max(first, 0) : first + self.stretch]
                if run.holds(piece, self.stretch):
                    yield piece
        for code in _LITERAL.split(statement):
            found = run.stretch(code, 2 * self.stretch)
            yield from (piece for piece in found if _SYNTAX.search(piece))


def _is_written(piece: str, callers: Sequence[FrameType]) -> bool:
    return any(is_constant(piece, frame.f_code) for frame in callers)


def _trace(connection: Any) -> None:
    def begins(statement: str) -> None:
        try:
            sys.audit(EVENT, statement)
        except BaseException:
            connection.interrupt()
            raise

    connection.set_trace_callback(begins)
