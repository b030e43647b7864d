"""Bytes are bred for what they do to the model: a fault behind it is found, saved and replayed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mlfuzz.store import Findings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TARGET = '''
import numpy as np

COUNT = 16


class BadTone(Exception):
    pass


def decode(data):
    if data[:4] != b"TONE" or len(data) < 4 + 2 * COUNT:
        raise BadTone("expected TONE and 16 samples")
    return np.frombuffer(data[4:4 + 2 * COUNT], "<i2").astype(np.float32) / 32768


def hear(samples):
    """Behind the model: no branch says how near an input is."""
    table = np.zeros(300)
    table[int(1000 * max(0.0, samples.mean()))] = 1


def model():
    import keras
    from mlfuzz import KerasTarget

    answer = keras.layers.Dense(2, activation="relu", name="answer")
    network = keras.Sequential([keras.Input((COUNT,)), answer])
    weights = np.stack([np.ones(COUNT), -np.ones(COUNT)], 1).astype(np.float32) / COUNT
    answer.set_weights([weights, np.zeros(2, np.float32)])
    return KerasTarget(network)
'''
HARNESS = """
from neurons_target import COUNT, BadTone, decode, hear, model
from mlfuzz import Audio, EntryPoint, Harness

harness = Harness(
    timeout_s=5.0,
    domain=Audio(rate_hz=8000, max_samples=COUNT), decode=decode,
    features=lambda batch: {"samples": batch["audio"]}, model=model,
    code=[EntryPoint(FUNCTION, name="tone", refuses=[BadTone], then=hear, neurons=True)],
)
"""


UNKNOWN_ATHERIS = """
from mlfuzz.code_child import counters

counters.takes_counters = lambda: False
"""


HURRIED = """
from mlfuzz.code_child import session

session.FIRST_PASS_S = 0.0
"""


def mlfuzz(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from mlfuzz.cli import main; main()", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])},
        capture_output=True,
        text=True,
        timeout=200,
    )


def project(folder: Path, function: str) -> Path:
    (folder / "neurons_target.py").write_text(TARGET)
    (folder / "neurons.py").write_text(HARNESS.replace("FUNCTION", function))
    seeds = folder / "corpora" / "neurons" / "seeds" / "tone"
    seeds.mkdir(parents=True)
    quiet = np.random.default_rng(1).integers(-300, 300, 16).astype("<i2")
    (seeds / "quiet.tone").write_bytes(b"TONE" + quiet.tobytes())
    return folder


@pytest.mark.parametrize("atheris", ["known", "unknown"])
def test_a_fault_behind_the_model_is_found_and_comes_again(tmp_path: Path, atheris: str) -> None:
    project(tmp_path, "decode")
    if atheris == "unknown":
        (tmp_path / "sitecustomize.py").write_text(UNKNOWN_ATHERIS)
    run = mlfuzz(tmp_path, "run", "neurons.py", "--only", "code", "--time", "12s")
    found, damaged = Findings(tmp_path / "corpora", "neurons").load_all()
    assert [each.signature[0] for each in found] == ["IndexError"], run.stdout + run.stderr
    assert found[0].stability == "stable" and not damaged
    edges = [int(line.split("edges ")[1].split()[0]) for line in run.stdout.splitlines()
             if "edges " in line]  # fmt: skip
    assert ("in the slower way" in run.stdout + run.stderr) == (atheris == "unknown")
    assert edges[-1] > 8  # decode has six places; the rest are levels of neurons
    replay = mlfuzz(tmp_path, "replay", "all", "--harness", "neurons.py")
    assert replay.returncode == 0, replay.stdout + replay.stderr


def test_seeds_too_slow_for_the_first_pass_are_no_lack_of_instrumentation(tmp_path: Path) -> None:
    project(tmp_path, "decode")
    (tmp_path / "sitecustomize.py").write_text(HURRIED)
    run = mlfuzz(tmp_path, "run", "neurons.py", "--only", "code", "--time", "3s")
    assert run.returncode in (0, 1), run.stdout + run.stderr


def test_neurons_do_not_hide_that_nothing_is_instrumented(tmp_path: Path) -> None:
    project(tmp_path, "decode")
    path = tmp_path / "neurons.py"
    code = path.read_text().replace("then=hear, ", "").replace("BadTone]", "ValueError]")
    compiled = "import functools, numpy\ndecode = functools.partial(numpy.frombuffer, dtype='f4')\n"
    path.write_text(code.replace("harness = ", f"{compiled}harness = "))
    for seed in tmp_path.rglob("*.tone"):
        seed.write_bytes(bytes(64))
    run = mlfuzz(tmp_path, "run", "neurons.py", "--only", "code", "--time", "12s")
    assert run.returncode == 2, run.stdout + run.stderr
    assert "nothing that it runs is instrumented" in run.stderr


def test_only_decode_may_ask_for_neurons(tmp_path: Path) -> None:
    project(tmp_path, "lambda data: decode(data)")
    run = mlfuzz(tmp_path, "run", "neurons.py", "--only", "code", "--time", "3s")
    assert run.returncode == 2
    assert "neurons=True. Expected that of decode" in run.stderr
