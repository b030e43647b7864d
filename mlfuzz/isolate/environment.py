"""What a child may know of the outside: a few variables and where to import from."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

_KEPT = ("PATH", "LANG", "VIRTUAL_ENV", "KERAS_BACKEND", "LD_LIBRARY_PATH", "TZ")
_KEPT_PREFIXES = ("LC_", "PYTHON", "OMP_", "TF_", "CUDA_", "XLA_", "JAX_", "MLFUZZ_")
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Pools that libraries start at import: a process with threads cannot fork safely."""


def environment(home: Path) -> dict[str, str]:
    """What a child may know: nothing of the user's but paths, language and framework settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    kept.setdefault("PYTHONHASHSEED", "0")  # else the order of sets differs in a replay
    for name in _ONE_THREAD:
        kept.setdefault(name, "1")
    return kept | {
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "MALLOC_ARENA_MAX": "1",  # else each thread takes 64 MB of the limited address space
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(_own_paths()),
    }


def _own_paths() -> list[str]:
    """Where this process imports from beyond its installation, such as a source tree."""
    installed = {Path(path).resolve() for path in sysconfig.get_paths().values()}
    paths = [Path(path or os.getcwd()).resolve() for path in sys.path]
    standard = Path(os.__file__).resolve().parent
    return [
        str(path)
        for path in dict.fromkeys(paths)
        if path.is_dir() and path not in installed and standard not in (path, *path.parents)
    ]
