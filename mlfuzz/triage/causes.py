"""Causes: findings that are likely to go with one repair.

Findings share a cause if they are of one kind, of one entry point or oracle, and at one place:
the innermost function of the target, the layer or the broken rule, whatever the exception and
the statement.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlfuzz.store import Finding

SEVERITIES = ("high", "medium", "low")
STABILITIES = ("stable", "batch-dependent", "flaky")
PLACED = ("contract", "non-finite", "slow")
"""Kinds whose signature ends with a rule, a layer or a stage: that is the place."""

# A statement of ``ast.unparse`` has a space after each colon, or brackets around it.
_FUNCTION = re.compile(r"""[^\s:'"()\[\]{}]+:[^\s:'"()\[\]{}]+""")


@dataclass(frozen=True)
class Cause:
    """Findings that share one, the worst first; one at least."""

    findings: tuple[Finding, ...]

    @property
    def worst(self) -> Finding:
        """The one that stands for all of them."""
        return self.findings[0]

    @property
    def place(self) -> str:
        """What they share beside kind and source; "" where a whole oracle is the cause."""
        return place(self.worst)

    @property
    def faults(self) -> str:
        """What came at a function: the exception, detector or signal, or how many of them."""
        names = {finding.signature[0] for finding in self.findings if _function(finding)}
        return f"{len(names)} types" if len(names) > 1 else "".join(names)

    @property
    def stabilities(self) -> str:
        """The stabilities that occur, best first."""
        return _joined(finding.stability for finding in self.findings)

    @property
    def threats(self) -> str:
        """The threats that occur, the worst finding's first."""
        return _joined(finding.threat for finding in self.findings)


def causes(findings: Iterable[Finding]) -> list[Cause]:
    """The causes of findings, that of the worst one first."""
    together: dict[tuple[str, str, str], list[Finding]] = defaultdict(list)
    for finding in sorted(findings, key=badness):
        together[finding.kind, finding.source, place(finding)].append(finding)
    return [Cause(tuple(each)) for each in together.values()]


def place(finding: Finding) -> str:
    """The innermost function of the target, the layer or the rule that is broken."""
    if finding.kind in PLACED:
        return "".join(finding.signature[-1:])
    return _function(finding)


def _function(finding: Finding) -> str:
    if finding.kind in PLACED:
        return ""
    functions = [part for part in finding.signature[1:] if _FUNCTION.fullmatch(part)]
    return "".join(functions[-1:])


def badness(finding: Finding) -> tuple[int, int, str, str, str, tuple[str, ...]]:
    """Sorts the worst first: severity, then stability, then kind, source and signature."""
    return (
        _rank(finding.severity, SEVERITIES),
        _rank(finding.stability, STABILITIES),
        finding.kind,
        finding.source,
        place(finding),
        finding.signature,
    )


def _rank(value: str, order: Sequence[str]) -> int:
    return order.index(value) if value in order else len(order)


def _joined(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))
