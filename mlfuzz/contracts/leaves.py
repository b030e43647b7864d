"""The arrays and numbers inside a returned value, each with its place in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

MAX_SHOWN = 60


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path, leaf) in order: tuples, lists and mappings are opened, what holds an array is one."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{path}[{key!r}]")
    elif isinstance(value, tuple | list):
        for i, item in enumerate(value):
            yield from leaves(item, f"{path}[{i}]")
    else:
        yield path, as_array(value) if is_array(value) else value


def numeric_leaves(value: Any) -> Iterator[tuple[str, np.ndarray]]:
    """The leaves that are numbers or arrays of numbers, as arrays."""
    for path, leaf in leaves(value):
        if isinstance(leaf, np.ndarray | np.generic | int | float | complex):
            array = np.asarray(leaf)
            if array.dtype.kind in "iufc":
                yield path, array


def is_array(value: Any) -> bool:
    """Whether the value is or holds an array: of NumPy, a picture, a table, a tensor."""
    return isinstance(value, np.ndarray) or (
        hasattr(value, "__array__") and not isinstance(value, np.generic | type)
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
