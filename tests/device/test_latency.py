"""An input that takes far longer than its root is a finding beside the one it is confirmed for."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from short_run import engine, write_seeds
from small import SAMPLES, WINDOW, harness

from mlfuzz.core import Batch, Observation, Reference
from mlfuzz.evaluate import Evaluator
from mlfuzz.harness import Harness
from mlfuzz.model.confirm import Replay, replay
from mlfuzz.model.latency import Slowness, slowness_of
from mlfuzz.oracles import Predicate
from mlfuzz.rows import ordinary
from mlfuzz.store import Findings

SLOW_S = 0.06


def loud(observed: Observation, reference: Reference, batch: Batch) -> Any:
    """Over a root mean square of 0.175: the last seed, and what is made louder."""
    from keras import ops

    return 0.175 - ops.sqrt(ops.mean(ops.square(batch["audio"]), axis=1))


def prepare(audio: np.ndarray) -> np.ndarray:
    """What ships: it takes its time over what is loud."""
    padded = np.zeros(SAMPLES, np.float32)
    padded[: len(audio)] = audio
    if np.sqrt(np.mean(padded**2)) > 0.175:
        time.sleep(SLOW_S)
    return np.asarray((padded.reshape(-1, WINDOW) ** 2).mean(axis=1))


def subject(**changes: Any) -> Harness:
    made = harness(oracles=(Predicate(loud),), prepare=prepare)
    return replace(made, features=None, **changes)


@pytest.mark.parametrize(
    ("took_s", "usual_s", "is_slow"),
    [
        (0.06, 0.004, True),  # 15 times as long, over 0.05 s
        (0.04, 0.001, False),  # 40 times, but too short to matter
        (0.3, 0.04, False),  # over 0.05 s, but only 7.5 times
    ],
)
def test_slow_is_many_times_the_root_and_not_too_short(
    took_s: float, usual_s: float, is_slow: bool
) -> None:
    assert Slowness("prepare", took_s, usual_s).violated == is_slow


def test_the_slow_stage_is_named() -> None:
    made = Evaluator(subject(), 16)
    quiet = ordinary(made.domain)
    loud_row = {**quiet, "audio": np.full(SAMPLES, 0.5, np.float32)}
    slowness_of(made, quiet, None)  # the first call compiles
    found = slowness_of(made, loud_row, quiet)
    assert found.violated and found.signature == ("prepare",) and found.took_s >= SLOW_S
    assert not slowness_of(made, quiet, loud_row).violated


def test_a_slow_mutant_is_found_once_it_is_confirmed_and_replays(tmp_path: Path) -> None:
    (write_seeds(tmp_path) / "small" / "seeds" / "model" / "3.wav").unlink()
    made = engine(tmp_path, subject())
    made.run(lambda: bool(made.suspects.confirmed), lambda: None)
    made.finish()
    store = Findings(tmp_path, "small")
    found = {finding.kind: finding for finding in store.load_all()[0]}
    assert set(found) == {"predicate", "slow"}
    slow = found["slow"]
    assert (slow.signature, slow.threat, slow.stability) == (("prepare",), "disruption", "stable")
    assert float(slow.verdict["took_s"]) >= SLOW_S
    again = replay(made.evaluator, made.setting.decode, slow, (store.folder / slow.id).joinpath)
    assert isinstance(again, Replay) and again.reproduced, again.text
    mended = Evaluator(replace(subject(), prepare=lambda audio: prepare(audio * 0.5)), 16)
    better = replay(mended, made.setting.decode, slow, (store.folder / slow.id).joinpath)
    assert not better.reproduced
