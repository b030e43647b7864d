"""What the children of an entry point are started with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlfuzz.entry_point import EntryPoint
from mlfuzz.harness import Harness
from mlfuzz.structure.tokens import dictionary

STRIDE = 1_000_003
"""Between the seeds of two workers: restarts count on from them."""


@dataclass(frozen=True)
class Setup:
    """What all children of an entry point are started with."""

    harness: Harness
    entry: EntryPoint
    arguments: Sequence[str]
    folder: Path
    queue: Path
    skip: Path
    dictionary: Path
    size_bytes: int
    memory_mb: int
    seed: int

    def worker(self, number: int) -> Setup:
        """The same for one more child on the queue, which makes other random choices."""
        return replace(
            self,
            arguments=[*self.arguments, f"--seed={(self.seed + number * STRIDE) % (1 << 31)}"],
            folder=self.folder.with_name(f"{self.folder.name}-{number + 1}"),
        )

    def hand_on(self, words: Iterable[bytes]) -> None:
        """What helped libFuzzer it has forgotten in the next child; its dictionary remembers."""
        lines = self.dictionary.read_text().splitlines(keepends=True)
        more = dictionary(words).splitlines(keepends=True)
        draft = self.dictionary.with_name("dictionary.draft")
        draft.write_text("".join(dict.fromkeys([*lines, *more])))
        draft.replace(self.dictionary)  # another worker may be reading it
