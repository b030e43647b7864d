"""The code engine survives what it finds: each planted fault is saved, and fuzzing goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlfuzz.code_loop import CodeEngine
from mlfuzz.errors import EngineError
from mlfuzz.harness import load
from mlfuzz.store import Finding, Findings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WITHIN_S = 120.0
GOES_ON = 2000
"""Executions after the finding that count as going on."""

HARNESS = """
from planted_{name} import decode, Refused
from mlfuzz.entry_point import EntryPoint
from mlfuzz.harness import Harness

harness = Harness(
    code=[EntryPoint(decode, refuses=[Refused]{more})], timeout_s=1.0, memory_mb=512
)
"""
TARGET = """
import ctypes, os, re, sys, time

class Refused(Exception):
    pass

def decode(data):
    if data[:4] != b"GOOD":
        raise Refused
    if data[4:5] == b"!":
        return planted(data)
    return len(data)

"""
PLANTED = {
    "segfault": "def planted(data):\n    ctypes.string_at(0)\n",
    "exit": "def planted(data):\n    os._exit(3)\n",
    "abort": "def planted(data):\n    os.abort()\n",
    "loop": "def planted(data):\n    while True:\n        len(data)\n",
    "stubborn loop": (
        "def planted(data):\n"
        "    while True:\n"
        "        try:\n"
        "            len(data)\n"
        "        except BaseException:\n"
        "            pass\n"
    ),
    "loop in C": "def planted(data):\n    return sum(range(10**13))\n",
    "regular expression": 'def planted(data):\n    re.match("(a+)+b", "a" * 60)\n',
    "sleep": "def planted(data):\n    time.sleep(10**6)\n",
    "memory": "def planted(data):\n    return bytearray(10 << 30)\n",
    "recursion": "def planted(data):\n    return planted(data)\n",
    "system exit": "def planted(data):\n    sys.exit(1)\n",
}
EXPECTED = {
    "segfault": ("native", "SIGSEGV"),
    "exit": ("native", "exit 3"),
    "abort": ("native", "SIGABRT"),
    "loop": ("hang", "hang"),
    "stubborn loop": ("hang", "hang"),
    "loop in C": ("hang", "hard hang"),
    "regular expression": ("hang", "hang"),
    "sleep": ("hang", "hang"),
    "memory": ("out-of-memory", "MemoryError"),
    "recursion": ("exception", "RecursionError"),
    "system exit": ("exception", "SystemExit"),
}


def plant(folder: Path, name: str, source: str, *, more: str = "") -> Path:
    """A harness whose target lies beside it; its seeds do not trigger anything."""
    (folder / f"planted_{name}.py").write_text(TARGET + source)
    harness = folder / f"harness_{name}.py"
    harness.write_text(textwrap.dedent(HARNESS.format(name=name, more=more)))
    seeds = folder / "corpora" / harness.stem / "seeds" / "decode"
    seeds.mkdir(parents=True)
    (seeds / "seed").write_bytes(b"GOOD morning")
    return harness


class Run:
    """An engine, and what it has found so far."""

    def __init__(self, harness: Path, workers: int | None = None) -> None:
        self.found: list[Finding] = []
        self.corpora = harness.parent / "corpora"
        self.engine = CodeEngine(
            load(harness),
            self.corpora,
            seed=1,
            on_finding=lambda f, state: self.found.append(f),
            workers=workers,
        )

    @property
    def executions(self) -> int:
        return sum(entry.executions for entry in self.engine.progress())

    def wait(self, until: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not until():
            self.engine.check()
            if time.monotonic() > deadline:
                pytest.fail(f"{what} not within {WITHIN_S} s: {self.engine.progress()}")
            time.sleep(0.05)


@contextmanager
def running(harness: Path, workers: int | None = None) -> Iterator[Run]:
    run = Run(harness, workers)
    run.engine.start()
    try:
        yield run
    finally:
        run.engine.stop()


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found_and_fuzzing_goes_on(name: str, tmp_path: Path) -> None:
    harness = plant(tmp_path, name.replace(" ", "_"), PLANTED[name])
    with running(harness) as run:
        run.wait(lambda: bool(run.found), "a finding")
        before = run.executions
        run.wait(lambda: run.executions > before + GOES_ON, "more executions")
    findings = Findings(run.corpora, harness.stem)
    finding = findings.find(run.found[0].id)  # a shorter input may have taken its place
    assert (finding.kind, finding.signature[0]) == EXPECTED[name]
    assert run.found[0].stability == "stable"
    assert findings.path(finding, finding.input).read_bytes()[:5] == b"GOOD!"
    if name != "exit":  # os._exit leaves no stack
        assert "planted" in findings.path(finding, "traceback.txt").read_text()
        assert any(part.endswith(":planted") for part in finding.signature)


def test_instrumented_code_refuses_on_purpose_and_breaks_a_costly_contract(tmp_path: Path) -> None:
    # The bytecode of the child is not that of a replay: both must call the same a refusal.
    source = """
    def planted(data):
        if data[5:6] > b"m":
            raise ValueError("on purpose")
        return int(data[5:6]) if data[5:6] else len(data) + next(COUNT)

    def counts():
        while True:
            yield from (0, 1)

    COUNT = counts()
    """
    harness = plant(tmp_path, "purpose", textwrap.dedent(source), more=", contract=[Repeatable()]")
    text = harness.read_text().replace("[Refused]", "[Refused, Refusal(ValueError, MODULE)]")
    first = "from mlfuzz import Refusal\nfrom mlfuzz.contracts import Repeatable\n"
    harness.write_text(f"{first}MODULE = 'planted_purpose'\n{text}")
    with running(harness) as run:
        run.wait(lambda: len({each.id for each in run.found}) >= 2, "two findings")
        before = run.executions
        run.wait(lambda: run.executions > before + 5 * GOES_ON, "more executions")
    found, damaged = Findings(run.corpora, harness.stem).load_all()
    statement = "return int(data[5:6]) if data[5:6] else len(data) + next(COUNT)"
    assert not damaged
    assert {each.signature for each in found} == {
        ("decode", "repeatable"),
        ("ValueError", "planted_purpose:decode", "planted_purpose:planted", statement),
    }
    assert {each.stability for each in found} == {"stable"}


def test_two_workers_share_a_queue_and_count_together(tmp_path: Path) -> None:
    source = """
    def planted(data):
        if data[5:7] == b"<>":
            raise KeyError("planted")
        return len(data)
    """
    with running(plant(tmp_path, "team", textwrap.dedent(source)), workers=2) as run:
        run.wait(lambda: bool(run.found), "a finding")
        run.wait(lambda: len(working()) == 2, "two workers at once")
        assert [entry.name for entry in run.engine.progress()] == ["decode"]
        workers = run.engine._runs
        run.wait(lambda: all(each.progress().executions > GOES_ON for each in workers), "both")
        assert run.executions >= 2 * GOES_ON
    assert len({each.id for each in run.found}) == 1
    assert working() == []


def test_a_killed_child_is_replaced_and_no_input_is_blamed(tmp_path: Path) -> None:
    with running(plant(tmp_path, "nothing", "def planted(data):\n    return 1\n")) as run:
        for _ in range(3):
            before = run.executions
            run.wait(lambda before=before: run.executions > before + GOES_ON, "executions")  # type: ignore[misc]
            for pid in servers():
                os.kill(pid, signal.SIGKILL)
        before = run.executions
        run.wait(lambda: run.executions > before + GOES_ON, "executions")
        assert run.engine.progress()[0].restarts >= 3
    assert run.found == []


def test_a_killed_fork_is_replaced_without_another_import(tmp_path: Path) -> None:
    harness = plant(tmp_path, "forked", "def planted(data):\n    os._exit(data[5:6] == b'x')\n")
    imports = tmp_path / "imports"
    target = tmp_path / "planted_forked.py"
    note = (
        "import sys\n"
        "if 'code_child' in sys.argv[0]:  # not in this process\n"
        f"    with open({str(imports)!r}, 'a') as file:\n"
        "        print(__name__, file=file)\n"
    )
    target.write_text(note + target.read_text())
    with running(harness) as run:
        for _ in range(3):
            before = run.executions
            run.wait(lambda before=before: run.executions > before + GOES_ON, "executions")  # type: ignore[misc]
            for server in servers():
                for pid in children_of(server):
                    os.kill(pid, signal.SIGKILL)
        before = run.executions
        run.wait(lambda: run.executions > before + GOES_ON, "executions")
        assert run.engine.progress()[0].restarts >= 3
    assert imports.read_text().split() == ["planted_forked"]


def test_a_target_with_threads_is_not_forked_and_survives_its_deaths(tmp_path: Path) -> None:
    source = """
    import threading

    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()

    def planted(data):
        os._exit(3)
    """
    with running(plant(tmp_path, "threads", textwrap.dedent(source))) as run:
        run.wait(lambda: bool(run.found), "a finding")
        before = run.executions
        run.wait(lambda: run.executions > before + GOES_ON, "more executions")
        notes = [run.engine.notes.get() for _ in range(run.engine.notes.qsize())]
    (note,) = [note for note in notes if "cannot be forked" in note]
    assert "planted_threads, or what imports it, started 1 thread at import" in note
    assert run.found[0].signature[0] == "exit 3"


def test_what_inputs_leave_behind_is_cleared(tmp_path: Path) -> None:
    source = """
    def planted(data):
        print("flood " * 1000)
        os.chdir("/")
        with open(os.path.join(os.environ["HOME"], f"left-{time.monotonic_ns()}"), "w"):
            return len(data)
    """
    with running(plant(tmp_path, "messy", textwrap.dedent(source))) as run:
        run.wait(lambda: run.executions > 10 * GOES_ON, "executions")
        (folder,) = Path(tempfile.gettempdir()).glob(f"mlfuzz-{os.getpid()}-*/decode/child")
        run.wait(lambda: len(os.listdir(folder / "work")) < 5000, "a working folder of some files")
        run.wait(lambda: (folder / "log").stat().st_size < 32 << 20, "a log of some megabytes")
    assert run.found == []


def test_a_shorter_input_that_does_not_come_again_replaces_none_that_does(tmp_path: Path) -> None:
    source = """
    calls = 0

    def planted(data):
        global calls
        calls += 1
        if len(data) >= 12 or calls > 200:
            raise KeyError(data)
    """
    harness = plant(tmp_path, "rivals", textwrap.dedent(source))
    with running(harness) as run:
        until_s = time.monotonic() + 3  # a saved input may be replaced after a second
        run.wait(lambda: time.monotonic() > until_s, "some seconds")
        (folder,) = Path(tempfile.gettempdir()).glob(f"mlfuzz-{os.getpid()}-*/decode")
        run.wait(lambda: not list(folder.glob("rival-*")), "all rivals to be weighed")
    (finding,) = Findings(tmp_path / "corpora", "harness_rivals").load_all()[0]
    assert finding.stability == "stable"
    assert finding.nearness[0] >= 12


def test_threads_that_inputs_leave_behind_are_no_later_inputs_fault(tmp_path: Path) -> None:
    source = """
    import threading

    def planted(data):
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    """
    harness = plant(tmp_path, "threaded", textwrap.dedent(source))
    with running(harness) as run:
        run.wait(lambda: run.engine.progress()[0].restarts >= 5, "successors")
    assert run.found == []


def test_a_killed_parent_leaves_no_child(tmp_path: Path) -> None:
    harness = plant(tmp_path, "orphan", "def planted(data):\n    return 1\n")
    script = (
        "import sys, time; from pathlib import Path\n"
        "from mlfuzz.code_loop import CodeEngine; from mlfuzz.harness import load\n"
        "engine = CodeEngine(load(sys.argv[1]), Path(sys.argv[2]), seed=1, on_finding=print)\n"
        "engine.start()\n"
        "while not engine.ready(): time.sleep(0.1)\n"
        "print('ready', flush=True); time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(harness), str(tmp_path / "corpora")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    children = children_of(parent.pid)
    forks = [fork for child in children for fork in children_of(child)]
    assert forks
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + WITHIN_S
    while any(is_alive(pid) for pid in (*children, *forks)):
        assert time.monotonic() < deadline, "a child outlived its parent"
        time.sleep(0.05)


def test_nothing_instrumented_is_one_line(tmp_path: Path) -> None:
    harness = tmp_path / "blind.py"
    harness.write_text(
        "from mlfuzz.harness import EntryPoint, Harness\n"
        "harness = Harness(code=[EntryPoint(len, name='decode', instrument=['colorsys'])])\n"
    )
    (tmp_path / "corpora" / "blind" / "seeds" / "decode").mkdir(parents=True)
    expected = r"nothing that it runs is instrumented.*colorsys"
    with pytest.raises(EngineError, match=expected) as caught, running(harness) as run:
        run.wait(lambda: False, "an error")
    assert "\n" not in str(caught.value)


def test_a_child_that_never_starts_is_one_line(tmp_path: Path) -> None:
    harness = plant(tmp_path, "moody", "def planted(data):\n    return 1\n")
    target = tmp_path / "planted_moody.py"
    target.write_text(f"import os\nif os.getpid() != {os.getpid()}: os._exit(9)\n" + TARGET)
    with pytest.raises(EngineError, match=r"ended 3 times.*exit 9"), running(harness) as run:
        run.wait(lambda: False, "an error")


def test_a_second_run_resumes_and_leaves_out_what_kills(tmp_path: Path) -> None:
    harness = plant(tmp_path, "again", PLANTED["segfault"])
    with running(harness) as run:
        run.wait(lambda: bool(run.found), "a finding")
        coverage = run.engine.progress()[0].coverage
    findings = Findings(run.corpora, harness.stem)
    finding = findings.find(run.found[0].id)
    data = findings.path(finding, finding.input).read_bytes()
    (run.corpora / harness.stem / "seeds" / "decode" / "deadly").write_bytes(data)
    with running(harness) as again:
        again.wait(lambda: again.executions > GOES_ON, "executions")
        assert "resumed" in again.engine.notes.get_nowait()
        assert again.engine.progress()[0].coverage >= coverage


def children_of(pid: int) -> list[int]:
    """Process ids of all children, whichever thread started them."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    found = " ".join((task / "children").read_text() for task in tasks)
    return [int(child) for child in found.split()]


def servers() -> list[int]:
    """The fork servers of engines in this process."""
    return [
        pid
        for pid in children_of(os.getpid())
        if b"mlfuzz.code_child" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def working() -> list[int]:
    """The children that fuzz, under the servers of engines in this process."""
    return [pid for server in servers() for pid in children_of(server)]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
