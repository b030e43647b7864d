"""A Keras 3 model as a target: its layers are tapped by hooks while the step is traced.

Only Keras may be imported here, and only when a model is loaded.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Batch, Observation
from mlfuzz.errors import HarnessError

ACTIVATIONS = ("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax")
CONTAINERS = ("Functional", "Sequential", "InputLayer")


@dataclass(frozen=True)
class KerasTarget:
    """A Keras model, tapped after its activations.

    Parameters
    ----------
    model : keras.Model
        Any Keras 3 model: functional, sequential, nested or subclassed.
    taps : "activations" or "all"
        Which layers give their neurons.  Taps on all 31 layers of a DS-CNN halve its speed,
        since they break the fusing of convolution, normalisation and activation; those after an
        activation cost a fourteenth.  A model in which no layer has an activation is tapped at all.

    Notes
    -----
    A neuron is a channel (the last axis); its number is the mean over all axes between.
    """

    model: Any = field(repr=False)
    taps: Literal["activations", "all"] = "activations"
    digest: str = field(default="", repr=False)
    traced: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.digest:
            weights = hashlib.sha256()
            for each in weights_of(self.model):
                weights.update(each.tobytes())
            object.__setattr__(self, "digest", weights.hexdigest())

    @classmethod
    def load(cls, path: str | Path, *, safe_mode: bool = True) -> KerasTarget:
        """Load a ``.keras`` file.

        Raises
        ------
        HarnessError
            Where the file is missing or is nothing that Keras can load.
        """
        if not Path(path).is_file():
            raise HarnessError(
                f"{path}: no such model file. Expected a .keras file; train or copy it there."
            )
        import keras

        try:
            model = keras.saving.load_model(path, compile=False, safe_mode=safe_mode)
        except Exception as error:
            raise HarnessError(_why_not_loaded(path, keras.__version__, error)) from error
        return cls(model, digest=hashlib.sha256(Path(path).read_bytes()).hexdigest())

    def run(self, batch: Batch, thorough: bool = False) -> Observation:
        """Features (B, ...) to outputs (B, C), one number a neuron, and extremes a stage.

        ``thorough``: extremes of every layer; an infinity before a ReLU is seen by no tap.
        """
        inputs = self._inputs(batch)
        with _tapped(self.model) as calls:
            outputs = self._answer(inputs)
        kind = outputs.dtype
        outputs = ops.cast(ops.reshape(outputs, (ops.shape(outputs)[0], -1)), "float32")
        activations = {name: _neurons(out) for name, _, _, out in self._chosen(calls)}
        return Observation(
            outputs=outputs,
            scores=outputs,
            embedding=_embedding(calls, outputs),
            activations=activations,
            extremes=_extremes(inputs, calls if thorough else self._chosen(calls), outputs, kind),
        )

    def stages(self, batch: Batch) -> dict[str, Array]:
        """Every layer's name and, for each row, whether all that it gave is finite, in order."""
        inputs = self._inputs(batch)
        with _tapped(self.model) as calls:
            outputs = self._answer(inputs)
        stages = {"features": inputs, **{name: out for name, _, _, out in calls}}
        return {name: _finite(value) for name, value in {**stages, "outputs": outputs}.items()}

    def _answer(self, inputs: Any) -> Any:
        try:
            return _first(self.model(inputs, training=False))
        except (TypeError, ValueError) as error:
            came = getattr(inputs, "shape", None) or {n: v.shape for n, v in inputs.items()}
            first = (str(error).strip().splitlines() or [""])[0][:200]
            raise HarnessError(
                f"the model {self.model.name!r} cannot take what it is given, {came} "
                f"({type(error).__name__}: {first}). Expected what features=, prepare= or decode= "
                "gives to fit its input."
            ) from error

    def _inputs(self, batch: Batch) -> Any:
        arrays = {name: value for name, value in batch.items() if not name.endswith("_length")}
        return next(iter(arrays.values())) if len(arrays) == 1 else dict(batch)

    def _chosen(self, calls: list[Call]) -> list[Call]:
        chosen = [call for call in calls if self.taps == "all" or _is_activation(call[1])]
        return chosen or calls


def weights_of(model: Any) -> list[np.ndarray]:
    """The model's weights on the host."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Keras's own, under JAX
        return list(model.get_weights())


def _why_not_loaded(path: str | Path, version: str, error: Exception) -> str:
    text = str(error).strip()
    if "safe_mode" in text or "unsafe deserialization" in text:
        return (
            f"{path}: holds Python code, which safe_mode refuses. Expected a model of layers "
            "alone; KerasTarget.load(path, safe_mode=False) runs it, if you trust the file."
        )
    first = text.splitlines()[0][:200] if text else ""
    return (
        f"{path}: not a model that Keras {version} can load ({type(error).__name__}: {first}). "
        "Expected a file saved by model.save(...)."
    )


Call = tuple[str, Any, Any, Any]
"""Name, layer, first input and first output of one call of a layer."""


@contextmanager
def _tapped(model: Any) -> Iterator[list[Call]]:
    """Record the calls of every layer at any depth; afterwards the model is as it was."""
    calls: list[Call] = []
    layers = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if type(layer).__name__ not in CONTAINERS
    ]
    for layer in layers:
        object.__setattr__(layer, "call", _hook(layer, layer.call, calls))
    try:
        yield calls
    finally:
        for layer in layers:
            object.__delattr__(layer, "call")


def _hook(layer: Any, call: Any, calls: list[Call]) -> Any:
    def hooked(*args: Any, **kwargs: Any) -> Any:
        result = call(*args, **kwargs)
        output = _first(result)
        if _is_tappable(output):
            count = sum(layer is each[1] for each in calls)
            name = layer.name if not count else f"{layer.name}#{count + 1}"
            calls.append((name, layer, args[0] if args else None, output))
        return result

    return hooked


def _first(value: Any) -> Any:
    if isinstance(value, dict):
        return _first(next(iter(value.values())))
    return _first(value[0]) if isinstance(value, list | tuple) else value


def _is_tappable(output: Any) -> bool:
    shape = getattr(output, "shape", ())
    return len(shape) >= 2 and "float" in str(getattr(output, "dtype", ""))


def _is_activation(layer: Any) -> bool:
    if type(layer).__name__ in ACTIVATIONS:
        return True
    activation = getattr(layer, "activation", None)
    return activation is not None and getattr(activation, "__name__", "") != "linear"


def _neurons(output: Array) -> Array:
    """(B, ..., n) to (B, n): the mean over all axes between; NaN and inf stay what they are."""
    between = output.shape[1:-1]
    output = ops.cast(output, "float32")
    if not between or None in between:
        axes = tuple(range(1, 1 + len(between)))
        return ops.mean(output, axis=axes) if axes else output
    # As a matrix product, which takes half the time of a mean.
    places = int(np.prod(between))
    flat = ops.reshape(output, (ops.shape(output)[0], places, output.shape[-1]))
    return ops.matmul(np.full((1, places), 1 / places, np.float32), flat)[:, 0]


def _embedding(calls: list[Call], outputs: Array) -> Array:
    """What goes into the last layer that has weights, one number a neuron."""
    last = next((each for each in reversed(calls) if each[1].weights), None)
    if last is None or not _is_tappable(last[2]):
        return outputs
    return _neurons(last[2])


def _extremes(inputs: Any, calls: list[Call], outputs: Array, kind: Any) -> Array:
    stages = [(_neurons(output), output.dtype) for _, _, _, output in calls]
    stages = [(_first(inputs), "float32"), *stages, (outputs, kind)]
    return ops.stack([_largest(values, dtype) for values, dtype in stages], axis=1)


def _largest(stage: Array, dtype: Any) -> Array:
    """(B, ...) to (B,): the largest magnitude; NaN or inf where there is one.

    A maximum may drop a NaN, a sum never does.  In float16, which ends at 2**16 where float32
    ends at 2**128, the eighth power stands for a magnitude: as near to its end, as near to both.
    """
    flat = ops.cast(ops.reshape(stage, (ops.shape(stage)[0], -1)), "float32")
    # As a matrix product, which takes a third of the time of a sum.
    total = ops.matmul(flat, np.ones((flat.shape[1], 1), np.float32))[:, 0]
    largest = ops.where(ops.isfinite(total), ops.max(ops.abs(flat), axis=1), total)
    return ops.square(ops.square(ops.square(largest))) if _is_half(dtype) else largest


def _is_half(dtype: Any) -> bool:
    """Whether it is float16, as each backend writes it; bfloat16 reaches as far as float32."""
    return "float16" in str(dtype) and "bfloat16" not in str(dtype)


def _finite(stage: Any) -> Array:
    flat = ops.reshape(_first(stage), (ops.shape(_first(stage))[0], -1))
    return ops.all(ops.isfinite(flat), axis=1)
