"""An unmodified Atheris script: run to where it would fuzz, with a stand-in that takes notes.

Of Atheris only the name is known here: what the stand-in does not answer, the real one does.
Nothing is fuzzed and nothing is instrumented.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import symtable
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import Loader
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NoReturn

from mlfuzz import libfuzzer
from mlfuzz.errors import HarnessError

_NEVER_INSTRUMENTED = frozenset({"atheris", "mlfuzz"})
_STANDARD = frozenset(sys.stdlib_module_names)


def is_script(path: Path) -> bool:
    """Whether a file imports Atheris and has no value ``harness``; it is not run."""
    try:
        source = path.read_bytes()
        tree = ast.parse(source, str(path))
        names = symtable.symtable(source, str(path), "exec")  # type: ignore[arg-type]
    except (SyntaxError, ValueError):
        return False  # its import says why
    bound = {each.get_name() for each in names.get_symbols() if _is_bound(each)}
    return "harness" not in bound and any(_imports_atheris(node) for node in ast.walk(tree))


def _is_bound(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported()


def _imports_atheris(node: ast.AST) -> bool:
    names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
    if isinstance(node, ast.ImportFrom) and not node.level:
        names = [node.module or ""]
    return any(_package(name) == "atheris" for name in names)


def run(path: Path, module: str, import_: Callable[[Path, Loader], object]) -> Notes:
    """Run a script up to ``Fuzz``, as a module of the given name.

    Parameters
    ----------
    import_ : callable
        Imports a file by a loader.

    Raises
    ------
    HarnessError
        Without Atheris, or if the script never calls ``Setup``.
    """
    notes, end = Notes(module), "it ran to its end"
    with _noted(path, notes):
        try:
            import_(path, _AsMain(module, str(path)))
        except _Started:
            pass
        except SystemExit as error:
            end = f"it exits with {error.code!r}, run without arguments"
    if notes.function is None:
        raise HarnessError(
            f"{path}: no value named 'harness', and it does not call atheris.Setup: {end}. "
            "Expected one of them."
        )
    return notes


class _AsMain(SourceFileLoader):
    """Compiles a file so that it takes itself for the program.

    Only where it says ``__name__`` it reads ``"__main__"``: its functions and classes belong to a
    module of their own, by which stacks and pickles find them in every process.
    """

    def get_code(self, fullname: str) -> CodeType:
        tree = _Main().visit(ast.parse(self.get_data(self.path), self.path))
        code: CodeType = compile(tree, self.path, "exec", dont_inherit=True)
        return code


class _Main(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id == "__name__" and isinstance(node.ctx, ast.Load):
            return ast.copy_location(ast.Constant("__main__"), node)
        return node


class _Started(BaseException):
    """Ends the script where ``Fuzz`` would go on for ever."""


class Notes:
    """What a script told Atheris.

    Parameters
    ----------
    module : str
        The name of the script's module.

    Attributes
    ----------
    function : callable or None
        What it wants to have fuzzed; None: it never called ``Setup``.
    modules : mapping with the names of modules to instrument, those that it names itself
    arguments : sequence of str
        For libFuzzer.
    """

    def __init__(self, module: str) -> None:
        self.function: Callable[[bytes], object] | None = None
        self.arguments: Sequence[str] = ()
        self.modules: dict[str, None] = {}
        self._module, self._deeper = module, dict[str, None]()
        self._imported, self._imported_deeper = dict[str, None](), dict[str, None]()
        self._own: Mapping[str, Any] = {}
        self._hooks: list[str] = []
        self._wants: Callable[[str], bool] = lambda name: False
        self._import = builtins.__import__

    def entry(self) -> dict[str, Any]:
        """The fields of the entry point."""
        name = getattr(self.function, "__name__", "").lstrip("_")
        return {
            "function": self.function,
            "name": name if name.isidentifier() and name.isascii() else "TestOneInput",
            "instrument": tuple(dict.fromkeys((self._module, *self.modules, *self._deeper))),
            "options": libfuzzer.Options(
                folders=libfuzzer.folders(self.arguments),
                tokens=libfuzzer.tokens(self.arguments),
                max_bytes=libfuzzer.number(self.arguments, "max_len"),
                mutate=self._own.get("custom_mutator"),
                cross=self._own.get("custom_crossover"),
                hooks=tuple(self._hooks),
                unused=libfuzzer.unused(self.arguments),
            ),
        }

    def limits(self) -> dict[str, Any]:
        """The fields of the harness."""
        return {
            "timeout_s": libfuzzer.number(self.arguments, "timeout"),
            "memory_mb": libfuzzer.number(self.arguments, "rss_limit_mb"),
        }

    def stand_in(self, real: ModuleType) -> ModuleType:
        """A module like the real one, but for what is noted here."""
        module = ModuleType(real.__name__, real.__doc__)
        vars(module).update(vars(real))
        for each in (
            self.Setup,
            self.Fuzz,
            self.instrument_imports,
            self.instrument_func,
            self.instrument_all,
        ):
            setattr(module, each.__name__, each)
        module.Mutate = lambda data, size: real.Mutate(data, size)  # type: ignore[attr-defined]
        module.enabled_hooks = _Hooks(self._hooks)  # type: ignore[attr-defined]
        return module

    # --- what the script calls, by Atheris's names ---

    def Setup(
        self, arguments: Sequence[str], function: Callable[[bytes], object], **own: Any
    ) -> list[str]:
        self.arguments, self.function, self._own = list(arguments), function, own
        return [each for each in arguments if each[:1] != "-" or each[:2] == "--" or each == "-"]

    def Fuzz(self) -> NoReturn:
        raise _Started

    @contextmanager
    def instrument_imports(
        self,
        include: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        enable_loader_override: bool = True,
    ) -> Iterator[None]:
        """What is imported inside, and what that imports beyond the standard library."""
        before, without = self._wants, frozenset(exclude or ())
        self.modules.update(dict.fromkeys(include or ()))
        self._wants = lambda name: not (include or {name, _package(name)} & without)
        try:
            yield
        finally:
            self._wants = before

    def instrument_func(self, function: Any) -> Any:
        """The whole module of the function: the script's own is instrumented anyway."""
        module = getattr(function, "__module__", self._module)
        if module != self._module:
            self.modules[module] = None
        return function

    def instrument_all(self) -> None:
        """All that was imported up to here; Atheris would take mlfuzz, too."""
        self.modules.update(self._imported)
        self._deeper.update(self._imported_deeper)

    # --- imports ---

    def import_(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """In the place of ``__import__``: a finder sees nothing of what mlfuzz has loaded."""
        module = self._import(name, globals, locals, fromlist or (), level)
        importer = str((globals or {}).get("__name__", ""))
        if not level and importer == self._module:
            parts = (f"{name}.{each}" for each in fromlist or ())
            for each in (name, *parts, _package(name)):
                self._note(each, self.modules, self._imported)
        elif not level and not {_package(name), _package(importer)} & _STANDARD:
            self._note(_package(name), self._deeper, self._imported_deeper)
        return module

    def _note(self, name: str, inside: dict[str, None], anywhere: dict[str, None]) -> None:
        if _package(name) in _NEVER_INSTRUMENTED or not _has_source(sys.modules.get(name)):
            return
        anywhere[name] = None
        if self._wants(name):
            inside[name] = None


class _Hooks:
    """``atheris.enabled_hooks``: the child that fuzzes enables them, before it runs the script."""

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def add(self, name: str) -> None:
        self._names.append(name)

    def __contains__(self, name: str) -> bool:
        return name.lower() in (each.lower() for each in self._names)


def _package(name: str) -> str:
    return name.partition(".")[0]


def _has_source(module: ModuleType | None) -> bool:
    """Whether Atheris would instrument it: not what is built in, frozen or an extension."""
    spec = getattr(module, "__spec__", None)
    if spec is None or spec.origin in ("built-in", "frozen"):
        return False
    return bool(spec.submodule_search_locations) or str(spec.origin).endswith(".py")


@contextmanager
def _noted(path: Path, notes: Notes) -> Iterator[None]:
    """A stand-in for Atheris, and a command line without arguments."""
    real, before = _atheris(path), (sys.argv, builtins.__import__)
    sys.modules["atheris"] = notes.stand_in(real)
    sys.argv, builtins.__import__ = [str(path)], notes.import_
    try:
        yield
    finally:
        sys.modules["atheris"] = real
        sys.argv, builtins.__import__ = before


def _atheris(path: Path) -> ModuleType:
    try:
        return importlib.import_module("atheris")
    except ImportError as error:
        raise HarnessError(
            f"{path}: an Atheris script, but atheris cannot be imported: {error} "
            f"({sys.executable}). Expected it: pip install atheris (Linux, x86_64)."
        ) from error
