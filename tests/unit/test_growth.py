"""Growth is judged by a series of doublings, each step of it; linear code is not accused."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from mlfuzz.detectors import Growth
from mlfuzz.detectors.growth import fit
from mlfuzz.structure.repeated import Repeated, repeated
from mlfuzz.worker import Worker

HARNESS = """

from mlfuzz import EntryPoint, Harness




def quadratic(data: bytes) -> int:
    return len(_pairs(data))


def _pairs(data: bytes) -> list:
    text = data.decode("latin-1")
    return [text[:at].count("b") for at in range(len(text))]


def matrix(data: bytes) -> int:
    rows = [bytes(len(data)) for _ in data]
    return len(rows)


def linear(data: bytes) -> int:
    return sum(byte * 3 for byte in data * 50)


def sorting(data: bytes) -> list:
    return sorted([data[at:at + 8] for at in range(len(data))] * 20)


def limited(data: bytes) -> int:
    return sum(range(1_000_000)) if len(data) > 5_000 else 0


harness = Harness(
    code=[EntryPoint(quadratic), EntryPoint(matrix), EntryPoint(linear), EntryPoint(sorting),
          EntryPoint(limited), EntryPoint(quadratic, name="off", detectors=[])]
)
"""


def test_slopes_worked_out_by_hand() -> None:
    counts = [1, 2, 4, 8]
    assert fit(counts, [3, 12, 48, 192]) == pytest.approx(2.0)  # four times a doubling
    assert fit(counts, [5, 10, 20, 40]) == pytest.approx(1.0)
    assert fit(counts, [7, 7, 7, 7]) == pytest.approx(0.0)
    # log2 of the costs: 0, 1, 1, 3; about the mean of x, 1.5: (0 - 0.5 + 0.5 + 4.5 - 0) / 5
    assert fit(counts, [1, 2, 2, 8]) == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("costs", "is_steep"),
    [
        ([1, 4, 16, 64], True),
        ([1, 8, 64, 512], True),
        ([8, 16, 32, 64], False),
        ([n * math.log2(n) for n in (128, 256, 512, 1024)], False),
        ([64, 64, 64, 64], False),
        ([1, 1, 1, 1000], False),  # refused below a limit, not growth
        ([10, 20, 40, 320], False),  # one step: a cache overflowed
        ([0.01, 0.04, 0.16, 0.64], False),  # too short to be told from noise
        ([4, 16, 64], False),  # two doublings are no series
    ],
)
def test_a_series_accuses_only_where_each_doubling_does(costs: list[float], is_steep: bool) -> None:
    counts = [128 << step for step in range(len(costs))]
    assert Growth().is_steep(counts, costs, least=10) is is_steep


def test_what_is_repeated_is_found_in_the_input() -> None:
    assert repeated(b'{"a": "' + b"xy " * 500 + b'"}') == Repeated(b'{"a": "', b"xy ", 500, b'"}')
    assert repeated(b"ab" + b"c" * 100) == Repeated(b"ab", b"c", 100, b"")
    assert repeated(bytes(range(256)) * 2) is None
    assert repeated(b"") is None
    assert repeated(b"a" * 10) is None
    found = repeated(b"<a>" * 64)
    assert found is not None and found.times(2) == b"<a><a>"


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Worker:
    path = tmp_path_factory.mktemp("growth") / "growth_harness.py"
    path.write_text(HARNESS)
    with Worker(path) as worker:
        yield worker


@pytest.mark.parametrize(
    ("entry", "size", "signature"),
    [("quadratic", 10_000, "_pairs"), ("matrix", 8_000, "matrix")],
)
def test_growth_is_a_fault_of_the_function_that_it_is_spent_in(
    worker: Worker, entry: str, size: int, signature: str
) -> None:
    outcome = worker.execute(entry, b"[" + b"a" * size + b"]")
    assert outcome.verdict is not None, outcome
    assert outcome.verdict.kind == "growth"
    assert (
        f":{signature}" in outcome.verdict.signature[-1] or entry == outcome.verdict.signature[-1]
    )
    assert "grows as repetitions^" in str(outcome.verdict.values["message"])


@pytest.mark.parametrize("entry", ["linear", "sorting", "limited", "off"])
def test_ordinary_code_is_left_alone(worker: Worker, entry: str) -> None:
    assert worker.execute(entry, b"[" + b"ab" * 4_000 + b"]").state == "answered"


def test_a_quadratic_loop_answers_what_is_not_repeated(worker: Worker) -> None:
    assert worker.execute("quadratic", bytes(range(256))).state == "answered"


def test_a_doubling_that_never_ends_is_given_up() -> None:
    script = (
        "from mlfuzz import EntryPoint; from mlfuzz.detectors import Growth, Guard\n"
        "from mlfuzz.outcome.growth import grown\n"
        "def explosive(data):\n"
        "    while len(data) > 300: pass\n"
        "entry = EntryPoint(explosive, detectors=[Growth()])\n"
        "print(grown(entry, b'a' * 200, Guard((), ())))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60)
    assert done.stdout == b"None\n", done.stderr
