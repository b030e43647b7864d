"""Confirmation from disk: a saved file goes through the harness's own ``decode`` and is judged.

The same function serves a run and a replay, so what a run calls stable a replay can reproduce.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlfuzz import backend
from mlfuzz.core import Arrays, Reference, Row, Verdict
from mlfuzz.evaluate import COMPANY, Evaluator, Judged
from mlfuzz.model.company import BatchDependent, Dependence, dependence_of
from mlfuzz.model.latency import Latency, Slowness, slowness_of
from mlfuzz.model.remake import remake
from mlfuzz.model.roots import Decode
from mlfuzz.model.skew import Disagreement, Skew, skew_of
from mlfuzz.rows import ordinary
from mlfuzz.store import Finding, read_file

SecondLook = Callable[[Evaluator, Arrays, Arrays | None], Disagreement | Dependence | Slowness]
ARRAYS = ".npz"
"""The ending of findings that no file format holds: their arrays themselves."""
SECOND_LOOKS: dict[str, tuple[object, SecondLook]] = {
    "skew": (Skew(), lambda evaluator, row, root: skew_of(evaluator, row)),
    "batch-dependent": (BatchDependent(), dependence_of),
    "slow": (Latency(), slowness_of),
}
"""Kinds of findings that cost more runs of a row than a step has, with rule and function."""


@dataclass(frozen=True)
class Confirmed:
    """What a file did when it was judged from disk; ``verdict`` None: nothing wrong."""

    verdict: Verdict | None
    stability: str = ""
    source: str = ""


@dataclass(frozen=True)
class Subject:
    """What an input is judged against: its root, what is known of that, and its leash."""

    kind: str
    base: Arrays | None
    reference: Reference
    leashed: bool


@dataclass(frozen=True)
class Replay:
    """What a finding did now; ``recipe``: ``exact``, ``differs`` or ``stored array``."""

    reproduced: bool
    text: str
    recipe: str = ""


def confirm(
    evaluator: Evaluator,
    arrays: Arrays,
    base: Arrays | None,
    reference: Reference,
    leashed: bool,
) -> Confirmed:
    """Judge one decoded input twice alone and once in a batch.

    Parameters
    ----------
    arrays : Arrays
        What ``decode`` gave for the saved file, padded.
    base : Arrays or None
        The root; None for adopted bytes, which no oracle about labels judges.
    reference : Reference
        Of the root, one row.
    leashed : bool
        False: only oracles that are not about labels count.
    """
    alone = [_judge(evaluator, [arrays], reference) for _ in range(2)]
    company = [arrays] + [base if base is not None else ordinary(evaluator.domain)] * (COMPANY - 1)
    everywhere = [*alone, _judge(evaluator, company, reference)]
    numbers = [_oracle(evaluator, judged, leashed) for judged in everywhere]
    for judged, number in zip(everywhere, numbers, strict=True):
        if number is not None:
            verdict = _verdict(evaluator, arrays, judged, reference, number)
            if verdict is not None:
                return Confirmed(verdict, _stability(numbers), repr(evaluator.oracles[number]))
    return Confirmed(None)


def confirm_by_second_look(
    evaluator: Evaluator, kind: str, arrays: Arrays, base: Arrays | None
) -> Confirmed:
    """Ask twice about one decoded input what no step can tell: ``SECOND_LOOKS``."""
    rule, look = SECOND_LOOKS[kind]
    seen = [look(evaluator, arrays, base) for _ in range(2)]
    if not all(each.violated for each in seen):
        return Confirmed(None)
    same = seen[0].signature == seen[1].signature
    return Confirmed(seen[0].verdict(), "stable" if same else "flaky", repr(rule))


def replay(
    evaluator: Evaluator, decode: Decode, finding: Finding, path: Callable[[str], Path]
) -> Replay:
    """Judge a finding's own files again.

    Parameters
    ----------
    decode : callable
        The harness's decode, in an isolated process.
    path : callable
        Name of one of the finding's files -> where it is.
    """
    arrays = read_arrays(path(finding.input), decode)
    if isinstance(arrays, str):
        return Replay(False, f"{finding.input}: {arrays}")
    base = read_arrays(path(finding.seed), decode) if finding.seed else None
    if isinstance(base, str):
        return Replay(False, f"{finding.seed}: {base}")
    subject = subject_of(evaluator, finding, base)
    found = confirm_again(evaluator, arrays, subject)
    return Replay(*_compare(found, finding), _recipe(evaluator, finding, arrays, subject.base))


def subject_of(evaluator: Evaluator, finding: Finding, base: Arrays | None) -> Subject:
    """What a saved finding is judged against, from its own files."""
    base = None if finding.origin == "bytes" else base
    label = finding.verdict.get("label")
    known = label if isinstance(label, int) else None
    return Subject(finding.kind, base, _reference(evaluator, base, known), not finding.wild)


def confirm_again(evaluator: Evaluator, arrays: Arrays, subject: Subject) -> Confirmed:
    """Judge one decoded input as its finding was."""
    if subject.kind in SECOND_LOOKS:
        return confirm_by_second_look(evaluator, subject.kind, arrays, subject.base)
    return confirm(evaluator, arrays, subject.base, subject.reference, subject.leashed)


def still_show(
    evaluator: Evaluator, finding: Finding, rows: list[Arrays], subject: Subject
) -> list[bool]:
    """For each of some rows whether it shows the finding's fault; many in one run, where it can."""
    if subject.kind in SECOND_LOOKS:
        _, look = SECOND_LOOKS[subject.kind]
        seen = [look(evaluator, row, subject.base) for row in rows]
        return [each.violated and each.signature == finding.signature for each in seen]
    judged = _judge(evaluator, rows, subject.reference)
    return [_shows(evaluator, finding, judged.row(i), row, subject) for i, row in enumerate(rows)]


def _shows(
    evaluator: Evaluator, finding: Finding, judged: Judged, row: Arrays, subject: Subject
) -> bool:
    number = _oracle(evaluator, judged, subject.leashed)
    if number is None:
        return False
    verdict = _verdict(evaluator, row, judged, subject.reference, number)
    return is_fault_of(finding, verdict)


def is_fault_of(finding: Finding, verdict: Verdict | None) -> bool:
    """Whether a verdict is the one that was saved: equal kind and signature."""
    return verdict is not None and (verdict.kind, verdict.signature) == (
        finding.kind,
        finding.signature,
    )


def read_arrays(path: Path, decode: Decode) -> Arrays | str:
    """The arrays of a finding's file: decoded, or read as they are where no format holds them."""
    if path.suffix != ARRAYS:
        return decode(read_file(path))
    try:
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        return f"{type(error).__name__}: {error}"


def write_arrays(arrays: Arrays) -> bytes:
    """The bytes of a file that ``read_arrays`` reads."""
    file = io.BytesIO()
    np.savez(file, **dict(arrays))  # type: ignore[arg-type]
    return file.getvalue()


def _reference(evaluator: Evaluator, base: Arrays | None, label: int | None) -> Reference:
    nothing = evaluator.no_reference(1)
    if base is None:
        return nothing
    return Reference(
        scores=evaluator.judge([base], nothing).scores,
        label=np.array([-1 if label is None else label], np.int32),
        has_label=np.array([label is not None]),
        tolerance=np.float32(evaluator.tolerance),
    )


def _judge(evaluator: Evaluator, rows: list[Arrays], reference: Reference) -> Judged:
    count = len(rows)
    many = Reference(
        np.repeat(reference.scores, count, axis=0),
        np.repeat(reference.label, count),
        np.repeat(reference.has_label, count),
        reference.tolerance,
    )
    return evaluator.judge(rows, many)


def _oracle(evaluator: Evaluator, judged: Judged, leashed: bool) -> int | None:
    """Number of the first oracle that fires on row 0."""
    for k, oracle in enumerate(evaluator.oracles):
        if int(judged.violated[0]) >> k & 1 and (leashed or not oracle.about_label):
            return k
    return None


def _stability(numbers: list[int | None]) -> str:
    if len(set(numbers)) == 1:
        return "stable"
    return "batch-dependent" if numbers[0] == numbers[1] else "flaky"


def _verdict(
    evaluator: Evaluator,
    arrays: Arrays,
    judged: Judged,
    reference: Reference,
    number: int,
) -> Verdict | None:
    """None: no value is wrong, only the sum that a tap makes of many overflowed."""
    is_finite = bool(np.isfinite(judged.extremes[0]).all())
    bad = None if is_finite else evaluator.first_bad(arrays)
    distance = float(judged.distance[0, number])
    label = int(reference.label[0]) if reference.has_label[0] else None
    root = np.asarray(reference.scores[0])
    row = Row(judged.outputs[0], judged.scores[0], root, label, bad, distance)
    verdict = evaluator.oracles[number].verdict(row)
    return None if verdict.kind == "non-finite" and bad is None else verdict


def _compare(found: Confirmed, finding: Finding) -> tuple[bool, str]:
    if found.verdict is None:
        return False, "nothing wrong now"
    same = is_fault_of(finding, found.verdict)
    text = f"{found.verdict.kind}: {' '.join(found.verdict.signature)}"
    return same, text if same else f"another fault: {text}"


def _recipe(evaluator: Evaluator, finding: Finding, arrays: Arrays, base: Arrays | None) -> str:
    if finding.recipe is None or base is None:
        return ""
    here = (backend.name(), backend.device())
    if not finding.recipe.steps or (finding.recipe.backend, finding.recipe.device) != here:
        return "stored array"
    made = remake(evaluator, base, [finding.recipe.steps])
    if made is None:
        return "stored array"
    same = all(np.array_equal(value, arrays[name]) for name, value in made[0].items())
    return "exact" if same else "differs"
