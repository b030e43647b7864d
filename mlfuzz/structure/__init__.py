"""What an input is built like: mutations that keep a container whole, tokens of the target.

Pure functions of bytes; no engine and no process may come in here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

from mlfuzz.structure import riff

Mutate = Callable[[bytes, bytes, Random, int], bytes]
"""(data, other, rng, max_size) -> a mutant of at most ``max_size`` bytes, maybe with a part of
another input."""


def mutation_for(seeds: Iterable[bytes]) -> Mutate | None:
    """The mutation that knows the format of the seeds, if one does."""
    return riff.mutate if any(riff.is_riff(seed) for seed in seeds) else None
