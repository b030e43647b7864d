"""A model of pictures, from PNG seeds to a finding that a new process reproduces."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from mlfuzz import Image

if TYPE_CHECKING:
    from .conftest import Project

Make = Callable[..., "Project"]

HARNESS = """
from mlfuzz import Harness, Image, KerasTarget


def model():
    from tiny_model import model

    return KerasTarget(model())


harness = Harness(domain=Image(8, 8), model=model)
"""
MODEL = '''

class Standardised(keras.layers.Layer):
    """Pixels less their mean over their deviation: 0 / 0 where all are equal."""

    def call(self, images):
        flat = ops.reshape(images, (-1, 64))
        middle = flat - ops.mean(flat, axis=1, keepdims=True)
        return middle / ops.sqrt(ops.mean(ops.square(middle), axis=1, keepdims=True))


def model():
    images = keras.Input((8, 8, 1))
    answer = keras.layers.Dense(2)
    model = keras.Model(images, answer(Standardised(name="standardised")(images)))
    # The upper half against the lower one: a slope downwards is answered 0.
    half = np.repeat([-1.0, 1.0], 32)
    answer.set_weights([np.stack([half, -half], axis=1) / 64, np.zeros(2)])
    return model
'''


def slope(step: int) -> bytes:
    """8 rows, each ``step`` brighter than the one above."""
    rows = 128 + step * (np.arange(8) - 4)
    domain = Image(8, 8)
    return domain.encode(domain.arrays(np.repeat(rows[:, None], 8, axis=1).astype(np.uint8)))


def test_a_deviation_of_zero_is_found_and_comes_again(project: Make) -> None:
    # No label-preserving change makes all pixels equal; the wild constant does.
    made = project(model=MODEL, seeds={"up.png": slope(9), "down.png": slope(-9)}, entry="model")
    made.harness.write_text(HARNESS)
    run = made.run("--only", "model", "--batch-size", "64", "--seed", "1", "--executions", "4k")
    found = {finding.kind: finding for finding in made.findings()}
    assert found["non-finite"].signature == ("standardised",), run.text
    assert {finding.stability for finding in found.values()} == {"stable"}
    assert all(finding.input.endswith(".png") for finding in found.values())
    again = made.replay()
    assert again.process.returncode == 0 and "not reproduced" not in again.text, again.text
    assert "recipe exact" in again.text and "recipe differs" not in again.text
    resumed = made.run("--only", "model", "--batch-size", "64", "--executions", "500")
    assert "resumed" in resumed.text, resumed.text
