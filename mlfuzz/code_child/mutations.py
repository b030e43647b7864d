"""Mutations that know what inputs are built like, beside libFuzzer's own and never instead of it.

Each answers for the coverage that its mutant found; what yields nothing is used less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from mlfuzz.code_child.counters import Counters
from mlfuzz.structure import StructureMutator

SLOW_S = 300e-6
"""Of a typical input: from here on a call into Python for each mutation costs next to nothing."""
OPAQUE_PLACES = 32
"""Where the seeds reach fewer places that count, the target is mostly compiled code: libFuzzer is
blind there, and its changes of single bytes lead to refusals only."""
SEALED = 0.8
"""Share of libFuzzer's own mutants that get right checksums, where readers refuse wrong ones."""
SEEDS = 0.2
"""Share of the parents that a seed stands in for: libFuzzer never mutates one that brings no new
coverage, and where it sees little, that is nearly all of them."""
NATIVE = 0.5
"""The same for parents of a format that no seed has: what libFuzzer keeps of them differs in how
soon it is refused."""
SHARE = 0.4
"""Of all mutations where they should be often; libFuzzer crosses over in one of fourteen."""
CROSSOVERS = (0.05, 0.5)
"""Least and largest share of libFuzzer's crossovers that are ours: a mutant takes us as long as
an input takes a fast target, so what yields nothing is used less."""
RICH = 0.02
"""Share of mutants with new coverage from which on the share is the largest."""
RECENT = 256
"""Mutants that the share goes by."""
MAX_REPEATED = 512
"""Bytes up to which a mutant with repetitions may be kept for its coverage.  Repeated to kilobytes,
each loop counts something new, and a corpus of long files made a target four times slower
(measured): such a mutant is run for its faults alone."""
TELL_EVERY = 500
"""Mutants between two reports of the yields."""

Yields = list[tuple[str, int, int]]


class Mutations:
    """What libFuzzer calls for a mutant, and what the session calls once it has run.

    Parameters
    ----------
    counters : Counters or None
        Say what is new; None: nobody does, and all operations stay as likely as at first.
    mutate : callable
        libFuzzer's own mutations.
    tell : callable
        Gets the yields now and then: operation, mutants, those with new coverage.
    has_neurons : bool
        They guide: libFuzzer then sees enough to choose all parents.

    Attributes
    ----------
    is_pending : bool
        The input that runs is a mutant of ours.
    is_probe : bool
        It repeats something to kilobytes.
    """

    def __init__(
        self,
        mutator: StructureMutator,
        counters: Counters | None,
        seed: int,
        *,
        mutate: Callable[[bytes, int], bytes],
        tell: Callable[[Yields], None],
        has_neurons: bool = False,
    ) -> None:
        self._mutator, self._counters = mutator, counters
        self._theirs, self._tell = mutate, tell
        self._has_neurons = has_neurons
        self._rng = Random(seed)
        self._mutants, self._yield = 0, RICH
        self.is_pending = self.is_probe = self._is_set_up = False

    def forget(self) -> None:
        """What was reached up to now, imports among it, says nothing of how inputs fare."""
        if self._counters is not None:
            self._counters.clear()

    def should_be_often(self, typical_s: float) -> bool:
        """Whether most mutations should be of this kind, once the seeds have run.

        Python is then called for each mutation, which took a quarter of the speed of a fast
        target (measured); so not where the target is fast and libFuzzer can see.  Behind a
        checksum it sees nothing.
        """
        is_opaque = self._counters is not None and self._counters.reached() < OPAQUE_PLACES
        return typical_s >= SLOW_S or is_opaque or self._mutator.is_checked

    def hooks(self, is_often: bool) -> dict[str, Any]:
        """What ``atheris.Setup`` takes."""
        self.is_pending = self._is_set_up = True  # the first input connects the counters
        hooks = {"custom_crossover": self._crossover}
        return {**hooks, "custom_mutator": self._either} if is_often else hooks

    def _either(self, data: bytes, max_size: int, seed: int) -> bytes:
        data = self._parent(data)[:max_size]
        if self._rng.random() < SHARE:
            return self._mutant(data, b"", max_size)
        mutant = self._theirs(data, max_size)
        if self._mutator.is_checked and self._rng.random() < SEALED:
            return self._mutator.sealed(mutant)[:max_size]
        return mutant

    def _parent(self, data: bytes) -> bytes:
        if self._has_neurons:
            return data
        share = SEEDS if self._mutator.is_native(data) else NATIVE
        seed = self._mutator.seed(self._rng) if self._rng.random() < share else None
        return data if seed is None else seed

    def _crossover(self, data: bytes, other: bytes, max_size: int, seed: int) -> bytes:
        least, most = CROSSOVERS
        if self._rng.random() < max(least, most * min(1.0, self._yield / RICH)):
            return self._mutant(data, other, max_size)
        return self._theirs(data, max_size)

    def _mutant(self, data: bytes, other: bytes, max_size: int) -> bytes:
        mutant = self._mutator.mutate(data, other, self._rng, max_size)
        self.is_pending = True
        self.is_probe = self._mutator.is_repeated and len(mutant) > MAX_REPEATED
        return mutant

    def settle(self) -> None:
        """An input has run; where it was a mutant of ours, its operation gets what it deserves."""
        is_new = self._look()
        if not self.is_pending:
            return
        self.is_pending = False
        if self._counters is not None:
            self._mutator.reward(self._mutator.last, is_new)
            self._yield += (is_new - self._yield) / RECENT
        self._mutants += 1
        if self._mutants % TELL_EVERY == 0:
            self._tell(self._mutator.yields())

    def _look(self) -> bool:
        if self._counters is None:
            self.is_probe = False
            return False
        if self._is_set_up:
            self._counters.connect()
        if self.is_probe:
            self.is_probe = False
            self._counters.clear()
            return False
        return self._counters.is_new()


def tokens_of(dictionary: str) -> Iterable[bytes]:
    """The tokens of a libFuzzer dictionary as ``structure.tokens.dictionary`` writes it."""
    for line in dictionary.splitlines():
        yield line[1:-1].encode("latin-1").decode("unicode_escape").encode("latin-1")
