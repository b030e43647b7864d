"""No announced finding is ever lost, none is ever read by half, and strangers' folders are safe."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlfuzz.errors import StoreError
from mlfuzz.recipe import Recipe, Step
from mlfuzz.store import Finding, Findings, all_findings, digest, finding_id, load_finding

Make = Callable[..., Finding]

WRITER = """
import os, sys
from pathlib import Path
from mlfuzz.store import Finding, Findings

store = Findings(Path(sys.argv[1]), "toy", max_per_kind=10**9)
for i in range(10**9):
    finding = Finding(
        harness="toy", engine="code", source="decode", kind="exception",
        signature=("ValueError", str(i // 4)), threat="disruption", severity="low",
        stability="stable", bounds="unknown", verdict={},
    )
    data = b"%d" % i * 4000
    state = store.save(
        finding, data, suffix=".bin", seed=b"seed", traceback="boom", nearness=(-float(i),)
    )
    os.write(1, f"{finding.id} {finding.input} {state}\\n".encode())
"""


def announced_until_killed(corpora: Path, after_s: float) -> dict[str, tuple[str, str]]:
    """Start a writer, kill -9 it so long after its first save; id -> what it announced last."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(corpora)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(after_s)
        writer.kill()
        lines = [first, *writer.stdout]
    return {line.split()[0]: (line.split()[1], line.split()[2]) for line in lines}


def test_kill_9_at_30_random_moments_loses_no_announced_finding(tmp_path: Path) -> None:
    rng = random.Random(5)
    for moment in range(30):
        corpora = tmp_path / str(moment % 3)  # later writers take over what earlier ones left
        announced = announced_until_killed(corpora, rng.uniform(0, 0.04))
        findings, damaged = Findings(corpora, "toy").load_all()
        assert damaged == []
        inputs = {finding.id: finding.input for finding in findings}
        assert announced.keys() <= inputs.keys()


def test_what_was_announced_new_or_nearer_is_what_is_on_disk(tmp_path: Path, make: Make) -> None:
    announced = announced_until_killed(tmp_path, 0.05)
    inputs = {finding.id: finding.input for finding in Findings(tmp_path, "toy").load_all()[0]}
    # The writer may have died after the commit and before it could announce its last one.
    behind = [i for i, (name, _) in announced.items() if inputs[i] != name]
    assert len(behind) <= 1


def test_many_writers_of_one_signature_keep_the_nearest(tmp_path: Path, make: Make) -> None:
    states: list[str] = []

    def save(first: int) -> None:
        store = Findings(tmp_path, "toy")
        for i in range(first, 40, 4):
            data = b"x" * (100 - i)
            states.append(store.save(make(), data, suffix=".bin", nearness=(float(len(data)),)))

    threads = [threading.Thread(target=save, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    findings, damaged = Findings(tmp_path, "toy").load_all()
    assert (len(findings), damaged, states.count("new")) == (1, [], 1)
    assert findings[0].input == f"input-{digest(b'x' * 61)[:12]}.bin"
    folder = Findings(tmp_path, "toy").folder / findings[0].id
    assert {path.name for path in folder.iterdir()} == {
        ".lock",
        "finding.json",
        findings[0].input,
    }


def test_two_processes_save_one_signature_as_one_finding(tmp_path: Path) -> None:
    once = WRITER.replace("range(10**9)", "range(40)").replace("i // 4", "0")
    command = [sys.executable, "-c", once, str(tmp_path)]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = "".join(writer.communicate(timeout=60)[0] for writer in writers)
    findings, damaged = Findings(tmp_path, "toy").load_all()
    assert (len(findings), damaged, said.count(" new")) == (1, [], 1)
    assert findings[0].nearness == (-39.0,)


def test_a_finding_reads_back_as_it_was_saved(tmp_path: Path, make: Make) -> None:
    step = Step(mutator="Gain(-6.0, 6.0)", version=1, key=3, values=(0.1, math.inf))
    recipe = Recipe(sequence=7, base="b" * 64, root="0.wav", made_by="mutation", steps=(step,))
    store = Findings(tmp_path, "toy")
    finding = make(verdict={"margin": 0.25, "answer": 3, "text": "5"}, recipe=recipe)
    assert store.save(finding, b"in", suffix=".wav", seed=b"s", seed_suffix=".wav", nearness=(1.0,))
    assert store.load_all() == ([finding], [])
    assert store.path(finding, finding.input).read_bytes() == b"in"
    assert store.path(finding, finding.seed or "").read_bytes() == b"s"


def test_nan_and_lone_surrogates_survive(tmp_path: Path, make: Make) -> None:
    store = Findings(tmp_path, "toy")
    finding = make("E", "\udcff", verdict={"peak": math.nan, "low": -math.inf, "text": "\ud800"})
    assert store.save(finding, b"", suffix="", traceback="\udcff", nearness=()) == "new"
    [back], damaged = store.load_all()
    assert damaged == []
    assert back.verdict == {"peak": "nan", "low": "-inf", "text": "\\ud800"}
    assert finding_id(back.kind, back.signature) == finding.id


@pytest.mark.parametrize(
    ("first", "second", "nearness", "state"),
    [
        ("stable", "flaky", 1.0, "rival"),
        ("stable", "flaky", 3.0, "known"),
        ("flaky", "stable", 3.0, "nearer"),
        ("flaky", "flaky", 1.0, "nearer"),
        ("flaky", "flaky", 3.0, "rival"),
    ],
)
def test_a_stable_one_is_better_than_a_nearer_one(
    tmp_path: Path, make: Make, first: str, second: str, nearness: float, state: str
) -> None:
    store = Findings(tmp_path, "toy")
    store.save(make(stability=first), b"first", suffix="", nearness=(2.0,))
    later = make(stability=second)
    assert store.save(later, b"second", suffix="", nearness=(nearness,)) == state
    [finding], _ = store.load_all()
    assert finding.stability == (second if state == "nearer" else first)


@pytest.mark.parametrize(
    ("second", "state"), [((2.0, 9.0), "nearer"), ((3.0, 5.0), "known"), ((3.0, 4.0), "nearer")]
)
def test_only_a_nearer_one_replaces(
    tmp_path: Path, make: Make, second: tuple[float, ...], state: str
) -> None:
    store = Findings(tmp_path, "toy")
    store.save(make(), b"first", suffix="", seed=b"seed", traceback="1", nearness=(3.0, 5.0))
    assert store.save(make(), b"second", suffix="", seed=b"seed", nearness=second) == state
    [finding], _ = store.load_all()
    expected = b"second" if state == "nearer" else b"first"
    assert store.path(finding, finding.input).read_bytes() == expected


def test_more_than_the_cap_of_a_kind_is_counted_and_not_saved(tmp_path: Path, make: Make) -> None:
    store = Findings(tmp_path, "toy", max_per_kind=2)
    states = [store.save(make(str(i)), b"", suffix="", nearness=()) for i in range(5)]
    other = store.save(make("0", kind="hang"), b"", suffix="", nearness=())
    nearer = store.save(make("0"), b"", suffix="", nearness=(-1.0,))
    assert (states, other) == (["new", "new", "known", "known", "known"], "new")
    assert (nearer, store.not_saved, len(store.known())) == ("known", 3, 3)


def test_a_full_disk_keeps_the_old_finding(
    tmp_path: Path, make: Make, full_disk: Callable[[int], None]
) -> None:
    store = Findings(tmp_path, "toy")
    store.save(make(), b"old" * 100, suffix="", nearness=(9.0,))
    full_disk(60)
    for data in (b"new" * 100, b"n"):  # full at the input, full at finding.json
        with pytest.raises(StoreError, match="No space left on device"):
            store.save(make(), data, suffix="", nearness=(1.0,))
    [finding], damaged = store.load_all()
    assert (finding.nearness, damaged) == ((9.0,), [])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KB; needs root."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    done = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True
    )
    if not done or done.returncode:
        pytest.skip("a tmpfs cannot be mounted here: needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_really_full_disk_is_one_line_and_loses_nothing(small_disk: Path, make: Make) -> None:
    store = Findings(small_disk, "toy")
    saved = 0
    with pytest.raises(StoreError, match=r"No space left on device.*Free some") as error:
        for i in range(100):
            store.save(make(str(i)), os.urandom(9_000), suffix="", nearness=())
            saved += 1
    assert "\n" not in str(error.value)
    findings, damaged = store.load_all()
    assert (len(findings), damaged) == (saved, [])
    assert saved > 0


def test_a_file_in_place_of_the_folder_is_one_line(tmp_path: Path, make: Make) -> None:
    (tmp_path / "crashes").write_bytes(b"")
    with pytest.raises(StoreError, match="A folder is needed there"):
        Findings(tmp_path, "toy").save(make(), b"", suffix="", nearness=())


# --- damaged and strangers' folders --------------------------------------------------------------


def saved(corpora: Path, make: Make) -> tuple[Findings, Path, dict[str, Any]]:
    """A store with two findings, and of the first its folder and the fields of its finding.json."""
    store = Findings(corpora, "toy")
    finding = make("A")
    store.save(finding, b"input", suffix=".wav", seed=b"seed", nearness=(1.0,))
    store.save(make("B"), b"other", suffix=".wav", nearness=(1.0,))
    folder = store.folder / finding.id
    return store, folder, json.loads((folder / "finding.json").read_text())


@pytest.mark.parametrize(
    "text", [b"", b"{", b"null", b"[]", b"\xff", b'{"schema": 1}', b"[" * 100_000], ids=repr
)
def test_a_damaged_finding_json_is_skipped_and_named(
    tmp_path: Path, make: Make, text: bytes
) -> None:
    store, folder, _ = saved(tmp_path, make)
    (folder / "finding.json").write_bytes(text)
    findings, damaged = store.load_all()
    assert [finding.signature for finding in findings] == [("B",)]
    assert len(damaged) == 1 and folder.name in damaged[0] and "damaged" in damaged[0]
    with pytest.raises(StoreError):
        store.find(folder.name)


@pytest.mark.parametrize("what", ["gone", "empty", "cut", "link"])
def test_a_damaged_input_is_skipped_and_named(tmp_path: Path, make: Make, what: str) -> None:
    store, folder, fields = saved(tmp_path, make)
    path = folder / fields["input"]
    path.unlink()
    if what == "link":
        (tmp_path / "elsewhere").write_bytes(b"input")
        path.symlink_to(tmp_path / "elsewhere")
    elif what != "gone":
        path.write_bytes(b"inp" if what == "cut" else b"")
    findings, damaged = store.load_all()
    assert len(findings) == 1
    assert len(damaged) == 1 and fields["input"] in damaged[0]


@pytest.mark.parametrize(
    "fields",
    [
        {"input": "../../../../etc/passwd"},
        {"input": "/etc/passwd"},
        {"input": ".lock"},
        {"input": ""},
        {"input": "input-0123456789ab/../x"},
        {"input": "seed-0123456789ab"},
        {"seed": "../x"},
        {"id": "../x"},
        {"id": "exception-000000000000"},
        {"kind": "hang"},
        {"harness": "../../home"},
        {"harness": ""},
    ],
    ids=repr,
)
def test_a_strangers_names_never_become_paths(
    tmp_path: Path, make: Make, fields: dict[str, str]
) -> None:
    store, folder, own = saved(tmp_path, make)
    (folder / "finding.json").write_text(json.dumps({**own, **fields}))
    findings, refused = store.load_all()
    assert len(findings) == 1
    assert len(refused) == 1 and folder.name in refused[0]


def test_a_newer_schema_is_refused_by_name_and_never_replaced(tmp_path: Path, make: Make) -> None:
    store, folder, fields = saved(tmp_path, make)
    newer = json.dumps({**fields, "schema": 2, "unheard": "of"})
    (folder / "finding.json").write_text(newer)
    with pytest.raises(StoreError, match=r"newer mlfuzz \(schema 2; this one reads up to 1\)"):
        load_finding(folder)
    assert store.save(make("A"), b"", suffix="", nearness=(-9.0,)) == "known"
    assert (folder / "finding.json").read_text() == newer


def test_an_older_schema_is_read(tmp_path: Path, make: Make) -> None:
    _, folder, fields = saved(tmp_path, make)
    for later in ("nearness", "wild", "array_only", "versions"):
        del fields[later]
    (folder / "finding.json").write_text(json.dumps({**fields, "schema": 0}))
    assert load_finding(folder).wild is False


def test_a_damaged_finding_is_set_aside_when_its_fault_comes_again(
    tmp_path: Path, make: Make
) -> None:
    store, folder, _ = saved(tmp_path, make)
    (folder / "finding.json").write_bytes(b"half")
    assert store.save(make("A"), b"again", suffix="", nearness=(5.0,)) == "new"
    assert load_finding(folder).signature == ("A",)
    assert (folder / "damaged-finding.json").read_bytes() == b"half"


def test_a_folder_without_finding_json_was_never_announced(tmp_path: Path, make: Make) -> None:
    store = Findings(tmp_path, "toy")
    claimed = store.folder / finding_id("exception", ("A",))
    claimed.mkdir(parents=True)
    assert store.load_all() == ([], [])
    assert store.save(make("A"), b"", suffix="", nearness=()) == "new"


# --- looking for one ------------------------------------------------------------------------------


def test_a_finding_is_found_by_the_start_of_its_id_or_hash(tmp_path: Path, make: Make) -> None:
    store, folder, _ = saved(tmp_path, make)
    for prefix in (folder.name, folder.name[:-4], folder.name[-12:], folder.name[-12:-6]):
        assert store.find(prefix).id == folder.name


def test_an_unclear_or_unknown_id_names_what_there_is(tmp_path: Path, make: Make) -> None:
    store, folder, _ = saved(tmp_path, make)
    with pytest.raises(StoreError, match=rf"fits 2 findings: .*{folder.name}"):
        store.find("exception-")
    with pytest.raises(StoreError, match="no finding 'nothing'"):
        store.find("nothing")


def test_all_harnesses_are_listed(tmp_path: Path, make: Make) -> None:
    assert all_findings(tmp_path) == []
    for name in ("one", "two"):
        Findings(tmp_path, name).save(make(harness=name), b"", suffix="", nearness=())
    assert [store.folder.name for store in all_findings(tmp_path)] == ["one", "two"]
