"""The nouns of mlfuzz and the Protocols of its plug-ins.

No framework, no file and no process may come in here: values only.  Shapes are written
``(B, ...)`` with B rows in a batch, N neurons in all layers together, C outputs, K oracles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import msgspec
import numpy as np

Array = Any  # of the backend (an opaque device handle) or of NumPy
Arrays = Mapping[str, np.ndarray]  # one input on the host, without a leading B


class Batch(Mapping[str, Array]):
    """A frozen mapping name -> array with leading B; ``<name>_length`` beside a padded one."""

    __slots__ = ("_arrays",)

    def __init__(self, arrays: Mapping[str, Array] | Iterable[tuple[str, Array]]) -> None:
        self._arrays = MappingProxyType(dict(arrays))

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def replace(self, **arrays: Array) -> Batch:
        """The same batch with some arrays exchanged."""
        return Batch({**self._arrays, **arrays})


@dataclass(frozen=True)
class ArraySpec:
    """What one array of an input is: padded shape without B, range and smallest step."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    low: float
    high: float
    quantum: float | None
    padded: bool = False  # the first axis may be shorter; ``<name>_length`` says how long it is


class Domain(Protocol):
    """What a model input is: its arrays, their grid, and the file format that they are kept in."""

    suffix: ClassVar[str]  # of the files that ``encode`` makes, such as ``.wav``

    def specs(self) -> tuple[ArraySpec, ...]: ...
    def arrays(self, decoded: Any) -> Arrays:
        """What a harness's ``decode`` gave, named and padded; ``ValueError`` if it does not fit."""

    def round(self, batch: Batch) -> Batch:
        """On the device: the nearest values that a file can hold; zero beyond the length."""

    def encode(self, arrays: Arrays) -> bytes: ...
    def decode(self, data: bytes) -> Arrays: ...
    def variants(self, seeds: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
        """(name, file): short, format-diverse relatives of the seeds, and a few of a wrong type."""

    def contract(self) -> Contract: ...


class Contract(Protocol):
    """What every value that an entry point returns must satisfy."""

    def breach(self, value: Any) -> tuple[str, str] | None:
        """None, or (rule, message): the rule that is broken and what was seen."""


@dataclass(frozen=True)
class Params:
    """How strong a mutator is in each row: ``key`` (B,) int32, ``values`` (B, P) float32."""

    key: Array
    values: Array


class Mutator(Protocol):
    """A small change of a batch; its chance is drawn on the host, and the device part is pure."""

    identity: ClassVar[tuple[float, ...]]  # the ``values`` of one row that change nothing
    strengths: ClassVar[tuple[int, ...]]  # which of them shrinking pulls toward the identity
    budget: ClassVar[str]  # the purse that ``cost`` is paid from; mutators that add up share one
    version: ClassVar[int]

    def sample(self, count: int, spent: np.ndarray | None, rng: np.random.Generator) -> Params:
        """Draw for ``count`` rows; ``spent`` (count,) of the purse is gone; None: wild."""

    def cost(self, params: Params) -> np.ndarray:
        """(B,) float64: what these parameters spend of a purse of 1; 0 at identity."""

    def apply(self, batch: Batch, params: Params) -> Batch: ...


@dataclass(frozen=True)
class Observation:
    """What a target gave for a batch, on the device.

    Parameters
    ----------
    outputs : (B, C) float32
        The model's first output; of a pair (B, 2C), those of its second model after them.
    scores : (B, C) float32
        The outputs where differences are evidence: their logarithm if they are probabilities; of
        a pair those of its first model.
    embedding : (B, E) float32
        What goes into the last layer.
    activations : mapping layer -> (B, n) float32
        One number a neuron, in the order in which the layers ran.
    extremes : (B, S) float32
        Largest magnitude of each stage: the features, each tapped layer, the outputs; NaN or inf
        where the stage holds one; of a float16 stage the eighth power, as near to 2**128 as the
        magnitude is to 2**16.
    """

    outputs: Array
    scores: Array
    embedding: Array
    activations: Mapping[str, Array]
    extremes: Array


@dataclass(frozen=True)
class TargetSpec:
    """What a target looks like from outside: neurons a layer, scores, and what the outputs are.

    ``outputs``: the number C of scores; a pair has twice as many outputs.
    """

    layers: Mapping[str, int]
    outputs: int
    probabilities: bool
    stages: tuple[str, ...]
    embedding: int = 0  # numbers in the embedding of a row

    @property
    def neurons(self) -> int:
        return sum(self.layers.values())


@runtime_checkable
class Target(Protocol):
    """The model under test, in batches."""

    traced: ClassVar[bool]  # made of backend operations: ``run`` may stand in the compiled step

    def run(self, batch: Batch, thorough: bool = False) -> Observation:
        """``thorough``: the extremes are those of every layer, tapped or not."""

    @property
    def digest(self) -> str:
        """sha256 of the model's file or weights, for the record of a finding."""

    def stages(self, batch: Batch) -> Mapping[str, Array]:
        """Every stage and layer in order -> (B,) bool: all that it gave is finite."""


@dataclass(frozen=True)
class Profile:
    """What the seeds did: ``low`` and ``high`` (N,) float32 of every neuron, and each row of R."""

    low: np.ndarray
    high: np.ndarray
    activations: np.ndarray | None = None  # (R, N) float32
    embeddings: np.ndarray | None = None  # (R, E) float32
    answers: np.ndarray | None = None  # (R,) int64, the output that won; -1 where none did


class Coverage(Protocol):
    """Says which rows are new.  State lives on the device and is passed through."""

    def init(self, spec: TargetSpec, profile: Profile | None) -> Array: ...
    def update(self, state: Array, observation: Observation) -> tuple[Array, Array]:
        """(new state, novel (B,) bool): a batch is its rows in order; nothing is new twice."""

    def summary(self, state: Array) -> Array:
        """Share covered, a scalar in 0..1 that never falls."""


@dataclass(frozen=True)
class Reference:
    """What is known of each row's root: scores (B, C), label (B,) int32, has_label (B,) bool.

    ``tolerance`` (): differences of scores below it are noise of the batch size.
    """

    scores: Array
    label: Array
    has_label: Array
    tolerance: Array


@dataclass(frozen=True)
class Row:
    """One judged row on the host, for the words of a verdict."""

    outputs: np.ndarray
    scores: np.ndarray
    root_scores: np.ndarray
    label: int | None
    first_bad: str | None
    distance: float


Kind = Literal[
    "exception", "native", "hang", "out-of-memory", "contract", "non-finite", "misclassified",
    "changed-answer", "narrow-margin", "deviation", "wrong-direction", "predicate", "differential",
    "skew", "batch-dependent", "slow", "unsafe-call", "growth",
]  # fmt: skip
Threat = Literal["disruption", "evasion", "integrity", "code execution", "disclosure"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one input; equal ``kind`` and ``signature`` mean the same fault."""

    kind: Kind
    signature: tuple[str, ...]
    threat: Threat
    severity: Literal["high", "medium", "low"]
    values: dict[str, float | int | str]


class Oracle(Protocol):
    """Says which rows are wrong, and how far the others are from it."""

    @property
    def about_label(self) -> bool:
        """True: rows beyond the mutators' bounds are not judged."""

    def judge(
        self, batch: Batch, observed: Observation, reference: Reference
    ) -> tuple[Array, Array]:
        """(violated (B,) bool, distance (B,) float32): a smaller distance is nearer.

        Of violated rows it is at most 0 and, where the oracle is not about labels, a whole number
        that tells its faults apart: before a row is fetched the host knows nothing else of it.
        """

    def verdict(self, row: Row) -> Verdict: ...


@dataclass(frozen=True)
class PickStats:
    """What happened to each of n things that can be picked; all (n,), equal order."""

    picks: np.ndarray
    kept: np.ndarray
    nearer: np.ndarray
    findings: np.ndarray


class Scheduler(Protocol):
    """Chooses by what earlier choices brought; entries and mutators alike."""

    def pick(self, stats: PickStats, count: int, rng: np.random.Generator) -> np.ndarray:
        """(count,) int64 indices into ``stats``; each index has a chance."""
