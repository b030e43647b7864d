"""Contracts on two values that must agree: of another run, another decoder, another input.

They run code again.  ``every=n`` looks at one input in n while fuzzing, chosen by its content, so
that a replay of what was found is looked at too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlfuzz.contracts.array import Broken
from mlfuzz.contracts.call import Failure, called, name_of
from mlfuzz.contracts.difference import Closeness, Compare, differences
from mlfuzz.contracts.leaves import numeric_leaves, shown


@dataclass(frozen=True)
class Repeatable:
    """The same bytes give the same answer twice, type and bit for bit; NaN equals NaN."""

    every: int = 1

    def __post_init__(self) -> None:
        _check_every(self.every)

    def check(self, data: bytes, value: Any, function: Callable[[bytes], Any]) -> Broken:
        """None, or where the second answer differs."""
        again = called(function, data)
        if isinstance(again, Failure):
            return "repeatable", f"the second time {again}"
        exact = Closeness(is_strict=True)
        return _compared("repeatable", "first and second answer", value, again, exact)


@dataclass(frozen=True)
class RoundTrip:
    """decode(encode(x)) = x.

    Parameters
    ----------
    encode : callable value -> bytes or None
        None: no opinion; what it raises is a breach, as is what ``decode`` raises on its bytes.
    decode : callable bytes -> value, optional
        Default: the entry point's function.
    tolerance : float
        Absolute difference of numbers that a lossy format may make.
    """

    encode: Callable[[Any], bytes | None]
    decode: Callable[[bytes], Any] | None = None
    tolerance: float = 0.0
    every: int = 1

    def __post_init__(self) -> None:
        _check_every(self.every)
        Closeness(self.tolerance)

    def check(self, data: bytes, value: Any, function: Callable[[bytes], Any]) -> Broken:
        """None, or where the value that came back differs."""
        rule = f"round-trip: {name_of(self.encode)}"
        encoded = called(self.encode, value)
        if encoded is None:
            return None
        back = encoded
        if not isinstance(encoded, Failure):
            back = called(self.decode or function, encoded)
        if isinstance(back, Failure):
            return rule, f"{back}. Expected the value back."
        return _compared(rule, "before and after", value, back, Closeness(self.tolerance))


@dataclass(frozen=True)
class Agrees:
    """A second, independent decoder gives the same value where both accept.

    Parameters
    ----------
    second : callable bytes -> value or None
        Where it returns None or raises it has no opinion.
    tolerance : float
        Absolute difference of numbers that is allowed.
    compare : str
        ``max``: of every number; ``mean``: on the average of each array.
    shapes : bool
        Whether different shapes, lengths and keys count; else there is no opinion then.
    clip : (low, high), optional
        Both arrays are cut to this range first, for decoders that differ in what is out of it.
    non_finite : bool
        Whether NaN or infinity in the second's value count; else it has no opinion then.
    """

    second: Callable[[bytes], Any]
    tolerance: float = 0.0
    compare: Compare = "max"
    shapes: bool = False
    clip: tuple[float, float] | None = None
    non_finite: bool = False
    every: int = 1

    def __post_init__(self) -> None:
        _check_every(self.every)
        Closeness(self.tolerance, self.compare, self.clip)

    def check(self, data: bytes, value: Any, function: Callable[[bytes], Any]) -> Broken:
        """None, or where the two values differ."""
        other = called(self.second, data)
        if other is None or isinstance(other, Failure):
            return None
        if not self.non_finite and not _is_finite(other):
            return None
        found = list(differences(value, other, Closeness(self.tolerance, self.compare, self.clip)))
        is_shape = any(each.what == "shape" for each in found)
        if not found or (is_shape and not self.shapes):
            return None
        rule = f"agrees: {name_of(self.second)}" + (" (shape)" if is_shape else "")
        return rule, f"this and the second, {found[0]}"


@dataclass(frozen=True)
class Survives:
    """An id or label that the bytes hold is still there in the value.

    Parameters
    ----------
    before : callable bytes -> value or None
        Reads it from the input; where it returns None or raises it has no opinion.
    after : callable value -> value
        Reads it from the returned value; what it raises is a breach.
    """

    before: Callable[[bytes], Any]
    after: Callable[[Any], Any]
    every: int = 1

    def __post_init__(self) -> None:
        _check_every(self.every)

    def check(self, data: bytes, value: Any, function: Callable[[bytes], Any]) -> Broken:
        """None, or what became of it."""
        before = called(self.before, data)
        if before is None or isinstance(before, Failure):
            return None
        rule = f"survives: {name_of(self.before)}"
        after = called(self.after, value)
        if isinstance(after, Failure):
            return rule, f"{after}. Expected {shown(before)}."
        return _compared(rule, "before and after", before, after, Closeness())


@dataclass(frozen=True)
class Metamorphic:
    """Where the bytes are changed so, the value changes so: a turned picture, swapped channels.

    Parameters
    ----------
    change : callable bytes -> bytes or None
        Where it returns None or raises it has no opinion.
    expect : callable value -> value, optional
        What the changed bytes must give; default: the same value.  What it raises is a breach, as
        is what the entry point raises on the changed bytes.
    tolerance : float
        Absolute difference of numbers that is allowed.
    """

    change: Callable[[bytes], bytes | None]
    expect: Callable[[Any], Any] | None = None
    tolerance: float = 0.0
    every: int = 1

    def __post_init__(self) -> None:
        _check_every(self.every)
        Closeness(self.tolerance)

    def check(self, data: bytes, value: Any, function: Callable[[bytes], Any]) -> Broken:
        """None, or where the value of the changed bytes is another than expected."""
        changed = called(self.change, data)
        if changed is None or isinstance(changed, Failure):
            return None
        rule = f"metamorphic: {name_of(self.change)}"
        expected = value if self.expect is None else called(self.expect, value)
        if isinstance(expected, Failure):
            return rule, str(expected)
        came = called(function, changed)
        if isinstance(came, Failure):
            return rule, f"on the changed bytes {came}"
        return _compared(rule, "expected and came", expected, came, Closeness(self.tolerance))


def _compared(rule: str, which: str, one: Any, other: Any, closeness: Closeness) -> Broken:
    first = next(differences(one, other, closeness), None)
    return None if first is None else (rule, f"{which}, {first}")


def _is_finite(value: Any) -> bool:
    return all(np.isfinite(array).all() for _, array in numeric_leaves(value))


def _check_every(every: int) -> None:
    if not isinstance(every, int) or every < 1:
        raise ValueError(f"every={every!r}. Expected a whole number from 1 on.")
