"""The compiled step: mutated groups in, novelty and verdicts out.  The one meaning of "wrong".

No file and no choice may come in here: what to run is decided by the loop, what to keep too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np

from mlfuzz import backend
from mlfuzz.backend import Compiled, Handle, ops
from mlfuzz.core import (
    Array,
    Arrays,
    Batch,
    Mutator,
    Observation,
    Params,
    Profile,
    Reference,
    TargetSpec,
)
from mlfuzz.coverage.output import OutputCells
from mlfuzz.harness import Harness
from mlfuzz.prepare import prepared_rows, why_unprepared
from mlfuzz.rows import ordinary, split, stack

GROUPS = 8
COMPANY = 16
"""Rows of the batch in which a finding is confirmed; the same in a run and in a replay."""
CELLS = OutputCells()
"""The output cells that every run measures and from which the host learns each row's answer."""


@dataclass(frozen=True)
class Seen:
    """What one batch brought to the host: 9B + 4KB bytes for B rows and K oracles.

    ``novel`` (B,) bool, ``violated`` (B,) uint32 with bit k for oracle k, ``distance`` (B, K)
    float32, ``cell`` (B,) int32; ``batch`` stays on the device.
    """

    novel: np.ndarray
    violated: np.ndarray
    distance: np.ndarray
    cell: np.ndarray
    batch: Mapping[str, Handle]

    def answers(self, outputs: int) -> np.ndarray:
        """(B,) int64: the output that won in each row."""
        return self.cell.astype(np.int64) // (outputs * CELLS.bins)


@dataclass(frozen=True)
class Judged:
    """Rows judged at leisure, on the host: what a confirmation and a report need."""

    outputs: np.ndarray
    scores: np.ndarray
    extremes: np.ndarray
    violated: np.ndarray
    distance: np.ndarray

    def row(self, number: int) -> Judged:
        """One row, still with a leading 1."""
        rows = slice(number, number + 1)
        return Judged(**{name: value[rows] for name, value in vars(self).items()})


class Evaluator:
    """A harness compiled for batches of ``batch_size`` rows in groups of an eighth.

    Parameters
    ----------
    harness : Harness
        With a model and a domain, as ``harness.load`` completes it.
    batch_size : int
        Rows of a step; a multiple of 8.
    """

    def __init__(self, harness: Harness, batch_size: int = 256) -> None:
        assert harness.model and harness.domain
        if batch_size < GROUPS or batch_size % GROUPS:
            raise ValueError(f"batch size {batch_size}: expected a multiple of {GROUPS}")
        self.harness = harness
        self.domain = harness.domain
        self.batch_size = batch_size
        self.group = batch_size // GROUPS
        backend.name()  # imports the framework without its chatter, before the author's model does
        self.target = harness.model()
        self.mutators: tuple[Mutator, ...] = tuple(harness.mutators or ())
        self.oracles = tuple(harness.oracles or ())
        self.coverage = tuple(harness.coverage or ())
        self.takes_prepared = harness.prepare is not None and harness.features is None
        self._device = ThreadPoolExecutor(1, "mlfuzz-device")
        self._mutate = {
            repr(each): Compiled(self._mutation(each), fuse=True) for each in self.mutators
        }
        self._step = Compiled(self._traced_step)
        self._thorough_step = Compiled(partial(self._traced_step, thorough=True))
        self._judged = Compiled(self._traced_judged)
        self._observed = Compiled(self._traced_observed)
        self._stages = Compiled(self._traced_stages)
        self._features = Compiled(lambda batch: dict(self._model_inputs(Batch(batch), {})))
        self._take = Compiled(_take)
        self._round = Compiled(lambda batch: dict(self.domain.round(Batch(batch))))
        self._summary = Compiled(self._traced_summary)
        self.tolerance = 0.0
        self.spec = self._measure_spec()

    # -- what the loop calls ---------------------------------------------------------------

    def mutate(self, rows: Mapping[str, Any], mutator: Mutator, params: Params) -> Any:
        """One group through one mutator and back onto the domain's grid; stays on the device."""
        return self._mutate[repr(mutator)](dict(rows), params.key, params.values)

    def start(
        self,
        groups: Sequence[Any],
        reference: Reference,
        wild: np.ndarray,
        states: Any,
        thorough: bool = False,
    ) -> Future[tuple[Seen, Any]]:
        """Features, model, taps, coverage and oracles for a whole batch, in the device's thread.

        The host works meanwhile; under PyTorch, which compiles nothing, its own calls wait.  The
        harness's ``prepare`` runs before, in the caller's thread: a user's code need not bear two.

        Parameters
        ----------
        groups : sequence of batches
            Together ``batch_size`` rows.
        reference : Reference
            The roots of these rows.
        wild : (B,) bool
            Rows that oracles about labels leave alone.
        states : tree of handles
            Of the coverage criteria, as ``start_states`` or the last step gave them.
        thorough : bool
            Numeric oracles see every layer, not only the tapped ones; costs a third more.
        """
        prepared = self._prepared_rows(groups) if self.takes_prepared else {}
        step = self._thorough_step if thorough else self._step
        tree = _tree(reference)

        def run() -> tuple[Seen, Any]:
            out = step(tuple(groups), prepared, tree, wild, states)
            host = backend.fetch(out["host"], "batch")
            return Seen(**host, batch=out["batch"]), out["states"]

        return self._device.submit(run)

    def take(self, batch: Mapping[str, Handle], rows: np.ndarray) -> list[Arrays]:
        """Bring some rows to the host, counted apart; a fixed number at a time."""
        taken: list[Arrays] = []
        for first in range(0, len(rows), self.group):
            part = rows[first : first + self.group]
            index = np.zeros(self.group, np.int32)
            index[: len(part)] = part
            taken += split(backend.fetch(self._take(dict(batch), index), "rows"))[: len(part)]
        return taken

    def judge(self, rows: Sequence[Arrays], reference: Reference) -> Judged:
        """Judge rows the way that ships: through ``prepare`` where there is one."""
        return self.judge_prepared(rows, prepared_rows(self.harness, rows), reference)

    def judge_prepared(
        self, rows: Sequence[Arrays], ready: dict[str, np.ndarray], reference: Reference
    ) -> Judged:
        """The same for rows that went through ``prepare`` before: what the model alone takes."""
        host = self._judged(stack(rows), ready, _tree(reference))
        return Judged(**backend.fetch(host, "confirm"))

    def observe(self, rows: Sequence[Arrays]) -> tuple[np.ndarray, np.ndarray]:
        """(activations (n, N), embeddings (n, E)) of n rows, for profile and stability."""
        prepared = prepared_rows(self.harness, rows) if self.takes_prepared else {}
        host = backend.fetch(self._observed(stack(rows), prepared), "start")
        activations = [host["activations"][name] for name in self.spec.layers]
        return np.concatenate(activations, axis=1), host["embedding"]

    def first_bad(self, row: Arrays) -> str | None:
        """Name of the first stage or layer that gives a value which is not finite."""
        if why := why_unprepared(self.harness, row):
            return why
        prepared = prepared_rows(self.harness, [row])
        host = backend.fetch(self._stages(stack([row]), prepared), "confirm")
        return next((self.order[i] for i, fine in enumerate(host) if not fine[0]), None)

    def features(self, rows: Sequence[Arrays]) -> dict[str, np.ndarray]:
        """What ``features`` gives for rows, on the host: one of the two sides of a skew."""
        host: dict[str, np.ndarray] = backend.fetch(self._features(stack(rows)), "skew")
        return host

    def no_reference(self, count: int) -> Reference:
        """The reference of rows about whose roots nothing is known."""
        return Reference(
            scores=np.zeros((count, self.spec.outputs), np.float32),
            label=np.full(count, -1, np.int32),
            has_label=np.zeros(count, bool),
            tolerance=np.float32(0),
        )

    def round(self, row: Arrays) -> Arrays:
        """One row on the domain's grid."""
        host = backend.fetch(self._round(stack([row])), "start")
        return {name: value[0] for name, value in host.items()}

    def start_states(self, profile: Profile | None) -> Any:
        """Fresh coverage states, one a criterion."""
        return backend.put(tuple(each.init(self.spec, profile) for each in self.coverage))

    def summaries(self, states: Any) -> dict[str, float]:
        """Share covered by each criterion, by its repr."""
        host = backend.fetch(self._summary(states), "summary")
        return {repr(each): float(value) for each, value in zip(self.coverage, host, strict=True)}

    def traces(self) -> int:
        """How often anything was compiled so far: it must not grow in steady state."""
        compiled = [
            self._step,
            self._thorough_step,
            self._judged,
            self._take,
            *self._mutate.values(),
        ]
        return sum(each.traces for each in compiled)

    # -- what is compiled ------------------------------------------------------------------

    def _mutation(self, mutator: Mutator) -> Any:
        def mutation(batch: dict[str, Array], key: Array, values: Array) -> dict[str, Array]:
            mutated = mutator.apply(Batch(batch), Params(key, values))
            return dict(self.domain.round(mutated))

        return mutation

    def _traced_step(
        self,
        groups: Any,
        prepared: Any,
        reference: Any,
        wild: Array,
        states: Any,
        thorough: bool = False,
    ) -> dict[str, Any]:
        batch = _joined(groups)
        observed = self._forward_in_slices(groups, prepared, thorough)
        states, novel = self._cover(states, observed)
        violated, distance = self._judgement(batch, observed, Reference(**reference), wild)
        host = {
            "novel": novel,
            "violated": violated,
            "distance": distance,
            "cell": ops.cast(CELLS.cell(observed), "int32"),
        }
        return {"host": host, "batch": dict(batch), "states": states}

    def _traced_judged(self, batch: Any, prepared: Any, reference: Any) -> dict[str, Any]:
        observed = self._forward(Batch(batch), prepared, thorough=True)
        rows = ops.shape(observed.outputs)[0]
        tame = ops.zeros((rows,), "bool")
        violated, distance = self._judgement(Batch(batch), observed, Reference(**reference), tame)
        return {
            "outputs": observed.outputs,
            "scores": observed.scores,
            "extremes": observed.extremes,
            "violated": violated,
            "distance": distance,
        }

    def _traced_observed(self, batch: Any, prepared: Any) -> dict[str, Any]:
        seen = self._forward(Batch(batch), prepared)
        names = ("outputs", "scores", "embedding", "activations")
        return {each: getattr(seen, each) for each in names}

    def _traced_stages(self, batch: Any, prepared: Any) -> tuple[Array, ...]:
        stages = self.target.stages(self._model_inputs(Batch(batch), prepared))
        self.order = tuple(stages)
        return tuple(stages.values())

    def _traced_summary(self, states: Any) -> tuple[Array, ...]:
        return tuple(c.summary(s) for c, s in zip(self.coverage, states, strict=True))

    def _model_inputs(self, batch: Batch, prepared: Mapping[str, Array]) -> Batch:
        if prepared:
            return Batch(prepared)
        return Batch(self.harness.features(batch)) if self.harness.features else batch

    def _forward_in_slices(
        self, groups: Any, prepared: Mapping[str, Array], thorough: bool = False
    ) -> Observation:
        """The whole batch, in as many groups at once as the device computes fastest."""
        each = max(1, (backend.rows_at_once() or self.batch_size) // self.group)
        observed = []
        for first in range(0, GROUPS, each):
            rows = slice(first * self.group, (first + each) * self.group)
            ready = {name: value[rows] for name, value in prepared.items()}
            part = _joined(groups[first : first + each])
            observed.append(self._forward(part, ready, thorough))
        return _together(observed)

    def _forward(
        self, batch: Batch, prepared: Mapping[str, Array], thorough: bool = False
    ) -> Observation:
        observed = self.target.run(self._model_inputs(batch, prepared), thorough)
        if not self.spec.probabilities:
            return observed
        logs = ops.log(ops.maximum(observed.scores, 1e-30))
        return replace(observed, scores=ops.where(observed.scores >= 0, logs, observed.scores))

    def _cover(self, states: Any, observed: Observation) -> tuple[Any, Array]:
        steering = {repr(each) for each in self.harness.policy.steer}
        after, novel = [], ops.zeros((self.batch_size,), "bool")
        for coverage, state in zip(self.coverage, states, strict=True):
            state, new = coverage.update(state, observed)
            after.append(state)
            novel = ops.logical_or(novel, new) if repr(coverage) in steering else novel
        return tuple(after), novel

    def _judgement(
        self, batch: Batch, observed: Observation, reference: Reference, wild: Array
    ) -> tuple[Array, Array]:
        rows = ops.shape(observed.outputs)[0]
        bits, distances = ops.zeros((rows,), "int32"), []
        allowed = self.harness.guard(batch) if self.harness.guard else ops.ones((rows,), "bool")
        for k, oracle in enumerate(self.oracles):
            violated, distance = oracle.judge(batch, observed, reference)
            judged = ops.logical_and(allowed, ~wild) if oracle.about_label else allowed
            bits += ops.cast(ops.logical_and(violated, judged), "int32") * (1 << k)
            distances.append(ops.where(judged, distance, float("inf")))
        return ops.cast(bits, "uint32"), ops.stack(distances, axis=1)

    # -- one row, for the code child -------------------------------------------------------

    def observed(self, batch: Arrays, prepared: Arrays) -> dict[str, np.ndarray]:
        """(B, n) float32 for each tapped layer: one number a neuron."""
        out = self._observed(batch, prepared)
        return dict(backend.fetch(out["activations"], "neurons"))

    # -- how it starts ---------------------------------------------------------------------

    def _measure_spec(self) -> TargetSpec:
        """Learn the layers and outputs from one row, and whether outputs are shares."""
        self.spec = TargetSpec({}, 0, False, ())
        row = ordinary(self.domain)
        prepared = prepared_rows(self.harness, [row]) if self.takes_prepared else {}
        host = backend.fetch(self._observed(stack([row]), prepared), "start")
        scores, embedding = host["scores"], host["embedding"].shape[1]
        shares = bool((scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=1e-3))
        layers = {name: value.shape[1] for name, value in host["activations"].items()}
        stages, count = ("features", *layers, "outputs"), scores.shape[1]
        return TargetSpec(layers, count, shares and count > 1, stages, embedding)

    def _prepared_rows(self, groups: Sequence[Any]) -> dict[str, np.ndarray]:
        """The hop over the host of a harness with ``prepare`` alone."""
        rows: list[Arrays] = []
        for group in groups:
            rows += split(backend.fetch(backend.put(group), "prepare"))
        return prepared_rows(self.harness, rows)


def _joined(groups: Sequence[Mapping[str, Array]]) -> Batch:
    return Batch({name: ops.concatenate([g[name] for g in groups]) for name in groups[0]})


def _together(parts: Sequence[Observation]) -> Observation:
    """What was observed of the slices of a batch, as if of the whole."""
    first = parts[0]
    return Observation(
        activations=_joined([part.activations for part in parts]),
        **{
            field.name: ops.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(first)
            if field.name != "activations"
        },
    )


def _tree(reference: Reference) -> dict[str, Any]:
    return dict(vars(reference))


def _take(batch: dict[str, Array], index: Array) -> dict[str, Array]:
    return {name: ops.take(value, index, axis=0) for name, value in batch.items()}
