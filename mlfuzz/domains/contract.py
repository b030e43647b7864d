"""What every value that an entry point returns must satisfy, from the specs of a domain."""

from __future__ import annotations

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
        arrays = {self.specs[0].name: value} if len(self.specs) == 1 else value
        if isinstance(value, Mapping):
            arrays = value
        if not isinstance(arrays, Mapping):
            return "type", f"{type(value).__name__}. Expected a mapping of arrays."
        for spec in self.specs:
            broken = _breach(arrays.get(spec.name), spec)
            if broken:
                return broken[0], f"{spec.name}: {broken[1]}"
        return None


def _breach(array: Any, spec: ArraySpec) -> tuple[str, str] | None:
    if not isinstance(array, np.ndarray):
        return "type", f"{type(array).__name__}. Expected an array of NumPy."
    if array.ndim != len(spec.shape) or array.shape[1:] != spec.shape[1:]:
        return "shape", f"shape {array.shape}. Expected {_shape(spec)}."
    if array.dtype != spec.dtype:
        return "dtype", f"dtype {array.dtype}. Expected {spec.dtype}."
    return _length(array, spec) or _values(array, spec)


def _length(array: np.ndarray, spec: ArraySpec) -> tuple[str, str] | None:
    if not spec.shape:
        return None
    most = spec.shape[0]
    if 1 <= len(array) <= most if spec.padded else len(array) == most:
        return None
    return "length", f"length {len(array)}. Expected {'1 to ' if spec.padded else ''}{most}."


def _values(array: np.ndarray, spec: ArraySpec) -> tuple[str, str] | None:
    slack = spec.quantum or 0.0
    # The usual case, quick: NaN comes through min and max, and compares as false.
    if array.size == 0 or (array.min() >= spec.low - slack and array.max() <= spec.high + slack):
        return None
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        return "finite", f"{count} of {array.size} values are NaN or infinite. Expected none."
    return "range", (
        f"values from {array.min():.6g} to {array.max():.6g}. "
        f"Expected {spec.low:.6g} to {spec.high:.6g}."
    )


def _shape(spec: ArraySpec) -> str:
    if not spec.padded:
        return str(spec.shape)
    rest = "".join(f", {size}" for size in spec.shape[1:])
    return f"(n{rest or ','}) with n up to {spec.shape[0]}"
