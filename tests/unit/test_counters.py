"""Branches of instrumented code are counted in memory that libFuzzer reads."""

import mmap
import subprocess
import sys

import pytest
from atheris import instrument_bytecode

from mlfuzz.code_child.counters import AFTER, PAGE, Counters
from mlfuzz.code_child.instrument import count_branches

GATES = """
import os, sys, atheris
from mlfuzz.code_child.instrument import count_branches
counters = count_branches() if sys.argv[1] == "counted" else None
runs = 0

def gates(data):
    for index in range(min(6, len(data))):
        if data[index] >> 4 != 3 + index % 4:
            return 0
    if len(data) >= 6:
        print(f"opened after {runs}", flush=True)
        os._exit(0)

def run(data):
    global runs
    runs += 1
    if counters is not None:
        counters.connect()
    gates(data)

if counters is not None:
    gates.__code__ = atheris.patch_code(gates.__code__, False)
atheris.Setup(["gates", "-runs=300000", "-seed=1", "-max_len=16", "-len_control=0"], run)
atheris.Fuzz()
"""


@pytest.fixture
def counters(monkeypatch):
    monkeypatch.setattr(instrument_bytecode, "Instrumentor", instrument_bytecode.Instrumentor)
    counters = count_branches()
    assert counters is not None, "this Atheris or this Python is another than we know"
    return counters


def pages(function):
    return [each for each in function.__code__.co_consts if isinstance(each, mmap.mmap)]


def test_a_branch_is_counted_each_time_it_is_taken(counters):
    def sign(value):
        return "minus" if value < 0 else "plus"

    sign.__code__ = instrument_bytecode.patch_code(sign.__code__, False)
    (page,) = pages(sign)
    page[:] = bytes(PAGE)
    answers = [sign(value) for value in (-1, -1, -1, 1)]
    assert answers == ["minus", "minus", "minus", "plus"]
    # entered four times, one way taken three times and the other once
    assert {count for count in page[:] if count} == {1, 3, 4}


def test_a_loop_counts_to_four(counters):
    def loop(times):
        for _ in range(times):
            pass

    loop.__code__ = instrument_bytecode.patch_code(loop.__code__, False)
    (page,) = pages(loop)
    most = {}
    for times in (0, 1, 2, 3, 1000):
        page[:] = bytes(PAGE)
        loop(times)
        most[times] = max(page[:])
    # the loop's head is passed once more than its body
    assert most == {0: 1, 1: 2, 2: 3, 3: 4, 1000: 4}
    assert len(AFTER) == 256 and set(AFTER[3:]) == {4}


def test_what_was_seen_is_not_new_again_and_what_is_cleared_was_not_there(counters):
    def sign(value):
        return "minus" if value < 0 else "plus"

    sign.__code__ = instrument_bytecode.patch_code(sign.__code__, False)

    def is_new(value):
        counters.clear()
        sign(value)
        return counters.is_new()

    assert [is_new(value) for value in (-1, -2, 1, 2)] == [True, False, True, False]
    sign(1)
    sign(1)
    assert counters.is_new()  # three times in one input
    counters.clear()
    assert not counters.is_new()


def test_pages_that_come_later_leave_what_was_seen_alone() -> None:
    counters = Counters()
    page = counters.pages(1)
    page[3] = 1
    assert counters.is_new()
    later = counters.pages(2)
    assert not counters.is_new()
    later[5] = 1
    assert counters.is_new() and not counters.is_new()


def test_instrumented_code_can_still_be_hashed_and_compared(counters):
    def nothing():
        return None

    nothing.__code__ = instrument_bytecode.patch_code(nothing.__code__, False)
    assert hash(nothing.__code__) == hash(nothing.__code__)
    assert nothing.__code__ == nothing.__code__.replace()


def test_no_two_places_share_a_counter():
    counters = Counters()
    places = {(id(page), index) for page, index in (counters.reserve() for _ in range(PAGE + 10))}
    assert len(places) == PAGE + 10


@pytest.mark.parametrize(("how", "is_opened"), [("counted", True), ("bare", False)])
def test_libfuzzer_is_guided_by_the_counters(how, is_opened):
    """Six gates of one in sixteen each: 16.8 million inputs blind, a few thousand step by step."""
    done = subprocess.run(
        [sys.executable, "-c", GATES, how], capture_output=True, text=True, timeout=120
    )
    assert ("opened after" in done.stdout) == is_opened, done.stderr[-2000:]
