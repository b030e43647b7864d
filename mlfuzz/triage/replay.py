"""``mlfuzz replay``: run the saved inputs again and see whether they still show the same fault.

The harness comes from the command line or from ``harnesses/`` under the current folder, never
from a finding: a stranger's finding must not choose what is executed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mlfuzz.core import Arrays
from mlfuzz.errors import HarnessError
from mlfuzz.harness import Harness
from mlfuzz.outcome import Outcome
from mlfuzz.outcome.same import is_same
from mlfuzz.progress import printable
from mlfuzz.store import Finding, read_file
from mlfuzz.triage.choice import Saved, groups_of, load_for
from mlfuzz.worker import DEFAULT_TIMEOUT_S, Worker

State = Literal["reproduced", "not reproduced"]
SHORTEST_S, LONGEST_S = 0.1, 120.0
"""A finding may be a stranger's: its time-out counts within these bounds only."""
STYLES = {"reproduced": "green", "not reproduced": "bold red"}


@dataclass(frozen=True)
class Result:
    """What came of one replay; ``detail`` says what came instead, or how exact it was."""

    finding: Finding
    state: State
    detail: str

    @property
    def is_failure(self) -> bool:
        """Whether the finding did not come again."""
        return self.state != "reproduced"


def replay(wanted: str, corpora: Path, harness_path: Path | None, console: Console) -> int:
    """Replay one finding, a folder of them or all, and print a table.

    Returns
    -------
    int
        0 only if all were reproduced, else 1.

    Raises
    ------
    StoreError, HarnessError
        If nothing is meant, or if its harness cannot be used.
    """
    groups, damaged = groups_of(wanted, corpora, harness_path)
    results = [result for path, group in groups for result in replay_group(path, group)]
    console.print(_table(results) if results else Text("nothing to replay"))
    for line in damaged:
        console.print(Text(printable(line)))
    console.print(Text(_summary(results, damaged)))
    return int(bool(damaged) or any(result.is_failure for result in results))


def replay_group(path: Path, group: Sequence[Saved]) -> list[Result]:
    """Replay findings of one harness; its file is loaded once.

    Raises
    ------
    HarnessError
        If there is no such harness or it cannot be used.
    """
    harness = load_for(path, group)
    code = [pair for pair in group if pair[0].engine == "code"]
    model = [pair for pair in group if pair[0].engine != "code"]
    with Worker(path, timeout_s=harness.timeout_s, memory_mb=harness.memory_mb) as worker:
        return [*_replay_code(harness, worker, code), *_replay_model(harness, worker, model)]


def _replay_code(harness: Harness, worker: Worker, pairs: Sequence[Saved]) -> Iterator[Result]:
    for finding, folder in pairs:
        if finding.source not in {entry.name for entry in harness.code}:
            yield Result(finding, "not reproduced", "the harness has no such entry point")
            continue
        worker.timeout_s = timeout_s(harness, finding)
        outcome = worker.execute(finding.source, read_file(folder / finding.input))
        yield compared(finding, outcome)


def timeout_s(harness: Harness, finding: Finding) -> float:
    """Seconds until an input counts as a hang: those of the run that found it, within reason."""
    measured = finding.verdict.get("timeout_s")
    if harness.timeout_s is None and isinstance(measured, int | float):
        return min(max(float(measured), SHORTEST_S), LONGEST_S)
    return harness.timeout_s or DEFAULT_TIMEOUT_S


def compared(finding: Finding, outcome: Outcome) -> Result:
    """Whether the outcome is the fault that was saved: equal kind and signature."""
    verdict = outcome.verdict
    if verdict is None:
        return Result(finding, "not reproduced", f"the input was {outcome.state}")
    if is_same(verdict, finding.kind, finding.signature):
        return Result(finding, "reproduced", "")
    instead = " | ".join(verdict.signature)
    return Result(finding, "not reproduced", f"{verdict.kind}: {instead}")


def _replay_model(harness: Harness, worker: Worker, pairs: Sequence[Saved]) -> Iterator[Result]:
    if not pairs:
        return
    if harness.model is None or harness.domain is None:
        raise HarnessError(f"{harness.path}: no model. Expected one, to replay its findings.")
    # Late, since only findings of a model need the seconds that a framework takes to load.
    from mlfuzz.evaluate import Evaluator
    from mlfuzz.model.confirm import replay

    evaluator = Evaluator(harness)
    for finding, folder in pairs:
        try:
            # What counted as noise in the run that found it.
            evaluator.tolerance = float(finding.verdict.get("tolerance", 0))
            came = replay(evaluator, lambda data: decoded(worker, data), finding, folder.joinpath)
        except (ValueError, OverflowError, KeyError, HarnessError) as error:
            # Shapes or numbers of a stranger's finding that do not fit this harness.
            yield Result(finding, "not reproduced", f"does not fit the harness: {error}")
            continue
        state: State = "reproduced" if came.reproduced else "not reproduced"
        recipe = f", recipe {came.recipe}" if came.recipe else ""
        yield Result(finding, state, f"{came.text}{recipe}")


def decoded(worker: Worker, data: bytes) -> Arrays | str:
    """What ``decode`` gave in its own process, or in words why it gave nothing."""
    came = worker.decode(data)
    return f"decode: {came.why()}" if isinstance(came, Outcome) else came


def _table(results: Sequence[Result]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("id", "kind", "source", "stability", "result", "detail"):
        table.add_column(name, overflow="fold")
    for result in results:
        finding = result.finding
        cells = (finding.short_id, finding.kind, finding.source, finding.stability)
        table.add_row(
            *(Text(printable(cell)) for cell in cells),
            Text(result.state, STYLES[result.state] if result.is_failure else "default"),
            Text(printable(result.detail)),
        )
    return table


def _summary(results: Sequence[Result], damaged: Sequence[str]) -> str:
    stable = [result for result in results if result.finding.stability == "stable"]
    good = sum(result.state == "reproduced" for result in stable)
    other = [result for result in results if result not in stable]
    other_good = sum(result.state == "reproduced" for result in other)
    line = f"{good} of {len(stable)} stable findings reproduced"
    if other:
        line += f", {other_good} of {len(other)} others"
    line += f", {len(damaged)} damaged" if damaged else ""
    if any(result.state == "not reproduced" for result in results):
        line += "; a finding that you mended goes with its folder in crashes/: delete it"
    return line
