"""One picture before and after a mutation, for tests with numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from implementations import mutated

from mlfuzz import Image
from mlfuzz.core import Mutator, Params


def one(mutator: Mutator, pixels: Any, values: tuple[float, ...], key: int = 0) -> np.ndarray:
    """One picture, (H, W) or (H, W, 3), after one mutation, in the same shape."""
    pixels = np.asarray(pixels, np.float32)
    domain = Image(*pixels.shape)
    batch = {"image": domain.arrays(pixels)["image"][None]}
    params = Params(np.array([key], np.int32), np.array([values], np.float32))
    made = mutated(mutator, batch, params, domain=domain)["image"][0]
    return made.reshape(pixels.shape)


def many(mutator: Mutator, pixels: Any, count: int, *, wild: bool = False) -> np.ndarray:
    """(count, H, W, C): one picture after so many draws of a mutator."""
    pixels = np.asarray(pixels, np.float32)
    domain = Image(*pixels.shape)
    batch = {"image": np.tile(domain.arrays(pixels)["image"], (count, 1, 1, 1))}
    params = mutator.sample(count, None if wild else np.zeros(count), np.random.default_rng(1))
    return mutated(mutator, batch, params, domain=domain)["image"]


def costs(mutator: Mutator, *values: tuple[float, ...]) -> list[float]:
    params = Params(np.zeros(len(values), np.int32), np.array(values, np.float32))
    return [float(cost) for cost in mutator.cost(params)]
