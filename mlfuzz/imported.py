"""What the author's modules hold once they are imported: values that belong into a function.

No framework may be imported here: classes are known by the names of their modules.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

FRAMEWORKS = ("tensorflow", "keras", "jax", "jaxlib", "torch")
HEAVY = {
    "Tensor": "tensor",
    "Array": "tensor",
    "Variable": "variable",
    "Parameter": "variable",
    "DatasetV2": "dataset",
    "Dataset": "dataset",
    "Model": "model",
    "Module": "model",
}
"""Names of classes of these frameworks, and the word for their values."""


def module_name(path: Path) -> str:
    """The name under which a harness's file is imported."""
    return f"_harness_{path.stem}"


def values_of_frameworks(path: Path) -> list[str]:
    """One line for each tensor, variable, dataset or model at the top of an author's module.

    They start a framework and its threads in every process that loads the harness.

    Parameters
    ----------
    path : Path
        The harness's file, already imported with all that it imports.
    """
    return [
        f"{path}: module {module} makes a {what} when it is imported: {name}. Expected it to be "
        "made inside the function given as model=, or each child makes its own; the run goes on."
        for module, value in sorted(_own_modules(path).items())
        for name, what in _heavy(value)
    ]


def _own_modules(path: Path) -> dict[str, ModuleType]:
    """Loaded modules that are neither installed nor mlfuzz; the harness's file under its stem."""
    return {
        path.stem if name == module_name(path) else name: module
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] not in ("mlfuzz", "__main__")
        and not _is_installed(getattr(module, "__file__", None))
    }


def _is_installed(file: str | None) -> bool:
    """Whether a module's file is none of the author's; built-in ones have no file at all."""
    if not file:
        return True
    folders = Path(file).resolve().parents
    return Path(sysconfig.get_path("stdlib")).resolve() in folders or any(
        folder.name in ("site-packages", "dist-packages") for folder in folders
    )


def _heavy(module: ModuleType) -> Iterator[tuple[str, str]]:
    for name, value in list(vars(module).items()):
        kinds = [
            kind.__name__.rpartition(".")[2]
            for kind in type(value).__mro__
            if kind.__module__.partition(".")[0] in FRAMEWORKS
        ]
        heavy = next((HEAVY[kind] for kind in kinds if kind in HEAVY), None)
        if heavy:
            yield name, heavy
