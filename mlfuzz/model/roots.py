"""The author's seeds as the model engine knows them: decoded, answered, and trusted or not.

Where the seeds come from is the store's business; which of them is mutated, the loop's.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlfuzz.core import Arrays, Profile, Reference
from mlfuzz.errors import HarnessError
from mlfuzz.evaluate import COMPANY, Evaluator
from mlfuzz.harness import Harness
from mlfuzz.store import read_file

Decode = Callable[[bytes], Arrays | str]
"""Bytes of a file to its arrays, or to the reason why there are none."""


@dataclass(frozen=True)
class Seed:
    """A file of the author, decoded: its name, its arrays and its trusted label."""

    name: str
    arrays: Arrays
    label: int | None


@dataclass(frozen=True)
class Roots:
    """All seeds with what the model answers to them; row i of each array is seed i.

    Parameters
    ----------
    scores : (R, C) float32
    labels : (R,) int64, -1 where unknown
    usable : (R,) bool
        False: answered wrong at the start, so no root for oracles about labels.
    tolerance : float
        Differences of scores below it come from the batch size alone.
    stability : float
        Share of the seeds with equal answer and neurons in two runs.
    array_only : str
        Empty, or which sample differs after a round through the file format.
    """

    seeds: tuple[Seed, ...]
    scores: np.ndarray
    labels: np.ndarray
    usable: np.ndarray
    tolerance: float
    stability: float
    profile: Profile
    array_only: str = ""

    @property
    def wrong(self) -> list[str]:
        """Names of the seeds that the model answers wrong."""
        return [s.name for s, fine in zip(self.seeds, self.usable, strict=True) if not fine]

    def reference(self, roots: np.ndarray) -> Reference:
        """What the oracles need for rows whose roots these are; -1: a row without a root."""
        known = roots >= 0
        return Reference(
            scores=np.where(known[:, None], self.scores[roots], 0).astype(np.float32),
            label=np.where(known, self.labels[roots], -1).astype(np.int32),
            has_label=known & (self.labels[roots] >= 0),
            tolerance=np.float32(self.tolerance),
        )


def read_seeds(
    harness: Harness, paths: Sequence[Path], decode: Decode, round: Callable[[Arrays], Arrays]
) -> tuple[list[Seed], list[str]]:
    """Decode the seeds and put them on the domain's grid; one line for each that is refused.

    Raises
    ------
    HarnessError
        Where no seed is left.
    """
    labels = _labels(harness, paths)
    seeds, refused = [], []
    for path in paths:
        arrays = decode(read_file(path))
        if isinstance(arrays, str):
            refused.append(f"{path}: skipped ({arrays}). Expected a seed that decode accepts.")
        else:
            seeds.append(Seed(path.name, round(arrays), labels(path)))
    if not seeds:
        raise HarnessError(
            f"{harness.path}: none of {len(paths)} seeds was accepted. {(refused or [''])[0]}"
        )
    return seeds, refused


def measure(evaluator: Evaluator, seeds: Sequence[Seed], array_only: str) -> Roots:
    """Run every seed twice, and once alone, for the roots' answers, tolerance and stability."""
    scores, activations, embeddings = _run(evaluator, seeds)
    again, activations_again, _ = _run(evaluator, seeds)
    alone = np.concatenate([_score(evaluator, [seed]) for seed in seeds])
    labels = np.array([-1 if seed.label is None else seed.label for seed in seeds], np.int64)
    same = (scores.argmax(1) == again.argmax(1)) & (activations == activations_again).all(1)
    answers = np.where(np.isnan(scores).any(1), -1, scores.argmax(1))
    low, high = activations.min(0), activations.max(0)
    asked = (labels >= 0) & (scores.shape[1] > 1)  # one output has no argmax that could be wrong
    return Roots(
        seeds=tuple(seeds),
        scores=scores,
        labels=labels,
        usable=np.isfinite(scores).all(1) & (~asked | (labels == scores.argmax(1))),
        tolerance=_tolerance(scores, alone),
        stability=float(same.mean()),
        profile=Profile(low, high, activations, embeddings, answers),
        array_only=array_only,
    )


def _run(evaluator: Evaluator, seeds: Sequence[Seed]) -> tuple[np.ndarray, ...]:
    """(scores (R, C), activations (R, N), embeddings (R, E)) of all seeds."""
    parts = []
    for first in range(0, len(seeds), COMPANY):
        part = list(seeds[first : first + COMPANY])
        filled = part + [part[-1]] * (COMPANY - len(part))
        seen = (_score(evaluator, filled), *evaluator.observe([s.arrays for s in filled]))
        parts.append([each[: len(part)] for each in seen])
    return tuple(np.concatenate(each) for each in zip(*parts, strict=True))


def _score(evaluator: Evaluator, seeds: Sequence[Seed]) -> np.ndarray:
    return evaluator.judge(
        [seed.arrays for seed in seeds], evaluator.no_reference(len(seeds))
    ).scores


def _tolerance(scores: np.ndarray, alone: np.ndarray) -> float:
    """Ten times the median difference between batch 1 and a batch, at most 1e-3 of the scale."""
    rows = np.isfinite(scores).all(1) & np.isfinite(alone).all(1)
    if not rows.any():
        return 0.0
    scale = float(np.median(np.abs(scores[rows])))
    difference = np.abs(scores[rows] - alone[rows]).max(1)
    return float(min(10 * np.median(difference), 1e-3 * max(scale, 1e-6)))


def _labels(harness: Harness, paths: Sequence[Path]) -> Callable[[Path], int | None]:
    if harness.label:
        return harness.label
    table = paths[0].parent / "labels.csv" if paths else None
    if table is None or not table.is_file():
        return lambda path: None
    with table.open(newline="") as lines:
        known = {row[0]: _number(table, row) for row in csv.reader(lines) if row[1:]}
    return lambda path: known.get(path.name)


def _number(table: Path, row: list[str]) -> int | None:
    if row[1].strip().isdigit():
        return int(row[1])
    if row[0] == "file":  # the heading
        return None
    raise HarnessError(
        f"{table}: label {row[1]!r} of {row[0]!r}. Expected lines of file,label with the label a "
        "whole number, the index of the model's output."
    )
