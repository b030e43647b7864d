"""Two models side by side, and the same model in fewer bits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import keras
import numpy as np
import pytest
from keras import layers, ops
from small import harness

from mlfuzz import HarnessError, KerasTarget, Pair, at_precision
from mlfuzz.backend import Compiled, fetch
from mlfuzz.core import Batch, Reference, Target
from mlfuzz.evaluate import Evaluator
from mlfuzz.oracles import Disagreement, NonFinite, WrongAnswer
from mlfuzz.rows import ordinary
from mlfuzz.targets.keras import weights_of
from mlfuzz.targets.precision import Precision

ROWS = np.random.default_rng(1).normal(size=(8, 12, 6)).astype(np.float32)
PRECISIONS: tuple[Precision, ...] = ("float16", "bfloat16", "int8")


class Sum(layers.Layer):
    """A layer of the author's own: the sum over time."""

    def call(self, values: Any) -> Any:
        return ops.sum(values, axis=1)


def network(outputs: int = 3) -> keras.Model:
    """Nested, with normalisation and a layer of the author's own."""
    keras.utils.set_random_seed(1)
    inner = keras.Sequential(
        [
            keras.Input((12, 6)),
            layers.Conv1D(4, 3, padding="same", name="filter"),
            layers.BatchNormalization(name="normal"),
            layers.ReLU(name="rectified"),
        ],
        name="inner",
    )
    inputs = keras.Input((12, 6))
    summed = Sum(name="sum")(inner(inputs))
    return keras.Model(inputs, layers.Dense(outputs, activation="softmax", name="answer")(summed))


def observed(target: Target, rows: np.ndarray = ROWS, thorough: bool = False) -> dict[str, Any]:
    def run(batch: dict[str, Any]) -> dict[str, Any]:
        seen = dict(vars(target.run(Batch(batch), thorough)))
        return {**seen, "activations": dict(seen["activations"])}

    host: dict[str, Any] = fetch(Compiled(run)({"x": rows}), "test")
    return host


@pytest.fixture(scope="module")
def model() -> KerasTarget:
    return KerasTarget(network())


def test_a_pair_gives_what_both_give_side_by_side(model: KerasTarget) -> None:
    other = at_precision(model, "bfloat16")
    seen, a, b = (observed(each) for each in (Pair(model, other), model, other))
    np.testing.assert_array_equal(seen["outputs"], np.hstack([a["outputs"], b["outputs"]]))
    np.testing.assert_array_equal(seen["extremes"], np.hstack([a["extremes"], b["extremes"]]))
    np.testing.assert_array_equal(seen["scores"], a["scores"])
    names = {"a/rectified", "a/answer", "b/rectified", "b/answer"}
    assert set(seen["activations"]) == names


def test_the_stages_of_a_pair_name_their_side(model: KerasTarget) -> None:
    names: list[str] = []

    def stages(batch: dict[str, Any]) -> tuple[Any, ...]:
        found = Pair(model, model).stages(Batch(batch))
        names[:] = found
        return tuple(found.values())

    fetch(Compiled(stages)({"x": ROWS}), "test")
    assert names[0] == "a/features" and names[-1] == "b/outputs" and "b/sum" in names


def test_a_pair_is_known_by_both_models(model: KerasTarget) -> None:
    other = at_precision(model, "float16")
    digests = {p.digest for p in (Pair(model, other), Pair(other, model), Pair(model, model))}
    assert len(digests) == 3 and isinstance(Pair(model, other), Target)


def test_a_pair_of_unlike_outputs_is_refused(model: KerasTarget) -> None:
    with pytest.raises(HarnessError, match=r"a gives 3 outputs, b 2\. Expected as many"):
        observed(Pair(model, KerasTarget(network(2))))


def test_a_model_that_is_no_target_makes_no_pair(model: KerasTarget) -> None:
    with pytest.raises(HarnessError, match=r"b is a Functional\. Expected a traced target"):
        Pair(model, cast(Target, network()))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_fewer_bits_give_nearly_the_same(model: KerasTarget, precision: Precision) -> None:
    # float16 keeps 11 bits, bfloat16 8 (2**-8 = 0.004), int8 7 of the largest: 1/127 = 0.008.
    exact, rough = observed(model), observed(at_precision(model, precision))
    off = np.abs(exact["outputs"] - rough["outputs"]).max()
    assert rough["outputs"].dtype == np.float32
    assert 0 < off < {"float16": 0.005, "bfloat16": 0.03, "int8": 0.06}[precision]
    assert list(rough["activations"]) == list(exact["activations"])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_rows_of_a_pair_stand_alone(model: KerasTarget, precision: Precision) -> None:
    # Ten times what a batch alone changes: 3e-7 of the scale, in float16 one step, 2**-11.
    pair = Pair(model, at_precision(model, precision))
    tolerance = 3e-6 if precision == "int8" else 2.0**-11
    together, rows = observed(pair), ROWS.copy()
    for row in range(0, len(ROWS), 3):
        alone = observed(pair, ROWS[row : row + 1])
        for name in ("outputs", "scores", "embedding"):
            np.testing.assert_allclose(alone[name][0], together[name][row], atol=tolerance)
    np.testing.assert_array_equal(rows, ROWS)


def test_the_model_itself_stays_as_it_is(model: KerasTarget) -> None:
    before = observed(model)["outputs"]
    for precision in PRECISIONS:
        at_precision(model, precision)
    np.testing.assert_array_equal(observed(model)["outputs"], before)
    assert {str(each.dtype) for each in model.model.weights} == {"float32"}


def test_a_run_sees_the_answers_of_the_first_and_the_outputs_of_both() -> None:
    # Three probabilities each: six outputs, but three scores, the logarithms of the first three.
    subject = harness()
    assert subject.model
    first = cast(KerasTarget, subject.model())
    pair = Pair(first, at_precision(first, "bfloat16"))
    oracles = (NonFinite(), WrongAnswer(), Disagreement())
    made = Evaluator(replace(subject, model=lambda: pair, oracles=oracles), 32)
    rows = [ordinary(made.domain)] * 2
    assert (made.spec.outputs, made.spec.probabilities) == (3, True)
    judged = made.judge(rows, made.no_reference(2))
    assert judged.outputs.shape == (2, 6) and judged.violated.tolist() == [0, 0]
    np.testing.assert_allclose(judged.scores, np.log(judged.outputs[:, :3]), rtol=1e-5)
    answer = int(judged.scores[0].argmax())
    label = np.array([answer, (answer + 1) % 3], np.int32)
    known = Reference(judged.scores, label, np.array([True, True]), np.float32(0))
    assert made.judge(rows, known).violated.tolist() == [0, 2]  # bit 1: the label of the second


def dense(kernel: list[list[float]], bias: list[float]) -> KerasTarget:
    layer = layers.Dense(len(bias), name="answer")
    network = keras.Sequential([keras.Input((len(kernel),)), layer])
    layer.set_weights([np.array(kernel, np.float32), np.array(bias, np.float32)])
    return KerasTarget(network)


def test_bytes_round_weights_a_channel_and_values_a_row() -> None:
    # Kernel: the first channel's scale is 1.27 / 127 = 0.01, so 0.014 becomes 0.01 and 1.27 stays;
    # the second one's is 12.7 / 127 = 0.1.  The bias is left alone.
    rough = at_precision(dense([[1.27, 12.7], [0.014, 0.33]], [0.0, 0.004]), "int8")
    kernel, bias = weights_of(rough.model)
    np.testing.assert_allclose(kernel, [[1.27, 12.7], [0.01, 0.3]], rtol=1e-6)
    np.testing.assert_allclose(bias, [0.0, 0.004])
    # (1, 0): (1.27, 12.704), whose step is 12.704 / 127 = 0.100031; 1.27 is 12.7 steps, so 13.
    seen = observed(rough, np.array([[1.0, 0.0], [0.0, 0.0]], np.float32))
    np.testing.assert_allclose(seen["outputs"], [[1.300409, 12.704], [0, 0.004]], rtol=1e-5)


def test_an_infinity_is_no_scale() -> None:
    rough = at_precision(dense([[1.0, 0.0]], [0.0, 1.0]), "int8")
    seen = observed(rough, np.array([[np.inf], [1.0]], np.float32))
    assert np.isposinf(seen["outputs"][0, 0]) and np.isfinite(seen["outputs"][1]).all()


def headroom(target: KerasTarget, values: list[float]) -> list[float]:
    """The distance of ``NonFinite`` for rows of one value each."""

    def run(batch: dict[str, Any]) -> Any:
        seen = target.run(Batch(batch))
        nothing = Reference(seen.scores, seen.scores, seen.scores, seen.scores)
        return NonFinite().judge(Batch(batch), seen, nothing)[1]

    rows = np.array(values, np.float32)[:, None]
    return list(fetch(Compiled(run)({"x": rows}), "test"))


def test_float16_is_as_near_to_its_end_as_float32_to_its_own() -> None:
    # 2**12 of at most 2**16 is three quarters of the exponents: 1 - 12 / 16 = 0.25; in float32
    # 1 - 12 / 128.  65504 is the largest float16; 65536 is infinite, in the first stage after the
    # features: -1 - 1.
    exact = dense([[1.0]], [0.0])
    assert headroom(exact, [2.0**12, 65536.0]) == pytest.approx([1 - 12 / 128, 1 - 16 / 128])
    found = headroom(at_precision(exact, "float16"), [2.0**12, 65504.0, 65536.0])
    assert found == pytest.approx([0.25, 0.0, -2.0], abs=1e-4)


def test_a_model_that_cannot_be_made_again_is_refused() -> None:
    class Own(keras.Model):
        def call(self, inputs: Any) -> Any:
            return inputs

    with pytest.raises(HarnessError, match=r"cannot be copied in int8 .* Expected a sequential or"):
        at_precision(KerasTarget(Own()), "int8")
    with pytest.raises(ValueError, match="expected one of float16, bfloat16, int8"):
        at_precision(KerasTarget(network()), cast(Precision, "int4"))
