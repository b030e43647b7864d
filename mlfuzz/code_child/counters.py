"""Coverage counters of our own, handed to libFuzzer: what it is guided by, one byte a place.

A page of memory is shared by the code that counts and by libFuzzer, which clears it before each
input and reads it after.  What is counted is not known here.
"""

from __future__ import annotations

import ctypes
import importlib.util
import mmap
from pathlib import Path

PAGE = mmap.PAGESIZE
MOST = 4
AFTER = (*range(1, MOST), *[MOST] * (257 - MOST))
"""The count after each count: a loop runs never, once, twice, three times, or more.

libFuzzer also tells 4, 8, 16, 32 and 128 apart.  Beside mutations that repeat, its corpus then
fills with files of a hundred equal chunks, and a target gets four times slower (measured).
"""

_BUCKET = bytes(1 << count >> 1 for count in range(MOST + 1)) + bytes(255 - MOST)
"""One bit for each count."""

_COUNTERS_INIT, _PCS_INIT = "__sanitizer_cov_8bit_counters_init", "__sanitizer_cov_pcs_init"
_FIRST_PLACE = 1 << 40
"""libFuzzer wants an address for each counter; these are of nothing."""


class Counters:
    """Pages of counters, handed over as soon as libFuzzer is there.

    Notes
    -----
    Writing ``page[i] = AFTER[page[i]]`` in bytecode takes a third of a call to Atheris's
    ``_trace_branch``, which counts the same (measured).  Pages are never given back: libFuzzer
    keeps their addresses, and those of the tables of places.
    """

    def __init__(self) -> None:
        self._pages: list[mmap.mmap] = []
        self._tables: list[ctypes.Array[ctypes.c_size_t]] = []
        self._next = PAGE
        self._seen = 0
        self._libfuzzer: ctypes.CDLL | None = None

    def reserve(self) -> tuple[mmap.mmap, int]:
        """A page and the index of a counter in it that nobody else has."""
        if self._next == PAGE:
            self.pages(1)
            self._next = 0
        self._next += 1
        return self._pages[-1], self._next - 1

    def pages(self, count: int) -> mmap.mmap:
        """Whole pages in one piece."""
        memory = mmap.mmap(-1, count * PAGE)
        self._pages.append(memory)
        self._next = PAGE
        if self._libfuzzer is not None:
            self._hand_over(memory)
        return memory

    def is_new(self) -> bool:
        """Whether the counts, in libFuzzer's buckets, hold one that no call has seen before."""
        places = b"".join(memory[:].translate(_BUCKET) for memory in self._pages)
        bits = int.from_bytes(places, "little")  # pages that come later are the high end
        has_new = bool(bits & ~self._seen)
        self._seen |= bits
        return has_new

    def reached(self) -> int:
        """How many places have been reached since they were cleared."""
        return sum(len(memory) - memory[:].count(0) for memory in self._pages)

    def clear(self) -> None:
        """Forget this input: libFuzzer sees nothing new in it and does not keep it."""
        for memory in self._pages:
            memory[:] = bytes(len(memory))

    def connect(self) -> None:
        """Hand over what is reserved and what will be; safe to repeat.

        To be called inside the first callback: ``Fuzz`` loads libFuzzer, and would not find the
        custom mutator if it were loaded before.
        """
        if self._libfuzzer is None:
            self._libfuzzer = ctypes.CDLL(str(_libfuzzer()))
            for memory in self._pages:
                self._hand_over(memory)

    def _hand_over(self, memory: mmap.mmap) -> None:
        assert self._libfuzzer is not None
        size = len(memory)
        start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        first = _FIRST_PLACE + PAGE * sum(len(table) // 2 for table in self._tables)
        # pairs of an address and flags
        table = (ctypes.c_size_t * (2 * size))()
        table[::2] = list(range(first, first + size))
        self._tables.append(table)
        place = ctypes.addressof(table)
        _call(self._libfuzzer, _COUNTERS_INIT, start, start + size)
        _call(self._libfuzzer, _PCS_INIT, place, place + ctypes.sizeof(table))


def takes_counters() -> bool:
    """Whether Atheris's copy of libFuzzer has what ``connect`` calls.

    It is looked at as a file: it must not be loaded yet.
    """
    path = _libfuzzer()
    content = path.read_bytes() if path else b""
    return all(name.encode() in content for name in (_COUNTERS_INIT, _PCS_INIT))


def _libfuzzer() -> Path | None:
    spec = importlib.util.find_spec("atheris.core_with_libfuzzer")
    return Path(spec.origin) if spec and spec.origin else None


def _call(library: ctypes.CDLL, name: str, start: int, stop: int) -> None:
    function = getattr(library, name)
    function.argtypes, function.restype = [ctypes.c_void_p, ctypes.c_void_p], None
    function(start, stop)
