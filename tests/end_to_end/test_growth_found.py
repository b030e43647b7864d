"""A slope is found by fuzzing, long before any time-out, and comes again in a new process."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CODE = """
    code=[EntryPoint(target.trailing), EntryPoint(target.words)],
"""
TARGET = r'''
import re


def trailing(data):
    """Quadratic in blanks before something else."""
    return re.sub(r"\s+$", "", data.decode("latin-1"))


def words(data):
    """Linear, but for a sort."""
    text = data.decode("latin-1")
    return len(sorted(text)) + sum(map(ord, text)) + len(text.split())
'''


def test_a_quadratic_regular_expression_is_found_and_linear_code_is_not(
    project: Callable[..., Project],
) -> None:
    made = project(CODE, TARGET, seeds={"seed.txt": b"some few words"}, entry="trailing")
    made.seed("words", "seed.txt", b"some few words")
    run = made.run("--only", "code", "--time", "15s", "--fail-on", "none")
    found = made.findings()
    assert [(each.kind, each.source) for each in found] == [("growth", "trailing")], run.text
    assert found[0].signature == ("time", "tiny_target:trailing")
    assert found[0].stability == "stable"
    assert made.replay().end() == 0
