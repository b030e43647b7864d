"""What an author writes: one ``Harness`` value at the top of a file, and how it is loaded.

No engine and no framework may come in here: the model is built later, by whoever needs it.
"""

from __future__ import annotations

import difflib
import functools
import importlib.util
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib.abc import Loader
from pathlib import Path
from types import ModuleType
from typing import Any

from mlfuzz import atheris_script, backend, entry_point
from mlfuzz.contracts import Contracts
from mlfuzz.core import (
    Array,
    Arrays,
    Batch,
    Coverage,
    Domain,
    Mutator,
    Oracle,
    Scheduler,
    Target,
)
from mlfuzz.coverage.neuron import MultisectionCoverage, NeuronCoverage
from mlfuzz.coverage.output import OutputCells
from mlfuzz.entry_point import EntryPoint
from mlfuzz.errors import HarnessError, MlfuzzError
from mlfuzz.imported import module_name
from mlfuzz.mutators import choice
from mlfuzz.oracles.labelled import ChangedAnswer, WrongAnswer
from mlfuzz.oracles.numeric import NonFinite
from mlfuzz.schedulers import Adaptive, Thompson

RESERVED = ("crashes",)
OWN_FUNCTIONS = ("prepare", "features", "model", "label", "guard")
"""Fields with functions of the author that run in the parent; ``decode`` runs in a child."""


@dataclass(frozen=True)
class Policy:
    """How the model engine chooses.

    Parameters
    ----------
    scheduler : Scheduler
        Chooses parents.
    mutators : Scheduler
        Chooses the mutator of each group.
    steer : tuple of Coverage
        The criteria whose new cells make a row an entry; the others are only measured.
    wild_share : float
        Share of the groups, 0..1, that leave the label-preserving bounds.
    control_every : int
        One batch in so many is a control batch (DESIGN rule 8); 0: none.
    """

    scheduler: Scheduler = field(default_factory=Adaptive)
    mutators: Scheduler = field(default_factory=Thompson)
    steer: tuple[Coverage, ...] = (NeuronCoverage(), OutputCells())
    wild_share: float = 0.25
    control_every: int = 10


@dataclass(frozen=True, kw_only=True)
class Harness:
    """The system under test: where its inputs come from and how they become an answer.

    Parameters
    ----------
    domain : Domain, optional
        What the model is fed from; None: code only.
    decode : callable bytes -> arrays, optional
        What ships; default: the domain's own codec.
    prepare : callable arrays -> arrays, optional
        Host code between decode and the model, one input at a time.
    features : callable Batch -> Batch, optional
        The same in backend operations, compiled into the step.
    model : callable () -> Target, optional
        Called in the process that needs it.
    label : callable Path -> int or None, optional
        The trusted answer to a seed; default: ``labels.csv`` beside the seeds (``file,label``).
    mutators, oracles, coverage : sequences, optional
        Default: the domain's.
    guard : callable Batch -> (B,) bool, optional
        Rows for which it is False are not judged.
    code : sequence of EntryPoint
        Default: one for ``decode``.
    timeout_s : float, optional
        Longest time for one input; default: at least 1, else 20 times the slowest seed.
    memory_mb : int, optional
        What one input may take beyond the start of the process; default 2,048.
    """

    name: str = ""
    domain: Domain | None = None
    decode: Callable[[bytes], Any] | None = None
    prepare: Callable[[Any], Any] | None = None
    features: Callable[[Batch], Mapping[str, Array]] | None = None
    model: Callable[[], Target] | None = None
    label: Callable[[Path], int | None] | None = None
    mutators: Sequence[Mutator] | None = None
    oracles: Sequence[Oracle] | None = None
    coverage: Sequence[Coverage] | None = None
    policy: Policy = field(default_factory=Policy)
    guard: Callable[[Batch], Array] | None = None
    code: Sequence[EntryPoint] = ()
    timeout_s: float | None = None
    memory_mb: int | None = None
    path: Path = Path()
    """The file that the value came from; filled in by ``load``."""

    def entry(self, name: str) -> EntryPoint:
        """The entry point of that name; ``HarnessError`` where there is none."""
        for entry in self.code:
            if entry.name == name:
                return entry
        names = ", ".join(entry.name for entry in self.code) or "none"
        raise HarnessError(f"{self.path}: no entry point named {name!r}. Found: {names}.")

    @property
    def decode_entry(self) -> EntryPoint | None:
        """The entry point whose function is ``decode``: the model's seeds are its seeds."""
        return next((entry for entry in self.code if entry.function == self.decode), None)

    def contract_of(self, entry: EntryPoint) -> Contracts | None:
        """The entry's contract; for ``decode`` the domain's where it names none."""
        if entry.contract is None and self.domain and entry.function == self.decode:
            return self.domain.contract()
        return entry.contract

    def arrays(self, data: bytes) -> Arrays:
        """Decode one file the way that ships, and name and pad what comes out."""
        assert self.domain is not None
        return self.domain.arrays(self.decode(data)) if self.decode else self.domain.decode(data)


def load(path: str | Path) -> Harness:
    """Load the value ``harness`` of a file, with its default choices filled in.

    An Atheris script needs no such value: what it calls ``atheris.Setup`` with is the harness.
    The file's folder goes onto ``sys.path``, so that packages beside it can be imported.

    Raises
    ------
    HarnessError
        Where there is no such file, it cannot be imported, or it holds no ``Harness``.
    """
    path = Path(path)
    if not path.is_file():
        raise HarnessError(
            f"{path}: no such file. Expected a harness, such as harnesses/speech_model.py."
        )
    if atheris_script.is_script(path):
        return _complete(_of_script(path), path)
    module = _import(path)
    value = getattr(module, "harness", None)
    if not isinstance(value, Harness):
        raise HarnessError(_no_harness(path, module, value))
    return _complete(value, path)


def _of_script(path: Path) -> Harness:
    notes = atheris_script.run(path, module_name(path), _import)
    return Harness(code=[EntryPoint(**notes.entry())], **notes.limits())


def _import(path: Path, loader: Loader | None = None) -> ModuleType:
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(module_name(path), path, loader=loader)
    if spec is None or spec.loader is None:
        raise HarnessError(f"{path}: not a Python file. Expected a name that ends in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        with backend.quiet():
            spec.loader.exec_module(module)
    except Exception as error:
        raise HarnessError(f"{path}: {_why(error)}") from error
    return module


def _why(error: Exception) -> str:
    found = re.match(r"(Harness|EntryPoint|Policy)\.__init__\(\) got an unexpected keyword "
                     r"argument '(\w+)'", str(error))  # fmt: skip
    if not found:
        return (
            f"cannot be imported: {type(error).__name__}: {error}. "
            "Install what it needs, or run it with python to see more."
        )
    kind = {"Harness": Harness, "EntryPoint": EntryPoint, "Policy": Policy}[found[1]]
    names = [each.name for each in fields(kind) if each.name != "path"]
    close = difflib.get_close_matches(found[2], names, n=1)
    meant = f"did you mean {close[0]!r}?" if close else f"Expected one of {', '.join(names)}."
    return f"{found[1]} has no field {found[2]!r}; {meant}"


def _no_harness(path: Path, module: ModuleType, value: object) -> str:
    if value is not None:
        return (
            f"{path}: 'harness' is a {type(value).__name__}. "
            "Expected harness = mlfuzz.Harness(...) at the top level."
        )
    names = [name for name in vars(module) if not name.startswith("_")]
    return (
        f"{path}: no value named 'harness'. Expected harness = mlfuzz.Harness(...) at the "
        "top level, or an Atheris script that calls atheris.Setup; found: "
        f"{', '.join(names) or 'nothing'}."
    )


def _complete(harness: Harness, path: Path) -> Harness:
    name = harness.name or path.stem
    if name in RESERVED or not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise HarnessError(
            f"{path}: a harness cannot be named {name!r}. Expected letters, digits, '_' and '-', "
            f"and none of: {', '.join(RESERVED)}."
        )
    _check_values(harness, path)
    if harness.model and not harness.domain:
        raise HarnessError(
            f"{path}: a model without a domain. Expected domain=, such as mlfuzz.Audio()."
        )
    if not harness.model and not harness.code and not harness.decode:
        raise HarnessError(
            f"{path}: nothing to fuzz. Expected model=, decode= or code=[EntryPoint(...)]."
        )
    own = {each: _named(path, each, getattr(harness, each)) for each in OWN_FUNCTIONS}
    if own["model"]:
        own["model"] = functools.partial(_target, path, own["model"])
    return replace(
        harness,
        name=name,
        path=path,
        **own,
        code=_entries(harness, path),
        mutators=_mutators(harness, path),
        oracles=_default(harness.oracles, (NonFinite(), WrongAnswer(), ChangedAnswer())),
        coverage=_coverage(harness),
    )


def _check_values(harness: Harness, path: Path) -> None:
    """A class instead of a value and a value instead of a function are easy mistakes."""
    for name in ("decode", *OWN_FUNCTIONS):
        value = getattr(harness, name)
        if value is not None and not callable(value):
            raise HarnessError(
                f"{path}: {name}= is a {type(value).__name__}. Expected a function that gives it, "
                f"such as {name}=lambda: ..."
            )
    for name in ("domain", "policy", "mutators", "oracles", "coverage", "code"):
        value = getattr(harness, name)
        for each in value if isinstance(value, Sequence) else [value]:
            if isinstance(each, type):
                raise HarnessError(
                    f"{path}: {name}= holds the class {each.__name__}. "
                    f"Expected a value, such as {each.__name__}()."
                )
    code: object = harness.code
    if isinstance(code, EntryPoint) or not isinstance(code, Sequence):
        raise HarnessError(
            f"{path}: code= is a {type(code).__name__}. Expected a list: code=[EntryPoint(...)]."
        )
    for entry in code:
        if why := entry_point.problem(entry):
            raise HarnessError(f"{path}: {why}")


def _named(path: Path, name: str, function: Any) -> Any:
    """The author's function; what it raises is said with the harness and the field."""
    if function is None:
        return None

    @functools.wraps(function)
    def named(*args: Any) -> Any:
        try:
            return function(*args)
        except MlfuzzError:
            raise
        except Exception as error:
            given = f" for {args[0]}" if args and isinstance(args[0], Path) else ""
            reason = (str(error).strip().splitlines() or ["no message"])[0].rstrip(".")
            raise HarnessError(
                f"{path}: {name}= raised {type(error).__name__}{given}: {reason}. "
                "Expected no exception; call it by hand to see where."
            ) from error

    return named


def _target(path: Path, model: Callable[[], object]) -> Target:
    target = model()
    if not isinstance(target, Target):
        raise HarnessError(
            f"{path}: model= gave a {type(target).__name__}. Expected a target, such as "
            "KerasTarget(model) or KerasTarget.load(path)."
        )
    return target


def _mutators(harness: Harness, path: Path) -> tuple[Mutator, ...]:
    mutators = _default(harness.mutators, choice.default(harness.domain))
    if harness.model and not any(each.budget != "wild" for each in mutators):
        raise HarnessError(
            f"{path}: mutators= holds none that keeps the label. Expected at least one, such as "
            "mutators=[Gain()]; Audio and Image have mutators of their own, used without mutators=."
        )
    return mutators


def _coverage(harness: Harness) -> tuple[Coverage, ...]:
    """What steers, and what is always measured: neurons, output cells and, by default, sections."""
    always = (NeuronCoverage(), OutputCells())
    given = _default(harness.coverage, (MultisectionCoverage(),))
    kinds = {type(each) for each in (*harness.policy.steer, *given)}
    missing = tuple(each for each in always if type(each) not in kinds)
    return tuple(dict.fromkeys((*harness.policy.steer, *missing, *given)))


def _default(given: Sequence[Any] | None, default: tuple[Any, ...]) -> tuple[Any, ...]:
    return default if given is None else tuple(given)


def _entries(harness: Harness, path: Path) -> tuple[EntryPoint, ...]:
    given = tuple(harness.code)
    if harness.decode and not any(entry.function == harness.decode for entry in given):
        given = (EntryPoint(harness.decode, name="decode"), *given)
    entries = tuple(
        replace(
            _with_prepare(entry, harness),
            name=entry.name or getattr(entry.function, "__name__", "entry"),
        )
        for entry in given
    )
    names = [entry.name for entry in entries]
    for name in names:
        if names.count(name) > 1 or not re.fullmatch(r"[A-Za-z0-9][\w-]*", name):
            raise HarnessError(
                f"{path}: entry point name {name!r} is taken twice or not a plain word. "
                "Expected EntryPoint(function, name='...') with names of their own."
            )
    return entries


def _with_prepare(entry: EntryPoint, harness: Harness) -> EntryPoint:
    """The entry of ``decode`` goes on with ``prepare``, as what ships does."""
    if entry.function != harness.decode or harness.prepare is None or entry.then:
        return entry
    module = getattr(harness.prepare, "__module__", None)
    instrument = (*entry.instrument, *([module] if module else []))
    return replace(entry, then=harness.prepare, instrument=tuple(dict.fromkeys(instrument)))
