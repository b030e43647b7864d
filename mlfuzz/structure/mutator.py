"""The one mutator of all formats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from random import Random

from mlfuzz.errors import HarnessError
from mlfuzz.structure.chunk import HEAD, RAW, Chunk, has, join, read
from mlfuzz.structure.chunked import Chunked
from mlfuzz.structure.draw import Draw
from mlfuzz.structure.format import Format
from mlfuzz.structure.formats import FORMATS
from mlfuzz.structure.raw import Raw
from mlfuzz.structure.yields import Arms

MAX_SEEDS = 256
"""Looked at for chunks and codes."""
MAX_POOL_BYTES = 4096
"""Longest chunk kept for insertion."""
MAX_POOL = 64
"""Chunks kept for a format."""
STACKED = 0.3
"""Share of mutants that one more operation changes, up to ``MAX_STACKED`` in all."""
MAX_STACKED = 3

REPEATS = frozenset({"repeat", "spread", "nest"})

RAW_FORMAT = Raw()


class StructureMutator:
    """Mutants of any bytes, by what they are built like.

    Attributes
    ----------
    last : str
        The operation that led to the last mutant, such as ``png: field``; to be rewarded.
    is_repeated : bool
        Something in the last mutant was repeated, maybe to thousands of times.
    broken : dict of str to int
        Formats that raised, and how often; their inputs were mutated as bytes.
    is_checked : bool
        A seed is of a format with checksums that readers look at.
    """

    def __init__(self, formats: Sequence[Format], tokens: Sequence[bytes]) -> None:
        _refuse_equal_names([format.name for format in (*formats, RAW_FORMAT)])
        self.last = ""
        self.is_repeated = self.is_checked = False
        self.broken: dict[str, int] = {}
        self._draw = Draw(formats, tokens)
        self._arms = {
            format.name: Arms([f"{format.name}: {name}" for name in format.operations])
            for format in (*formats, RAW_FORMAT)
        }
        self._seeds: list[bytes] = []
        self._native: set[str] = set()
        self._operations = {format.name: format.operations for format in (*formats, RAW_FORMAT)}

    def learn(self, seeds: Iterable[bytes]) -> None:
        """Keep the seeds' kinds of chunks and their codes."""
        for seed, _ in zip(seeds, range(MAX_SEEDS), strict=False):
            format = self._format_of(seed)
            self._seeds.append(seed)
            self._native.add(format.name)
            if isinstance(format, Chunked):
                self.is_checked |= format.is_checked
                with suppress(Exception):  # as in ``_apply``
                    self._learn(format, format.parse(seed))

    def _learn(self, format: Chunked, chunks: list[Chunk]) -> None:
        draw = self._draw
        pool = draw.pool.setdefault(format.name, [])
        if chunks and chunks[0].kind == HEAD:
            head = join(chunks[:1])
            if head not in draw.heads and len(draw.heads) < MAX_POOL:
                draw.heads.append(head)
        known = {chunk.kind for chunk in pool}
        for chunk in chunks:
            self._learn_codes(format, chunk)
            is_fit = chunk.kind not in (HEAD, RAW) and chunk.size <= MAX_POOL_BYTES
            if is_fit and chunk.kind not in known and len(pool) < MAX_POOL:
                known.add(chunk.kind)
                pool.append(chunk.copy())

    def _learn_codes(self, format: Chunked, chunk: Chunk) -> None:
        for field in format.fields_of(chunk):
            if field.role == "code" and has(chunk, field):
                key = (format.name, chunk.kind, field.part, field.offset)
                codes, code = self._draw.codes.setdefault(key, []), read(chunk, field)
                if code not in codes and len(codes) < MAX_POOL:
                    codes.append(code)

    def mutate(self, data: bytes, other: bytes, rng: Random, max_size: int) -> bytes:
        """A mutant of ``data`` of at most ``max_size`` bytes, maybe with a part of ``other``.

        Raises nothing, whatever the bytes are; equal generators and rewards give equal mutants.
        """
        draw = self._draw
        draw.start(rng, other, max_size)
        format = self._format_of(data)
        arms, operations = self._arms[format.name], self._operations[format.name]
        index = arms.choose(rng)
        self.last, self.is_repeated = arms.names[index], False
        mutant = self._apply(format, operations[index], data)
        for _ in range(MAX_STACKED - 1):
            if mutant != data and rng.random() >= STACKED:
                break
            # the first operation answers for what the others do: evenly spread noise
            mutant = self._apply(format, operations[arms.choose(rng)], mutant)
        return mutant[:max_size]

    def seed(self, rng: Random) -> bytes | None:
        """One of the seeds."""
        return rng.choice(self._seeds) if self._seeds else None

    def is_native(self, data: bytes) -> bool:
        """Whether a seed is of the format of these data."""
        return self._format_of(data).name in self._native

    def sealed(self, data: bytes) -> bytes:
        """The data with right checksums, where their format has any."""
        format = self._format_of(data)
        if not isinstance(format, Chunked) or not format.is_checked:
            return data
        try:
            return format.sealed(data)
        except Exception:  # as below
            self.broken[format.name] = self.broken.get(format.name, 0) + 1
            return data

    def _format_of(self, data: bytes) -> Format:
        try:
            return self._draw.format_of(data) or RAW_FORMAT
        except Exception:  # as below
            self.broken["matches"] = self.broken.get("matches", 0) + 1
            return RAW_FORMAT

    def _apply(self, format: Format, operation: str, data: bytes) -> bytes:
        """An operation of a format; on bytes if an earlier one made something else of them."""
        self.is_repeated |= operation in REPEATS
        try:
            if format.matches(data):
                return format.mutate(data, operation, self._draw)
        except Exception:  # a format may come from a user, and a child must not die of it
            self.broken[format.name] = self.broken.get(format.name, 0) + 1
        return RAW_FORMAT.mutate(data, self._draw.pick(RAW_FORMAT.operations), self._draw)

    def reward(self, name: str, is_new: bool) -> None:
        """Count a try of the operation ``last`` named, and whether it led to new coverage."""
        owner = name.partition(":")[0]
        if owner in self._arms:
            self._arms[owner].reward(name, is_new)

    def yields(self) -> list[tuple[str, int, int]]:
        """Operations that were tried, with their tries and how many led to something new."""
        return [
            (name, tries, new)
            for arms in self._arms.values()
            for name, tries, new in zip(arms.names, arms.tries, arms.new, strict=True)
            if tries
        ]


def _refuse_equal_names(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise HarnessError(f"two formats are named {name!r}; give yours another name")


def mutator_for(
    seeds: Iterable[bytes], extra: Sequence[Format] = (), tokens: Sequence[bytes] = ()
) -> StructureMutator:
    """A mutator that knows the seeds' chunks and codes.

    Parameters
    ----------
    seeds : iterable of bytes
        Of any formats, or none.
    extra : sequence of Format
        A user's own, asked before the ones that are known here.
    tokens : sequence of bytes
        Words of the target, to be inserted and repeated.
    """
    mutator = StructureMutator((*extra, *FORMATS), [token for token in tokens if token])
    mutator.learn(seeds)
    return mutator
