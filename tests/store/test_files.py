"""A file of the store is there whole or not at all, and what refuses is said in one line."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mlfuzz.errors import StoreError
from mlfuzz.store import files


def test_a_written_file_reads_back_and_leaves_no_draft(tmp_path: Path) -> None:
    for data in (b"", b"\x00\xff", b"x" * 1_000_000):
        files.write(tmp_path / "a", data, tmp_path / ".tmp")
        assert files.read(tmp_path / "a") == data
    assert list((tmp_path / ".tmp").iterdir()) == []


@pytest.mark.parametrize("room", [0, 1, 2999])
def test_a_full_disk_is_one_line_and_the_old_file_stays(
    tmp_path: Path, full_disk: Callable[[int], None], room: int
) -> None:
    files.write(tmp_path / "a", b"old", tmp_path / ".tmp")
    full_disk(room)
    with pytest.raises(StoreError, match=r"a: cannot write \(No space left on device\). Free") as e:
        files.write(tmp_path / "a", b"n" * 3000, tmp_path / ".tmp")
    assert "\n" not in str(e.value)
    assert files.read(tmp_path / "a") == b"old"
    assert list((tmp_path / ".tmp").iterdir()) == []


def test_a_file_in_place_of_a_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(StoreError, match="A folder is needed there"):
        files.make_folder(tmp_path / "a")
    with pytest.raises(StoreError, match="A folder is needed there"):
        files.make_folder(tmp_path / "a" / "b")


def test_links_pipes_and_folders_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("link", "pipe", "folder"):
        with pytest.raises(OSError):
            files.read(tmp_path / name)
    assert [path.name for path in files.list_files(tmp_path)] == ["real"]
    assert [path.name for path in files.list_folders(tmp_path)] == ["folder"]


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/etc", ".git", "-rf", "a\0", "é"])
def test_a_name_that_could_leave_its_folder_is_refused(name: str) -> None:
    with pytest.raises(StoreError, match="cannot name a folder"):
        files.checked_name(name, "harness")


@pytest.mark.parametrize("suffix", ["", ".", "wav", "./x", ".a/b", ".wav\n", "." + "a" * 17])
def test_a_strange_suffix_is_dropped(suffix: str) -> None:
    assert files.clean_suffix(suffix) == ""


def test_what_json_cannot_hold_is_written_as_text() -> None:
    value = {"a": math.nan, "b": [math.inf, -math.inf, 1.5], "\udcff": "x\ud800"}
    expected = {"a": "nan", "b": ["inf", "-inf", 1.5], "\\udcff": "x\\ud800"}
    assert json.loads(files.to_json(value)) == expected
    assert json.loads(files.to_json_line(value)) == expected
    assert files.to_json_line(value).count(b"\n") == 1


def test_only_old_drafts_of_dead_processes_are_swept(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for name in (f"{dead.pid}-old", f"{dead.pid}-young", f"{os.getpid()}-old", "other"):
        (tmp_path / name).write_bytes(b"")
        if not name.endswith("young"):
            os.utime(tmp_path / name, (0, 0))
    files.sweep(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {f"{dead.pid}-young", f"{os.getpid()}-old", "other"}
