"""Warnings that an author wants to hear of."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from mlfuzz.core import Threat
from mlfuzz.detectors.run import Run, Severity

EVENT = "mlfuzz.warned"


@dataclass(frozen=True)
class Warnings:
    """No warning of these categories is shown.

    Threat: an overflow or a division by zero that NumPy only warns of goes on as a wrong value.
    Event: ``mlfuzz.warned``, from ``warnings.showwarning``.  What the code itself catches or
    filters is not meant.

    Parameters
    ----------
    categories : tuple of Warning classes
        Subclasses count as well.
    """

    categories: tuple[type[Warning], ...] = (RuntimeWarning,)
    events: ClassVar[tuple[str, ...]] = (EVENT,)
    threat: ClassVar[Threat] = "integrity"
    severity: ClassVar[Severity] = "low"

    def judge(self, event: str, arguments: Sequence[Any], run: Run) -> str | None:
        """See ``Detector``."""
        text, category = arguments
        return f"{category.__name__}: {text}" if issubclass(category, self.categories) else None

    def install(self) -> None:
        """Have each warning of these categories shown, also the second at one line."""
        for category in self.categories:
            warnings.simplefilter("always", category)
        shown = warnings.showwarning
        if getattr(shown, "__module__", None) == __name__:
            return

        def showwarning(message: Any, category: Any, *rest: Any, **options: Any) -> None:
            sys.audit(EVENT, str(message), category)
            shown(message, category, *rest, **options)

        warnings.showwarning = showwarning
