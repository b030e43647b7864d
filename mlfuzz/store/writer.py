"""Writes entries behind the loop's back: a synced file costs milliseconds, a batch has few.

Findings never come this way: they are on the disk before they are announced.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

from mlfuzz.recipe import Recipe
from mlfuzz.store.corpus import Corpus

WAITING = 256
"""Entries that may wait; a kill loses at most these, and a later run finds them again."""


class Writer:
    """One thread that adds entries in the order in which they come; a context manager.

    Raises
    ------
    StoreError
        From ``add`` or at the end: what an earlier write failed with.
    """

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="corpus-writer")
        self._waiting: deque[Future[Any]] = deque()

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True)
        if error is None:
            self._settle(0)

    def add(self, data: bytes, suffix: str, recipe: Recipe) -> None:
        """As ``Corpus.add``, a moment later."""
        self._settle(WAITING)
        self._waiting.append(self._pool.submit(self.corpus.add, data, suffix, recipe))

    def hand_to_code(self, entry: str, data: bytes, suffix: str) -> None:
        """As ``Corpus.hand_to_code``, a moment later."""
        self._settle(WAITING)
        self._waiting.append(self._pool.submit(self.corpus.hand_to_code, entry, data, suffix))

    def _settle(self, most: int) -> None:
        while self._waiting and (self._waiting[0].done() or len(self._waiting) > most):
            self._waiting.popleft().result()
