"""What an author says of one function that takes bytes."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlfuzz import contracts, detectors, refusals
from mlfuzz.contracts import Contracts
from mlfuzz.detectors import DEFAULT, Detector
from mlfuzz.libfuzzer import Options
from mlfuzz.refusals import AnyRefusal
from mlfuzz.structure import Format


@dataclass(frozen=True)
class EntryPoint:
    """One function that takes bytes, and what it is allowed to do with them.

    Parameters
    ----------
    function : callable
        Takes the bytes of a file.
    name : str
        Default: the function's name.  Its seeds lie in ``corpora/<harness>/seeds/<name>/``.
    refuses : sequence of exception types and ``Refusal``
        Its documented refusals, by type or by type and raising module; any other exception is a
        finding.
    contract : contract, callable, or sequence of them, optional
        Looks at every returned value: those of ``mlfuzz.contracts``, or a function that raises
        ``ValueError`` or ``AssertionError`` with the reason, or returns False.  Takes the place
        of the domain's contract, which may be named here too.
    instrument : sequence of str
        Modules whose branches are covered, beside the function's own.
    then : callable, optional
        Runs on the returned value where the contract holds; default for ``decode``: ``prepare``.
    detectors : sequence of Detector
        What the function must not do though it raises nothing; default: ``detectors.DEFAULT``,
        and leaving one out switches it off.
    formats : sequence of Format
        Of its inputs, beside those that ``mlfuzz.structure`` knows.
    neurons : bool
        Of ``decode``: run the model on what it returns, for levels of neurons as coverage.
    options : Options
        Of libFuzzer, as an Atheris script gives them.
    """

    function: Callable[[bytes], object]
    name: str = ""
    refuses: Sequence[AnyRefusal] = ()
    contract: Contracts | None = None
    instrument: Sequence[str] = ()
    then: Callable[[Any], object] | None = None
    detectors: Sequence[Detector] = DEFAULT
    formats: Sequence[Format] = ()
    neurons: bool = False
    options: Options = field(default_factory=Options)


def problem(entry: object) -> str | None:
    """Why this is no entry point, in one line that says what was expected."""
    if not isinstance(entry, EntryPoint):
        return f"code= holds {entry!r}. Expected EntryPoint(function, ...)."
    named = {
        "refuses": refusals.problem(entry.refuses) or _no_refusing_modules(entry.refuses),
        "contract": contracts.problem(entry.contract),
        "detectors": detectors.problem(entry.detectors),
        "instrument": _no_modules(entry.instrument),
    }
    return next((f"{name}= {why}" for name, why in named.items() if why), None)


def _no_refusing_modules(refuses: Sequence[AnyRefusal]) -> str | None:
    return _no_modules([each.module for each in refusals.by_module(refuses)])


def _no_modules(names: object) -> str | None:
    if isinstance(names, str) or not isinstance(names, Sequence):
        return f"is {names!r}. Expected a list of module names, such as ['package.module']."
    for name in names:
        if not isinstance(name, str) or not _can_find(name):
            return f"holds {name!r}. Expected the name of a module that can be imported."
    return None


def _can_find(name: str) -> bool:
    if name in sys.modules:
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # a parent package is missing, or it is none
        return False
