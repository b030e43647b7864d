"""Naive twins of the coverage criteria: one row after the other, written from the definition.

No code of ``mlfuzz.coverage`` may come in here, nor anything vectorised over rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Row = Mapping[str, Any]
"""One row of an observation: activations a mapping of (n,), the others (C,), (E,), (S,)."""


@dataclass
class CellTwin:
    """Criteria that mark cells: which a row reaches, and how many there are."""

    cells: Callable[[Row], set[Any]]
    possible: int
    reached: set[Any] = field(default_factory=set)

    def update(self, row: Row) -> bool:
        fresh = self.cells(row) - self.reached
        self.reached |= fresh
        return bool(fresh)

    def summary(self) -> float:
        return len(self.reached) / max(1, self.possible)


def neurons(row: Row) -> Iterator[tuple[int, float]]:
    """(number, value) of every neuron whose value is finite."""
    number = 0
    for layer in row["activations"].values():
        for value in layer:
            if np.isfinite(value):
                yield number, float(value)
            number += 1


def boundary(spec: Any, profile: Any) -> CellTwin:
    def cells(row: Row) -> set[Any]:
        lower = {(n, "low") for n, value in neurons(row) if value < profile.low[n]}
        return lower | {(n, "high") for n, value in neurons(row) if value > profile.high[n]}

    return CellTwin(cells, 2 * spec.neurons)


def strong_activation(spec: Any, profile: Any) -> CellTwin:
    def cells(row: Row) -> set[Any]:
        return {n for n, value in neurons(row) if value > profile.high[n]}

    return CellTwin(cells, spec.neurons)


def neuron_mean(spec: Any, profile: Any, threshold: float) -> CellTwin:
    def cells(row: Row) -> set[Any]:
        return {n for n, value in neurons(row) if value > threshold}

    return CellTwin(cells, spec.neurons)


def neuron_scaled(spec: Any, profile: Any, threshold: float) -> CellTwin:
    def cells(row: Row) -> set[Any]:
        found = set()
        for name, layer in row["activations"].items():
            low, high = layer.min(), layer.max()
            if high > low and np.isfinite(low) and np.isfinite(high):
                scaled = (layer - low) / (high - low)
                found |= {(name, i) for i in range(len(layer)) if scaled[i] > threshold}
        return found

    return CellTwin(cells, sum(size for size in spec.layers.values() if size > 1))


def multisection(spec: Any, profile: Any, sections: int) -> CellTwin:
    def cells(row: Row) -> set[Any]:
        found = set()
        for n, value in neurons(row):
            low, high = float(profile.low[n]), float(profile.high[n])
            if low < high and low <= value <= high:
                section = int((np.float32(value) - np.float32(low)) / np.float32(high - low)
                              * np.float32(sections))  # fmt: skip
                found.add((n, min(section, sections - 1)))
        return found

    return CellTwin(cells, int((profile.low < profile.high).sum()) * sections)


def output_cells(spec: Any, profile: Any, bins: int) -> CellTwin:
    def cells(row: Row) -> set[Any]:
        scores = list(row["scores"])
        if any(np.isnan(scores)):
            return set()
        predicted = max(range(len(scores)), key=lambda i: (scores[i], -i))
        others = [i for i in range(len(scores)) if i != predicted]
        runner_up = max(others, key=lambda i: (scores[i], -i))
        margin = scores[predicted] - scores[runner_up]
        above = sum(bool(margin >= 0.125 * 2**i) for i in range(bins - 1))
        return {(predicted, runner_up, above)}

    return CellTwin(cells, spec.outputs * (spec.outputs - 1) * bins)


def largest(layer: Any, k: int) -> set[int]:
    """Those that fewer than k + 1 neurons equal or exceed, themselves included."""
    if len(layer) <= k or not np.isfinite(layer).all():
        return set()
    return {i for i in range(len(layer)) if sum(other >= layer[i] for other in layer) <= k}


def top_neurons(spec: Any, profile: Any, k: int) -> CellTwin:
    def cells(row: Row) -> set[Any]:
        layers = row["activations"].items()
        return {(name, i) for name, layer in layers for i in largest(layer, k)}

    return CellTwin(cells, sum(size for size in spec.layers.values() if size > k))


def top_patterns(spec: Any, profile: Any, k: int, bits: int) -> CellTwin:
    """Of the patterns themselves: as many as cells only while no two share one."""

    def cells(row: Row) -> set[Any]:
        layers = row["activations"].values()
        if not all(np.isfinite(layer).all() for layer in layers):
            return set()
        return {tuple(frozenset(largest(layer, k)) for layer in layers)}

    return CellTwin(cells, 2**bits)


def exponents(spec: Any, profile: Any, lowest: int, octaves: int) -> CellTwin:
    def place(values: Any) -> int:
        if not np.isfinite(values).all():
            return 16
        largest, place = float(np.abs(values).max()), 0
        while place < 15 and largest >= 2.0 ** (lowest + octaves * place):
            place += 1
        return place

    def cells(row: Row) -> set[Any]:
        stages = [row["extremes"][:1], *row["activations"].values(), row["extremes"][-1:]]
        return {(stage, place(values)) for stage, values in enumerate(stages)}

    return CellTwin(cells, (len(spec.layers) + 2) * 17)


@dataclass
class NearestTwin:
    """An archive as a list; the last ``capacity`` vectors of it count."""

    threshold: float
    capacity: int
    kept: list[Any] = field(default_factory=list)

    def update(self, row: Row) -> bool:
        vector = np.asarray(row["embedding"], np.float64)
        if not np.isfinite(vector).all():
            return False
        distances = [np.linalg.norm(vector - other) for other in self.kept[-self.capacity :]]
        if any(distance <= self.threshold for distance in distances):
            return False
        self.kept.append(vector)
        return True

    def summary(self) -> float:
        return min(len(self.kept), self.capacity) / self.capacity


def nearest(spec: Any, profile: Any, threshold: float, capacity: int) -> NearestTwin:
    return NearestTwin(threshold, capacity)


def classes(profile: Any, least: int) -> dict[int, Any]:
    """The embeddings of the seeds of each answer that at least so many seeds share."""
    found: dict[int, list[Any]] = {}
    for vector, answer in zip(profile.embeddings, profile.answers, strict=True):
        if answer >= 0 and np.isfinite(vector).all():
            found.setdefault(int(answer), []).append(np.asarray(vector, np.float64))
    return {answer: np.array(seeds) for answer, seeds in found.items() if len(seeds) >= least}


def within(by_class: dict[int, Any], ridge: float) -> Any:
    """The covariance within the classes, its diagonal raised by a share of its mean."""
    size = len(next(iter(by_class.values()))[0])
    total, free = np.zeros((size, size)), 0
    for seeds in by_class.values():
        for seed in seeds:
            total += np.outer(seed - seeds.mean(axis=0), seed - seeds.mean(axis=0))
        free += len(seeds) - 1
    return total / free + ridge * np.trace(total / free) / size * np.eye(size)


def likelihood(profile: Any, ridge: float) -> Callable[[Any, int], float | None]:
    by_class = classes(profile, least=2)
    inverse = np.linalg.inv(within(by_class, ridge))

    def surprise(vector: Any, answer: int) -> float | None:
        seeds = by_class.get(answer, [])
        if not len(seeds):
            return None
        bandwidth = len(seeds) ** (-1 / (len(vector) + 4))
        squares = [(vector - seed) @ inverse @ (vector - seed) for seed in seeds]
        exponents = [-square / (2 * bandwidth**2) for square in squares]
        return float(-np.logaddexp.reduce(exponents) + np.log(len(seeds)))

    return surprise


def distance(profile: Any) -> Callable[[Any, int], float | None]:
    by_class = classes(profile, least=1)

    def surprise(vector: Any, answer: int) -> float | None:
        if answer not in by_class:
            return None
        nearest = min(by_class[answer], key=lambda seed: np.linalg.norm(vector - seed))
        others = [seed for other in by_class if other != answer for seed in by_class[other]]
        to_other = min(np.linalg.norm(nearest - seed) for seed in others)
        return float(np.linalg.norm(vector - nearest) / to_other)

    return surprise


def mahalanobis(profile: Any, ridge: float) -> Callable[[Any, int], float | None]:
    by_class = classes(profile, least=2)
    inverse = np.linalg.inv(within(by_class, ridge))

    def surprise(vector: Any, answer: int) -> float | None:
        if answer not in by_class:
            return None
        mean = by_class[answer].mean(axis=0)
        return float(np.sqrt((vector - mean) @ inverse @ (vector - mean)))

    return surprise


def surprise_buckets(
    spec: Any, profile: Any, kind: Callable[..., Any], upper: float, buckets: int, **options: Any
) -> CellTwin:
    surprise = kind(profile, **options)

    def cells(row: Row) -> set[Any]:
        vector = np.asarray(row["embedding"], np.float64)
        if np.isnan(row["scores"]).any() or not np.isfinite(vector).all():
            return set()
        value = surprise(vector, int(np.argmax(row["scores"])))
        if value is None or value > upper:
            return set()
        return {max(int(np.ceil(value * buckets / upper)), 1)}

    return CellTwin(cells, buckets)
