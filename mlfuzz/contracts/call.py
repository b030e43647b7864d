"""Calls of an author's own functions from inside a contract: what they raise is a value here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlfuzz.isolate import SoftTimeout

MAX_MESSAGE = 120


@dataclass(frozen=True)
class Failure:
    """What a function raised instead of giving a value."""

    name: str
    error: BaseException

    def __str__(self) -> str:
        try:
            text = " ".join(str(self.error).split())
        except Exception:
            text = "no text"
        short = text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]}..."
        return f"{self.name} raised {type(self.error).__name__}: {short}"


def called(function: Callable[..., Any], *arguments: Any) -> Any:
    """What the function gives, or a ``Failure``; a time-out passes, since it ends the input."""
    try:
        return function(*arguments)
    except (KeyboardInterrupt, SoftTimeout):
        raise
    except BaseException as error:  # extensions in Rust raise panics that are no Exception
        return Failure(name_of(function), error)


def name_of(function: Callable[..., Any]) -> str:
    """The function's name; the same in every process, as it stands in signatures."""
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return str(name).replace("<locals>.", "")
