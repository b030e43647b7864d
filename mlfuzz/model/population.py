"""The entries of a run: arrays to mutate, on the device, what each spent, and what each brought.

What lies on the disk is the store's business; this is rebuilt from it at every start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlfuzz import backend
from mlfuzz.core import Arrays, PickStats
from mlfuzz.recipe import Recipe

POOL = 3
"""Nearest rows kept for each oracle, root and leash."""
NEARER = 0.05
"""A row counts as nearer when its distance falls by this share: pools stay small."""


@dataclass(frozen=True)
class Entry:
    """A corpus input: the hash of its file, its root's number (-1: none), and its recipe.

    ``is_leashed``: it is within the bounds of its mutators and its root is answered right, so
    oracles about labels may judge what is made of it.
    """

    name: str
    root: int
    recipe: Recipe
    is_leashed: bool


class Tally:
    """What happened to each of a growing number of things that can be picked."""

    def __init__(self, count: int = 0) -> None:
        self.counts = np.zeros((4, max(count, 64)), np.float64)
        self.size = count

    def add(self) -> None:
        """One thing more."""
        if self.size == self.counts.shape[1]:
            self.counts = np.concatenate([self.counts, np.zeros_like(self.counts)], axis=1)
        self.size += 1

    def stats(self, of: np.ndarray | None = None) -> PickStats:
        """The counts of all, or of some, as a scheduler wants them."""
        return PickStats(*(self.counts[:, : self.size] if of is None else self.counts[:, of]))

    def credit(self, parents: np.ndarray, novel: np.ndarray, nearer: np.ndarray) -> None:
        """Book a batch on those that it came from."""
        known = parents >= 0
        for line, amount in enumerate((np.ones(len(parents)), novel, nearer)):
            np.add.at(self.counts[line], parents[known], amount[known].astype(np.float64))

    def forget(self, number: int) -> None:
        """Another thing takes this number."""
        self.counts[:, number] = 0

    def found(self, parent: int) -> None:
        """A new finding came from it."""
        if parent >= 0:
            self.counts[3, parent] += 1


class Population:
    """All entries with their arrays in one block for each name, on the device.

    Parameters
    ----------
    capacity : int
        Most entries at a time.  Beyond it a new one takes the place of the entry that was picked
        most, but never of a seed or of a cell's favourite, the one with the fewest steps.
    """

    def __init__(self, capacity: int = 8192) -> None:
        self.capacity = capacity
        self.entries: list[Entry] = []
        self.tally = Tally()
        self.by_name: dict[str, int] = {}
        self.favourites: dict[int, int] = {}
        self._leashed = np.zeros(capacity, bool)
        self._retired = np.zeros(capacity, bool)
        self._born = np.zeros(capacity, np.int64)
        self._clock = 0
        self._blocks: dict[str, backend.Rows] = {}

    def __len__(self) -> int:
        return len(self.entries)

    def add(self, entry: Entry, arrays: Arrays) -> int:
        """Take an entry in and give its number; a name that is known gives the number it has."""
        if entry.name in self.by_name:
            return self.by_name[entry.name]
        number = self.place()
        self._settle(number, entry)
        for name, value in arrays.items():
            row = np.asarray(value)
            if name not in self._blocks:
                self._blocks[name] = backend.Rows(row.shape, str(row.dtype))
            self._blocks[name].put(number, row)
        self.by_name[entry.name] = number
        self._leashed[number] = entry.is_leashed
        self._retired[number] = False
        self._born[number] = self._clock = self._clock + 1
        return number

    def place(self) -> int:
        """The number that the next new entry will get."""
        if len(self.entries) < self.capacity:
            return len(self.entries)
        # Picked most, and of those the oldest.
        score = self.tally.stats().picks - self._born / (self._clock + 1.0)
        score[list(self.favourites.values())] = -2
        score[[i for i, e in enumerate(self.entries) if e.recipe.made_by == "seed"]] = -3
        return int(score.argmax())

    def still(self, numbers: np.ndarray, entries: Sequence[Entry]) -> np.ndarray:
        """The numbers of these entries, -1 where another one has taken the place since."""
        pairs = zip(numbers, entries, strict=True)
        return np.array([i if self.entries[i] is entry else -1 for i, entry in pairs], np.int64)

    def favour(self, number: int, cell: int) -> None:
        """Keep this entry for good if no other of its output cell has fewer steps."""
        best = self.favourites.get(cell)
        if best is None or self._steps(number) < self._steps(best):
            self.favourites[cell] = number

    def retire(self, number: int) -> None:
        """Keep the entry for what it covers, and never make it a parent."""
        self._leashed[number] = False
        self._retired[number] = True

    def rows(self, numbers: np.ndarray) -> dict[str, backend.Handle]:
        """The arrays of some entries as one batch on the device."""
        return {name: block.take(numbers) for name, block in self._blocks.items()}

    def choices(self, wild: bool) -> np.ndarray:
        """Numbers of the entries that may be a parent: for a wild group all, else the leashed."""
        allowed = ~self._retired if wild else self._leashed
        return np.flatnonzero(allowed[: len(self.entries)])

    def spent(self, numbers: np.ndarray, purse: str) -> np.ndarray:
        """(n,) float64: the share of a purse that each entry's lineage has spent."""
        return np.array([self.entries[i].recipe.spent.get(purse, 0.0) for i in numbers])

    def _steps(self, number: int) -> int:
        return len(self.entries[number].recipe.steps)

    def _settle(self, number: int, entry: Entry) -> None:
        """Put an entry in its place, from which another one may have to go."""
        if number == len(self.entries):
            self.entries.append(entry)
            self.tally.add()
            return
        self.by_name.pop(self.entries[number].name)
        self.entries[number] = entry
        self.tally.forget(number)


class Pools:
    """The few nearest distances for each oracle, root and leash; root -1 is the last one."""

    def __init__(self, oracles: int, roots: int) -> None:
        self._best = np.full((oracles, roots + 1, 2, POOL), np.inf)

    def candidates(self, distance: np.ndarray, roots: np.ndarray, wild: np.ndarray) -> np.ndarray:
        """(B,) bool: rows that come nearer to some oracle than the worst of its pool."""
        worst = self._best[:, roots, wild.astype(int), -1].T
        return np.asarray(np.any(_is_nearer(distance, worst), axis=1))

    def offer(self, distance: np.ndarray, root: int, wild: bool) -> bool:
        """Take one row's distances (K,) in; True where it is nearer for some oracle."""
        pools = self._best[:, root, int(wild)]
        is_there = (pools == distance[:, None]).any(axis=1)
        better = _is_nearer(distance, pools[:, -1]) & ~is_there
        for k in np.flatnonzero(better):
            pools[k] = np.sort(np.append(pools[k, :-1], distance[k]))
        return bool(better.any())


def _is_nearer(distance: np.ndarray, worst: np.ndarray) -> np.ndarray:
    reach = np.where(np.isfinite(worst), NEARER * np.abs(worst), 0)
    nearer = np.logical_and(np.isfinite(distance), distance < worst - reach)
    return np.asarray(nearer)
