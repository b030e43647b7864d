"""The harnesses without a model: seeds are what their scripts make, and keep the contracts."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from mlfuzz.harness import load
from mlfuzz.outcome import execute
from mlfuzz.store import Findings

ROOT = Path(__file__).parents[2]
NAMES = ("image_loader", "ingest")
FRAMEWORKS = ("tensorflow", "keras", "jax", "torch")


@pytest.fixture(autouse=True)
def _packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "harnesses")


def seeds_of(name: str) -> dict[str, dict[str, bytes]]:
    """By entry point and file name."""
    folder = ROOT / "corpora" / name / "seeds"
    return {
        entry.name: {path.name: path.read_bytes() for path in sorted(entry.iterdir())}
        for entry in sorted(folder.iterdir())
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_seed_is_answered_within_the_contract(name: str) -> None:
    harness = load(ROOT / "harnesses" / f"{name}.py")
    seeds = seeds_of(name)
    assert sorted(seeds) == sorted(entry.name for entry in harness.code)
    for entry in harness.code:
        assert len(seeds[entry.name]) >= 3
        for file, data in seeds[entry.name].items():
            outcome = execute(entry, harness.contract_of(entry), data)
            assert outcome.state == "answered", (file, outcome.traceback)


def test_the_script_makes_the_archives_again() -> None:
    made: Mapping[str, Mapping[str, bytes]] = importlib.import_module("intake.make_seeds").seeds()
    ingest = importlib.import_module("intake.archive").ingest
    saved = seeds_of("ingest")
    assert {entry: sorted(files) for entry, files in made.items()} == {
        entry: sorted(files) for entry, files in saved.items()
    }
    for entry in ("json", "xml", "labels"):
        assert made[entry] == saved[entry]
    for file, data in made["archive"].items():  # another zlib may deflate otherwise
        assert ingest(data) == ingest(saved["archive"][file])


def test_the_script_makes_the_pictures_again() -> None:
    made: Mapping[str, bytes] = importlib.import_module("images.make_seeds").seeds()
    picture = importlib.import_module("images.picture")
    for entry in ("picture", "facts"):
        saved = seeds_of("image_loader")[entry]
        assert sorted(made) == sorted(saved)
        for file, data in made.items():  # another libjpeg may round otherwise
            assert np.allclose(picture.load(data), picture.load(saved[file]), atol=0.1)
            assert picture.facts(data) == picture.facts(saved[file])


def test_a_picture_is_turned_upright_and_a_deep_one_is_scaled() -> None:
    picture = importlib.import_module("images.picture")
    saved = seeds_of("image_loader")["picture"]
    assert picture.facts(saved["turned.jpg"]).orientation == 6
    turned, plain = picture.load(saved["turned.jpg"]), picture.load(saved["rgb.png"])
    assert np.abs(turned - np.rot90(plain, -1)).mean() < 0.2 < np.abs(turned - plain).mean()
    deep = picture.load(saved["deep.png"])  # a slope over all 16 bits
    assert deep[0, 0].max() < -1.8 and deep[-1, -1].min() > 1.8


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_short_run_needs_no_framework_and_raises_no_false_alarm(
    name: str, tmp_path: Path
) -> None:
    script = (
        "import sys; from mlfuzz.cli import main\n"
        "try: main()\n"
        "finally: print('loaded', *sorted({'FRAMEWORKS'} & set(sys.modules)))\n"
    ).replace("{'FRAMEWORKS'}", str(set(FRAMEWORKS)))
    seeds = tmp_path / name / "seeds"
    for entry, files in seeds_of(name).items():
        (seeds / entry).mkdir(parents=True)
        for file, data in files.items():
            (seeds / entry / file).write_bytes(data)
    arguments = ["run", str(ROOT / "harnesses" / f"{name}.py"), "--time", "6s"]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments, "--corpora", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=200,
        cwd=ROOT,
    )
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout.rstrip().endswith("loaded"), done.stdout
    found, damaged = Findings(tmp_path, name).load_all()
    assert found and not damaged
    assert not [each.signature for each in found if each.kind in ("unsafe-call", "native")]
