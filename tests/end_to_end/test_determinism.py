"""Same seed, same budget, same result; what is stable comes again; nothing comes from nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Project, Run

Make = Callable[..., "Project"]
ROOT = Path(__file__).parents[2]
MODEL = """

def model():
    # One threshold at +4 dB of the first seed and one, through the bias, near the second.
    return build(Energy(), [-1.0, 1.0], [0.0785, -0.0785])
"""
NO_CHANGE = """
from dataclasses import replace

from speech_model import harness as real

from mlfuzz import Policy
from mlfuzz.mutators import audio

harness = replace(
    real,
    name="speech_model",
    mutators=[
        audio.Gain(0, 0),
        audio.WhiteNoise(float("inf")),
        audio.ColouredNoise(float("inf")),
        audio.TimeShift(0),
        audio.Speed(1, 1),
        audio.BandPass(0, 4000),
        audio.Clip(0),
    ],
    policy=Policy(wild_share=0),
)
"""


def fresh(project: Project, name: str) -> Path:
    """A copy of the seeds, and nothing that an earlier run made."""
    corpora = project.folder / name
    shutil.copytree(project.corpora / project.name / "seeds", corpora / project.name / "seeds")
    return corpora


def made(project: Project, corpora: Path) -> tuple[set[str], set[str]]:
    """The ids of the findings, and the names of the corpus files."""
    queue = corpora / project.name / "queue" / "model"
    return {f.id for f in project.findings(corpora)}, {path.name for path in queue.iterdir()}


def assert_equal(project: Project, *args: str) -> list[Path]:
    """Two runs on fresh copies make the same; their folders."""
    folders = [fresh(project, name) for name in ("first", "second")]
    for folder in folders:
        run = project.run("--only", "model", *args, corpora=folder)
        assert run.process.returncode in (0, 1), run.text
    ids, files = made(project, folders[0])
    assert ids and len(files) > 10
    assert made(project, folders[1]) == (ids, files)
    return folders


def test_equal_seeds_give_equal_findings_and_corpora(project: Make) -> None:
    tiny = project(model=MODEL, seeds={"a.wav": 0.25, "b.wav": 0.4, "c.wav": 0.1}, entry="model")
    folders = assert_equal(tiny, "--executions", "3k", "--seed", "7", "--batch-size", "64")
    third = fresh(tiny, "third")
    tiny.run(
        *("--only", "model", "--executions", "3k", "--seed", "8", "--batch-size", "64"),
        corpora=third,
    )
    assert made(tiny, third)[1] != made(tiny, folders[0])[1], "the seed is not used"


@pytest.fixture
def speech(tmp_path: Path, project: Make) -> Project:
    """The speech harness with its seeds, and findings of its own in a temporary folder."""
    tiny = project(seeds={})
    shutil.rmtree(tiny.harness.parent)
    shutil.copytree(ROOT / "harnesses", tiny.harness.parent)
    shutil.copytree(
        ROOT / "corpora" / "speech_model" / "seeds", tiny.corpora / "speech_model" / "seeds"
    )
    return type(tiny)(
        tmp_path, tiny.harness.parent / "speech_model.py", tiny.corpora, "speech_model"
    )


@pytest.mark.slow
def test_20000_executions_on_speech_repeat_and_all_that_is_stable_replays(speech: Project) -> None:
    first, _ = assert_equal(speech, "--executions", "20000", "--seed", "7")
    assert_replays(speech, first)


def assert_replays(project: Project, corpora: Path) -> None:
    stable = [f for f in project.findings(corpora) if f.stability == "stable"]
    assert stable
    again: Run = project.replay(corpora=corpora)
    assert again.process.returncode == 0, again.text
    assert f"{len(stable)} of {len(stable)} stable findings reproduced" in again.text


@pytest.mark.slow
def test_mutators_at_zero_strength_find_nothing_in_the_model(speech: Project) -> None:
    harness = speech.harness.with_name("no_change.py")
    harness.write_text(NO_CHANGE)
    run = speech.command(
        "run", str(harness), "--only", "model", "--executions", "5k", "--seed", "3"
    )
    assert run.process.returncode == 0, run.text
    assert speech.findings() == []
