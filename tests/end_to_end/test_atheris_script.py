"""An Atheris script as others wrote it is fuzzed, goes on after its faults, and they come again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Project, Run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SCRIPT = """
#!/usr/bin/python3
import os
import sys
import zlib

import atheris

with atheris.instrument_imports():
    import packed


def mutate(data, max_size, seed):
    try:
        text = zlib.decompress(data)
    except zlib.error:
        text = b"?"
    return zlib.compress(atheris.Mutate(text, 64))


def main():
    @atheris.instrument_func
    def TestOneInput(data):
        try:
            text = zlib.decompress(data)
        except zlib.error:
            return
        fdp = atheris.FuzzedDataProvider(text)
        packed.read(fdp.ConsumeBytes(2), fdp.ConsumeUnicodeNoSurrogates(sys.maxsize))

    atheris.Setup(sys.argv, TestOneInput, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
"""
PACKED = """
import ctypes
import os


def read(kind, text):
    if kind == b"EX":
        raise KeyError("planted")
    if kind == b"EN":
        os._exit(3)
    if kind == b"SE":
        ctypes.string_at(0)
"""


def test_all_planted_faults_of_a_script_are_found_replayed_and_shrunk(
    project: Callable[..., Project], started: Callable[[Run], Run]
) -> None:
    tiny = project(seeds={})
    made = replace(tiny, harness=tiny.folder / "fuzz_it.py", name="fuzz_it")
    made.harness.write_text(SCRIPT)
    made.harness.with_name("packed.py").write_text(PACKED)

    run = started(made.start("run", str(made.harness), "--time", "100s"))
    for cause in (r"KeyError.*packed:read", "exit 3", r"SIGSEGV.*packed:read"):
        assert run.wait_for(f"^new finding .* in TestOneInput .*stable.*{cause}"), run.text
    run.interrupt()
    assert run.end() == 130
    assert not run.left_behind()

    ids = {finding.id for finding in made.findings()}
    assert len(ids) == 3, "one for each, however often it was met"
    assert made.replay().end() == 0
    assert made.command("shrink", "all", "--harness", str(made.harness)).end() == 0
    assert made.replay().end() == 0
    assert {finding.id for finding in made.findings()} == ids
