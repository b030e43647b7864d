"""Instrument the target: Atheris patches its bytecode, and what it patches in counts our way.

Nothing is run here but imports.
"""

from __future__ import annotations

import gc
import importlib
import mmap
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from types import FunctionType, ModuleType
from typing import Any

from mlfuzz.code_child.counters import AFTER, Counters, takes_counters


def count_branches() -> Counters | None:
    """Let instrumented code count in ``Counters`` instead of calling Atheris at each branch.

    Returns
    -------
    Counters or None
        None where this Python or this Atheris is another than we know: then Atheris counts.
    """
    from atheris import instrument_bytecode

    if not takes_counters():
        return None
    counters, theirs = Counters(), instrument_bytecode.Instrumentor
    instrument_bytecode.Instrumentor = _instrumentor(counters, instrument_bytecode)
    if _counts(instrument_bytecode.patch_code):
        return counters
    instrument_bytecode.Instrumentor = theirs
    return None


def _instrumentor(counters: Counters, atheris: Any) -> type:
    """Atheris's own, but for what it puts at a branch: ``page[i] = AFTER[page[i]]``."""

    class Instrumentor(atheris.Instrumentor):  # type: ignore[misc]
        def _generate_trace_branch_invocation(self, copyfrom_instruction: Any) -> list[Any]:
            page, index = counters.reserve()

            def make(name: str, value: object = None) -> Any:
                argument = None if value is None else self._get_const(value)
                return atheris._generate_instruction(name, argument, copyfrom_instruction)

            return [
                *(make("LOAD_CONST", value) for value in (AFTER, page, index)),
                *(make("BINARY_SUBSCR"), make("BINARY_SUBSCR")),
                *(make("LOAD_CONST", value) for value in (page, index)),
                make("STORE_SUBSCR"),
            ]

    return Instrumentor


def _counts(patch_code: Callable[..., Any]) -> bool:
    """Whether a small instrumented function does what it did, and is counted."""

    def probe(values: list[int]) -> int:
        total = 0
        for value in values:
            total += value if value > 1 else 0
        return total

    try:
        probe.__code__ = patch_code(probe.__code__, True)
        result = probe([1, 2, 3])
        pages = [each for each in probe.__code__.co_consts if isinstance(each, mmap.mmap)]
        return result == 5 and any(max(page[:]) == 4 for page in pages)  # the loop's head
    except Exception:
        return False


def branches(count: int) -> Callable[[Iterable[int]], None]:
    """So many branches of Atheris's own, and what says that some of them were taken."""
    import atheris

    numbers = [atheris._reserve_counter() for _ in range(count)]

    def take(places: Iterable[int]) -> None:
        trace = atheris._trace_branch  # another one since ``Fuzz``
        for place in places:
            trace(numbers[place])

    return take


def hook(names: Sequence[str]) -> None:
    """Instrument the named modules and their sub-modules as they are imported.

    ``atheris.instrument_imports(include=["scipy.io.wavfile"])`` would take all of scipy: seconds.
    """
    from atheris.import_hook import AtherisMetaPathFinder

    class NarrowFinder(AtherisMetaPathFinder):  # type: ignore[misc]
        def find_spec(
            self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
        ) -> ModuleSpec | None:
            if not any(fullname == name or fullname.startswith(f"{name}.") for name in names):
                return None
            spec: ModuleSpec | None = super().find_spec(fullname, path, target)
            return spec

    finder = NarrowFinder({name.partition(".")[0] for name in names}, set(), True, True)
    sys.meta_path.insert(0, finder)


def instrument(names: Sequence[str]) -> None:
    """Functions and methods of modules that the hook never saw; the others stay as they are."""
    from atheris import instrument_func

    for module in _modules(names):
        for value in list(vars(module).values()):
            members = list(vars(value).values()) if isinstance(value, type) else [value]
            for member in members:
                function = getattr(member, "__func__", member)
                if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                    instrument_func(function)
    for function in _closures(names):
        instrument_func(function)


def _closures(names: Sequence[str]) -> list[FunctionType]:
    """Functions made in functions, such as the one that a script's ``main`` fuzzes."""
    return [
        each
        for each in gc.get_objects()
        if isinstance(each, FunctionType)
        and each.__module__ in names
        and "<locals>" in each.__qualname__
    ]


def _modules(names: Sequence[str]) -> Iterator[ModuleType]:
    for name in names:
        module = sys.modules.get(name)
        if module is None:
            try:
                module = importlib.import_module(name)
            except ImportError as error:
                print(f"{name}: cannot be imported: {error}", file=sys.stderr)
                continue
        yield module
        for other, each in list(sys.modules.items()):  # parts of a package that was loaded before
            if other.startswith(f"{name}.") and isinstance(each, ModuleType):
                yield each
