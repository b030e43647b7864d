"""A small harness and the step over it, traced without data; also run as a program under JAX."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mlfuzz import Audio, Harness, Image, KerasTarget
from mlfuzz.core import Batch
from mlfuzz.evaluate import GROUPS, Evaluator
from mlfuzz.harness import _complete
from mlfuzz.rows import ordinary, stack

SAMPLES, WINDOW = 400, 40


def harness(samples: int = SAMPLES, neurons: int = 6, **changes: Any) -> Harness:
    """Energies of short windows into one hidden layer and three answers."""

    def features(batch: Batch) -> dict[str, Any]:
        from keras import ops

        windows = ops.reshape(batch["audio"], (-1, samples // WINDOW, WINDOW))
        return {"energy": ops.mean(ops.square(windows), axis=2)}

    def model() -> KerasTarget:
        import keras

        keras.utils.set_random_seed(1)
        hidden = keras.layers.Dense(neurons, activation="relu", name="hidden")
        answer = keras.layers.Dense(3, activation="softmax", name="answer")
        network = keras.Sequential([keras.Input((samples // WINDOW,)), hidden, answer])
        return KerasTarget(network)

    domain = Audio(rate_hz=8000, max_samples=samples)
    value = Harness(domain=domain, features=features, model=model, **changes)
    return _complete(value, Path("small.py"))


def picture_harness() -> Harness:
    """Pictures in colour into one hidden layer and three answers; every mutator of pictures."""
    from mlfuzz.mutators import image

    def model() -> KerasTarget:
        import keras

        keras.utils.set_random_seed(1)
        hidden = keras.layers.Dense(4, activation="relu", name="hidden")
        flat = keras.layers.Flatten()
        answer = keras.layers.Dense(3)
        return KerasTarget(keras.Sequential([keras.Input((12, 20, 3)), flat, hidden, answer]))

    mutators = (*image.DEFAULT, *image.WILD)
    value = Harness(domain=Image(12, 20, 3), model=model, mutators=mutators)
    return _complete(value, Path("small.py"))


def evaluator(batch_size: int = 32, **sizes: Any) -> Evaluator:
    return Evaluator(harness(**sizes), batch_size)


def step_arguments(evaluator: Evaluator) -> tuple[Any, ...]:
    """What ``Evaluator._step`` is called with, as NumPy arrays."""
    from mlfuzz.backend import fetch
    from mlfuzz.core import Profile

    count = evaluator.spec.neurons
    profile = Profile(np.zeros(count, np.float32), np.ones(count, np.float32))
    states = fetch(evaluator.start_states(profile), "test")
    group = stack([ordinary(evaluator.domain)] * evaluator.group)
    reference = replace(evaluator.no_reference(evaluator.batch_size))
    wild = np.zeros(evaluator.batch_size, bool)
    return (group,) * GROUPS, {}, dict(vars(reference)), wild, states


def check_rows() -> None:
    """Rows on the device come back as they were put, past the first room and once replaced."""
    from mlfuzz.backend import Rows, fetch

    rows = Rows((3,), "float32")
    for number in range(3 * Rows.FIRST):
        rows.put(number, np.full(3, number, np.float32))
        if number % 100 == 0:
            rows.take(np.array([0]))
    rows.put(5, np.full(3, -1, np.float32))
    wanted = np.array([2 * Rows.FIRST + 1, 5, 0, Rows.FIRST])
    came = fetch(rows.take(wanted), "test")
    assert came[:, 0].tolist() == [2 * Rows.FIRST + 1, -1, 0, Rows.FIRST], came


def _programs(subject: Evaluator) -> list[tuple[Any, tuple[Any, ...]]]:
    """(function, arguments): the step and every mutator."""
    arguments = step_arguments(subject)
    programs = [(subject._step.traced, arguments)]
    for mutator in subject.mutators:
        params = mutator.sample(subject.group, None, np.random.default_rng(1))
        compiled = subject._mutate[repr(mutator)]
        programs.append((compiled.traced, (arguments[0][0], params.key, params.values)))
    return programs


def check_under_jax() -> None:
    """The step and every mutator trace without data, and export for CUDA without a callback."""
    import jax

    subjects = (evaluator(), Evaluator(picture_harness(), 32))
    layers = list(subjects[0].spec.layers)
    assert layers == ["hidden", "answer"], "JAX sorts names, layers have an order"
    programs = [program for subject in subjects for program in _programs(subject)]
    for function, args in programs:
        shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), args)
        jax.eval_shape(function, *shapes)
        exported = jax.export.export(jax.jit(function), platforms=["cuda"])(*shapes)
        text = exported.mlir_module()
        assert "callback" not in text, "the step calls back to the host"
    check_rows()
    print(f"{len(programs)} programs lower for CUDA")


if __name__ == "__main__":
    assert sys.argv[1:] == ["jax"]
    check_under_jax()
