"""Seeds are the author's, queues survive what happens to them, and a corpus has one run."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mlfuzz.errors import StoreError
from mlfuzz.recipe import Recipe, Step
from mlfuzz.store import Corpus, digest

HOLDER = """
import os, sys, time
from pathlib import Path
from mlfuzz.store import Corpus
with Corpus(Path(sys.argv[1]), "toy").lock():
    print(os.getpid(), flush=True)
    time.sleep(60)
"""
WRITER = """
import os, sys
from pathlib import Path
from mlfuzz.recipe import Recipe
from mlfuzz.store import Corpus
corpus = Corpus(Path(sys.argv[1]), "toy")
for i in range(10**9):
    recipe = Recipe(sequence=i, base="b", root="r", made_by="m")
    os.write(1, corpus.add(b"%d " % i * 3000, ".npy", recipe).encode() + b"\\n")
"""


def recipe(sequence: int) -> Recipe:
    step = Step(mutator="Gain(-6.0, 6.0)", version=1, key=1, values=(0.5,))
    return Recipe(sequence=sequence, base="b" * 64, root="a.wav", made_by="mutation", steps=(step,))


def test_seeds_are_sorted_and_nothing_else_is_one(tmp_path: Path) -> None:
    folder = tmp_path / "toy" / "seeds" / "decode"
    (folder / "sub").mkdir(parents=True)
    for name in ("b.wav", "a.wav", ".hidden", "labels.csv"):
        (folder / name).write_bytes(b"")
    (folder / "link.wav").symlink_to("a.wav")
    assert [path.name for path in Corpus(tmp_path, "toy").seeds("decode")] == ["a.wav", "b.wav"]
    assert Corpus(tmp_path, "toy").seeds("other") == []


def test_entries_load_in_the_order_of_their_recipes(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path, "toy")
    datas = [b"c", b"a", b"b"]
    for i, data in enumerate(datas):
        assert corpus.add(data, ".wav", recipe(i)) == digest(data)
    expected = [(digest(data), data, recipe(i)) for i, data in enumerate(datas)]
    assert corpus.load() == (expected, [])


def test_what_is_there_is_not_written_again(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path, "toy")
    corpus.add(b"a", ".wav", recipe(1))
    corpus.add(b"a", ".wav", recipe(2))
    assert [entry[2].sequence for entry in corpus.load()[0]] == [1]


@pytest.mark.parametrize("what", ["array gone", "array cut", "recipe cut", "recipe empty", "link"])
def test_a_damaged_entry_is_skipped_and_named(tmp_path: Path, what: str) -> None:
    corpus = Corpus(tmp_path, "toy")
    names = [corpus.add(data, ".wav", recipe(i)) for i, data in enumerate((b"aa", b"bb"))]
    array = tmp_path / "toy" / "queue" / "model" / f"{names[0]}.wav"
    text = tmp_path / "toy" / "queue" / "recipes" / f"{names[0]}.json"
    if what in ("array gone", "link"):
        array.unlink()
    if what == "link":
        (tmp_path / "elsewhere").write_bytes(b"aa")
        array.symlink_to(tmp_path / "elsewhere")
    if what == "array cut":
        array.write_bytes(b"a")
    if what.startswith("recipe"):
        text.write_bytes(b"" if what.endswith("empty") else text.read_bytes()[:-9])
    entries, damaged = corpus.load()
    assert [entry[1] for entry in entries] == [b"bb"]
    assert len(damaged) == 1 and names[0] in damaged[0]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"input": "../../../etc/passwd"}, "damaged"),
        ({"input": "0" * 64 + ".wav"}, "damaged"),
        ({"schema": 2}, "newer mlfuzz"),
        ({"recipe": None}, "damaged"),
    ],
)
def test_a_strangers_recipe_is_refused(
    tmp_path: Path, fields: dict[str, object], words: str
) -> None:
    corpus = Corpus(tmp_path, "toy")
    name = corpus.add(b"a", ".wav", recipe(0))
    text = tmp_path / "toy" / "queue" / "recipes" / f"{name}.json"
    text.write_text(json.dumps({**json.loads(text.read_text()), **fields}))
    entries, damaged = corpus.load()
    assert entries == []
    assert len(damaged) == 1 and words in damaged[0]


def test_kill_9_leaves_only_whole_entries(tmp_path: Path) -> None:
    rng = random.Random(7)
    for _ in range(10):
        command = [sys.executable, "-c", WRITER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            announced = [writer.stdout.readline()]
            time.sleep(rng.uniform(0, 0.03))
            writer.kill()
            announced += list(writer.stdout)
        entries, damaged = Corpus(tmp_path, "toy").load()
        assert damaged == []
        assert {line.strip() for line in announced} <= {entry[0] for entry in entries}


def test_a_second_run_is_refused_in_one_line_with_the_pid(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        pid = int(holder.stdout.readline())
        with (
            pytest.raises(StoreError, match=rf"toy: in use by process {pid}\. Wait") as error,
            Corpus(tmp_path, "toy").lock(),
        ):
            pass
        assert "\n" not in str(error.value)
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        with Corpus(tmp_path, "toy").lock():  # a lock dies with its process
            assert (tmp_path / "toy" / ".lock.pid").read_text() == f"{os.getpid()}\n"


def test_a_lock_is_let_go_after_an_error(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path, "toy")
    with pytest.raises(KeyError), corpus.lock():
        raise KeyError
    with corpus.lock():
        pass


def test_what_is_handed_over_is_what_libfuzzer_finds(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path, "toy")
    corpus.hand_to_code("decode", b"data", ".wav")
    corpus.hand_to_code("decode", b"data", ".wav")
    corpus.hand_to_code("decode", b"more", "./../strange")
    assert sorted(path.read_bytes() for path in corpus.bytes_folder("decode").iterdir()) == [
        b"data",
        b"more",
    ]


def test_new_bytes_are_those_not_seen_up_to_the_limit(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path, "toy")
    assert corpus.new_bytes("decode", set(), 9) == []
    for name in "dbca":
        (corpus.bytes_folder("decode") / name).write_bytes(name.encode())
    assert corpus.new_bytes("decode", {"b"}, 2) == [("a", b"a"), ("c", b"c")]


def test_files_may_vanish_while_they_are_read(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path, "toy")
    folder = corpus.bytes_folder("decode")
    done = threading.Event()

    def churn() -> None:
        while not done.is_set():
            for i in range(50):
                (folder / str(i)).write_bytes(b"x")
            for i in range(50):
                (folder / str(i)).unlink()

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(50):
            corpus.new_bytes("decode", set(), 100)
    finally:
        done.set()
        thread.join()


def test_a_strange_entry_point_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="entry point '<lambda>' cannot name a folder"):
        Corpus(tmp_path, "toy").bytes_folder("<lambda>")


def test_stats_are_one_line_each(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path, "toy")
    corpus.append_stats({"time": 1.5, "text": "two  words\n"})
    corpus.append_stats({"time": math.inf})
    [path] = (tmp_path / "toy").glob("stats-*.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [{"time": 1.5, "text": "two  words\n"}, {"time": "inf"}]


def test_a_full_disk_is_one_line_and_keeps_what_was_there(
    tmp_path: Path, full_disk: Callable[[int], None]
) -> None:
    corpus = Corpus(tmp_path, "toy")
    corpus.add(b"old", ".wav", recipe(0))
    full_disk(10)
    for data in (b"n" * 100, b"n"):  # full at the array, full at the recipe
        with pytest.raises(StoreError, match="No space left on device"):
            corpus.add(data, ".wav", recipe(1))
    entries, damaged = corpus.load()
    assert ([entry[1] for entry in entries], damaged) == ([b"old"], [])
