"""The author's own mutator and crossover: most mutations, beside libFuzzer's and ours."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from mlfuzz.libfuzzer import Options

SHARE = 0.75
"""Of all mutations: an author's mutator knows more of the input than anybody, but a bug in what it
takes for granted is found by the others only."""

Mutate = Callable[..., bytes]


class Custom:
    """Chooses between the author's mutations and the others.

    Parameters
    ----------
    mutate : callable (data, max_size) -> bytes
        libFuzzer's own mutations.
    tell : callable
        Gets one line, the first time that an author's mutation raises.
    """

    def __init__(
        self,
        options: Options,
        seed: int,
        *,
        mutate: Callable[[bytes, int], bytes],
        tell: Callable[[str], None],
    ) -> None:
        self._options, self._theirs, self._tell = options, mutate, tell
        self._rng, self._has_told = Random(seed), False

    def hooks(self, others: dict[str, Any]) -> dict[str, Any]:
        """What ``atheris.Setup`` takes, made of what it would take without the author's."""
        mutate, cross = self._options.mutate, self._options.cross
        hooks = dict(others)
        if mutate is not None:
            rest = others.get("custom_mutator", lambda data, size, seed: self._theirs(data, size))
            hooks["custom_mutator"] = self._either(mutate, rest)
            # beside a custom mutator libFuzzer asks for a crossover every other time
            cross = cross or (lambda data, other, size, seed: mutate(data, size, seed))
        if cross is not None:
            hooks["custom_crossover"] = self._either(cross, others["custom_crossover"])
        return hooks

    def _either(self, own: Mutate, rest: Mutate) -> Mutate:
        def mutant(*args: Any) -> bytes:
            *_, max_size, _seed = args
            if self._rng.random() < SHARE:
                try:
                    return bytes(own(*args))[:max_size]
                except Exception as error:
                    self._complain(error)
            return rest(*args)

        return mutant

    def _complain(self, error: Exception) -> None:
        if not self._has_told:
            self._has_told = True
            self._tell(
                f"its custom mutation raised {type(error).__name__}: {str(error)[:200]}; where it "
                "does, another mutation takes its place."
            )
