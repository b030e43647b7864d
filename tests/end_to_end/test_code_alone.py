"""A harness without a model needs none of the packages that models need, in any process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

HARNESS = """
from mlfuzz import EntryPoint, Harness


def length(data: bytes) -> int:
    if data[:1] == b"!":
        raise KeyError("planted")
    return len(data)


harness = Harness(code=[EntryPoint(length)])
"""
FRAMEWORKS = ("tensorflow", "keras", "jax", "torch", "scipy", "h5py")


def test_no_process_of_a_run_or_a_replay_imports_a_framework(tmp_path: Path) -> None:
    for name in FRAMEWORKS:
        marker = str(tmp_path / f"{name}-was-imported")
        text = f"open({marker!r}, 'w').close()\nraise ImportError('not here')\n"
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "alone.py").write_text(HARNESS)
    seeds = tmp_path / "corpora" / "alone" / "seeds" / "length"
    seeds.mkdir(parents=True)
    (seeds / "seed").write_bytes(b"!seed")
    run = mlfuzz(tmp_path, "run", "alone.py", "--time", "3s", "--fail-on", "none")
    assert run.returncode == 0, run.stderr
    assert "1 new finding," in run.stdout
    replay = mlfuzz(tmp_path, "replay", "all", "--harness", "alone.py")
    assert replay.returncode == 0, replay.stderr
    assert not list(tmp_path.glob("*-was-imported"))


def mlfuzz(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program in a folder whose modules hide those of the same name."""
    paths = [str(folder), str(Path(__file__).parents[2])]
    return subprocess.run(
        [sys.executable, "-c", "from mlfuzz.cli import main; main()", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "CI": "true"},
        capture_output=True,
        text=True,
        timeout=100,
    )
