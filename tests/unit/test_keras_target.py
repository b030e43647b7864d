"""Taps: they reach every layer of every kind of Keras model, and leave the model as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from mlfuzz import HarnessError, KerasTarget
from mlfuzz.backend import Compiled, fetch
from mlfuzz.core import Batch

ROWS = np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)


class Inner(layers.Layer):
    """A layer of the user's own with a layer inside."""

    def __init__(self) -> None:
        super().__init__(name="inner")
        self.dense = layers.Dense(5, activation="relu", name="inner_dense")

    def call(self, x: Any) -> Any:
        return ops.square(self.dense(x))


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()
        self.head = keras.Sequential([layers.Dense(3, name="answer")], name="head")

    def call(self, x: Any) -> Any:
        return self.head(self.inner(x))


def nested() -> keras.Model:
    inner = keras.Sequential(
        [keras.Input((6,)), layers.Dense(5, activation="relu", name="deep")], name="inner"
    )
    inputs = keras.Input((6,))
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="answer")(inner(inputs)))


def observed(target: KerasTarget, thorough: bool = False) -> dict[str, Any]:
    def run(batch: dict[str, Any]) -> dict[str, Any]:
        seen = target.run(Batch(batch), thorough)
        return {
            "outputs": seen.outputs,
            "embedding": seen.embedding,
            "activations": dict(seen.activations),
            "extremes": seen.extremes,
        }

    host: dict[str, Any] = fetch(Compiled(run)({"x": ROWS}), "test")
    return host


def test_taps_reach_the_layers_of_a_nested_model() -> None:
    model = nested()
    seen = observed(KerasTarget(model))
    assert list(seen["activations"]) == ["deep", "answer"]
    np.testing.assert_allclose(seen["outputs"], model(ROWS), rtol=1e-6)
    np.testing.assert_allclose(seen["embedding"], seen["activations"]["deep"])


def test_taps_reach_the_layers_of_a_subclassed_model() -> None:
    model = Subclassed()
    model(ROWS)
    assert list(observed(KerasTarget(model))["activations"]) == ["inner_dense"]
    every = observed(KerasTarget(model, taps="all"))["activations"]
    assert list(every) == ["inner_dense", "inner", "answer"]


def test_a_layer_called_twice_is_two_stages() -> None:
    shared = layers.Dense(6, activation="relu", name="shared")
    inputs = keras.Input((6,))
    model = keras.Model(inputs, shared(shared(inputs)))
    assert list(observed(KerasTarget(model))["activations"]) == ["shared", "shared#2"]


def test_a_neuron_of_a_picture_is_the_mean_of_its_channel() -> None:
    # Two channels over 2 x 3 places: 0..5 and ten times that; the means are 2.5 and 25.
    picture = np.stack([np.arange(6.0), 10 * np.arange(6.0)], axis=-1).reshape(1, 2, 3, 2)
    inputs = keras.Input((2, 3, 2))
    model = keras.Model(inputs, layers.Flatten()(layers.ReLU(name="relu")(inputs)))
    target = KerasTarget(model)
    run = Compiled(lambda b: dict(target.run(Batch(b)).activations))
    seen = fetch(run({"x": picture.astype(np.float32)}), "test")
    np.testing.assert_allclose(seen["relu"], [[2.5, 25.0]])


def test_the_model_is_as_it_was_after_a_tapped_run() -> None:
    model = nested()
    before = model(ROWS)
    observed(KerasTarget(model))
    assert not any("call" in vars(layer) for layer in model._flatten_layers())
    np.testing.assert_array_equal(before, model(ROWS))


def test_an_infinity_that_a_relu_swallows_is_seen_by_a_thorough_run() -> None:
    inputs = keras.Input((6,))
    logs = layers.Lambda(lambda x: ops.log(ops.abs(x) * 0.0), name="log")(inputs)
    model = keras.Model(inputs, layers.Dense(2)(layers.ReLU(name="relu")(logs)))
    target = KerasTarget(model)
    assert np.isfinite(observed(target)["extremes"]).all()
    assert not np.isfinite(observed(target, thorough=True)["extremes"]).all()


def test_the_first_bad_stage_is_named_in_order() -> None:
    inputs = keras.Input((6,))
    logs = layers.Lambda(lambda x: ops.log(ops.abs(x) * 0.0), name="log")(inputs)
    model = keras.Model(inputs, layers.Dense(2, name="answer")(logs))
    target, order = KerasTarget(model), []

    def stages(batch: dict[str, Any]) -> tuple[Any, ...]:
        found = target.stages(Batch(batch))
        order[:] = list(found)
        return tuple(found.values())

    fine = fetch(Compiled(stages)({"x": ROWS}), "test")
    assert order == ["features", "log", "answer", "outputs"]
    assert [bool(each.all()) for each in fine] == [True, False, False, False]


def test_a_missing_model_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"no such model file\. Expected a \.keras file"):
        KerasTarget.load(tmp_path / "none.keras")


def test_a_foreign_model_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "foreign.keras").write_bytes(b"not a model")
    with pytest.raises(HarnessError, match="not a model that Keras"):
        KerasTarget.load(tmp_path / "foreign.keras")


def test_a_model_file_with_code_inside_is_refused(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((2,)), layers.Lambda(lambda x: x + 1)])
    model.save(tmp_path / "code.keras")
    with pytest.raises(HarnessError, match="safe_mode"):
        KerasTarget.load(tmp_path / "code.keras")
