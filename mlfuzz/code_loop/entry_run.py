"""One entry point under fuzzing: its child, and the successors of that child.

What a dead child leaves is read here; what becomes of it is decided by the engine.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from mlfuzz.code_loop.log import Log
from mlfuzz.code_loop.setup import Setup
from mlfuzz.code_loop.slices import Share
from mlfuzz.core import Verdict
from mlfuzz.isolate import ANSWERED, ENDED, RETIRED, Child, Death, Nursery, Watch
from mlfuzz.outcome import death_verdict
from mlfuzz.outcome.record import skip_mark
from mlfuzz.outcome.stacks import scope_of
from mlfuzz.progress import EntryProgress
from mlfuzz.store import finding_id

FIRST_PASS_TIMEOUT_S = 30.0
START_S = 300.0
MAX_EARLY_DEATHS = 3
ESTABLISHED = 1000
"""Executions after which a child counts as well started."""
KNOWN_AFTER = 3
KNOWN_SHARES = ((2 * KNOWN_AFTER, 0.03), (KNOWN_AFTER, 0.1))
"""(hits, share of the time-out after which an input that hangs at such a place is given up)."""
RATE_WINDOW_S = 10.0
JUDGE_S, SLOW_PER_S = 5.0, 1500.0
"""Running time after which fewer executions a second make a target a slow one."""
_OUTSIDE = ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP")
"""Signals that others send: the input is guilty only if it can be seen again."""


@dataclass(frozen=True)
class Loss:
    """An input that a child died of, with what it says; ``is_sure``: nobody else can be blamed."""

    verdict: Verdict
    data: bytes
    stack: str
    executions: int
    is_sure: bool


class EntryRun:
    """Starts, watches and restarts the child of one entry point.

    Attributes
    ----------
    losses, announced, notes : deque
        Inputs that killed a child; (finding id, state, file of a rival); lines for the user.
    failure : str or None
        Why it cannot go on.
    timeout_s : float or None
        For one input; None until the seeds have run, where the harness names none.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup, self.share = setup, Share()
        self.losses: deque[Loss] = deque()
        self.announced: deque[tuple[str, str, str]] = deque()
        self.notes: deque[str] = deque()
        self._said: set[str] = set()
        self.failure: str | None = None
        self.restarts, self.findings, self.has_run = 0, 0, False
        self.is_paused = False
        self.timeout_s = setup.harness.timeout_s
        self._scope = scope_of(setup.entry)
        self._before: Counter[int] = Counter()
        self._early_deaths = 0
        self._hangs: Counter[str] = Counter()
        self._hard_hangs: Counter[str] = Counter()
        self._hung_files: set[str] = set()
        self._lost_s = self._startup_s = self._ready_s = 0.0
        self._is_stopped = False
        self._rates: deque[tuple[float, int]] = deque()
        self._new_s: float | None = None
        self._child: Child | None = None
        self._nursery = Nursery(
            "mlfuzz.code_child",
            setup.arguments,
            folder=setup.folder,
            size_bytes=setup.size_bytes,
        )
        self._is_often: int | None = None
        self._is_blind = False
        self._yields: Sequence[tuple[str, int, int]] = ()
        self._tries: Counter[str] = Counter()  # of the children before
        self._news: Counter[str] = Counter()
        self._log = Log(setup.folder / "log")
        self._lock = threading.Lock()  # other threads ask for the progress
        self._ticked_s = time.monotonic()

    @property
    def name(self) -> str:
        return self.setup.entry.name

    def start(self) -> None:
        """Start a child, the first or a successor."""
        self._pipe, there = os.pipe()
        os.set_blocking(self._pipe, False)
        self._rest = b""
        self._is_ready = False
        known = (id for id, hits in self._hangs.items() if hits >= KNOWN_AFTER)
        order = [f"--executions={self._total(ENDED)}", f"--restarts={self.restarts}"]
        order += [f"--known-hang={id}" for id in known]
        if self._is_often is not None:  # the seeds have run
            order.append(f"--is-often={self._is_often}")
        self.setup.hand_on(self._log.words)
        self._child = child = self._nursery.child(order, there)
        os.close(there)
        self.is_paused = False
        self._log = Log(child.log, self._log.coverage, self._log.corpus, words=self._log.words)
        self._watch = Watch(
            child,
            timeout_s=self.timeout_s or FIRST_PASS_TIMEOUT_S,
            memory_mb=self.setup.memory_mb,
            start_s=START_S,
        )
        self._watch.knows = self._knows
        self._watch.ask_known_s = self._known_s()
        self._lost_s, self._started_s = 0.0, self.share.running_s

    def tick(self) -> None:
        """Look once; every 20 ms or so."""
        now_s = time.monotonic()
        passed_s, self._ticked_s = now_s - self._ticked_s, now_s
        child = self._child
        if child is None or self.failure:
            return
        if not self.is_paused:
            self.share.spend(passed_s)
        self._watch.tick(is_running=not self.is_paused)
        is_dead = not child.is_alive  # first: what it wrote before it died is then all there
        self._read_pipe()
        if self._log.read():
            self._found()
        self._check_coverage()
        if is_dead:
            self._bury(child)
        else:
            child.cut_log()
            self._retire_if_slowed(child)

    def pause(self) -> None:
        if self._child and not self.is_paused:
            self.is_paused = True
            self._child.pause()

    def resume(self) -> None:
        if self._child and self.is_paused:
            self.is_paused = False
            self._child.resume()

    def stop(self) -> None:
        """End the child and what it started; what it announced is taken in."""
        self._is_stopped = True
        if self._child:
            self._child.kill()
            self._read_pipe()
            self._log.read()
            self._let_go(self._child)
        self._nursery.close()

    def progress(self) -> EntryProgress:
        """A picture of now."""
        executions = self._total(ENDED)
        now = time.monotonic()
        self._rates.append((now, executions))
        while now - self._rates[0][0] > RATE_WINDOW_S:
            self._rates.popleft()
        since_s, before = self._rates[0]
        return EntryProgress(
            name=self.name,
            executions=executions,
            executions_per_s=(executions - before) / (now - since_s) if now > since_s else 0.0,
            corpus=self._log.corpus,
            coverage=self._log.coverage,
            reach=self._total(ANSWERED) / executions if executions else 0.0,
            findings=self.findings,
            restarts=self.restarts,
            state=self._state(),
            last_new_s=None if self._new_s is None else now - self._new_s,
            yields=self._all_yields(),
        )

    def _all_yields(self) -> tuple[tuple[str, int, int], ...]:
        tries, news = Counter(self._tries), Counter(self._news)
        for name, more, new in self._yields:
            tries[name] += more
            news[name] += new
        return tuple((name, count, news[name]) for name, count in tries.items())

    def _state(self) -> Literal["running", "paused", "starting", "restarting", "stopped"]:
        if self._is_stopped:
            return "stopped"
        if self._child is None or not self._is_ready:
            return "restarting" if self.restarts else "starting"
        return "paused" if self.is_paused else "running"

    def _total(self, word: int) -> int:
        with self._lock:
            now = self._child.beat.words[word] if self._child else 0
            return self._before[word] + now

    def _found(self) -> None:
        self.share.found()
        self._new_s = time.monotonic()

    # --- what the child says ---

    def _read_pipe(self) -> None:
        with suppress(BlockingIOError):
            while data := os.read(self._pipe, 65536):
                *lines, self._rest = (self._rest + data).split(b"\n")
                for line in lines:
                    self._hear(json.loads(line))

    def _hear(self, said: dict[str, Any]) -> None:
        if "id" in said:
            self._found()
            self.findings += said["state"] == "new"
            self.announced.append((said["id"], said["state"], said["file"]))
        elif "hang" in said:
            self._hung_files.add(said["file"])
            self._skip(said["mark"])
            self._count_hang(said["hang"])
        elif "error" in said:
            self.failure = said["error"]
        elif "note" in said:
            if said["note"] not in self._said:  # by the child before this one
                self.notes.append(f"{self.name}: {said['note']}")
            self._said.add(said["note"])
        elif "yields" in said:
            self._yields = said["yields"]
        elif "slowest_s" in said:
            self._is_often, self._is_blind = said["is_often"], said["is_blind"]
            self._take_time(said["slowest_s"])
        elif "ready" in said:
            self._is_ready = self.has_run = True
            self._ready_s = self.share.running_s
            self._startup_s = self._ready_s - self._started_s

    def _take_time(self, slowest_s: float) -> None:
        """The seeds have run for the first time."""
        if self.timeout_s is None:
            self.timeout_s = max(1.0, 20 * slowest_s)
        self._watch.timeout_s, self._watch.ask_known_s = self.timeout_s, self._known_s()
        if self._nursery.why_not:
            self.notes.append(
                f"{self.name}: its process cannot be forked, so that each restart imports anew: "
                f"{self._nursery.why_not}. Build models and tensors in functions, not at import."
            )

    def _check_coverage(self) -> None:
        """A run without instrumentation looks clean and finds nothing: say so at once.

        libFuzzer counts neurons as coverage too, so where they guide the child says it.
        """
        is_seen = self._log.coverage and not (self.setup.entry.neurons and self._is_blind)
        if not self._log.is_inited or is_seen or self.failure:
            return
        modules = ", ".join(self._scope.modules)
        self.failure = (
            f"entry point {self.name}: nothing that it runs is instrumented (modules: "
            f"{modules}). Name Python modules that it runs in EntryPoint(instrument=[...])."
        )

    # --- hangs and deaths ---

    def _count_hang(self, id: str) -> None:
        self._hangs[id] += 1
        self._lost_s += self._watch.ask_known_s
        if self._hangs[id] == KNOWN_AFTER:
            self.notes.append(
                f"{self.name}: {id} hung {KNOWN_AFTER} times; from now on it is given up after "
                f"{self._known_s():.2g} s instead of {self._limit_s:.2g} s."
            )
        self._watch.ask_known_s = self._known_s()

    @property
    def _limit_s(self) -> float:
        return self.timeout_s or FIRST_PASS_TIMEOUT_S

    def _known_s(self) -> float:
        """When to ask whether an input hangs where many did; the time-out while none is known."""
        hits = max(self._hangs.values(), default=0)
        share = next((share for least, share in KNOWN_SHARES if hits >= least), 1.0)
        return share * self._limit_s

    def _retire_if_slowed(self, child: Child) -> None:
        """libFuzzer keeps what hung and mutates it: once that costs more than a start, restart.

        So it does where inputs turn out slow though the seeds are fast: a successor gets more
        mutations of ours.
        """
        ran_s = self.share.running_s - self._ready_s
        ended = child.beat.words[ENDED]
        is_slow = self._is_often == 0 and ran_s > JUDGE_S and ended < SLOW_PER_S * ran_s
        if is_slow:
            self._is_often = 1
        if is_slow or self._lost_s > self._startup_s:
            child.kill()
            self._read_pipe()  # what it announced since
            self._let_go(child)
            self.restarts += 1
            self.start()

    def _forget_hung(self) -> None:
        """Inputs that hang must not be run again by the next child or the next run."""
        for name in self._hung_files:
            (self.setup.queue / name).unlink(missing_ok=True)

    def _knows(self, stack: str) -> bool:
        """Whether a stack is that of a hang in C code that ended three children already."""
        verdict = death_verdict(self._watch.manner, "", stack, self._scope, b"")
        return self._hard_hangs[finding_id("hang", verdict.signature)] >= KNOWN_AFTER

    def _bury(self, child: Child) -> None:
        death = child.death()
        if child.beat.words[ENDED] > ESTABLISHED:
            self._early_deaths = 0
        if death.input is not None:
            self._blame(death, death.input)
        elif death.cause != f"exit {RETIRED}":
            self._early_deaths += 1
            self.notes.append(f"{self.name}: its process ended between two inputs ({death.cause}).")
        if self._early_deaths >= MAX_EARLY_DEATHS and not self.failure:
            self.failure = (
                f"entry point {self.name}: its process ended {self._early_deaths} times soon after "
                f"its start ({death.cause}): {child.last_words()}"
            )
        self._let_go(child)
        if not self.failure:
            self.restarts += 1
            self.start()

    def _blame(self, death: Death, data: bytes) -> None:
        """The input is kept from running again, and handed over as a loss."""
        self._skip(skip_mark(data))
        is_hung, has_grown = self._watch.is_hung, self._watch.has_grown
        verdict = death_verdict(self._watch.how, death.cause, death.stack, self._scope, data)
        if is_hung:
            id = finding_id("hang", verdict.signature)
            self._hard_hangs[id] += 1
            self._count_hang(id)
        is_sure = is_hung or has_grown or death.cause not in _OUTSIDE
        self.losses.append(Loss(verdict, data, death.stack, self._total(ENDED), is_sure))

    def _skip(self, mark: str) -> None:
        with open(self.setup.skip, "a") as file:
            file.write(f"{mark}\n")

    def _let_go(self, child: Child) -> None:
        with self._lock:
            for word in (ENDED, ANSWERED):
                self._before[word] += child.beat.words[word]
            self._child = None
            for name, tries, new in self._yields:
                self._tries[name] += tries
                self._news[name] += new
            self._yields = ()
        child.close()
        os.close(self._pipe)
        self._forget_hung()
