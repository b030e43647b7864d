"""Code findings are confirmed from the disk, in a fresh process without instrumentation.

Runs in a thread of its own: a confirmation may take as long as a time-out.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path

from mlfuzz.code_loop.entry_run import Loss
from mlfuzz.core import Verdict
from mlfuzz.entry_point import EntryPoint
from mlfuzz.errors import StoreError
from mlfuzz.harness import Harness
from mlfuzz.outcome import Outcome
from mlfuzz.outcome.record import CONFIRMED, UNCONFIRMED, code_finding
from mlfuzz.outcome.same import is_same
from mlfuzz.store import Finding, Findings, replay_command
from mlfuzz.worker import Worker

OnFinding = Callable[[Finding, str], None]
Job = tuple[float, Callable[[Worker], None]]


class Confirmer:
    """Takes announced findings and losses, confirms them, and passes them on.

    Parameters
    ----------
    on_finding : callable (Finding, state) -> None
        Called from this thread, once for each that is on the disk.
    """

    def __init__(
        self,
        harness: Harness,
        findings: Findings,
        on_finding: OnFinding,
        contract_inputs: queue.SimpleQueue[bytes],
    ) -> None:
        self._harness, self._findings, self._on_finding = harness, findings, on_finding
        self._contract_inputs = contract_inputs
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._is_hurried = False
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="mlfuzz-confirm", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def announced(
        self, entry: EntryPoint, id: str, state: str, file: str, timeout_s: float
    ) -> None:
        """A child saved this finding, or wrote a rival of one to a file."""
        if state == "rival":
            self._jobs.put((timeout_s, lambda worker: self._weigh(worker, entry, id, Path(file))))
        else:
            self._jobs.put((timeout_s, lambda worker: self._confirm(worker, entry, id, state)))

    def lost(self, entry: EntryPoint, loss: Loss, suffix: str, timeout_s: float) -> None:
        """A child died of an input."""
        self._jobs.put((timeout_s, lambda worker: self._keep_loss(worker, entry, loss, suffix)))

    def stop(self, within_s: float) -> None:
        """Confirm what is waiting, for so long; the rest is passed on as it is."""
        timer = threading.Timer(within_s, self._hurry)
        timer.start()
        self._jobs.put(None)
        self._thread.join()
        timer.cancel()

    def _hurry(self) -> None:
        self._is_hurried = True

    def _run(self) -> None:
        # The worker's child dies with the thread that started it: so it is made here.
        with Worker(self._harness.path, memory_mb=self._harness.memory_mb) as worker:
            while (job := self._jobs.get()) is not None:
                worker.timeout_s, act = job
                try:
                    act(worker)
                except Exception as error:  # else the thread ends, and nobody hears of it
                    self.error = error

    def _execute(self, worker: Worker, entry: EntryPoint, data: bytes) -> Outcome | None:
        return None if self._is_hurried else worker.execute(entry.name, data)

    def _confirm(self, worker: Worker, entry: EntryPoint, id: str, state: str) -> None:
        try:
            finding = self._findings.find(id)
            path = self._findings.path(finding, finding.input)
            data = path.read_bytes()
        except (StoreError, OSError):
            return  # a nearer one took its place and is announced too
        if state == "known":  # met again, and as it is on the disk
            self._on_finding(finding, state)
            return
        finding.replay = replay_command(finding.id, self._harness.path, self._findings.corpora)
        if finding.kind == "contract":
            self._contract_inputs.put(data)
        outcome = self._execute(worker, entry, data)
        if outcome is not None and is_same(outcome.verdict, finding.kind, finding.signature):
            finding.stability = "stable"
            _note_timeout(finding, worker)
            self._save(finding, data, path.suffix, outcome.traceback, CONFIRMED)
        self._on_finding(finding, state)

    def _weigh(self, worker: Worker, entry: EntryPoint, id: str, rival: Path) -> None:
        """A shorter input takes the place of a stable one only if it is stable too."""
        try:
            finding, data = self._findings.find(id), rival.read_bytes()
            rival.unlink()
        except (StoreError, OSError):
            return
        outcome = self._execute(worker, entry, data)
        if outcome is None or outcome.verdict is None:
            return
        if is_same(outcome.verdict, finding.kind, finding.signature):
            finding.verdict, finding.critical = outcome.verdict.values, ()
            finding.stability, finding.origin = "stable", "mutation"
            _note_timeout(finding, worker)
            suffix = Path(finding.input).suffix
            state = self._save(finding, data, suffix, outcome.traceback, CONFIRMED)
            if state == "nearer":
                self._on_finding(finding, state)

    def _keep_loss(self, worker: Worker, entry: EntryPoint, loss: Loss, suffix: str) -> None:
        """On the disk first, as every finding; only then is it tried again.

        Where somebody else may have ended the child, it is tried first and kept if it is a fault.
        """
        state = ""
        finding = self._finding(loss.verdict, entry, loss)
        if loss.is_sure:
            state = self._save(finding, loss.data, suffix, loss.stack or None, UNCONFIRMED)
            if state == "known":
                self._on_finding(finding, state)
                return
        if state == "rival":
            state = ""
        outcome = self._execute(worker, entry, loss.data)
        if outcome is not None and outcome.verdict is not None:
            if not loss.is_sure:
                finding = self._finding(outcome.verdict, entry, loss)
            if is_same(outcome.verdict, finding.kind, finding.signature):
                finding.stability = "stable"
                _note_timeout(finding, worker)
                confirmed = self._save(finding, loss.data, suffix, outcome.traceback, CONFIRMED)
                state = state or confirmed
        if state in ("new", "nearer"):
            self._on_finding(finding, state)

    def _finding(self, verdict: Verdict, entry: EntryPoint, loss: Loss) -> Finding:
        finding = code_finding(
            verdict, self._harness, entry, executions=loss.executions, origin="mutation"
        )
        finding.replay = replay_command(finding.id, self._harness.path, self._findings.corpora)
        return finding

    def _save(
        self, finding: Finding, data: bytes, suffix: str, traceback: str | None, rank: float
    ) -> str:
        return self._findings.save(
            finding, data, suffix=suffix, traceback=traceback, nearness=(len(data), rank)
        )


def _note_timeout(finding: Finding, worker: Worker) -> None:
    """A replay must wait as long."""
    if finding.kind == "hang":
        finding.verdict["timeout_s"] = worker.timeout_s
