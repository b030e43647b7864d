"""Contracts on one value: its arrays' values, shape, type, channels and length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlfuzz.contracts.call import Failure, called
from mlfuzz.contracts.leaves import first_index, index_text, item, leaves, numeric_leaves, shown

Broken = tuple[str, str] | None
"""(rule, message), or None where the contract holds."""


@dataclass(frozen=True)
class Finite:
    """No number in the value, however deep in tuples and mappings, is NaN or infinite."""

    def breach(self, value: Any) -> Broken:
        """None, or what is not finite, and where."""
        for path, array in numeric_leaves(value):
            if array.dtype.kind in "fc" and not (finite := np.isfinite(array)).all():
                index = first_index(~finite)
                return "finite", f"{_at(path, index)}: {shown(array[index])}. Expected a number."
        return None


@dataclass(frozen=True)
class Range:
    """All numbers lie between ``low`` and ``high``, both included; NaN does not.

    Parameters
    ----------
    low, high : float
        The ends.
    at : str or int, optional
        Key or index of the item of the value that is meant; default: all in it.
    """

    low: float
    high: float
    at: str | int | None = None

    def breach(self, value: Any) -> Broken:
        """None, or the first number outside, and where."""
        start, inside = ("", value) if self.at is None else item(value, self.at)
        if inside is None:
            return "range", f"nothing at {start}. Expected numbers there."
        for path, array in numeric_leaves(inside):
            if not array.size or array.dtype.kind == "c":
                continue
            # Two passes tell all: NaN comes through min and max, and compares as false.
            if not (array.min() >= self.low and array.max() <= self.high):
                index = first_index(~((array >= self.low) & (array <= self.high)))
                seen = f"{_at(start + path, index)}: {shown(array[index])}"
                return "range", f"{seen}. Expected {self.low:.6g} to {self.high:.6g}."
        return None


@dataclass(frozen=True)
class Shape:
    """An array has this shape.

    Parameters
    ----------
    sizes : sequence of int or None
        One for each axis; None: any size.
    at : str or int, optional
        Key or index of the array in the value; default: the first array in it.
    """

    sizes: Sequence[int | None]
    at: str | int | None = None

    def breach(self, value: Any) -> Broken:
        """None, or the shape that came."""
        path, array = item(value, self.at)
        if not isinstance(array, np.ndarray):
            return "shape", _no_array(path, value)
        expected = tuple(self.sizes)
        fits = array.ndim == len(expected) and all(
            want is None or want == size for want, size in zip(expected, array.shape, strict=True)
        )
        words = ", ".join("any" if size is None else str(size) for size in expected)
        return None if fits else ("shape", f"{_at(path)}: {array.shape}. Expected ({words}).")


@dataclass(frozen=True)
class Dtype:
    """An array has this dtype, such as ``"float32"``; ``at`` as in ``Shape``."""

    name: str
    at: str | int | None = None

    def breach(self, value: Any) -> Broken:
        """None, or the dtype that came."""
        path, array = item(value, self.at)
        if not isinstance(array, np.ndarray):
            return "dtype", _no_array(path, value)
        fits = array.dtype == self.name
        return None if fits else ("dtype", f"{_at(path)}: {array.dtype}. Expected {self.name}.")


@dataclass(frozen=True)
class Channels:
    """An array has so many channels; one that lacks the axis has one.

    Parameters
    ----------
    expected : int, sequence of int, or callable bytes -> int or None
        What is allowed, or a function that reads it from the header; where that returns None or
        raises it has no opinion.
    axis : int
        Of the channels: 1 for (samples, channels), 2 for (rows, columns, channels).
    at : str or int, optional
        Key or index of the array in the value; default: the first array in it.
    """

    expected: int | Sequence[int] | Callable[[bytes], int | None]
    axis: int
    at: str | int | None = None

    def check(self, data: bytes, value: Any, function: Callable[[bytes], Any]) -> Broken:
        """None, or how many channels came."""
        wanted = _wanted(self.expected, data)
        allowed = wanted if isinstance(wanted, Sequence) else (wanted,)
        path, array = item(value, self.at)
        if wanted is None:
            return None
        if not isinstance(array, np.ndarray):
            return "channels", _no_array(path, value)
        count = array.shape[self.axis] if array.ndim > self.axis else 1
        words = " or ".join(str(each) for each in allowed)
        return (
            None if count in allowed else ("channels", f"{_at(path)}: {count}. Expected {words}.")
        )


@dataclass(frozen=True)
class Length:
    """What was decoded is as long as the header says.

    Parameters
    ----------
    expected : int or callable bytes -> number or None
        The length, or a function that reads it from the input; where that returns None or raises
        it has no opinion.
    slack : float
        Difference that is allowed.
    axis : int
        Of the array that is measured.
    at : str or int, optional
        Key or index of what is measured; default: the first array in the value, else the value.
    """

    expected: int | Callable[[bytes], float | None]
    slack: float = 0
    axis: int = 0
    at: str | int | None = None

    def check(self, data: bytes, value: Any, function: Callable[[bytes], Any]) -> Broken:
        """None, or the length that came."""
        wanted = _wanted(self.expected, data)
        if wanted is None:
            return None
        path, inside = item(value, self.at)
        if inside is None and self.at is None:
            inside = value
        length = _length(inside, self.axis)
        if length is None:
            return "length", f"{_at(path)}: {shown(inside)} has no length. Expected {wanted:.6g}."
        fits = abs(length - wanted) <= self.slack
        return (
            None if fits else ("length", f"{_at(path)}: {length}. Expected {_about(wanted, self)}.")
        )


def _wanted(expected: Any, data: bytes) -> Any:
    if not callable(expected):
        return expected
    wanted = called(expected, data)
    return None if isinstance(wanted, Failure) else wanted


def _length(value: Any, axis: int) -> int | None:
    if isinstance(value, np.ndarray):
        return value.shape[axis] if axis < value.ndim else None
    return len(value) if hasattr(value, "__len__") else None


def _about(wanted: float, contract: Length) -> str:
    return f"{wanted:.10g}" + (f" within {contract.slack:.6g}" if contract.slack else "")


def _no_array(path: str, value: Any) -> str:
    kinds = ", ".join(type(leaf).__name__ for _, leaf in list(leaves(value))[:3]) or "nothing"
    return f"no array at {path}." if path else f"no array in what was returned ({kinds})."


def _at(path: str, index: tuple[Any, ...] = ()) -> str:
    place = path + index_text(index)
    return f"at {place}" if place else "the value"
