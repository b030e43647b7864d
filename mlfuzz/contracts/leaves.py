"""The arrays and numbers inside a returned value, each with its place in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

MAX_SHOWN = 60
MAX_DEPTH = 40
"""Deeper, or round in a circle, nothing is looked at."""

_PLAIN = frozenset((int, float))


def leaves(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """(path, leaf) in order: tuples, lists and mappings are opened, what holds an array is one."""
    if depth > MAX_DEPTH:
        return
    if isinstance(value, Mapping):
        for key, inside in value.items():
            yield from leaves(inside, f"{path}[{key!r}]", depth + 1)
    elif isinstance(value, tuple | list):
        for i, inside in enumerate(value):
            yield from leaves(inside, f"{path}[{i}]", depth + 1)
    else:
        yield path, as_array(value) if is_array(value) else value


def numeric_leaves(value: Any) -> Iterator[tuple[str, np.ndarray]]:
    """The leaves that are numbers or arrays of numbers, as arrays."""
    found = [("", packed)] if (packed := _packed(value)) is not None else leaves(value)
    for path, leaf in found:
        if isinstance(leaf, np.ndarray | np.generic | int | float | complex):
            array = np.asarray(_within_floats(leaf) if isinstance(leaf, int) else leaf)
            if array.dtype.kind in "iufc":
                yield path, array


def _within_floats(number: int) -> int | float:
    """The number; where NumPy has no type for it the nearest float, which is never infinite."""
    if -(1 << 63) <= number < 1 << 63:
        return number
    most = sys.float_info.max
    return float(min(max(number, -int(most)), int(most)))


def _packed(value: Any) -> np.ndarray | None:
    """A list of plain numbers as an array: one by one they take a hundred times as long."""
    if not isinstance(value, list | tuple) or not value or not set(map(type, value)) <= _PLAIN:
        return None
    array = np.asarray(value)
    return None if array.dtype.kind == "O" else array


def is_array(value: Any) -> bool:
    """Whether the value is or holds an array: of NumPy, a picture, a table, a tensor."""
    return isinstance(value, np.ndarray) or (
        (hasattr(value, "__array__") or hasattr(value, "__array_interface__"))
        and not isinstance(value, np.generic | type)
    )


def as_array(value: Any) -> np.ndarray:
    """The array that a value is or holds."""
    return value if isinstance(value, np.ndarray) else np.asarray(value)


def item(value: Any, at: str | int | None) -> tuple[str, Any]:
    """(path, item) that ``at`` names: a key or index; None: the first array in the value.

    The item is None where there is none.
    """
    if at is None:
        arrays = ((path, leaf) for path, leaf in leaves(value) if isinstance(leaf, np.ndarray))
        return next(arrays, ("", None))
    try:
        found = value[at]
    except (LookupError, TypeError):
        return f"[{at!r}]", None
    return f"[{at!r}]", as_array(found) if is_array(found) else found


def index_text(index: tuple[Any, ...]) -> str:
    """An index into an array as it is written; nothing for an array without axes."""
    return f"[{', '.join(str(int(i)) for i in index)}]" if index else ""


def first_index(mask: np.ndarray) -> tuple[Any, ...]:
    """The index of the first True, in C order."""
    return tuple(np.unravel_index(int(np.argmax(mask)), mask.shape))


def shown(value: Any) -> str:
    """The value in at most so many characters, whatever its ``repr`` does."""
    try:
        if isinstance(value, np.ndarray) and value.ndim:
            return f"an array {value.shape} of {value.dtype}"
        text = repr(value.item() if isinstance(value, np.generic | np.ndarray) else value)
    except Exception as error:
        return f"<{type(value).__name__}: no text, {type(error).__name__}>"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
