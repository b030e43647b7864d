"""What libFuzzer's log says: edges, corpus, words that helped, and when it found something new."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_LINE = re.compile(
    rb"^#\d+\s+(INITED|NEW|REDUCE|RELOAD|pulse|DONE)\s+(?:cov: (\d+) )?(?:ft: (\d+) )?"
    rb"(?:corp: (\d+)/)?"
)
_WORDS = re.compile(rb' DE: ((?:"(?:[^"\\]|\\.)*"-)+)\s*$')
_WORD = re.compile(rb'"((?:[^"\\]|\\.)*)"-')
MAX_WORDS = 128


@dataclass
class Log:
    """Reads a growing log piece by piece; it may be emptied meanwhile.

    Attributes
    ----------
    coverage, corpus : int
        Edges reached, and inputs that libFuzzer keeps.
    is_inited : bool
        Whether the corpus was read in.
    news : int
        Inputs kept since then.
    words : dict of bytes to None
        What libFuzzer put into inputs that found something new: sides of comparisons above all.
    """

    path: Path
    coverage: int = 0
    corpus: int = 0
    is_inited: bool = False
    news: int = 0
    words: dict[bytes, None] = field(default_factory=dict)
    _offset: int = 0
    _rest: bytes = b""

    def read(self) -> bool:
        """Take in what was written since; whether something new was found."""
        before = self.news
        more = self._more()
        lines = (self._rest + more).split(b"\n")
        self._rest = lines.pop()[-4096:]  # a target may print for ever without an end of line
        for line in lines:
            match = _LINE.match(line)
            if match:
                self._take(match)
            if match and match[1] == b"NEW":
                self._learn(line)
        return self.news > before

    def _more(self) -> bytes:
        try:
            with open(self.path, "rb") as file:
                if file.seek(0, 2) < self._offset:
                    self._offset, self._rest = 0, b""
                file.seek(self._offset)
                data = file.read(1 << 20)
        except OSError:
            return b""
        self._offset += len(data)
        return data

    def _take(self, match: re.Match[bytes]) -> None:
        self.coverage = max(self.coverage, int(match[2] or 0))
        self.corpus = int(match[4] or self.corpus)
        self.is_inited = True
        self.news += match[1] in (b"NEW", b"RELOAD")

    def _learn(self, line: bytes) -> None:
        found = _WORDS.search(line)
        for word in _WORD.findall(found[1]) if found else ():
            with suppress(UnicodeError):  # a target may print such lines too
                if len(self.words) < MAX_WORDS:
                    # libFuzzer writes bytes that are no letters as octal numbers
                    self.words[word.decode("unicode_escape").encode("latin-1")] = None
