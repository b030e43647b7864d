"""Something stands in front of a part of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Batch, Params
from mlfuzz.mutators import purse

WILD_SHARE = 0.5


@dataclass(frozen=True)
class Occlusion:
    """Cover a rectangle with one grey.

    Parameters
    ----------
    share : float
        Largest share of the area, 0..1; a label should survive 5%.

    Notes
    -----
    ``params.values`` is (B, 5): height and width as shares of the sides, rounded down to whole
    pixels; the place as shares of what is left down and across; and the grey.  A rectangle is at
    most twice as long as wide.  Cost: its share of the area over the bound; those of a chain add
    up.  Wild: half the area.
    Source: Pei et al., "DeepXplore" (2017), section 4.2, occlusion by a small rectangle; there it
    shows what the gradient asks for.
    """

    share: float = 0.05
    identity: ClassVar[tuple[float, ...]] = (0.0, 0.0, 0.0, 0.0, 0.0)
    strengths: ClassVar[tuple[int, ...]] = (0, 1)
    budget: ClassVar[str] = "occlusion"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not 0 <= self.share <= WILD_SHARE:
            raise ValueError(f"share {self.share}: expected 0 to {WILD_SHARE}")

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        most = np.full(count, WILD_SHARE)
        if spent is not None:
            most = self.share * purse.left(count, spent)
        area, aspect = most * rng.uniform(0.0, 1.0, count), 2.0 ** rng.uniform(-1.0, 1.0, count)
        sides = np.sqrt([area * aspect, area / aspect])
        placed = [rng.uniform(0.0, 1.0, count), rng.uniform(0.0, 1.0, count)]
        grey = rng.integers(0, 256, count).astype(np.float64)
        drawn = np.stack([*sides, *placed, grey], axis=1) * (area > 0)[:, None]
        return Params(purse.keys(count, rng), drawn.astype(np.float32))

    def cost(self, params: Params) -> np.ndarray:
        sides = np.asarray(params.values, np.float64)[:, :2]
        return purse.paid(sides[:, 0] * sides[:, 1], 0.0, self.share)

    def apply(self, batch: Batch, params: Params) -> Batch:
        image, values = batch["image"], params.values
        rows = _covered(values[:, :1], values[:, 2:3], image.shape[1])
        columns = _covered(values[:, 1:2], values[:, 3:4], image.shape[2])
        inside = ops.logical_and(rows[:, :, None, None], columns[:, None, :, None])
        return batch.replace(image=ops.where(inside, values[:, 4:5, None, None], image))


def _covered(size: Array, place: Array, count: int) -> Array:
    """(B, count) bool: the pixels along one side that the rectangle covers."""
    pixels = ops.floor(size * np.float32(count))
    first = ops.round(place * (count - pixels))
    index = ops.convert_to_tensor(np.arange(count, dtype=np.float32))[None, :]
    return ops.logical_and(index >= first, index < first + pixels)
