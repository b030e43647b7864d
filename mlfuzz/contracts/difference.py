"""Where two values differ first: arrays, tuples, mappings, texts, plain values and objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

import numpy as np

from mlfuzz.contracts.leaves import MAX_DEPTH, as_array, first_index, index_text, is_array, shown

Compare = Literal["max", "mean"]


@dataclass(frozen=True)
class Difference:
    """A place at which two values differ; ``shape`` also stands for lengths and keys."""

    what: Literal["type", "shape", "value"]
    path: str
    left: str
    right: str
    note: str = ""

    def __str__(self) -> str:
        place = f"at {self.path}" if self.path else "the value"
        return f"{place}: {self.left} and {self.right}{self.note}"


@dataclass(frozen=True)
class Closeness:
    """How near two values must be.

    Parameters
    ----------
    tolerance : float
        Absolute difference of numbers that is allowed; NaN equals NaN.
    compare : str
        ``max``: no number of an array may differ by more; ``mean``: not on average.
    clip : (low, high), optional
        Both arrays are cut to this range first.
    is_strict : bool
        Whether types and dtypes count too.
    """

    tolerance: float = 0.0
    compare: Compare = "max"
    clip: tuple[float, float] | None = None
    is_strict: bool = False

    def __post_init__(self) -> None:
        if not self.tolerance >= 0:
            raise ValueError(f"tolerance={self.tolerance!r}. Expected 0 or more.")
        if self.compare not in ("max", "mean"):
            raise ValueError(f"compare={self.compare!r}. Expected 'max' or 'mean'.")


def differences(
    left: Any, right: Any, how: Closeness, path: str = "", depth: int = 0
) -> Iterator[Difference]:
    """The differences in order, one for each leaf that differs; none deeper than MAX_DEPTH."""
    if depth > MAX_DEPTH or left is right:
        return
    inner = depth + 1
    if how.is_strict and type(left) is not type(right):
        yield Difference("type", path, type(left).__name__, type(right).__name__)
    elif is_array(left) and is_array(right):
        yield from _of_arrays(as_array(left), as_array(right), how, path)
    elif _is_number(left) and _is_number(right):
        yield from _of_numbers(left, right, how, path)
    elif isinstance(left, str | bytes) and isinstance(right, str | bytes):
        yield from _of_texts(left, right, path)
    elif isinstance(left, Mapping) and isinstance(right, Mapping):
        yield from _of_mappings(left, right, how, path, inner)
    elif isinstance(left, tuple | list) and isinstance(right, tuple | list):
        yield from _of_sequences(left, right, how, path, inner)
    elif type(left) is not type(right):
        yield Difference("type", path, _typed(left), _typed(right))
    else:
        yield from _of_objects(left, right, how, path, inner)


def _of_arrays(
    left: np.ndarray, right: np.ndarray, how: Closeness, path: str
) -> Iterator[Difference]:
    if left.shape != right.shape:
        yield Difference("shape", path, f"shape {left.shape}", f"shape {right.shape}")
        return
    if how.is_strict and left.dtype != right.dtype:
        yield Difference("type", path, f"dtype {left.dtype}", f"dtype {right.dtype}")
        return
    beyond, note = _beyond(left, right, how)
    if beyond.any():
        index = first_index(beyond)
        place = path + index_text(index)
        yield Difference("value", place, shown(left[index]), shown(right[index]), note)


def _beyond(left: np.ndarray, right: np.ndarray, how: Closeness) -> tuple[np.ndarray, str]:
    """Where two arrays of one shape differ by too much, and how much that is."""
    if not {left.dtype.kind, right.dtype.kind} <= set("biufc"):
        differs = (left != right) & ((left == left) | (right == right))  # neither NaN nor NaT
        return np.asarray(differs, dtype=bool), ""
    if how.clip is not None:
        left, right = (np.clip(array, *how.clip) for array in (left, right))
    same = (left == right) | ((left != left) & (right != right))  # NaN is unequal to itself
    if how.tolerance == 0:
        return ~same, ""
    gap = _gap(left, right, same)
    note = f" (largest gap {gap.max(initial=0.0):.3g}, mean {gap.mean() if gap.size else 0:.3g})"
    if how.compare == "mean" and not (gap.size and gap.mean() > how.tolerance):
        return np.zeros(gap.shape, bool), ""
    return gap > how.tolerance, note


def _gap(left: np.ndarray, right: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Absolute differences in float64, unsigned ones unwrapped; infinite for NaN on one side."""
    wide = np.complex128 if "c" in left.dtype.kind + right.dtype.kind else np.float64
    with np.errstate(all="ignore"):
        gap = np.abs(left.astype(wide) - right.astype(wide))
    return np.where(same, 0.0, np.where(np.isnan(gap), np.inf, gap))


def _of_numbers(left: Any, right: Any, how: Closeness, path: str) -> Iterator[Difference]:
    if left == right or (left != left and right != right):
        return
    try:
        is_near = how.tolerance > 0 and abs(left - right) <= how.tolerance
    except (OverflowError, TypeError):  # an int beyond every float; two booleans of NumPy
        is_near = False
    if not is_near:
        yield Difference("value", path, shown(left), shown(right))


def _of_texts(left: str | bytes, right: str | bytes, path: str) -> Iterator[Difference]:
    if type(left) is not type(right):
        yield Difference("type", path, _typed(left), _typed(right))
    elif left != right:
        pairs = zip(left, right, strict=False)
        at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(left), len(right)))
        a, b = shown(left[at : at + 16]), shown(right[at : at + 16])
        yield Difference("value", f"{path}[{at}]", a, b)


def _of_mappings(
    left: Mapping[Any, Any], right: Mapping[Any, Any], how: Closeness, path: str, depth: int
) -> Iterator[Difference]:
    for key in [*left, *(key for key in right if key not in left)]:
        inner = f"{path}[{key!r}]"
        if key in left and key in right:
            yield from differences(left[key], right[key], how, inner, depth)
        else:
            there = [_typed(each[key]) if key in each else "nothing" for each in (left, right)]
            yield Difference("shape", inner, *there)


def _of_sequences(
    left: Sequence[Any], right: Sequence[Any], how: Closeness, path: str, depth: int
) -> Iterator[Difference]:
    if len(left) != len(right):
        yield Difference("shape", path, f"length {len(left)}", f"length {len(right)}")
    for i, (a, b) in enumerate(zip(left, right, strict=False)):
        yield from differences(a, b, how, f"{path}[{i}]", depth)


def _of_objects(
    left: Any, right: Any, how: Closeness, path: str, depth: int
) -> Iterator[Difference]:
    """By their attributes where they have no equality of their own that can be trusted."""
    attributes = _attributes(left)
    if attributes is None:
        if _has_equality(left) and left != right:
            yield Difference("value", path, shown(left), shown(right))
        return
    for name in attributes:
        a, b = getattr(left, name, None), getattr(right, name, None)
        yield from differences(a, b, how, f"{path}.{name}", depth)


def _attributes(value: Any) -> list[str] | None:
    """Names to compare by: a dataclass's fields (its ``==`` fails on arrays), or what it holds."""
    if is_dataclass(value):
        return [each.name for each in fields(value)]
    if not _has_equality(value) and hasattr(value, "__dict__"):
        return list(vars(value))
    return None


def _has_equality(value: Any) -> bool:
    """Whether its class says what equal means; else equal would mean the same object."""
    own: object = type(value).__eq__
    return own is not object.__eq__


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | complex | np.number | np.bool_)


def _typed(value: Any) -> str:
    return f"{shown(value)} ({type(value).__name__})"
