"""A run takes up where the last one stopped: coverage is rebuilt from the entries alone."""

from __future__ import annotations

import queue
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import SAMPLES, harness

from mlfuzz.domains.wav import pcm16
from mlfuzz.errors import HarnessError
from mlfuzz.harness import Harness
from mlfuzz.model.population import Population
from mlfuzz.model.setting import Setting
from mlfuzz.model_loop import ModelEngine


def engine(corpora: Path, notes: list[str], subject: Harness | None = None) -> ModelEngine:
    subject = subject or harness()
    assert subject.domain
    setting = Setting(
        corpora=corpora,
        seed=7,
        batch_size=16,
        decode=subject.domain.decode,
        feed_code=False,
        adopt=queue.SimpleQueue(),
        on_finding=lambda finding, state: None,
        note=notes.append,
    )
    return ModelEngine(subject, setting)


@pytest.fixture
def corpora(tmp_path: Path) -> Path:
    folder = tmp_path / "small" / "seeds" / "model"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(3)
    for number in range(4):
        noise = (rng.normal(size=SAMPLES) * 0.05 * (number + 1)).astype(np.float32)
        (folder / f"{number}.wav").write_bytes(pcm16(np.clip(noise, -1, 0.99), 8000))
    return tmp_path


def run(made: ModelEngine, batches: int) -> dict[str, float]:
    made.run(lambda: made.batches >= batches, lambda: None)
    made.finish()
    return made.evaluator.summaries(made.guided.states)


def test_a_resumed_run_has_the_coverage_of_the_one_before(corpora: Path) -> None:
    before = run(engine(corpora, []), 40)
    notes: list[str] = []
    resumed = engine(corpora, notes)
    after = resumed.evaluator.summaries(resumed.guided.states)
    steering = [repr(each) for each in resumed.harness.policy.steer]
    assert {name: after[name] for name in steering} == {name: before[name] for name in steering}
    assert any(line.startswith("resumed ") for line in notes)


@pytest.mark.parametrize("capacity", [24, 6])
def test_entries_beyond_the_capacity_are_covered_too(
    corpora: Path, monkeypatch: pytest.MonkeyPatch, capacity: int
) -> None:
    before = run(engine(corpora, []), 40)
    monkeypatch.setattr(Population.__init__, "__defaults__", (capacity,))
    resumed = engine(corpora, [])
    after = resumed.evaluator.summaries(resumed.guided.states)
    assert len(resumed.population) == capacity
    name = repr(resumed.harness.policy.steer[-1])
    assert after[name] == before[name]


def test_a_fresh_run_says_nothing_of_a_resume(corpora: Path) -> None:
    notes: list[str] = []
    engine(corpora, notes)
    assert not any("resumed" in line for line in notes)


def test_seeds_that_all_fail_an_oracle_stop_the_run(corpora: Path) -> None:
    def features(batch: Any) -> dict[str, Any]:
        from keras import ops

        return {"energy": ops.log(0.0 * ops.mean(batch["audio"], axis=1, keepdims=True))}

    def model() -> Any:
        import keras

        from mlfuzz import KerasTarget

        return KerasTarget(keras.Sequential([keras.Input((1,)), keras.layers.Dense(3)]))

    broken = replace(harness(), features=features, model=model)
    with pytest.raises(HarnessError, match="all 4 seeds"):
        engine(corpora, [], broken)
