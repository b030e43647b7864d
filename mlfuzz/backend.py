"""The array backend: compile, fetch and convert for whatever framework Keras runs on.

With ``targets/`` the only place that knows the framework.  Nothing is imported before it is used,
so that ``import mlfuzz`` stays light and a parent process may still fork.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any, NoReturn

import numpy as np

fetched_bytes: Counter[str] = Counter()
"""Bytes that left the device in this process, by purpose; only ``fetch`` adds to it."""


_tracing = threading.RLock()
"""One function is traced at a time: the taps hook themselves into the layers meanwhile."""


class _Ops:
    """``keras.ops``, imported at the first use."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_keras().ops, name)


ops: Any = _Ops()


class Handle:
    """A value on the device; it can be passed to compiled functions and fetched, nothing else."""

    __slots__ = ("_value", "dtype", "shape")

    def __init__(self, value: Any) -> None:
        self._value = value
        self.shape = tuple(value.shape)
        # NumPy's, so that a handle and an array of the host call the same graph.
        kind = getattr(value.dtype, "as_numpy_dtype", None)
        self.dtype = value.dtype if kind is None else np.dtype(kind)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("a device value reaches the host only through backend.fetch")

    __array__ = __bool__ = __iter__ = __float__ = __int__ = _refuse


class Compiled:
    """A function compiled for the device; ``traces`` counts how often it was compiled.

    Parameters
    ----------
    function : callable
    fuse : bool
        Let XLA fuse it on a CPU too.  For chains of elementwise operations, such as a mutator,
        that halves the CPU time (measured); convolutions become 3 to 30 times slower.

    Notes
    -----
    Trees of mappings, tuples and lists go in and out and arrive as dicts and tuples; leaves are
    NumPy arrays or scalars, or handles on the way in and handles on the way out.
    """

    def __init__(self, function: Callable[..., Any], *, fuse: bool = False) -> None:
        self.traces = 0
        self.function = function
        self.fuse = fuse
        self._compiled: Callable[..., Any] | None = None

    def traced(self, *args: Any) -> Any:
        """The plain function, as the compiler sees it: device values in, device values out."""
        with _tracing:
            self.traces += 1
            return _map(lambda leaf: leaf, self.function(*args))

    def __call__(self, *args: Any) -> Any:
        if self._compiled is None:
            self._compiled = _COMPILERS[name()](self.traced, self.fuse)
        shapes = tuple((leaf.shape, leaf.dtype) for leaf in _leaves(args))
        return _map(Handle, self._compiled(shapes, _map(_to_device, args)))


def fetch(tree: Any, purpose: str) -> Any:
    """Bring a tree of handles to the host as NumPy arrays; the bytes count under ``purpose``."""
    host = _map(lambda leaf: _to_host(leaf._value), tree)
    fetched_bytes[purpose] += sum(leaf.nbytes for leaf in _leaves(host))
    return host


def put(tree: Any) -> Any:
    """Bring a tree of NumPy arrays to the device, as handles; those that are some stay."""
    putter = _PUTTERS.get(name(), _to_device)
    return _map(lambda leaf: leaf if isinstance(leaf, Handle) else Handle(putter(leaf)), tree)


class Rows:
    """Rows of one shape that live on the device, by number; there is always room for one more.

    Parameters
    ----------
    shape : tuple of int
        Of one row.
    dtype : str
    """

    FIRST = 256

    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        self._zeros, self._write, self._read = _ROWS[name()]()
        self._shape, self._dtype, self._room = shape, dtype, self.FIRST
        self._block = self._zeros((self._room, *shape), dtype)
        self._waiting: dict[int, np.ndarray] = {}

    def put(self, number: int, row: np.ndarray) -> None:
        """Set one row; it waits on the host until rows are taken: a transfer costs by the call."""
        self._waiting[number] = row

    def take(self, numbers: np.ndarray) -> Handle:
        """(n, ...): some rows, in this order."""
        if self._waiting:
            self._transfer(list(self._waiting), list(self._waiting.values()))
            self._waiting.clear()
        return Handle(self._read(self._block, numbers))

    def _transfer(self, numbers: list[int], rows: list[np.ndarray]) -> None:
        """In place where the backend can; as many rows as a power of two, so few are compiled."""
        while max(numbers) >= self._room:
            grown = self._zeros((2 * self._room, *self._shape), self._dtype)
            everything = np.arange(self._room)
            self._block = self._write(grown, everything, self._read(self._block, everything))
            self._room *= 2
        fill = (1 << (len(numbers) - 1).bit_length()) - len(numbers)
        index = np.array([*numbers, *numbers[-1:] * fill])
        self._block = self._write(self._block, index, np.stack([*rows, *rows[-1:] * fill]))


@cache
def name() -> str:
    """Name of the backend: ``tensorflow``, ``jax`` or ``torch``."""
    return str(_keras().backend.backend())


def device() -> str:
    """Kind of the device that computes: ``cpu`` or ``gpu``."""
    return _DEVICES[name()]()


def rows_at_once() -> int | None:
    """Rows of which a model's intermediate values fit a CPU's caches; None: the more the better.

    A DS-CNN takes 0.85 of the time for 256 rows in four slices (TensorFlow, 2 cores, measured).
    """
    return 128 if device() == "cpu" else None


def is_out_of_memory(error: Exception) -> bool:
    """Whether the device or the host ran out of memory, whatever the backend calls that."""
    names = ("ResourceExhaustedError", "OutOfMemoryError", "MemoryError")
    words = ("out of memory", "RESOURCE_EXHAUSTED")
    return type(error).__name__ in names or any(each in str(error) for each in words)


def versions() -> dict[str, str]:
    """Versions of Keras and its backend, for the record of a finding."""
    framework = __import__(name())
    return {"keras": str(_keras().__version__), name(): str(framework.__version__)}


CHATTER = (b"WARNING: All log messages before absl", b"I0000 ", b"To enable the following instr")


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back what TensorFlow writes to the error stream at import; all else comes afterwards.

    No environment variable silences it: the lines are written before its log level is read.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(real, 2)
            os.close(real)
            held.seek(0)
            for line in held:
                if not line.startswith(CHATTER):
                    os.write(2, line)


def _keras() -> Any:
    if "keras" not in sys.modules:
        with quiet():
            import_module("keras")
    return sys.modules["keras"]


def _map(function: Callable[[Any], Any], tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return {key: _map(function, value) for key, value in tree.items()}
    if isinstance(tree, tuple | list):
        return tuple(_map(function, value) for value in tree)
    return function(tree)


def _leaves(tree: Any) -> list[Any]:
    if isinstance(tree, Mapping):
        return [leaf for value in tree.values() for leaf in _leaves(value)]
    if isinstance(tree, tuple):
        return [leaf for value in tree for leaf in _leaves(value)]
    return [tree]


def _to_device(leaf: Any) -> Any:
    if isinstance(leaf, Handle):
        return leaf._value
    return _CONVERTERS[name()](leaf)


def _to_host(value: Any) -> np.ndarray:
    return np.asarray(_keras().ops.convert_to_numpy(value))


def _compile_tensorflow(function: Callable[..., Any], fuse: bool) -> Callable[..., Any]:
    import tensorflow as tf

    # Every mutator is a function of its own; TensorFlow takes that for careless retracing.
    tf.get_logger().setLevel("ERROR")
    plain = _concrete(tf.function(function, autograph=False, jit_compile=False))
    if not fuse:
        return plain
    fused = _concrete(tf.function(function, autograph=False, jit_compile=True))
    chosen: list[Callable[..., Any]] = []

    def first_that_works(shapes: Any, args: Any) -> Any:
        if chosen:
            return chosen[0](shapes, args)
        try:
            result = fused(shapes, args)
            chosen.append(fused)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            result = plain(shapes, args)  # XLA does not know one of its operations
            chosen.append(plain)
        return result

    return first_that_works


def _concrete(function: Any) -> Callable[..., Any]:
    """Calls the graph for these shapes directly: 0.1 ms a call against 0.3 ms."""
    graphs: dict[tuple[Any, ...], Callable[..., Any]] = {}

    def call(shapes: Any, args: Any) -> Any:
        graph = graphs.get(shapes)
        if graph is None:
            graph = graphs[shapes] = function.get_concrete_function(*args)
        return graph(*args)

    return call


def _compile_jax(function: Callable[..., Any], fuse: bool) -> Callable[..., Any]:
    import jax

    compiled = jax.jit(function)
    return lambda shapes, args: compiled(*args)


def _compile_torch(function: Callable[..., Any], fuse: bool) -> Callable[..., Any]:
    import torch

    compiled = torch.no_grad()(function)
    return lambda shapes, args: compiled(*args)


def _tensorflow_device() -> str:
    import tensorflow as tf

    return "gpu" if tf.config.list_physical_devices("GPU") else "cpu"


def _jax_device() -> str:
    import jax

    return str(jax.default_backend())


def _torch_device() -> str:
    import torch

    return "gpu" if torch.cuda.is_available() else "cpu"


def _tensor_of_tensorflow(leaf: Any) -> Any:
    import tensorflow as tf

    return tf.constant(leaf)  # half the time of keras.ops.convert_to_tensor


def _array_on_device(leaf: Any) -> Any:
    import jax

    return jax.device_put(leaf)


def _as_it_is(leaf: Any) -> Any:
    """JAX's compiled functions bring NumPy arrays over themselves, and faster."""
    return leaf


def _tensor_of_keras(leaf: Any) -> Any:
    return _keras().ops.convert_to_tensor(leaf)


def _rows_of_tensorflow() -> tuple[Callable[..., Any], ...]:
    import tensorflow as tf

    def zeros(shape: tuple[int, ...], dtype: str) -> Any:
        return tf.Variable(tf.zeros(shape, dtype), trainable=False)

    def write(block: Any, numbers: np.ndarray, rows: Any) -> Any:
        return block.scatter_nd_update(numbers[:, None], rows)

    return zeros, write, lambda block, numbers: block.sparse_read(numbers)


def _rows_of_jax() -> tuple[Callable[..., Any], ...]:
    import jax

    write = jax.jit(lambda block, numbers, rows: block.at[numbers].set(rows), donate_argnums=0)
    read = jax.jit(lambda block, numbers: block[numbers])
    return jax.numpy.zeros, write, read


def _rows_of_torch() -> tuple[Callable[..., Any], ...]:
    def zeros(shape: tuple[int, ...], dtype: str) -> Any:
        return _tensor_of_keras(np.zeros(shape, dtype))

    def write(block: Any, numbers: np.ndarray, rows: Any) -> Any:
        block[_tensor_of_keras(numbers)] = _tensor_of_keras(rows)
        return block

    return zeros, write, lambda block, numbers: block[_tensor_of_keras(numbers)]


_ROWS = {"tensorflow": _rows_of_tensorflow, "jax": _rows_of_jax, "torch": _rows_of_torch}
_CONVERTERS = {
    "tensorflow": _tensor_of_tensorflow,
    "jax": _as_it_is,
    "torch": _tensor_of_keras,
}
_PUTTERS = {"jax": _array_on_device}
_COMPILERS = {
    "tensorflow": _compile_tensorflow,
    "jax": _compile_jax,
    "torch": _compile_torch,
}
_DEVICES = {"tensorflow": _tensorflow_device, "jax": _jax_device, "torch": _torch_device}
