"""What the fuzzing child does with each input: heartbeat, entry point, contract, findings.

Atheris is not known here.  A finding is on the disk before it is announced.
"""

from __future__ import annotations

import hashlib
import statistics
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any

from mlfuzz import isolate
from mlfuzz.code_child.leftovers import Leftovers
from mlfuzz.code_child.mutations import Mutations
from mlfuzz.core import Verdict
from mlfuzz.detectors import Alarm, Guard
from mlfuzz.entry_point import EntryPoint
from mlfuzz.errors import StoreError
from mlfuzz.harness import Harness
from mlfuzz.outcome import (
    Outcome,
    alarmed,
    breach_verdict,
    chain_key,
    hang_verdict,
    raised,
    soft_hang_verdict,
    traceback_text,
)
from mlfuzz.outcome.breaches import check_of
from mlfuzz.outcome.growth import GrowthWatch
from mlfuzz.outcome.record import UNCONFIRMED, code_finding, skip_mark
from mlfuzz.outcome.stacks import frame_sites, scope_of
from mlfuzz.refusals import by_module, plain_types
from mlfuzz.store import Findings, digest, finding_id

SHORTER = 0.8
"""A shorter input of a known fault replaces the saved one at this share of its length."""
FIRST_WAIT_S = 1.0
"""Until a saved input may be replaced; doubles each time: a save syncs the disk several times."""
FIRST_PASS_S = 20.0
HANGS_UNTIL_CUT = 3
LEARN = 2048
"""Inputs at the start of a child of which each says what is not new any more."""
CLEAR_EVERY = 512
THREADS_EVERY = 8
"""Inputs: the stacks of threads left behind are soon all the memory that a later one may take."""

Announce = Callable[..., None]
Then = Callable[[Any], object]


class Session:
    """Runs inputs through the entry point and keeps the heartbeat."""

    def __init__(
        self,
        args: Namespace,
        harness: Harness,
        announce: Announce,
        mutations: Mutations,
        then: Then | None,
    ) -> None:
        entry = harness.entry(args.entry)
        self.args, self.beat = args, isolate.Heartbeat(args.beat, args.size)
        self._stack: IO[bytes] = open(args.stack, "ab")  # noqa: SIM115 - as long as the process
        self._faults = Faults(args, harness, entry, announce, self.beat)
        self._count, self._leftovers = 0, Leftovers(args.memory_mb)
        skipped = frozenset(args.skip.read_text().split()) if args.skip.exists() else frozenset()
        self._forget = mutations.forget
        self.run = self._runner(harness, entry, skipped, mutations, then)

    def _runner(
        self,
        harness: Harness,
        entry: EntryPoint,
        skipped: frozenset[str],
        mutations: Mutations,
        then: Then | None,
    ) -> Callable[[bytes], None]:
        """The callback: it runs some ten thousand times a second, hence the local names."""
        function, refuses, faults = entry.function, plain_types(entry.refuses), self._faults
        check = check_of(harness.contract_of(entry), function, is_sampled=True)
        answered = 0
        guard = Guard(entry.detectors, [Path.cwd()])
        watch, unwatch = guard.begin, guard.end
        growth = GrowthWatch(entry, guard, self._measured)
        begin, words = self.beat.begin, self.beat.words
        clear, has_threads = self._leftovers.clear, self._leftovers.has_threads
        ended, answers = isolate.ENDED, isolate.ANSWERED
        sizes = {int(mark.partition(":")[0]) for mark in skipped}

        def run(data: bytes) -> None:
            nonlocal answered
            if len(data) in sizes and skip_mark(data) in skipped:
                mutations.is_pending = mutations.is_probe = False
                return
            self._count = count = self._count + 1
            alarm = None
            is_probe = mutations.is_probe
            if is_probe:
                growth.begin()
            try:
                begin(data, count)
                watch(data)
                value = function(data)
                breach = None if check is None else check(data, value)
                if then is not None and breach is None:
                    then(value)
                alarm = unwatch(breach is None)
                words[ended] = count  # first: from here on no time-out may interrupt
                if alarm is None and breach is None:
                    answered += 1
                    words[answers] = answered
                elif alarm is None and breach is not None:
                    faults.breached(*breach, data)
            except refuses:
                alarm = unwatch()
                words[ended] = count
            except KeyboardInterrupt:
                raise
            except isolate.SoftTimeout as error:
                unwatch()
                words[ended] = count
                faults.hung(error, data)
                clear()  # what it was building up is nobody's to free
            except BaseException as error:
                alarm = unwatch()
                words[ended] = count
                if alarm is None:
                    faults.raised(error, data)
            if alarm is not None:
                faults.alarmed(alarm, data)
            if is_probe and alarm is None:
                faults.grew(growth.end(data))
            if mutations.is_pending or count < LEARN:
                mutations.settle()
            if (not count % THREADS_EVERY and has_threads()) or not count % CLEAR_EVERY:
                clear()

        return run

    @contextmanager
    def _measured(self, data: bytes) -> Iterator[None]:
        """Another input than the one that libFuzzer gave runs, and may be the last."""
        self._count = count = self._count + 1
        self.beat.begin(data, count)
        try:
            yield
        finally:
            self.beat.words[isolate.ENDED] = count

    def arm(self) -> None:
        """From here on the parent can interrupt an input, and a native death leaves a stack."""
        isolate.arm(self.beat, self._stack, self._faults.is_known_hang)

    def first_pass(self) -> tuple[float, float]:
        """Run the seeds once, so that late imports happen under the hook.

        Returns
        -------
        slowest_s, typical_s : float
            Processor time of the slowest seed, imports included, and of the median one when run
            again, in seconds.
        """
        until_s = time.process_time() + FIRST_PASS_S
        seeds = [path.read_bytes() for path in sorted(self.args.seeds.iterdir())]
        times_s = [self._time(seed) for seed in seeds if time.process_time() < until_s]
        self._forget()
        again_s = [
            self._time(seed)
            for number, seed in enumerate(seeds[:20])
            if not number or time.process_time() < until_s  # one at least: what it reaches counts
        ]
        self._leftovers.settle()
        return max(times_s, default=0.0), statistics.median(again_s or [0.0])

    def _time(self, data: bytes) -> float:
        before_s = time.process_time()
        self.run(data[: self.args.size])
        return time.process_time() - before_s


class _Seen:
    """What this process knows of one signature."""

    __slots__ = ("hits", "id", "size", "wait_s", "wait_until_s")

    def __init__(self, id: str) -> None:
        self.id, self.hits, self.size = id, 0, sys.maxsize
        self.wait_s, self.wait_until_s = FIRST_WAIT_S, 0.0

    def would_shrink(self, data: bytes) -> bool:
        """Whether the input is enough shorter, and the last save long enough ago."""
        return len(data) <= self.size * SHORTER and time.monotonic() >= self.wait_until_s

    def save(self, data: bytes) -> None:
        """Take note that this input is saved now."""
        self.size = len(data)
        self.wait_until_s = time.monotonic() + self.wait_s
        self.wait_s *= 2


class _Refused(_Seen):
    """Stands at the key of a refusal by module: nothing is saved, whatever the size."""

    def would_shrink(self, data: bytes) -> bool:
        return False


_REFUSED = _Refused("")


class Faults:
    """Keys faults, and saves the first and any clearly shorter input of each signature."""

    def __init__(
        self,
        args: Namespace,
        harness: Harness,
        entry: EntryPoint,
        announce: Announce,
        beat: isolate.Heartbeat,
    ) -> None:
        self._args, self._harness, self._entry = args, harness, entry
        self._announce, self._beat = announce, beat
        self._scope = scope_of(entry)
        self._findings = Findings(args.corpora, harness.name)
        self._by_key: dict[object, _Seen] = {}
        self._by_id: dict[str, _Seen] = {}
        self._refusals = by_module(entry.refuses)
        self._known_hangs: set[str] = set(args.known_hang)

    def raised(self, error: BaseException, data: bytes) -> None:
        """An exception that no type declares; a repeated one costs little."""
        key = chain_key(error)
        seen = self._by_key.get(key)
        if seen is not None and not seen.would_shrink(data):
            return
        if any(refusal.covers(error) for refusal in self._refusals):
            self._by_key[key] = _REFUSED
            return
        fault = raised(error, self._scope, data)
        assert fault.verdict is not None
        self._by_key[key] = self._keep(fault.verdict, data, fault.traceback)

    def alarmed(self, alarm: Alarm, data: bytes) -> None:
        """An unsafe act that a detector stopped."""
        seen = self._by_key.get(alarm.key)
        if seen is None or seen.would_shrink(data):
            fault = alarmed(alarm, self._scope, data)
            assert fault.verdict is not None
            self._by_key[alarm.key] = self._keep(fault.verdict, data, fault.traceback)

    def grew(self, fault: Outcome | None) -> None:
        """What measuring a probe came to."""
        if fault is not None and fault.verdict is not None:
            self._keep(fault.verdict, fault.value, None)

    def breached(self, rule: str, message: str, data: bytes) -> None:
        """A value that the contract does not allow."""
        seen = self._by_key.get(rule)
        if seen is None or seen.would_shrink(data):
            verdict = breach_verdict(self._entry.name, rule, message, data)
            self._by_key[rule] = self._keep(verdict, data, None)

    def hung(self, error: BaseException, data: bytes) -> None:
        """An input that the parent's soft time-out interrupted."""
        verdict = soft_hang_verdict(error, self._scope, data)
        seen = self._keep(verdict, data, traceback_text(error))
        seen.hits += 1
        if seen.hits >= HANGS_UNTIL_CUT:
            self._known_hangs.add(seen.id)
        # libFuzzer will keep the input under its SHA-1: the parent removes it
        name = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        self._announce(hang=seen.id, file=name, mark=skip_mark(data))

    def is_known_hang(self, frame: FrameType | None) -> bool:
        """Whether a frame stands where inputs were interrupted three times already."""
        if not self._known_hangs:
            return False
        verdict = hang_verdict(frame_sites(frame), self._scope, b"")
        return finding_id(verdict.kind, verdict.signature) in self._known_hangs

    def _keep(self, verdict: Verdict, data: bytes, traceback: str | None) -> _Seen:
        id = finding_id(verdict.kind, verdict.signature)
        seen = self._by_id.setdefault(id, _Seen(id))
        if seen.would_shrink(data):
            seen.save(data)
            self._save(verdict, data, traceback)
        return seen

    def _save(self, verdict: Verdict, data: bytes, traceback: str | None) -> None:
        is_seed = (self._args.seeds / digest(data)).exists()
        finding = code_finding(
            verdict,
            self._harness,
            self._entry,
            executions=self._args.executions + self._beat.words[isolate.ENDED],
            origin="seed" if is_seed else "mutation",
        )
        try:
            state = self._findings.save(
                finding,
                data,
                suffix=self._args.suffix,
                traceback=traceback,
                nearness=(len(data), UNCONFIRMED),
            )
        except StoreError as error:
            self._announce(error=str(error))
            return
        self._announce(id=finding.id, state=state, file=self._beside(data, state))

    def _beside(self, data: bytes, state: str) -> str:
        """Where the parent finds a rival; it decides once it has run it."""
        if state != "rival":
            return ""
        path: Path = self._args.dictionary.with_name(f"rival-{digest(data)[:12]}")
        path.write_bytes(data)
        return str(path)
