"""One run: starts the engines, keeps the budget, tells the reporter, gives the exit status.

How an engine works is its own business; only here do both stand side by side.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType

from mlfuzz import backend
from mlfuzz.code_loop import CodeEngine
from mlfuzz.core import Arrays
from mlfuzz.errors import EngineError, HarnessError
from mlfuzz.harness import Harness, load
from mlfuzz.imported import values_of_frameworks
from mlfuzz.model.roots import Decode
from mlfuzz.model.setting import Setting
from mlfuzz.model_loop import ModelEngine
from mlfuzz.outcome import Outcome
from mlfuzz.progress import EntryProgress, Progress, Reporter
from mlfuzz.store import Corpus, Finding, Findings
from mlfuzz.triage.line_coverage import told
from mlfuzz.worker import Worker

REPORT_EVERY_S = 2.0
LINES_S = 5.0
"""At the end, to replay the corpus for the lines that it reached."""
BATCH_SIZES = (256, 128, 64, 32, 16, 8)
BY_RATE = ("misclassified", "changed-answer", "narrow-margin", "deviation", "wrong-direction")
"""Kinds of which a good model always has new ones: they alone fail no run."""
INTERRUPTED = 130


@dataclass(frozen=True)
class Budget:
    """When a run is over: after so many seconds, or executions of the model engine.

    With ``--only code`` the executions are the code engine's.
    """

    time_s: float | None = None
    executions: int | None = None

    def is_spent(self, elapsed_s: float, executions: int) -> bool:
        """True once either limit is reached."""
        late = self.time_s is not None and elapsed_s >= self.time_s
        return late or (self.executions is not None and executions >= self.executions)

    def __str__(self) -> str:
        parts = [f"{self.time_s:.0f} s"] if self.time_s is not None else []
        parts += [f"{self.executions:,} executions"] if self.executions is not None else []
        return " or ".join(parts) or "until Ctrl-C"


@dataclass
class Campaign:
    """What the threads of one run share."""

    harness: Harness
    corpora: Path
    budget: Budget
    reporter: Reporter
    code: CodeEngine | None = None
    model: ModelEngine | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    new: dict[str, Finding] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)
    last_finding: float | None = None
    started: float = field(default_factory=time.monotonic)
    _reported: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.findings = Findings(self.corpora, self.harness.name)
        self.corpus = Corpus(self.corpora, self.harness.name)
        self.before = self.findings.known()

    def on_finding(self, finding: Finding, state: str) -> None:
        """An engine saved a finding, or met a known one; called from either engine's thread."""
        with self._lock:
            self.met.add(finding.id)
            if finding.id not in self.before:
                self.new[finding.id] = finding
            if state == "new":
                self.last_finding = time.monotonic()
            if state != "known":
                self.reporter.finding(finding, state)

    def is_over(self) -> bool:
        """Whether the budget is spent or somebody asked to stop; raises what stopped an engine."""
        if self.code:
            self.code.check()
        return self.stopping.is_set() or self.budget.is_spent(self._elapsed(), self._executions())

    def tick(self) -> None:
        """Pass on what the code engine has to say, and report every few seconds."""
        self.tell()
        if time.monotonic() - self._reported >= REPORT_EVERY_S:
            self._reported = time.monotonic()
            self.report()

    def tell(self) -> None:
        """The code engine's lines to whoever watches."""
        while self.code and not self.code.notes.empty():
            self.reporter.note(self.code.notes.get())

    def report(self) -> None:
        """One line to the reporter and to the run's statistics."""
        now = time.monotonic()
        with self._lock:
            progress = Progress(
                elapsed_s=self._elapsed(),
                budget=str(self.budget),
                model=self.model.progress() if self.model else None,
                code=tuple(self.code.progress()) if self.code else (),
                findings=len(self.before | set(self.new)),
                new_findings=len(self.new),
                last_finding_s=None if self.last_finding is None else now - self.last_finding,
            )
        self.reporter.progress(progress)
        self.corpus.append_stats(
            {"time": time.time(), **asdict(progress), "batch_size": self._batch_size()}
        )

    def _elapsed(self) -> float:
        return time.monotonic() - self.started

    def _batch_size(self) -> int | None:
        return self.model.evaluator.batch_size if self.model else None

    def _executions(self) -> int:
        if self.model:
            return self.model.executions
        return sum(each.executions for each in self.code.progress()) if self.code else 0


def run(
    harness_path: Path,
    *,
    corpora: Path,
    time_s: float | None = None,
    executions: int | None = None,
    seed: int = 0,
    only: str | None = None,
    batch_size: int | None = None,
    workers: int | None = None,
    fail_on: str = "new",
    reporter: Reporter,
) -> int:
    """Fuzz a harness until the budget is spent; the exit status of ``mlfuzz run``.

    Parameters
    ----------
    only : "model" or "code", optional
    fail_on : "new", "any" or "none"
        ``new``: 1 where a finding was made that was not in ``crashes/`` before; wrong answers of
        the model alone do not count.  ``any``: 1 where any fault was met.

    Raises
    ------
    MlfuzzError
        Where it cannot run.
    """
    harness = load(harness_path)
    _check(harness, only)
    campaign = Campaign(harness, corpora, Budget(time_s, executions), reporter)
    for line in values_of_frameworks(harness.path):
        reporter.note(line)
    with campaign.corpus.lock(), _stops_on_signal(campaign.stopping):
        try:
            _fuzz(campaign, seed, only, batch_size, workers)
        finally:
            if campaign.code:
                campaign.code.stop()
                campaign.tell()
        campaign.report()
    _summarise(campaign)
    return INTERRUPTED if campaign.stopping.is_set() else _status(campaign, fail_on)


def _check(harness: Harness, only: str | None) -> None:
    if only == "model" and not harness.model:
        raise HarnessError(f"{harness.path}: has no model. Expected model= for --only model.")
    if only == "code" and not harness.code:
        raise HarnessError(
            f"{harness.path}: has no code to fuzz. Expected decode= or code=[EntryPoint(...)] "
            "for --only code."
        )


def _fuzz(
    campaign: Campaign,
    seed: int,
    only: str | None,
    batch_size: int | None,
    workers: int | None,
) -> None:
    harness = campaign.harness
    if harness.code and only != "model":
        campaign.code = CodeEngine(
            harness,
            campaign.corpora,
            seed=seed,
            on_finding=campaign.on_finding,
            workers=workers,
        )
        campaign.code.start()
    if harness.model and only != "code":
        with _decoder(harness) as decode:
            campaign.model = _model_engine(campaign, seed, batch_size, decode)
            _wait_for_code(campaign)
            campaign.started = campaign.model.started = time.monotonic()
            try:
                campaign.model.run(campaign.is_over, campaign.tick)
            except EngineError:  # of the code engine: what the model has found stays
                campaign.model.finish()
                raise
            if campaign.code:
                campaign.code.stop()  # what it confirms while it stops, the model sees below
            campaign.model.finish()
    else:
        _wait_for_code(campaign)
        campaign.started = time.monotonic()
        while not campaign.is_over():
            campaign.tick()
            campaign.stopping.wait(0.1)


def _model_engine(
    campaign: Campaign, seed: int, batch_size: int | None, decode: Decode
) -> ModelEngine:
    """The engine at the batch size given, or at the largest up to 256 that fits into memory.

    Not the fastest by the clock: equal seeds must give equal results.
    """
    adopt = campaign.code.contract_inputs if campaign.code else queue.SimpleQueue[bytes]()
    for size in (batch_size,) if batch_size else BATCH_SIZES:
        setting = Setting(
            corpora=campaign.corpora,
            seed=seed,
            batch_size=size,
            decode=decode,
            feed_code=campaign.code is not None and campaign.harness.decode_entry is not None,
            adopt=adopt,
            on_finding=campaign.on_finding,
            note=campaign.reporter.note,
        )
        try:
            return ModelEngine(campaign.harness, setting)
        except Exception as error:
            if not backend.is_out_of_memory(error):
                raise
            campaign.reporter.note(f"a batch of {size} does not fit into memory")
    raise HarnessError(
        f"{campaign.harness.path}: no memory for a batch of {size}. Expected room for the model "
        "and one batch; give a smaller --batch-size or free some."
    )


def _wait_for_code(campaign: Campaign) -> None:
    """The budget counts from the moment when every engine works."""
    while campaign.code and not campaign.code.ready() and not campaign.stopping.is_set():
        campaign.code.check()
        campaign.tell()
        campaign.stopping.wait(0.05)


@contextlib.contextmanager
def _decoder(harness: Harness) -> Iterator[Decode]:
    """The harness's decode in an isolated process, as the model engine wants it."""
    with Worker(
        harness.path, timeout_s=harness.timeout_s or 5.0, memory_mb=harness.memory_mb
    ) as worker:
        yield decoder(worker)


def decoder(worker: Worker) -> Decode:
    """A worker's decode, with a reason in words where there are no arrays."""

    def decode(data: bytes) -> Arrays | str:
        result = worker.decode(data)
        if not isinstance(result, Outcome):
            return result
        return result.why()

    return decode


@contextlib.contextmanager
def _stops_on_signal(stopping: threading.Event) -> Iterator[None]:
    """Ctrl-C or SIGTERM once: stop cleanly.  A second one: at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        if stopping.is_set():
            raise KeyboardInterrupt
        stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _status(campaign: Campaign, fail_on: str) -> int:
    counted = {i for i, finding in campaign.new.items() if finding.kind not in BY_RATE}
    failed = {"new": bool(counted), "any": bool(campaign.met), "none": False}[fail_on]
    return 1 if failed else 0


def _summarise(campaign: Campaign) -> None:
    """The last lines of a run are the commands to type next."""
    campaign.reporter.close()
    path, where = campaign.harness.path, campaign.findings.folder
    new, known = len(campaign.new), len(campaign.before | set(campaign.new))
    lines = [f"{new} new finding{'s' * (new != 1)}, {known} in {where}"]
    if campaign.model:
        progress, suspects = campaign.model.progress(), campaign.model.suspects
        lines += [
            f"lift over the control arm: {progress.lift}",
            f"{progress.bytes_per_batch:,} bytes a batch from the device; "
            f"{suspects.confirmed} suspects confirmed from disk, {suspects.refuted} refuted",
        ]
    entries = campaign.code.progress() if campaign.code else []
    lines += [words for entry in entries if (words := _yields(entry))]
    if entries and not campaign.stopping.is_set():  # who stops a run by hand waits for nothing
        lines += told(campaign.harness, campaign.corpora, LINES_S)
    options = "" if campaign.corpora == Path("corpora") else f" --corpora {campaign.corpora}"
    program = _program()
    lines += ["next:", f"  {program} triage{options}"]
    worst = _worst(campaign.new)
    if worst:
        lines += [f"  {program} show {worst}{options}"]
    if entries:
        lines += [f"  {program} coverage {path}{options}"]
    lines += [f"  {program} replay all --harness {path}{options}"]
    print("\n".join(lines), file=sys.stdout, flush=True)


def _yields(entry: EntryProgress) -> str:
    """What became of the mutants that know the format, and the best kinds of them."""
    tries = sum(count for _, count, _ in entry.yields)
    new = sum(found for _, _, found in entry.yields)
    if not tries:
        return ""
    best = sorted(entry.yields, key=lambda each: -each[2])[:3]
    words = [f"{name} {found} of {count:,}" for name, count, found in best if found]
    start = f"{entry.name}: {new} of {tries:,} structured mutants found new coverage"
    return f"{start}: {', '.join(words)}" if words else start


def _program() -> str:
    """What the user typed for mlfuzz, where the plain name would not find this one."""
    typed = sys.argv[0]
    found = shutil.which("mlfuzz")
    if Path(typed).name != "mlfuzz" or (found and os.path.samefile(found, typed)):
        return "mlfuzz"
    return typed


def _worst(new: dict[str, Finding]) -> str:
    order = {"high": 0, "medium": 1, "low": 2}
    ranked: Callable[[str], tuple[int, str]] = lambda i: (order.get(new[i].severity, 3), i)  # noqa: E731
    return min(new, key=ranked, default="")
