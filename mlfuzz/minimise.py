"""A smaller and simpler input that still fails, and which of its bytes matter.

Pure: whoever calls says what failing is.  No randomness: equal inputs and answers, equal results.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator

SIMPLE = b"\0" + b"0 a"
"""What a byte is simplified to, the simplest first: zero, then harmless text."""
FLIPS = (0xFF, 0x01)
"""A byte is critical if either change of it ends the failure."""

StillFails = Callable[[bytes], bool]


def minimise(
    data: bytes,
    still_fails: StillFails,
    *,
    max_executions: int,
    deadline_s: float,
    seed: bytes = b"",
) -> bytes:
    """The smallest input found that still fails, with every byte as simple as it can be.

    Parameters
    ----------
    data : bytes
        An input that fails.
    still_fails : callable bytes -> bool
        Whether an input shows the same failure.
    max_executions : int
        Calls of ``still_fails`` at most.
    deadline_s : float
        Seconds from now on after which no further call is made.
    seed : bytes
        Where it is known: bytes are simplified to those of the seed at their place first.

    Notes
    -----
    Three passes are repeated until none changes anything: blocks are left out in halving sizes,
    each size in one sweep from the end (ddmin's idea without its quadratic restarts); the tail is
    cut at doubling lengths; blocks in halving sizes are made simple.  Length never grows, and at
    equal length bytes only become simpler, so there is an end.
    """
    search = _Search(data, still_fails, max_executions, deadline_s, seed)
    try:
        while True:
            before = search.best
            search.delete_blocks()
            search.cut_tail()
            search.simplify()
            if search.best == before:
                break
    except _SpentError:
        pass
    return search.best


def critical_bytes(
    data: bytes, still_fails: StillFails, *, max_executions: int, deadline_s: float
) -> list[tuple[int, int]]:
    """Spans (start, end) of the bytes that matter: changing any one of them ends the failure.

    Bytes that the budget does not reach count as not critical.
    """
    search = _Search(data, still_fails, max_executions, deadline_s, b"")
    spans: list[tuple[int, int]] = []
    try:
        for i in range(len(data)):
            if not all(search.survives(i, flip) for flip in FLIPS):
                start = spans.pop()[0] if spans and spans[-1][1] == i else i
                spans.append((start, i + 1))
    except _SpentError:
        pass
    return spans


class _SpentError(Exception):
    """No executions or no time are left."""


class _Search:
    """The best input so far, and what was tried in vain."""

    def __init__(
        self, data: bytes, still_fails: StillFails, left: int, deadline_s: float, seed: bytes
    ) -> None:
        self.best, self._still_fails = data, still_fails
        self._left, self._end_s, self._seed = left, time.monotonic() + deadline_s, seed
        self._vain: set[bytes] = set()

    def delete_blocks(self) -> None:
        """Leave out blocks, the large ones first, from the end."""
        for size in _halving(len(self.best)):
            start = (len(self.best) - 1) // size * size
            while start >= 0:
                self._keep(self.best[:start] + self.best[start + size :])
                start -= size

    def cut_tail(self) -> None:
        """The shortest beginning of 0, 1, 2, 4, ... bytes that fails."""
        lengths = [0, *sorted(_halving(len(self.best)))]
        any(self._keep(self.best[:length]) for length in lengths if length < len(self.best))

    def simplify(self) -> None:
        """Make blocks simple, the large ones first; each byte only where it becomes simpler."""
        for rank in range(len(SIMPLE) + 1):
            for size in _halving(len(self.best)):
                for start in range(0, len(self.best), size):
                    self._keep(self._simpler(rank, start, start + size))

    def survives(self, i: int, flip: int) -> bool:
        """Whether the failure is still there with one byte changed."""
        changed = bytearray(self.best)
        changed[i] ^= flip
        return self._fails(bytes(changed))

    def _simpler(self, rank: int, start: int, end: int) -> bytes:
        changed = bytearray(self.best)
        for i in range(start, min(end, len(changed))):
            byte = self._of_rank(rank, i)
            if byte is not None and self._rank(changed[i], i) > rank:
                changed[i] = byte
        return bytes(changed)

    def _of_rank(self, rank: int, i: int) -> int | None:
        """Rank 0 is the seed's byte, then come the simple ones."""
        if rank:
            return SIMPLE[rank - 1]
        return self._seed[i] if i < len(self._seed) else None

    def _rank(self, byte: int, i: int) -> int:
        if byte == self._of_rank(0, i):
            return 0
        place = SIMPLE.find(byte)
        return place + 1 if place >= 0 else len(SIMPLE) + 1

    def _keep(self, candidate: bytes) -> bool:
        """Whether the candidate is another one and fails too; then it is the best."""
        name = hashlib.blake2b(candidate, digest_size=16).digest()  # whole ones fill the memory
        if candidate == self.best or name in self._vain:
            return False
        if not self._fails(candidate):
            self._vain.add(name)
            return False
        self.best = candidate
        return True

    def _fails(self, candidate: bytes) -> bool:
        if self._left <= 0 or time.monotonic() >= self._end_s:
            raise _SpentError
        self._left -= 1
        return self._still_fails(candidate)


def _halving(length: int) -> Iterator[int]:
    """Powers of two from the largest that is not longer, down to one."""
    size = 1 << (length.bit_length() - 1) if length else 0
    while size:
        yield size
        size >>= 1
