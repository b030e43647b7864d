"""What libFuzzer's log says: edges, corpus, and when it last found something new."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(
    rb"^#\d+\s+(INITED|NEW|REDUCE|RELOAD|pulse|DONE)\s+(?:cov: (\d+) )?(?:ft: (\d+) )?"
    rb"(?:corp: (\d+)/)?"
)


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
    """

    path: Path
    coverage: int = 0
    corpus: int = 0
    is_inited: bool = False
    news: int = 0
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
