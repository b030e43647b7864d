"""A fault behind the model: found with levels of neurons as coverage, and without.

The code after the model raises when a group of hidden neurons is high; neither decode nor that
code has a branch that says how near an input is.  Equal budgets of executions.  Run from the
repository:

    python benchmarks/behind_model.py [--runs 5] [--executions 100000] [--json FILE]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from measuring import Measured, machine, measured, report

from mlfuzz.code_loop import CodeEngine
from mlfuzz.harness import load
from mlfuzz.store import Finding

START_S = 240.0
FIRST_SEED = 801
"""The limit and the levels were chosen on seeds up to 705: at 0.27 chance alone met it twice."""
TARGET = '''
"""Decode, a model, and the code behind it."""

import numpy as np

COUNT, HIDDEN, GROUP, HIGH = 48, 12, (3, 7), 0.3


class BadTone(Exception):
    pass


def decode(data):
    """(48,) float32 from a magic number and 16-bit samples."""
    if data[:4] != b"TONE" or len(data) < 4 + 2 * COUNT:
        raise BadTone("expected TONE and 48 samples")
    return np.frombuffer(data[4:4 + 2 * COUNT], "<i2").astype(np.float32) / 32768


def weights():
    """Two neurons of the group listen for nearly the same pattern; the others for any."""
    rng = np.random.default_rng(5)
    signs = rng.choice([-1.0, 1.0], (COUNT, HIDDEN))
    signs[:, GROUP[1]] = signs[:, GROUP[0]] * np.where(rng.random(COUNT) < 0.9, 1, -1)
    return (signs / COUNT).astype(np.float32)


def alarm(samples):
    """What stands behind the model, and trips over a state that nobody thought of."""
    hidden = np.maximum(samples @ weights(), 0)
    table = np.zeros(int(HIGH * 1000))
    table[int(1000 * hidden[list(GROUP)].mean())] = 1


def model():
    import keras
    from mlfuzz import KerasTarget

    hidden = keras.layers.Dense(HIDDEN, activation="relu", name="hidden")
    answer = keras.layers.Dense(2, name="answer")
    network = keras.Sequential([keras.Input((COUNT,)), hidden, answer])
    hidden.set_weights([weights(), np.zeros(HIDDEN, np.float32)])
    return KerasTarget(network)
'''
HARNESS = """
import sys
sys.path.insert(0, {folder!r})
from behind_target import COUNT, BadTone, alarm, decode, model
from mlfuzz import Audio, EntryPoint, Harness

harness = Harness(
    name="behind", timeout_s=5.0,
    domain=Audio(rate_hz=8000, max_samples=COUNT), decode=decode,
    features=lambda batch: {{"samples": batch["audio"]}}, model=model,
    code=[EntryPoint(decode, refuses=[BadTone], then=alarm, neurons={neurons})],
)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--executions", type=int, default=100_000, help="budget of each run")
    parser.add_argument("--json", default="", help="write the rows to this file")
    options = parser.parse_args()
    rows: list[Measured] = []
    for name, neurons in (("with", True), ("without", False)):
        needed = []
        for seed in range(options.runs):
            needed.append(_needed(neurons, FIRST_SEED + seed, options.executions))
            print(f"{name} neurons, seed {FIRST_SEED + seed}: {needed[-1]:,}", flush=True)
        share = sum(count <= options.executions for count in needed) / len(needed)
        rows.append(Measured(f"behind_model/{name}/found_share", share, share, share, len(needed)))
        rows.append(measured(f"behind_model/{name}/executions", needed))
    units = {row.name: "executions" for row in rows if row.name.endswith("executions")}
    title = f"a fault behind the model within {options.executions:,} executions"
    report(title, rows, machine(["atheris", "keras"]), units, options.json)


def _needed(neurons: bool, seed: int, most: int) -> int:
    """Executions until the finding; more than ``most`` where there is none."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "behind_target.py").write_text(TARGET)
        path = folder / "behind.py"
        path.write_text(HARNESS.format(folder=name, neurons=neurons))
        seeds = folder / "corpora" / "behind" / "seeds" / "decode"
        seeds.mkdir(parents=True)
        for number in range(3):
            quiet = np.random.default_rng(number).integers(-3000, 3000, 48).astype("<i2")
            (seeds / f"{number}.tone").write_bytes(b"TONE" + quiet.tobytes())
        found: list[int] = []

        def take(finding: Finding, _: str) -> None:
            if finding.signature[0] == "IndexError":
                found.append(int(finding.found["executions"]))

        engine = CodeEngine(
            load(path),
            folder / "corpora",
            seed=seed,
            on_finding=take,
        )
        engine.start()
        try:
            deadline = time.monotonic() + START_S
            while not engine.ready() and time.monotonic() < deadline:
                time.sleep(0.05)
            while not found and engine.progress()[0].executions <= most:
                engine.check()
                time.sleep(0.05)
            return found[0] if found else max(most + 1, engine.progress()[0].executions)
        finally:
            engine.stop()


if __name__ == "__main__":
    main()
