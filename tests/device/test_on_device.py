"""How "everything evolves on the device" is proved without one (DESIGN section 9)."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small import (
    SAMPLES,
    WINDOW,
    check_rows,
    evaluator,
    harness,
    picture_harness,
    step_arguments,
)

from mlfuzz import Harness, backend
from mlfuzz.evaluate import Evaluator

JAX = importlib.util.find_spec("jax") is not None


def fetched_by_a_step(subject: Evaluator) -> int:
    groups, _, _, wild, states = step_arguments(subject)
    reference = subject.no_reference(subject.batch_size)
    before = backend.fetched_bytes["batch"]
    subject.start(list(groups), reference, wild, states).result()
    return backend.fetched_bytes["batch"] - before


def formula(subject: Evaluator) -> int:
    """9B + 4KB bytes for B rows and K oracles."""
    return subject.batch_size * (9 + 4 * len(subject.oracles))


@pytest.mark.parametrize("batch_size", [16, 32, 64])
def test_a_batch_brings_9B_plus_4KB_bytes_to_the_host(batch_size: int) -> None:
    subject = evaluator(batch_size)
    assert fetched_by_a_step(subject) == formula(subject)


def test_twice_the_input_brings_no_more_bytes() -> None:
    assert fetched_by_a_step(evaluator(samples=800)) == fetched_by_a_step(evaluator(samples=400))


def test_twice_the_neurons_bring_no_more_bytes() -> None:
    assert fetched_by_a_step(evaluator(neurons=12)) == fetched_by_a_step(evaluator(neurons=6))


@pytest.mark.parametrize("value", [harness, picture_harness], ids=["recordings", "pictures"])
def test_nothing_is_compiled_again_in_50_batches_with_every_mutator(
    value: Callable[[], Harness],
) -> None:
    subject = Evaluator(value(), 32)
    groups, _, _, wild, states = step_arguments(subject)
    reference = subject.no_reference(subject.batch_size)
    rng = np.random.default_rng(1)

    def turn(states: object) -> object:
        mutated = [
            subject.mutate(groups[0], each, each.sample(subject.group, None, rng))
            for each in subject.mutators
        ]
        start = rng.integers(len(mutated))
        eight = (mutated * 9)[start : start + 8]
        seen, states = subject.start(eight, reference, wild, states).result()
        subject.take(seen.batch, np.arange(3))
        return states

    states = turn(states)
    before = subject.traces()
    for _ in range(50):
        states = turn(states)
    assert subject.traces() == before == len(subject.mutators) + 2  # and the step, and take


@pytest.mark.parametrize("rows", [4, 12, 32])
@pytest.mark.parametrize("takes_prepared", [False, True])
def test_a_batch_in_slices_is_seen_as_in_one_piece(
    rows: int, takes_prepared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def energy(audio: np.ndarray) -> dict[str, np.ndarray]:
        windows = np.resize(audio, (SAMPLES // WINDOW, WINDOW))
        return {"energy": np.mean(np.square(windows), axis=1)}

    changes = {"prepare": energy, "features": None} if takes_prepared else {}
    loud = np.linspace(0, 1, 32, dtype=np.float32)
    seen = []
    for at_once in (None, rows):
        monkeypatch.setattr(backend, "rows_at_once", lambda at_once=at_once: at_once)
        subject = Evaluator(replace(harness(), **changes), 32)
        groups, _, _, wild, states = step_arguments(subject)
        volumes = np.split(loud[:, None], 8)
        groups = [
            {**group, "audio": np.ones_like(group["audio"]) * volume}
            for group, volume in zip(groups, volumes, strict=True)
        ]
        reference = subject.no_reference(32)
        seen.append(subject.start(groups, reference, wild, states).result()[0])
    whole, sliced = seen
    assert whole.novel.any() and len(set(whole.cell)) > 1
    assert (whole.novel == sliced.novel).all() and (whole.cell == sliced.cell).all()
    np.testing.assert_allclose(whole.distance, sliced.distance, rtol=1e-5)
    taken = subject.take(sliced.batch, np.arange(32))
    assert [float(row["audio"][0]) for row in taken] == loud.tolist()


def test_what_is_on_the_device_already_stays() -> None:
    there = backend.put({"x": np.ones(2, np.float32)})
    again = backend.put(there)
    assert again["x"] is there["x"]


def test_prepare_runs_in_the_callers_thread() -> None:
    threads = []

    def energy(audio: np.ndarray) -> dict[str, np.ndarray]:
        threads.append(threading.current_thread())
        return {"energy": audio[: SAMPLES // WINDOW]}

    subject = Evaluator(replace(harness(), prepare=energy, features=None), 32)
    fetched_by_a_step(subject)
    assert set(threads) == {threading.current_thread()}


@pytest.mark.skipif(backend.name() != "tensorflow", reason="looks at TensorFlow's graph")
def test_the_tensorflow_step_holds_no_host_function() -> None:
    import tensorflow as tf

    subject = evaluator()
    function = tf.function(subject._step.traced, autograph=False)
    graph = function.get_concrete_function(*step_arguments(subject)).graph
    kinds = {op.type for op in graph.get_operations()}
    for inner in graph._functions.values():
        kinds |= {node.op for node in inner.definition.node_def}
    assert "MatMul" in kinds
    assert not kinds & {"PyFunc", "EagerPyFunc", "PyFuncStateless", "NumpyFunction"}


@pytest.mark.parametrize("convert", [np.asarray, bool, list, float, int])
def test_a_device_value_refuses_to_become_a_host_value(convert: type) -> None:
    handle = backend.put(np.zeros(1, np.float32))
    with pytest.raises(TypeError, match=r"only through backend\.fetch"):
        convert(handle)


def test_rows_on_the_device_come_back_as_they_were_put() -> None:
    check_rows()


@pytest.mark.slow
@pytest.mark.skipif(not JAX, reason="JAX is not installed")
def test_under_jax_the_step_traces_without_data_and_lowers_for_cuda() -> None:
    program = [sys.executable, str(Path(__file__).with_name("small.py")), "jax"]
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "programs lower for CUDA" in done.stdout
