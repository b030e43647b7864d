"""How numbers and times read on a narrow screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from mlfuzz.progress import Progress


def count(number: float) -> str:
    """``950``, ``12.3k``, ``4.5M``, ``2.0G``."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= limit:
            scale = 1e3 if unit == "k" else limit
            return f"{number / scale:.1f}{unit}"
    return f"{number:.0f}"


def clock(seconds: float) -> str:
    """``0:07``, ``12:30``, ``3:05:00``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def ago(seconds: float | None) -> str:
    """``3s ago``, ``12m ago``; ``not yet`` for None."""
    if seconds is None:
        return "not yet"
    for limit, unit in ((3600, "h"), (60, "m")):
        if seconds >= 2 * limit:
            return f"{seconds / limit:.0f}{unit} ago"
    return f"{seconds:.0f}s ago"


def percent(share: float) -> str:
    """``0%``, ``0.4%``, ``12%``: one digit more where the share is small."""
    value = 100 * share
    return f"{value:.1f}%" if 0 < value < 9.95 else f"{value:.0f}%"


def criteria(coverage: Mapping[str, float]) -> dict[str, float]:
    """The same shares under short names: ``Neuron`` for ``NeuronCoverage(0.5)``.

    Criteria that would share a short name keep their long ones.
    """
    short = {name: name.partition("(")[0].removesuffix("Coverage") or name for name in coverage}
    seen = Counter(short.values())
    return {
        short[name] if seen[short[name]] == 1 else name: share for name, share in coverage.items()
    }


def last_new_s(progress: Progress) -> float | None:
    """Seconds since either engine last reached something new."""
    model = [progress.model.last_new_s] if progress.model else []
    return _smallest([*model, *(entry.last_new_s for entry in progress.code)])


def _smallest(times: Iterable[float | None]) -> float | None:
    return min((time for time in times if time is not None), default=None)
