"""A picture with its border repeated around it, and the pictures that lie beside it in there."""

from __future__ import annotations

from collections.abc import Callable

from mlfuzz.backend import ops
from mlfuzz.core import Array


def framed(image: Array, above: int, below: int, left: int, right: int) -> Array:
    """(B, H, W, C) with so many more pixels on each side, equal to the nearest of the picture.

    The outermost pixel is the likeliest beyond the border; black would be an edge of its own.
    """
    rows = [image[:, :1]] * above + [image] + [image[:, -1:]] * below
    tall = ops.concatenate(rows, axis=1) if len(rows) > 1 else image
    columns = [tall[:, :, :1]] * left + [tall] + [tall[:, :, -1:]] * right
    return ops.concatenate(columns, axis=2) if len(columns) > 1 else tall


def neighbours(image: Array, reach: int) -> Callable[[int, int], Array]:
    """A function: (dy, dx) up to ``reach`` -> the picture of every pixel's neighbour there."""
    _, height, width, _ = image.shape
    around = framed(image, reach, reach, reach, reach)

    def neighbour(dy: int, dx: int) -> Array:
        return around[:, reach + dy : reach + dy + height, reach + dx : reach + dx + width]

    return neighbour
