"""A run takes up where the last one stopped: coverage is rebuilt from the entries alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from short_run import engine, write_seeds
from small import harness

from mlfuzz.errors import HarnessError
from mlfuzz.model.population import Population
from mlfuzz.model_loop import ModelEngine


@pytest.fixture
def corpora(tmp_path: Path) -> Path:
    return write_seeds(tmp_path)


def run(made: ModelEngine, batches: int) -> dict[str, float]:
    made.run(lambda: made.batches >= batches, lambda: None)
    made.finish()
    return made.evaluator.summaries(made.guided.states)


def test_a_resumed_run_has_the_coverage_of_the_one_before(corpora: Path) -> None:
    before = run(engine(corpora), 40)
    notes: list[str] = []
    resumed = engine(corpora, note=notes.append)
    after = resumed.evaluator.summaries(resumed.guided.states)
    steering = [repr(each) for each in resumed.harness.policy.steer]
    assert {name: after[name] for name in steering} == {name: before[name] for name in steering}
    assert any(line.startswith("resumed ") for line in notes)


@pytest.mark.parametrize("capacity", [24, 6])
def test_entries_beyond_the_capacity_are_covered_too(
    corpora: Path, monkeypatch: pytest.MonkeyPatch, capacity: int
) -> None:
    before = run(engine(corpora), 40)
    monkeypatch.setattr(Population.__init__, "__defaults__", (capacity,))
    resumed = engine(corpora)
    after = resumed.evaluator.summaries(resumed.guided.states)
    assert len(resumed.population) == capacity
    name = repr(resumed.harness.policy.steer[-1])
    assert after[name] == before[name]


def test_a_fresh_run_says_nothing_of_a_resume(corpora: Path) -> None:
    notes: list[str] = []
    engine(corpora, note=notes.append)
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
        engine(corpora, broken)
