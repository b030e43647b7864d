"""A run may end at any moment: what it announced is there, whole, and the next one goes on."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlfuzz.store import Corpus

if TYPE_CHECKING:
    from .conftest import Project, Run

Make = Callable[..., "Project"]
Keep = Callable[["Run"], "Run"]
# A hundred faults that are met one after the other: one input in 65,536 / 100 shows one.
FAULTS = (
    "import zlib\n\n"
    + "\n".join(f"def fault_{i}(data):\n    raise ValueError({i})\n" for i in range(100))
    + """

def decode(data):
    chance = zlib.crc32(data) % 65536
    if chance < 100:
        globals()[f"fault_{chance}"](data)
    return read(data)[:, 0].astype(np.float32) / 32768
"""
)
DECODE = "decode=target.decode, code=[EntryPoint(target.decode, refuses=[target.BadRecording])],"
# A threshold that no change within the bounds reaches: all coverage comes from rows that are kept.
MODEL = """

def model():
    return build(Energy(), [-1.0, 1.0], [0.7, -0.7])
"""
CODE_ALONE = ("--only", "code")
BOTH = ("--batch-size", "64")


@pytest.fixture
def faulty(project: Make) -> Project:
    return project(DECODE, FAULTS, model=MODEL, seeds={"a.wav": 0.25, "b.wav": 0.5})


def assert_nothing_is_lost(project: Project, announced: set[str]) -> None:
    """What was printed is on the disk; nothing there is half of something."""
    assert announced <= {finding.short_id for finding in project.findings()}
    _, damaged = Corpus(project.corpora, project.name).load()
    assert damaged == []


def kill_at_random_moments(
    project: Project, started: Keep, moments: int, longest_s: float, *args: str
) -> list[Run]:
    """kill -9 of the parent, again and again on one folder; half of the time late in its start."""
    chance = random.Random(moments)
    runs = []
    for moment in range(moments):
        run = started(project.start("run", str(project.harness), *args))
        if moment % 2:
            assert run.wait_for(r"^\d+:\d\d of ")
        time.sleep(chance.uniform(0, longest_s))
        run.kill()
        assert run.left_behind() == []
        runs.append(run)
        assert moment or "resumed" not in run.text, "there was nothing to resume"
        assert_nothing_is_lost(project, set[str]().union(*(each.announced for each in runs)))
    return runs


def best(runs: list[Run], pattern: str) -> float:
    """The largest number that the pattern found in what the runs printed."""
    return max(float(number) for run in runs for number in re.findall(pattern, run.text))


def assert_resumes(project: Project, runs: list[Run], engine: str, *args: str) -> None:
    """The next run says what it took up, and starts with the coverage that there was."""
    run = project.run(*args)
    assert run.process.returncode in (0, 1), run.text
    if engine != "model":
        assert re.search(r"^decode: resumed with [1-9]\d* inputs in ", run.text, re.M), run.text
        assert best([run], r"edges (\d+)") >= best(runs, r"edges (\d+)"), run.text
    if engine != "code":
        (line,) = [line for line in run.lines if re.match(r"resumed [\d,]+ entries", line)]
        for name in ("Neuron", "OutputCells"):
            now = float(re.findall(rf"{name}[^%]*? ([\d.]+)%", line)[0])
            assert now >= best(runs, rf"{name}[^%]*? ([\d.]+)%") - 0.5, run.text


@pytest.mark.parametrize(
    "moments", [4, pytest.param(30, marks=pytest.mark.slow)], ids=lambda n: f"{n} moments"
)
def test_kill_9_of_the_code_engine_loses_nothing_announced(
    faulty: Project, started: Keep, moments: int
) -> None:
    runs = kill_at_random_moments(faulty, started, moments, 3.0, *CODE_ALONE)
    assert_resumes(faulty, runs, "code", *CODE_ALONE, "--time", "2s")


@pytest.mark.slow
def test_kill_9_of_both_engines_loses_nothing_announced(faulty: Project, started: Keep) -> None:
    runs = kill_at_random_moments(faulty, started, 12, 3.0, *BOTH)
    assert_resumes(faulty, runs, "both", *BOTH, "--time", "3s")


def test_a_damaged_entry_is_named_and_the_next_run_goes_on(faulty: Project) -> None:
    args = ("--only", "model", *BOTH, "--executions", "300")
    before = faulty.run(*args)
    queue = faulty.corpora / "tiny" / "queue"
    entry = max((queue / "model").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    entry.write_bytes(entry.read_bytes()[:-100])
    recipe = min((queue / "recipes").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    recipe.write_bytes(recipe.read_bytes()[:-10])
    after = faulty.run(*args)
    assert (before.process.returncode, after.process.returncode) == (0, 0), after.text
    for path in (entry, recipe):
        assert any(line.startswith(f"{path}: damaged, skipped") for line in after.lines), after.text
    assert any(line.startswith("resumed ") for line in after.lines), after.text


def children(run: Run, module: str) -> set[int]:
    """Process ids of the run's children that run a module of mlfuzz."""
    return {pid for pid in run.processes() if module.encode() in _command(pid)}


def is_up(project: Project, run: Run, is_fuzzing: bool | int) -> bool:
    """Whether there is a child, and on demand whether it has read its corpus in."""
    assert run.process.poll() is None, run.text
    if not is_fuzzing:
        return bool(children(run, "mlfuzz.code_child"))
    for log in project.temporary.glob(f"mlfuzz-{run.process.pid}-*/decode/child/log"):
        with suppress(FileNotFoundError):  # a new child gets a new folder
            return b"INITED" in log.read_bytes()
    return False


def is_replaced(run: Run, old: set[int]) -> bool:
    assert run.process.poll() is None, run.text
    return bool(children(run, "mlfuzz.code_child") - old)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def wait_until(is_so: Callable[[], bool], limit_s: float = 120.0) -> None:
    end = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < end, f"did not come within {limit_s} s"
        time.sleep(0.02)


@pytest.mark.parametrize(
    "moments", [3, pytest.param(30, marks=pytest.mark.slow)], ids=lambda n: f"{n} moments"
)
def test_a_killed_child_is_replaced_and_the_run_goes_on(
    faulty: Project, started: Keep, moments: int
) -> None:
    chance = random.Random(moments)
    run = started(faulty.start("run", str(faulty.harness), *CODE_ALONE))
    assert run.wait_for("edges [1-9]")
    for moment in range(moments):
        # Three that end before they do anything would rightly stop the run: every second one works.
        wait_until(lambda late=moment % 2: is_up(faulty, run, late))
        time.sleep(chance.uniform(0.3 * (moment % 2), 1.5))
        before = children(run, "mlfuzz.code_child")
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda old=before: is_replaced(run, old))
        assert_nothing_is_lost(faulty, run.announced)
    assert run.announced
    run.interrupt()
    assert run.end() == 130, run.text
    assert run.left_behind() == []
    assert_nothing_is_lost(faulty, run.announced)


@pytest.mark.parametrize("args", [CODE_ALONE, BOTH], ids=["code", "both"])
def test_ctrl_c_once_ends_with_the_summary_and_130(
    faulty: Project, started: Keep, args: tuple[str, ...]
) -> None:
    run = started(faulty.start("run", str(faulty.harness), *args))
    assert run.wait_for("^new finding")
    run.interrupt()
    assert run.end() == 130, run.text
    assert "Traceback" not in run.text
    assert run.left_behind() == []
    assert any(re.match(r"\d+ new findings?, \d+ in ", line) for line in run.lines), run.text
    assert run.lines[-1].startswith("  mlfuzz replay all --harness "), run.text
    assert_nothing_is_lost(faulty, run.announced)


def test_ctrl_c_twice_ends_at_once_and_leaves_nothing_behind(
    faulty: Project, started: Keep
) -> None:
    run = started(faulty.start("run", str(faulty.harness), *BOTH))
    assert run.wait_for("^new finding")
    run.interrupt()
    run.interrupt()
    assert run.end() == 130, run.text
    assert "Traceback" not in run.text
    assert run.left_behind() == []
    assert_nothing_is_lost(faulty, run.announced)


def test_ctrl_c_during_the_start_ends_with_130(faulty: Project, started: Keep) -> None:
    run = started(faulty.start("run", str(faulty.harness), *BOTH))
    wait_until(lambda: bool(children(run, "mlfuzz.code_child")))
    run.interrupt()
    assert run.end() == 130, run.text
    assert "Traceback" not in run.text
    assert run.left_behind() == []
