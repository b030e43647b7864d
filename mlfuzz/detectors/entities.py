"""What the entities of an XML document expand to."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from mlfuzz.core import Threat
from mlfuzz.detectors.run import Run, Severity

_DECLARED = re.compile(rb"<!ENTITY\s+([^\s%\"'<>&;]+)\s+(?:\"([^\"]*)\"|'([^']*)')\s*>")
_REFERENCE = re.compile(rb"&([^\s&;#<>]+);")
PARSERS = ("pyexpat", "lxml.etree", "libxml2", "pugixml")
"""Modules of which one must be there to parse XML; the standard library's all use the first."""
MAX_DEPTH = 64
"""Of entities in entities; deeper ones count nothing."""


@dataclass(frozen=True)
class Entities:
    """No XML document is accepted whose entities expand to many times its size.

    Threat: a few hundred bytes fill the memory ("billion laughs", CWE-776).
    Events: ``mlfuzz.answered``, after an input that declares an entity was neither refused nor at
    fault.  Parsers tell nobody what they expand, so it is worked out from the document: alarm is
    given also where a parser leaves references as they are and accepts; never where no parser of
    ``PARSERS`` was imported.  Not seen: documents in UTF-16, parameter entities, and a document
    inside a compressed file.

    Parameters
    ----------
    ratio : float
        Bytes of text for each byte of input.
    least_kb : int
        Less than this in all is no bomb.
    """

    ratio: float = 100.0
    least_kb: int = 64
    events: ClassVar[tuple[str, ...]] = ("mlfuzz.answered",)
    mark: ClassVar[bytes] = b"<!ENTITY"
    threat: ClassVar[Threat] = "disruption"
    severity: ClassVar[Severity] = "medium"

    def judge(self, event: str, arguments: Sequence[Any], run: Run) -> str | None:
        """See ``Detector``."""
        if not any(name in sys.modules for name in PARSERS):
            return None
        size = expanded(run.data)
        if size <= max(self.least_kb << 10, self.ratio * len(run.data)):
            return None
        return f"entities of {len(run.data)} bytes expand to {size:,} bytes"


def expanded(document: bytes) -> int:
    """Bytes that the references outside the document type expand to."""
    texts = {found[1]: found[2] or found[3] or b"" for found in _DECLARED.finditer(document)}
    last = max((found.end() for found in _DECLARED.finditer(document)), default=0)
    sizes: dict[bytes, int] = {}
    names = _REFERENCE.findall(document, last)
    return sum(_size(name, texts, sizes, 0) for name in names)


def _size(name: bytes, texts: Mapping[bytes, bytes], sizes: dict[bytes, int], depth: int) -> int:
    if name in sizes or name not in texts or depth > MAX_DEPTH:
        return sizes.get(name, 0)
    sizes[name] = 0  # one that holds itself is refused by every parser
    inner = _REFERENCE.findall(texts[name])
    own = len(_REFERENCE.sub(b"", texts[name]))
    sizes[name] = own + sum(_size(each, texts, sizes, depth + 1) for each in inner)
    return sizes[name]
