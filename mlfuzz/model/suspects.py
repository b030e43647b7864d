"""Rows that an oracle accused: the nearest of each fault is confirmed from disk, then saved.

One confirmation a signature, a few a batch; nothing is claimed that does not replay.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from mlfuzz import backend
from mlfuzz.core import Arrays, Verdict
from mlfuzz.evaluate import Evaluator
from mlfuzz.model.confirm import (
    ARRAYS,
    SECOND_LOOKS,
    Confirmed,
    confirm,
    confirm_by_second_look,
    read_arrays,
    write_arrays,
)
from mlfuzz.model.control import Signature
from mlfuzz.model.proposals import Origin
from mlfuzz.model.roots import Decode, Roots
from mlfuzz.recipe import Recipe
from mlfuzz.store import Finding, Findings, finding_id, replay_command

CHEAPER = 0.5
"""With as many steps, only one that spends so much less takes a finding's place."""
PER_BATCH = 4
OnFinding = Callable[[Finding, str], None]


@dataclass(frozen=True)
class Suspect:
    """An accused row with all that its finding will need.

    ``file`` holds the original bytes of an adopted row; ``root`` is the number of its seed or -1.
    """

    signature: Signature
    arrays: Arrays
    recipe: Recipe
    root: int
    origin: Origin
    leashed: bool
    executions: int
    file: bytes = b""

    @property
    def nearness(self) -> tuple[float, ...]:
        """Fewer steps are nearer, then a smaller part of the budgets.

        An adopted file is nearer than any mutant, and the shorter of two.
        """
        if self.origin == "bytes":
            return (0.0, float(len(self.file)))
        return (1.0 + len(self.recipe.steps), float(sum(self.recipe.spent.values())))


@dataclass
class Suspects:
    """The queue of accused rows, and the one place where model findings are made."""

    evaluator: Evaluator
    roots: Roots
    decode: Decode
    findings: Findings
    on_finding: OnFinding
    refuted: int = 0
    confirmed: int = 0
    _queue: deque[Suspect] = field(default_factory=deque)
    _best: dict[Signature, tuple[float, ...]] = field(default_factory=dict)

    def would_take(self, signature: Signature, steps: int) -> bool:
        """Whether a row with so many steps could be nearer than what is known of its fault."""
        best = self._best.get(signature)
        return best is None or steps + 1 <= best[0] or not best[0]

    def take(self, suspect: Suspect) -> bool:
        """Queue a suspect that is nearer than what is known; True if its fault is a new one."""
        best = self._best.get(suspect.signature)
        if best is not None and not _is_nearer(suspect.nearness, best):
            return False
        self._best[suspect.signature] = suspect.nearness
        self._queue.append(suspect)
        return best is None

    def confirm_some(self, most: int = PER_BATCH) -> None:
        """Confirm the first few of the queue."""
        for _ in range(min(most, len(self._queue))):
            self._settle(self._queue.popleft())

    def confirm_rest(self) -> None:
        """Confirm all that is left, at the end of a run."""
        self.confirm_some(len(self._queue))

    def _settle(self, suspect: Suspect) -> None:
        data, suffix = self._file(suspect)
        arrays = self._read(data, suffix)
        found = Confirmed(None) if isinstance(arrays, str) else self._confirm(suspect, arrays)
        if found.verdict is None or isinstance(arrays, str):
            self.refuted += 1
            self._best.pop(suspect.signature, None)
            return
        self.confirmed += 1
        self._save(suspect, found, found.verdict, data, suffix)
        slow = confirm_by_second_look(self.evaluator, "slow", arrays, self._base(suspect))
        if slow.verdict is not None:
            self._save(suspect, slow, slow.verdict, data, suffix)

    def _confirm(self, suspect: Suspect, arrays: Arrays) -> Confirmed:
        base = self._base(suspect)
        if (kind := suspect.signature[0]) in SECOND_LOOKS:
            return confirm_by_second_look(self.evaluator, kind, arrays, base)
        reference = self.roots.reference(np.array([suspect.root]))
        return confirm(self.evaluator, arrays, base, reference, suspect.leashed)

    def _base(self, suspect: Suspect) -> Arrays | None:
        return self.roots.seeds[suspect.root].arrays if suspect.root >= 0 else None

    def _file(self, suspect: Suspect) -> tuple[bytes, str]:
        domain = self.evaluator.domain
        if suspect.origin == "bytes":
            return suspect.file, domain.suffix
        if self.roots.array_only:
            return write_arrays(suspect.arrays), ARRAYS
        return domain.encode(suspect.arrays), domain.suffix

    def _read(self, data: bytes, suffix: str) -> Arrays | str:
        with self.findings.draft(data, suffix) as path:
            return read_arrays(path, self.decode)

    def _save(
        self, suspect: Suspect, found: Confirmed, verdict: Verdict, data: bytes, suffix: str
    ) -> None:
        finding = self._finding(suspect, found, verdict)
        seed, seed_suffix = self._seed(suspect)
        state = self.findings.save(
            finding,
            data,
            suffix=suffix,
            seed=seed,
            seed_suffix=seed_suffix,
            nearness=suspect.nearness,
        )
        self.on_finding(finding, "known" if state == "rival" else state)

    def _seed(self, suspect: Suspect) -> tuple[bytes | None, str]:
        if suspect.root < 0:
            return None, ""
        arrays, domain = self.roots.seeds[suspect.root].arrays, self.evaluator.domain
        if self.roots.array_only:
            return write_arrays(arrays), ARRAYS
        return domain.encode(arrays), domain.suffix

    def _finding(self, suspect: Suspect, found: Confirmed, verdict: Verdict) -> Finding:
        values = dict(verdict.values)
        if suspect.root >= 0:
            values["root"] = self.roots.seeds[suspect.root].name
            if self.roots.seeds[suspect.root].label is not None:
                values["label"] = int(self.roots.labels[suspect.root])
        return Finding(
            harness=self.evaluator.harness.name,
            engine="model",
            source=found.source,
            kind=verdict.kind,
            signature=verdict.signature,
            threat=verdict.threat,
            severity=verdict.severity,
            stability=found.stability,
            bounds=_bounds(suspect),
            origin=suspect.origin,
            verdict={**values, "tolerance": self.evaluator.tolerance},
            recipe=suspect.recipe if suspect.origin == "mutation" else None,
            versions={**backend.versions(), "model": self.evaluator.target.digest[:12]},
            found={
                "time": datetime.now(UTC).isoformat(timespec="seconds"),
                "executions": suspect.executions,
            },
            replay=replay_command(
                finding_id(verdict.kind, verdict.signature),
                self.evaluator.harness.path,
                self.findings.corpora,
            ),
            wild=not suspect.leashed,
            array_only=bool(self.roots.array_only),
        )


def _bounds(suspect: Suspect) -> str:
    if suspect.origin == "bytes":
        return "unknown"
    return "in-bounds" if suspect.leashed or suspect.origin == "seed" else "out-of-bounds"


def _is_nearer(new: tuple[float, ...], old: tuple[float, ...]) -> bool:
    return new[0] < old[0] or (new[0] == old[0] and new[1] < CHEAPER * old[1])
