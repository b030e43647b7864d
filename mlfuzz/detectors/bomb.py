"""What a small input blows up to."""

from __future__ import annotations

import bz2
import functools
import lzma
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from mlfuzz.core import Threat
from mlfuzz.detectors.run import Run, Severity

EVENT = "mlfuzz.decompressed"


@dataclass(frozen=True)
class Bomb:
    """No input is decompressed to many times its size.

    Threat: a few kilobytes fill the memory or the disk.
    Event: ``mlfuzz.decompressed`` with a number of bytes, from wrappers round
    ``zlib.decompress``, ``zlib.decompressobj``, ``bz2.BZ2Decompressor`` and
    ``lzma.LZMADecompressor``, which gzip, zipfile, tarfile and ``numpy.load`` go through.
    All that an input has decompressed counts together; it is stopped after the piece that goes
    over.  Not seen: code that took these names before the guard was made, and compiled decoders;
    ``Entities`` looks at XML.

    Parameters
    ----------
    ratio : float
        Bytes out for each byte of input.
    least_mb : int
        Less than this in all is no bomb.
    """

    ratio: float = 100.0
    least_mb: int = 64
    events: ClassVar[tuple[str, ...]] = (EVENT,)
    threat: ClassVar[Threat] = "disruption"
    severity: ClassVar[Severity] = "medium"

    def judge(self, event: str, arguments: Sequence[Any], run: Run) -> str | None:
        """See ``Detector``."""
        run.decompressed_bytes += arguments[0]
        limit = max(self.least_mb << 20, self.ratio * len(run.data))
        if run.decompressed_bytes <= limit:
            return None
        return f"{len(run.data)} bytes decompress to {run.decompressed_bytes} and more"

    def install(self) -> None:
        """Wrap the decompressors, once a process."""
        if isinstance(zlib.decompressobj, _Counting):
            return
        zlib.decompress = _counted(zlib.decompress)
        for module, name in (
            (zlib, "decompressobj"),
            (zlib, "_ZlibDecompressor"),  # what gzip goes through since Python 3.12
            (bz2, "BZ2Decompressor"),
            (lzma, "LZMADecompressor"),
        ):
            if hasattr(module, name):
                setattr(module, name, _Counting(getattr(module, name)))


class _Counting:
    """In place of a decompressor's class: makes decompressors that say how much they gave."""

    def __init__(self, kind: Callable[..., Any]) -> None:
        self._kind = kind

    def __call__(self, *args: Any, **options: Any) -> _Decompressor:
        return _Decompressor(self._kind(*args, **options))

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, _Decompressor)


class _Decompressor:
    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.decompress = _counted(inner.decompress)
        if hasattr(inner, "flush"):
            self.flush = _counted(inner.flush)
        if hasattr(inner, "copy"):
            self.copy = lambda: _Decompressor(inner.copy())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _counted(function: Callable[..., bytes]) -> Callable[..., bytes]:
    @functools.wraps(function)
    def counted(*args: Any, **options: Any) -> bytes:
        output = function(*args, **options)
        sys.audit(EVENT, len(output))
        return output

    return counted
