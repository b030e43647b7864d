"""What a run tells while it goes on: plain values that the engines fill and the reporters show."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True)
class EntryProgress:
    """One entry point under the code engine.

    Parameters
    ----------
    coverage : int
        Edges reached.
    reach : float
        Share in 0..1 of the inputs that were answered, neither refused nor at fault.
    last_new_s : float or None
        Seconds since the corpus last grew; None: it has not yet.
    yields : tuple of (str, int, int)
        Structure-aware operations: name, mutants, those with new coverage.
    """

    name: str
    executions: int
    executions_per_s: float
    corpus: int
    coverage: int
    reach: float
    findings: int
    restarts: int
    state: Literal["running", "paused", "starting", "restarting", "stopped"]
    last_new_s: float | None
    yields: tuple[tuple[str, int, int], ...] = ()


def combined(workers: Sequence[EntryProgress]) -> EntryProgress:
    """One picture of the workers that share an entry point's queue."""
    if len(workers) == 1:
        return workers[0]
    executions = sum(each.executions for each in workers)
    answered = sum(each.reach * each.executions for each in workers)
    ages_s = [each.last_new_s for each in workers if each.last_new_s is not None]
    states = {each.state for each in workers}
    yields: dict[str, tuple[int, int]] = {}
    for name, tries, new in (row for each in workers for row in each.yields):
        before = yields.get(name, (0, 0))
        yields[name] = before[0] + tries, before[1] + new
    return EntryProgress(
        name=workers[0].name,
        executions=executions,
        executions_per_s=sum(each.executions_per_s for each in workers),
        corpus=max(each.corpus for each in workers),
        coverage=max(each.coverage for each in workers),
        reach=answered / executions if executions else 0.0,
        findings=sum(each.findings for each in workers),
        restarts=sum(each.restarts for each in workers),
        state="running" if "running" in states else workers[0].state,
        last_new_s=min(ages_s, default=None),
        yields=tuple((name, tries, new) for name, (tries, new) in yields.items()),
    )


@dataclass(frozen=True)
class ModelProgress:
    """The model engine.

    Parameters
    ----------
    coverage : mapping name -> share in 0..1
        Every criterion of the harness.
    lift : str
        Findings over the control arm at equal executions, or why there is no number yet.
    stability : float
        Share in 0..1 of the seeds that gave the same answer and coverage twice.
    bytes_per_batch : int
        Fetched from the device for each batch.
    adopted : int
        Inputs of the code engine that the model has seen.
    last_new_s : float or None
        Seconds since the corpus last grew; None: it has not yet.
    """

    executions: int
    executions_per_s: float
    corpus: int
    coverage: Mapping[str, float]
    findings: int
    lift: str
    stability: float
    bytes_per_batch: int
    adopted: int
    last_new_s: float | None


@dataclass(frozen=True)
class Progress:
    """The whole run; ``findings`` counts all on the disk, ``new_findings`` those of this run."""

    elapsed_s: float
    budget: str
    model: ModelProgress | None
    code: tuple[EntryProgress, ...]
    findings: int
    new_findings: int
    last_finding_s: float | None


class Reporter(Protocol):
    """Shows a run while it goes on; none of its methods ever raises."""

    def progress(self, progress: Progress) -> None: ...

    def finding(self, finding: Any, state: str) -> None:
        """A ``store.Finding`` was saved; ``state`` is ``new`` or ``nearer``."""

    def note(self, line: str) -> None:
        """One line for the person who watches, kept on the screen."""

    def close(self) -> None:
        """The run is over: leave the terminal as it was found."""


def printable(text: str, *, keep: str = "") -> str:
    """The text with control, format and surrogate characters shown as ``\\x1b`` or ``\\u202e``.

    Text from an input could otherwise move the cursor, rename the window or reverse a line.

    Parameters
    ----------
    keep : str
        Characters that stay whatever they are, such as a line feed.
    """
    return "".join(c if c in keep or _is_harmless(c) else _escaped(c) for c in text)


def _is_harmless(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
