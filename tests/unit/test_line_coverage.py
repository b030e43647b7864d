"""The lines of the target that inputs reach, and those that none does."""

from __future__ import annotations

import io
import os
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from mlfuzz.errors import EngineError, StoreError
from mlfuzz.harness import load
from mlfuzz.outcome.lines import LineTrace, function_lines, read_records
from mlfuzz.triage import line_coverage
from mlfuzz.triage.line_coverage import (
    EntryCoverage,
    FileCoverage,
    file_coverage,
    print_coverage,
    ranges,
    replayed,
    summary,
    told,
)

TARGET = '''\
"""A reader."""
import os
import time

LIMITS = [each for each in (1, 2)]


class BadFile(Exception):
    code = 7

    def unused(self):
        return (
            self.code
        )


def parse(data):
    """What a first byte does."""
    if data[:1] == b"a":
        raise BadFile
    if data[:1] == b"d":
        before_death(data)
    if data[:1] == b"h":
        while True:
            time.sleep(0.01)
    for each in data:
        if each > 200:
            return [n for n in data]
    return None


def before_death(data):
    os.abort()


def never(data):
    try:
        parse(data)
    except BadFile:
        pass


first = lambda data: data[0]
'''
# The head of each function and the lines with code of their own; neither imports nor class bodies.
LINES = [11, 13, 12, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 32, 33, 36, 37, 38, 39, 40, 43]

HARNESS = """
import reader
from mlfuzz import EntryPoint, Harness

def one(data):
    return reader.parse(data)

def other(data):
    import late
    return late.double(data)

harness = Harness(
    code=(
        EntryPoint(one, refuses=(reader.BadFile,), instrument=("reader",)),
        EntryPoint(other, instrument=("late",)),
    ),
)
"""
LATE = """
def double(data):
    if not data:
        return None
    return data * 2
"""


@pytest.fixture
def harness(tmp_path: Path) -> Path:
    (tmp_path / "reader.py").write_text(TARGET)
    (tmp_path / "late.py").write_text(LATE)
    path = tmp_path / "h.py"
    path.write_text(HARNESS)
    return path


def covered(path: Path, **inputs: Sequence[bytes]) -> list[EntryCoverage]:
    named = {name: [(repr(data), data) for data in given] for name, given in inputs.items()}
    return replayed(load(path), named)


def reached(result: EntryCoverage, file: str) -> list[int]:
    [found] = [each for each in result.files if Path(each.file).name == file]
    return sorted(found.reached)


# --- which lines there are ------------------------------------------------------------------------


def test_the_lines_are_those_of_functions() -> None:
    code = compile(TARGET, "reader.py", "exec")
    assert sorted(set(function_lines(code))) == sorted(LINES)


@pytest.mark.parametrize(
    ("lines", "missing", "text"),
    [
        ([], [], ""),
        ([1, 2, 3], [], ""),
        ([1, 2, 3], [2], "2"),
        ([1, 2, 3], [2, 3], "2-3"),
        ([1, 5, 9, 12], [5, 9], "5-9"),  # between them is no line with code
        ([1, 2, 3, 4, 5], [1, 2, 4], "1-2, 4"),
    ],
)
def test_ranges_are_written_as_coverage_py_does(
    lines: list[int], missing: list[int], text: str
) -> None:
    assert ranges(lines, missing) == text


def test_the_summary_counts_a_shared_file_once() -> None:
    def part(*lines: int) -> EntryCoverage:
        file = FileCoverage("f.py", frozenset(range(8)), frozenset(lines))
        return EntryCoverage("e", 1, 1, (file,), ())

    assert summary([part(1, 2), part(2, 3, 4)]) == "4 of 8 lines of functions reached (50%)"
    assert "0 of 0" in summary([])


def test_a_file_that_is_gone_shows_what_was_reached(tmp_path: Path) -> None:
    assert file_coverage(str(tmp_path / "gone.py"), {3, 4}).missing == ""


def test_a_cut_record_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "record"
    path.write_bytes(b'["a.py",0]\n["a.py",3]\n["a.p')
    assert read_records(path) == {"a.py": {3}}


# --- which are reached ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"a", [17, 19, 20]),
        (b"b", [17, 19, 21, 23, 26, 27, 29]),
        (b"\xff", [17, 19, 21, 23, 26, 27, 28]),
        (b"", [17, 19, 21, 23, 26, 29]),
    ],
)
def test_an_input_reaches_these_lines(harness: Path, data: bytes, lines: list[int]) -> None:
    [result] = covered(harness, one=[data])
    assert reached(result, "reader.py") == lines
    assert reached(result, "h.py") == [5, 6]
    assert result.deadly == ()


def test_inputs_add_up_and_what_none_reaches_is_named(harness: Path) -> None:
    [result] = covered(harness, one=[b"a", b"\xff", b"b"])
    [file] = [each for each in result.files if Path(each.file).name == "reader.py"]
    assert file.missing == "11-13, 22, 24-25, 32-43"


def test_each_entry_point_has_its_own_target(harness: Path) -> None:
    one, other = covered(harness, one=[b"a"], other=[b"x"])
    assert {Path(each.file).name for each in one.files} == {"h.py", "reader.py"}
    assert reached(other, "late.py") == [2, 3, 5]
    assert reached(other, "h.py") == [8, 9, 10]


def test_a_module_that_no_input_imports_is_shown_too(harness: Path) -> None:
    harness.write_text(HARNESS.replace("    import late\n", "    return None\n    import late\n"))
    [result] = covered(harness, other=[b""])
    assert reached(result, "late.py") == []


def test_an_entry_point_without_inputs_has_no_files(harness: Path) -> None:
    _, other = covered(harness, one=[b"a"], other=[])
    assert other == EntryCoverage("other", 0, 0, (), ())


def test_the_end_of_a_run_tells_which_files_have_lines_left(harness: Path, tmp_path: Path) -> None:
    seeds = tmp_path / "corpora" / "h" / "seeds"
    for entry, data in (("one", b"a"), ("other", b"x")):
        (seeds / entry).mkdir(parents=True)
        (seeds / entry / "seed").write_bytes(data)
    total, *files = told(load(harness), tmp_path / "corpora", 30)
    assert re.fullmatch(r"\d+ of \d+ lines of functions reached \(\d+%\) by 2 inputs; not:", total)
    [line] = [each for each in files if "reader.py" in each]
    assert line.endswith("reader.py: 11-13, 21-43")


def test_what_there_was_no_time_for_is_told(harness: Path, tmp_path: Path) -> None:
    seeds = tmp_path / "corpora" / "h" / "seeds" / "one"
    seeds.mkdir(parents=True)
    (seeds / "seed").write_bytes(b"a")
    [total] = told(load(harness), tmp_path / "corpora", 0)
    assert total.endswith("by 0 of 1 inputs in 0 s")


def test_what_a_child_takes_to_import_is_no_inputs_time(harness: Path, tmp_path: Path) -> None:
    harness.write_text(f"import time\ntime.sleep(3)\n{harness.read_text()}")
    seeds = tmp_path / "corpora" / "h" / "seeds" / "one"
    seeds.mkdir(parents=True)
    for data in (b"a", b"b"):
        (seeds / data.decode()).write_bytes(data)
    total, *_ = told(load(harness), tmp_path / "corpora", 2.5)
    assert "by 2 inputs" in total


def test_the_words_of_a_child_are_escaped(
    harness: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise EngineError("last words: \x1b[31mred")

    monkeypatch.setattr(line_coverage, "replayed", fails)
    [line] = told(load(harness), tmp_path / "corpora", 1)
    assert "red" in line and "\x1b" not in line


def test_a_deadly_input_is_named_and_its_lines_count(harness: Path) -> None:
    [result] = covered(harness, one=[b"a", b"d", b"\xff"])
    [line] = result.deadly
    assert line.startswith("b'd': native") and "SIGABRT" in line
    assert reached(result, "reader.py") == [17, 19, 20, 21, 22, 23, 26, 27, 28, 32, 33]


def test_a_hang_is_named_and_does_not_stop_it(
    harness: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlfuzz.triage.line_coverage.DEFAULT_TIMEOUT_S", 0.3)
    [result] = covered(harness, one=[b"h", b"a"])
    [line] = result.deadly
    assert line.startswith("b'h': hang")
    assert {20, 24, 25} <= set(reached(result, "reader.py"))


def test_a_trace_ends_with_its_input(tmp_path: Path) -> None:
    handle = os.open(tmp_path / "record", os.O_WRONLY | os.O_CREAT)
    before = sys.gettrace()
    sys.settrace(None)
    try:
        with LineTrace((__name__,), handle):
            textwrap.dedent("nothing of the target")
        assert sys.gettrace() is None
    finally:
        sys.settrace(before)
        os.close(handle)


# --- the command ----------------------------------------------------------------------------------


def shown(path: Path, corpora: Path) -> str:
    file = io.StringIO()
    print_coverage(path, corpora, Console(file=file, width=120, color_system=None))
    return file.getvalue()


def test_the_command_replays_seeds_and_queue(harness: Path, tmp_path: Path) -> None:
    corpora = tmp_path / "corpora"
    for folder, data in (("seeds/one", b"a"), ("queue/bytes/one", b"d")):
        (corpora / "h" / folder).mkdir(parents=True)
        (corpora / "h" / folder / "x\x1b[31m").write_bytes(data)
    text = shown(harness, corpora)
    assert "one: 2 inputs replayed" in text and "reader.py" in text
    # Of 23 lines: 17, 19, 20, then 21, 22, 32, 33.
    assert " ".join(["23", "7", "30%", "11-13,", "23-29,", "36-43"]) in " ".join(text.split())
    assert "native, the process ended with SIGABRT" in text and "\x1b" not in text
    assert "other: nothing to replay" in text and "lines of functions reached" in text


def test_nothing_to_replay_says_what_to_do(harness: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no seeds and no corpus.*mlfuzz run"):
        shown(harness, tmp_path / "corpora")
