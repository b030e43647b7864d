"""The same Keras model in fewer bits: the second of a pair.

Only Keras may be imported here, and only when a model is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.errors import HarnessError
from mlfuzz.targets.keras import CONTAINERS, KerasTarget, weights_of

Precision = Literal["float16", "bfloat16", "int8"]
LEVELS = 127
"""Steps of a signed byte to either side of zero."""


def at_precision(target: KerasTarget, precision: Precision) -> KerasTarget:
    """A copy of a model that computes in fewer bits; the model itself stays as it is.

    Parameters
    ----------
    target : KerasTarget
        Of a sequential or functional model, whose layers can be made again from their config.
    precision : "float16", "bfloat16" or "int8"
        The first two: weights and every layer's arithmetic.  On a CPU (TensorFlow, LeNet-5 and a
        DS-CNN at batch 64) they take 0.8 to 1.6 times as long as float32 (measured).

    Notes
    -----
    ``int8`` is simulated in float32.  Kernels: the nearest of 255 evenly spaced values, one scale
    an output channel (the last axis), the largest magnitude at 127; weights with one axis, such
    as biases, stay.  What each layer gives: the same with one scale a row, so rows stand alone.
    Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference" (2018), section 2.1.  Where we differ: symmetric, and the
    scale of a layer's values is each row's own, not one from calibration.

    Raises
    ------
    HarnessError
        Where the model cannot be copied.
    """
    if precision not in get_args(Precision):
        raise ValueError(
            f"precision {precision!r}: expected one of {', '.join(get_args(Precision))}"
        )
    remake = _remade_in_bytes if precision == "int8" else _remade_with(precision)
    model = _copy(target.model, remake, precision)
    weights = weights_of(target.model)
    model.set_weights([_rounded(each) for each in weights] if precision == "int8" else weights)
    return KerasTarget(model, taps=target.taps)


def _copy(model: Any, remake: Callable[[Any], Any], precision: str) -> Any:
    import keras

    try:
        return keras.models.clone_model(model, clone_function=remake, recursive=True)
    except (TypeError, ValueError, NotImplementedError) as error:
        first = (str(error).strip().splitlines() or ["no message"])[0][:200].rstrip(".")
        raise HarnessError(
            f"the model {model.name!r} cannot be copied in {precision} ({type(error).__name__}: "
            f"{first}). Expected a sequential or functional model whose layers have get_config()."
        ) from error


def _remade_with(precision: str) -> Callable[[Any], Any]:
    def remade(layer: Any) -> Any:
        return type(layer).from_config(_with_policy(layer.get_config(), precision))

    return remade


def _with_policy(config: Any, precision: str) -> Any:
    """A layer's config, and those of the layers inside, with another dtype policy."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return {**config, "config": {"name": precision}}
        return {name: _with_policy(value, precision) for name, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_with_policy(value, precision) for value in config)
    return config


def _remade_in_bytes(layer: Any) -> Any:
    made = type(layer).from_config(layer.get_config())
    if type(layer).__name__ not in CONTAINERS:
        # Not an attribute: the taps put their own over ``call`` and take it away again.
        object.__setattr__(made, "__class__", _in_bytes(type(made)))
    return made


def _in_bytes(kind: type) -> type:
    """The layer's class, with what it gives rounded."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        import keras

        given = kind.call(self, *args, **kwargs)  # type: ignore[attr-defined]
        return keras.tree.map_structure(_rounded_rows, given)

    return type(kind.__name__, (kind,), {"call": call})


def _rounded_rows(values: Any) -> Any:
    """(B, ...) float to the nearest of 255 levels, with a scale a row; other types as they are."""
    if "float" not in str(values.dtype):
        return values
    axes = tuple(range(1, len(values.shape)))
    step = ops.max(ops.abs(values), axis=axes, keepdims=True) / LEVELS
    has_scale = ops.logical_and(step > 0, ops.isfinite(step))
    step = ops.where(has_scale, step, 1.0)
    return ops.where(has_scale, ops.round(values / step) * step, values)


def _rounded(weights: np.ndarray) -> np.ndarray:
    """A kernel on the host to the nearest of 255 levels, with a scale a channel."""
    if weights.ndim < 2:
        return weights
    exact = weights.astype(np.float64)
    step = np.abs(exact).max(axis=tuple(range(exact.ndim - 1)), keepdims=True) / LEVELS
    step[step == 0] = 1.0
    return np.asarray(np.rint(exact / step) * step, weights.dtype)
