"""What every value that an entry point returns must satisfy, from the specs of a domain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlfuzz.core import ArraySpec


@dataclass(frozen=True)
class ArrayContract:
    """Arrays of the right type, shape, dtype, length and range, without NaN or infinity.

    Parameters
    ----------
    specs : tuple of ArraySpec
        A value is a mapping with these names; where there is one only, a bare array will do.

    Notes
    -----
    The range has a slack of one quantum: a decoder may fill [-1, 1] where the file's grid ends
    one step below 1.
    """

    specs: tuple[ArraySpec, ...]

    def breach(self, value: Any) -> tuple[str, str] | None:
        """None, or (rule, message); rules: type, shape, dtype, length, finite, range."""
        if len(self.specs) == 1 and isinstance(value, np.ndarray):  # first, as it is the hot path
            return self._named(_breach(value, self.specs[0]), self.specs[0])
        arrays = value if isinstance(value, Mapping) or len(self.specs) > 1 else self._bare(value)
        if not isinstance(arrays, Mapping):
            return "type", f"{type(value).__name__}. Expected a mapping of arrays."
        for spec in self.specs:
            broken = self._named(_breach(arrays.get(spec.name), spec), spec)
            if broken:
                return broken
        return None

    def _bare(self, value: Any) -> dict[str, Any]:
        return {self.specs[0].name: value}

    @staticmethod
    def _named(broken: tuple[str, str] | None, spec: ArraySpec) -> tuple[str, str] | None:
        return broken and (broken[0], f"{spec.name}: {broken[1]}")


def _breach(array: Any, spec: ArraySpec) -> tuple[str, str] | None:
    if not isinstance(array, np.ndarray):
        return "type", f"{type(array).__name__}. Expected an array of NumPy."
    fixed = int(spec.padded)  # from this axis on the shape is what the spec says
    if array.ndim != len(spec.shape) or array.shape[fixed:] != spec.shape[fixed:]:
        return "shape", f"shape {array.shape}. Expected {_shape(spec)}."
    if array.dtype != spec.dtype:
        return "dtype", f"dtype {array.dtype}. Expected {spec.dtype}."
    return _length(array, spec) or _values(array, spec)


def _length(array: np.ndarray, spec: ArraySpec) -> tuple[str, str] | None:
    if not spec.padded or 1 <= len(array) <= spec.shape[0]:
        return None
    return "length", f"length {len(array)}. Expected 1 to {spec.shape[0]}."


def _values(array: np.ndarray, spec: ArraySpec) -> tuple[str, str] | None:
    if array.size == 0:
        return None
    # Two passes tell all: NaN comes through min and max, and compares as false.
    low, high, slack = float(array.min()), float(array.max()), spec.quantum or 0.0
    if low >= spec.low - slack and high <= spec.high + slack:
        return None
    expected = f"Expected {spec.low:.6g} to {spec.high:.6g}."
    if not (math.isfinite(low) and math.isfinite(high)):
        return "finite", f"values that are NaN or infinite ({low:.6g} to {high:.6g}). {expected}"
    return "range", f"values from {low:.6g} to {high:.6g}. {expected}"


def _shape(spec: ArraySpec) -> str:
    if not spec.padded:
        return str(spec.shape)
    rest = "".join(f", {size}" for size in spec.shape[1:])
    return f"(n{rest or ','}) with n up to {spec.shape[0]}"
