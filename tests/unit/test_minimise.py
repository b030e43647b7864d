"""A minimised input is smaller, still shows the same fault, and says which bytes matter."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from itertools import islice

import planted
import pytest

from mlfuzz.entry_point import EntryPoint
from mlfuzz.minimise import critical_bytes, minimise
from mlfuzz.outcome import execute
from mlfuzz.outcome.same import SameFault
from mlfuzz.store import finding_id
from mlfuzz.triage.hexdump import MAX_LINES, hexdump

A_FINDING_EACH = 45
"""Of five targets: 225 in all."""


def small(data: bytes, still_fails: Callable[[bytes], bool], **options: object) -> bytes:
    values = {"max_executions": 10_000, "deadline_s": 60.0, **options}
    return minimise(data, still_fails, **values)  # type: ignore[arg-type]


def critical(data: bytes, still_fails: Callable[[bytes], bool]) -> list[tuple[int, int]]:
    return critical_bytes(data, still_fails, max_executions=10_000, deadline_s=60.0)


# --- the search -----------------------------------------------------------------------------------


def test_what_does_not_matter_goes_and_what_matters_stays() -> None:
    data = b"some text GAIN more text \xff\xfe and the rest of it"
    assert small(data, lambda data: b"GAIN" in data) == b"GAIN"


def test_bytes_that_may_be_anything_become_zero_then_text() -> None:
    assert small(b"\x91x\x92", lambda data: len(data) == 3 and data[1:2] == b"x") == b"\0x\0"
    assert small(b"97", lambda data: data.isdigit() and len(data) == 2) == b"00"
    assert small(b"Z", lambda data: data.isalpha()) == b"a"
    assert small(b"Z\t", lambda data: data[:1].isspace() or data[:1] == b"Z") == b" "


def test_bytes_go_towards_the_seed_where_it_is_known() -> None:
    found = small(
        b"RIFF\x99\x07", lambda data: len(data) == 6 and data[5] == 7, seed=b"RIFF\x04\x01"
    )
    assert found == b"RIFF\x04\x07"


def test_the_empty_input_is_the_smallest() -> None:
    assert small(b"abc" * 99, lambda data: True) == b""


def test_a_long_tail_goes_in_few_executions() -> None:
    calls: list[bytes] = []

    def still_fails(data: bytes) -> bool:
        calls.append(data)
        return data[:1] == b"\1"

    assert small(b"\1" + bytes(100_000), still_fails) == b"\1"
    assert len(calls) < 100


def test_the_same_comes_again_and_once_more_changes_nothing() -> None:
    def still_fails(data: bytes) -> bool:
        return data.count(b"a") >= 3 and len(data) % 2 == 1 and sum(data) % 3 == 0

    data = next(
        data
        for data in (bytes(random.Random(i).choices(b"abc\0\xff", k=41)) for i in range(999))
        if still_fails(data)
    )
    first = small(data, still_fails)
    assert first == small(data, still_fails) == small(first, still_fails)
    assert len(first) < len(data)


@pytest.mark.parametrize("most", [0, 1, 7, 40])
def test_no_more_executions_than_allowed(most: int) -> None:
    calls: list[bytes] = []

    def still_fails(data: bytes) -> bool:
        calls.append(data)
        return b"x" in data

    assert still_fails(small(b"aaxaa" * 9, still_fails, max_executions=most))
    assert len(calls) <= most + 1


def test_no_longer_than_allowed() -> None:
    def slow(data: bytes) -> bool:
        time.sleep(0.01)
        return len(data) > 90

    start_s = time.monotonic()
    assert len(small(bytes(range(100)), slow, deadline_s=0.1)) > 90
    assert time.monotonic() - start_s < 2.0


def test_critical_are_the_bytes_that_may_not_change() -> None:
    assert critical(b"..GAIN..\x07.", lambda data: b"GAIN" in data and 7 in data) == [
        (2, 6),
        (8, 9),
    ]
    assert critical(b"abc", lambda data: len(data) == 3) == []
    assert critical(b"", lambda data: True) == []


# --- over findings --------------------------------------------------------------------------------


def fault_id(entry: EntryPoint, data: bytes) -> str | None:
    verdict = execute(entry, entry.contract, data).verdict
    return verdict and finding_id(verdict.kind, verdict.signature)


def findings(entry: EntryPoint) -> list[tuple[str, bytes]]:
    """(id, input) of the first inputs that fail."""
    inputs = islice(planted.mutants(entry, random.Random(entry.name)), 20_000)
    failing = ((id, data) for data in inputs if (id := fault_id(entry, data)))
    return list(islice(failing, A_FINDING_EACH))


def test_every_minimised_input_keeps_its_signature() -> None:
    start_s = time.monotonic()
    ids, ratios, executions = set(), [], 0
    for entry in planted.ENTRIES:
        for id, data in findings(entry):
            same = SameFault(entry, entry.contract, id)
            found = small(data, same, max_executions=5000)
            assert fault_id(entry, found) == id
            assert len(found) <= len(data)
            assert all(critical_end <= len(found) for _, critical_end in critical(found, same))
            ids.add(id)
            ratios.append(len(found) / len(data))
            executions += same.executions
    took_s = time.monotonic() - start_s
    print(
        f"\n{len(ratios)} findings of {len(ids)} signatures, {executions} executions, "
        f"{took_s:.1f} s: after/before median {statistics.median(ratios):.2f}, "
        f"largest {max(ratios):.2f}"
    )
    assert len(ratios) >= 200 and len(ids) >= 10
    assert statistics.median(ratios) < 0.6


@pytest.mark.parametrize("entry", planted.ENTRIES, ids=lambda entry: entry.name)
def test_the_short_cut_judges_as_a_replay_does(entry: EntryPoint) -> None:
    [(id, _), *_] = findings(entry)
    same = SameFault(entry, entry.contract, id)
    for data in islice(planted.mutants(entry, random.Random(1)), 300):
        assert same(data) == (fault_id(entry, data) == id)


# --- the text -------------------------------------------------------------------------------------


def test_critical_bytes_stand_in_brackets() -> None:
    lines = list(hexdump(b"RIFF\x1b[2J" + b"x" * 12, [(0, 2), (3, 4), (15, 17)]))
    assert lines == [
        "00000000 [52 49]46[46]1b 5b 32 4a 78 78 78 78 78 78 78[78] RIFF.[2Jxxxxxxxx",
        "00000010 [78]78 78 78                                      xxxx",
        "20 bytes, 5 of them critical",
    ]
    assert all(line.isprintable() for line in lines)


def test_lines_without_a_critical_byte_are_left_out() -> None:
    lines = list(hexdump(bytes(1000), [(500, 501)]))
    assert [line[:9] for line in lines] == ["...", "000001f0 ", "...", "1000 byte"]


@pytest.mark.parametrize(
    "spans", [[], [(0, 10**12)], [(-5, 70)], [(9, 3)], [(i, i + 1) for i in range(0, 9999, 99)]]
)
def test_the_text_is_short_whatever_is_critical(spans: Sequence[tuple[int, int]]) -> None:
    lines = list(hexdump(bytes(10_000), spans))
    assert len([line for line in lines if line[0] == "0"]) <= MAX_LINES
    assert "".join(lines[:-1]).count("[") <= 64


def test_an_input_of_nothing_has_a_text() -> None:
    assert list(hexdump(b"", [(0, 1)])) == ["0 bytes"]
