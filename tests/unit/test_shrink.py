"""Saved inputs become smaller, in a child that may die, and still show what they showed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mlfuzz.errors import HarnessError, StoreError
from mlfuzz.harness import load
from mlfuzz.outcome.record import CONFIRMED, code_finding
from mlfuzz.store import Finding, Findings, load_finding
from mlfuzz.triage.replay import replay
from mlfuzz.triage.show import print_finding
from mlfuzz.triage.shrink import shrink
from mlfuzz.worker import Worker

HARNESS = """
import os, signal, time
from mlfuzz import EntryPoint, Harness
from mlfuzz.contracts import Range

class Refused(Exception):
    pass

def parse(data):
    if b"BAD" in data:
        raise KeyError(data[data.index(b"BAD") + 3 :])
    if not data.startswith(b"ok"):
        raise Refused
    return data.count(b"!")

def mine(data):
    if data[:1] != b"#":
        os.kill(os.getpid(), signal.SIGKILL)
    if data[3:4] == b"x":
        raise ValueError("behind a mine")

def die(data):
    if b"kill" in data:
        os.abort()

def wait(data):
    while data[:1] == b"w":
        time.sleep(0.01)

harness = Harness(
    code=[
        EntryPoint(parse, refuses=[Refused], contract=Range(0, 2)),
        EntryPoint(mine), EntryPoint(die), EntryPoint(wait),
    ],
    timeout_s={timeout_s},
)
"""


class Project:
    """A harness and its store."""

    def __init__(self, folder: Path, timeout_s: float = 5.0) -> None:
        self.path, self.corpora = folder / "toy.py", folder / "corpora"
        self.path.write_text(HARNESS.replace("{timeout_s}", str(timeout_s)))
        self.store = Findings(self.corpora, "toy")

    def save(self, entry_name: str, data: bytes, **changes: Any) -> Finding:
        """The finding that the code engine would save for this input."""
        harness = load(self.path)
        with Worker(self.path, timeout_s=harness.timeout_s) as worker:
            outcome = worker.execute(entry_name, data)
        assert outcome.verdict
        entry = harness.entry(entry_name)
        made = code_finding(outcome.verdict, harness, entry, executions=9, origin="mutation")
        for name, value in changes.items():
            setattr(made, name, value)
        near = (len(data), CONFIRMED)
        self.store.save(made, data, suffix=".bin", traceback=outcome.traceback, nearness=near)
        return made

    def folder(self, finding: Finding) -> Path:
        return self.store.folder / finding.id

    def input(self, finding: Finding) -> bytes:
        now = load_finding(self.folder(finding))
        return (self.folder(finding) / now.input).read_bytes()

    def shrink(self, wanted: str = "all", **options: Any) -> tuple[int, str]:
        console = Console(file=(text := io.StringIO()), width=160)
        status = shrink(wanted, self.corpora, self.path, console, **options)
        return status, text.getvalue()

    def replays(self) -> bool:
        return replay("all", self.corpora, self.path, Console(file=io.StringIO())) == 0

    def shown(self, finding: Finding) -> str:
        print_finding(finding.id, self.corpora, Console(file=(text := io.StringIO()), width=160))
        return text.getvalue()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_exceptions_and_breaches_shrink_in_the_child_and_keep_their_ids(project: Project) -> None:
    error = project.save("parse", b"some text before BAD\x1b]0;own\x07 and more of it after")
    breach = project.save("parse", b"ok, one! two!! three!!! and many more !!!!!!!")
    status, text = project.shrink()
    assert status == 0 and text.count("shrunk") == 2, text
    assert (project.input(error), project.input(breach)) == (b"BAD", b"ok!!!")
    for before in (error, breach):
        after = load_finding(project.folder(before))
        assert (after.id, after.signature, after.stability) == (
            before.id,
            before.signature,
            "stable",
        )
        assert len(list(project.folder(before).glob("input-*"))) == 1, "the old input goes"
    assert load_finding(project.folder(breach)).critical == ((0, 5),)
    assert project.replays()


def test_show_marks_the_bytes_that_matter(project: Project) -> None:
    error = project.save("parse", b"\x1b[2J........BAD\xff.....")
    shown = project.shown(error)
    assert "1b 5b 32 4a 2e" in shown and "critical" not in shown
    assert "\x1b" not in shown
    project.shrink()
    shown = project.shown(error)
    assert "00000000 [42 41 44]" in shown and "3 bytes, 3 of them critical" in shown


def test_what_is_small_already_is_kept(project: Project) -> None:
    error = project.save("parse", b"a BAD b")
    project.shrink()
    before = load_finding(project.folder(error))
    status, text = project.shrink()
    assert (status, "there is one as small" in text) == (0, True), text
    assert load_finding(project.folder(error)) == before


def test_a_death_shrinks_input_by_input(project: Project) -> None:
    death = project.save("die", b"..kill..")
    assert death.kind == "native"
    status, text = project.shrink(time_s=60.0)
    assert status == 0, text
    assert project.input(death) == b"kill"
    assert project.replays()


def test_an_exception_between_deaths_shrinks_all_the_same(project: Project) -> None:
    error = project.save("mine", b"#..x")
    assert error.kind == "exception"
    status, text = project.shrink(time_s=60.0)
    assert status == 0, text
    assert project.input(error) == b"#\0\0x"


def test_a_hang_shrinks_within_its_time(tmp_path: Path) -> None:
    project = Project(tmp_path, timeout_s=0.2)
    hang = project.save("wait", b"wait for ever")
    assert hang.kind == "hang"
    status, text = project.shrink(time_s=20.0)
    assert status == 0, text
    assert project.input(hang) == b"w"


def test_what_is_gone_is_a_failure_and_stays(project: Project) -> None:
    error = project.save("parse", b"a BAD b")
    project.path.write_text(project.path.read_text().replace('b"BAD" in data', "False"))
    status, text = project.shrink()
    assert (status, "not reproduced" in text) == (1, True)
    assert project.input(error) == b"a BAD b"


def test_an_unknown_entry_point_is_a_failure(project: Project) -> None:
    project.save("parse", b"a BAD b", source="gone")
    status, text = project.shrink()
    assert (status, "no such entry point" in text) == (1, True)


def test_findings_of_a_model_need_a_harness_with_one(project: Project) -> None:
    other = project.save("mine", b"#..x", engine="model")
    with pytest.raises(HarnessError, match=r"toy\.py: no model\. Expected one"):
        project.shrink(other.id)
    assert project.input(other) == b"#..x"


def test_a_folder_outside_a_store_is_refused(project: Project, tmp_path: Path) -> None:
    error = project.save("parse", b"a BAD b")
    elsewhere = tmp_path / "elsewhere" / error.id
    elsewhere.parent.mkdir()
    project.folder(error).rename(elsewhere)
    with pytest.raises(StoreError, match="not in a store"):
        project.shrink(str(elsewhere))


def test_a_missing_harness_is_named_and_nothing_is_no_failure(tmp_path: Path) -> None:
    project = Project(tmp_path)
    assert project.shrink() == (0, "nothing to shrink\n")
    project.save("parse", b"a BAD b")
    project.path.unlink()
    with pytest.raises(HarnessError, match=r"toy\.py: no such"):
        project.shrink()
