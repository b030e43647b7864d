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


DEADLY = """
import os
import signal


def nested(data):
    \"\"\"Slower with each bracket; as a parser in C, whose stack ends, it dies of many.\"\"\"
    count = data.count(b"(")
    if count > 5000:
        os.kill(os.getpid(), signal.SIGSEGV)
    total = 0
    for number in range(count * count // 400):
        total += number
    return total
"""


def test_an_input_that_kills_while_growth_is_measured_is_saved(
    project: Callable[..., Project],
) -> None:
    fields = "code=[EntryPoint(target.nested)],"
    made = project(
        fields, DEADLY, seeds={"seed.txt": b"(a(b(c(d(e(f(g(h(i(j(k(l(m(n("}, entry="nested"
    )
    made.run("--only", "code", "--time", "20s", "--fail-on", "none")
    deadly = [each for each in made.findings() if each.kind == "native"]
    assert [each.signature[0] for each in deadly] == ["SIGSEGV"]
    assert deadly[0].stability == "stable"


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
