"""What fuzzed code asks a database."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import FrameType
from typing import Any, ClassVar, Self

from mlfuzz.core import Threat
from mlfuzz.detectors.run import Run, Severity, frames, is_constant

EVENT = "mlfuzz.sql"
_LITERAL = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]")
_SYNTAX = re.compile(r"[A-Za-z_].*[\s=<>;(*]|[\s=<>;(*].*[A-Za-z_]", re.DOTALL)
_FACTORY = 5
"""Place of the connection's class among the arguments of ``sqlite3.connect``."""
_CALLERS = 6
"""How many frames may hold a piece of the statement as a constant."""


@dataclass(frozen=True)
class Sql:
    """No text of the input becomes SQL.

    Threat: a quote in a field ends the text it was put into, and what follows is a command.
    Event: ``mlfuzz.sql`` with each statement, from a subclass of the connection and its cursors
    that ``sqlite3.connect`` is made to give; also of statements that SQLite then refuses.
    Meant: a stretch of the input that stands on both sides of a quote which SQLite takes for an
    end of a literal, or outside all literals and looks like SQL.  Bound parameters are no part of
    a statement, and what the code on the stack holds as a constant is its author's.

    Parameters
    ----------
    stretch : int
        Characters round a quote that must stand in the input; twice as many where there is none.

    Notes
    -----
    Not seen: a name taken by ``from sqlite3 import connect`` before the guard was made, cursors
    of the code's own class, other databases.
    """

    stretch: int = 4
    events: ClassVar[tuple[str, ...]] = (EVENT,)
    threat: ClassVar[Threat] = "disclosure"
    severity: ClassVar[Severity] = "high"

    def judge(self, event: str, arguments: Sequence[Any], run: Run) -> str | None:
        """See ``Detector``."""
        statement = str(arguments[0])
        callers = [frame for frame, _ in zip(frames(), range(_CALLERS), strict=False)]
        for piece in self._pieces(statement, run):
            if not _is_written(piece, callers):
                return f"SQL with {piece!r} from the input: {statement}"
        return None

    def install(self) -> None:
        """Have ``sqlite3.connect`` give connections that tell, once a process."""
        connect = sqlite3.connect
        if getattr(connect, "__module__", None) == __name__:
            return

        def telling(*args: Any, **options: Any) -> Any:
            if len(args) <= _FACTORY:
                options["factory"] = _telling(options.get("factory", sqlite3.Connection))
            return connect(*args, **options)

        for module in (sqlite3, sqlite3.dbapi2):
            vars(module)["connect"] = telling

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
    return any(is_constant(piece, frame) for frame in callers)


class _Cursor(sqlite3.Cursor):
    """Tells of each statement before it runs."""

    def execute(self, statement: str, *rest: Any) -> Self:
        sys.audit(EVENT, statement)
        return super().execute(statement, *rest)

    def executemany(self, statement: str, *rest: Any) -> Self:
        sys.audit(EVENT, statement)
        return super().executemany(statement, *rest)

    def executescript(self, script: str) -> sqlite3.Cursor:
        sys.audit(EVENT, script)
        return super().executescript(script)


@lru_cache(maxsize=16)
def _telling(kind: type[sqlite3.Connection]) -> Any:
    """A connection whose cursors tell, and which does all by them."""

    class Connection(kind):  # type: ignore[misc, valid-type]
        def cursor(self, factory: Any = _Cursor) -> Any:
            return super().cursor(factory)

        def execute(self, *args: Any) -> Any:
            return self.cursor().execute(*args)

        def executemany(self, *args: Any) -> Any:
            return self.cursor().executemany(*args)

        def executescript(self, script: str) -> Any:
            return self.cursor().executescript(script)

    return Connection
