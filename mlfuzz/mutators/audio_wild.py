"""Inputs that the domain allows and no recording of a word is: for wild groups alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Batch, Params
from mlfuzz.domains.audio import QUANTUM
from mlfuzz.mutators import purse

LEVELS = (0.0, QUANTUM, -QUANTUM, 1.0 - QUANTUM, -1.0)
"""Silence, the smallest steps and both ends of the range."""


@dataclass(frozen=True)
class Constant:
    """Put one value in place of every sample: digital silence, the smallest step, an end.

    Notes
    -----
    ``params.values`` is (B, 2): the share of the sound that stays, 0 or 1, and the value that is
    added.  Cost: 1 unless identity; within bounds it is never drawn.
    Source: models that divide by a norm or a variance fail at such inputs, which no label-keeping
    change reaches.
    """

    identity: ClassVar[tuple[float, ...]] = (1.0, 0.0)
    strengths: ClassVar[tuple[int, ...]] = ()
    budget: ClassVar[str] = "wild"
    version: ClassVar[int] = 1

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        values = np.tile(np.asarray(self.identity, np.float32), (count, 1))
        if spent is None:
            values = np.stack([np.zeros(count), rng.choice(LEVELS, count)], axis=1)
        return Params(purse.keys(count, rng), values.astype(np.float32))

    def cost(self, params: Params) -> np.ndarray:
        return np.asarray(np.asarray(params.values)[:, 0] != 1.0, np.float64)

    def apply(self, batch: Batch, params: Params) -> Batch:
        values = params.values
        return batch.replace(audio=batch["audio"] * values[:, :1] + values[:, 1:2])


@dataclass(frozen=True)
class Spike:
    """Set a single sample to an end of the range: a click.

    Notes
    -----
    ``params.values`` is (B, 2): the place as a share of the length, and what is added there; twice
    the range, so that it saturates whatever it meets.  Cost: 1 unless identity; within bounds it
    is never drawn.
    Source: the one-element changes of DESIGN rule 9; Su et al., "One pixel attack for fooling deep
    neural networks" (2019), section 3, without its search.
    """

    identity: ClassVar[tuple[float, ...]] = (0.0, 0.0)
    strengths: ClassVar[tuple[int, ...]] = (1,)
    budget: ClassVar[str] = "wild"
    version: ClassVar[int] = 1

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        values = np.zeros((count, 2))
        if spent is None:
            values = np.stack([rng.random(count), rng.choice((-2.0, 2.0), count)], axis=1)
        return Params(purse.keys(count, rng), values.astype(np.float32))

    def cost(self, params: Params) -> np.ndarray:
        return np.asarray(np.asarray(params.values)[:, 1] != 0.0, np.float64)

    def apply(self, batch: Batch, params: Params) -> Batch:
        last = ops.maximum(ops.cast(batch["audio_length"], "float32") - 1.0, 0.0)
        place = ops.round(params.values[:, 0] * last)[:, None]
        index = ops.arange(batch["audio"].shape[1], dtype="float32")[None, :]
        click = ops.cast(place == index, "float32") * params.values[:, 1:2]
        return batch.replace(audio=batch["audio"] + click)
