"""What is instrumented of modules that were there before the hook."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from mlfuzz.code_child.instrument import instrument

MARK = "__ATHERIS_INSTRUMENTED__"
PART = """
def plain():
    return 1


def make():
    def made():
        return 2

    return made


made_before = make()
"""


@pytest.fixture
def part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The loaded module ``pack_here.part``."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "pack_here").mkdir()
    (tmp_path / "pack_here" / "__init__.py").touch()
    (tmp_path / "pack_here" / "part.py").write_text(PART)
    yield importlib.import_module("pack_here.part")
    for name in ("pack_here", "pack_here.part"):
        sys.modules.pop(name, None)


def is_instrumented(function: Callable[[], int]) -> bool:
    return MARK in function.__code__.co_consts


@pytest.mark.parametrize("name", ["pack_here", "pack_here.part"])
def test_a_package_is_named_with_its_parts(part: ModuleType, name: str) -> None:
    assert not is_instrumented(part.plain)
    instrument([name])
    assert is_instrumented(part.plain)
    assert part.plain() == 1


def test_functions_that_were_made_in_functions_are_instrumented(part: ModuleType) -> None:
    instrument(["pack_here.part"])
    assert is_instrumented(part.made_before)
    assert is_instrumented(part.make())
    assert part.made_before() == 2
