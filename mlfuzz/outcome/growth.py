"""Measures whether an entry point's time or memory grows faster than what its input repeats."""

from __future__ import annotations

import gc
import resource
import signal
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import FrameType

from mlfuzz.core import Verdict
from mlfuzz.detectors import Growth, Guard
from mlfuzz.detectors.growth import POINTS, fit
from mlfuzz.entry_point import EntryPoint
from mlfuzz.isolate import LEAST_BYTES, SoftTimeout
from mlfuzz.outcome import Outcome
from mlfuzz.outcome.stacks import Scope, frame_sites, own_sites, scope_of
from mlfuzz.structure.repeated import Repeated, repeated

REPEATS = 2
"""Runs for each time of a series; the shorter one counts."""
SAMPLE_S = 0.001
SHARE = 0.7
"""Of the samples in which a function stands on the stack, to be blamed."""
SUSPECT = 0.02
"""Of the least time or memory that is judged: from here on it is worth a look at more."""
CLEAR = 2.0
"""Times the least: no more repetitions are needed."""
LONGEST = LEAST_BYTES
"""Bytes up to which more is repeated."""
MOST_STEPS, MOST_RATIO = 6, 10.0
"""Doublings beyond the input, as long as one costs no more than this: nothing exponential."""
LONGEST_S = 2.0
"""Processor time of one run: what is exponential jumps far with one doubling."""
MEASURING = 0.05
"""Share of a child's processor time that it may spend on measuring, after the first second: a probe
of a slow and linear target takes three runs more."""

Around = Callable[[bytes], AbstractContextManager[object]]
"""What each run stands in: it has the time of one input, and may be the process's last."""


class GrowthWatch:
    """Says which probes of a fuzzing child are worth measuring, and measures them."""

    def __init__(self, entry: EntryPoint, guard: Guard, around: Around) -> None:
        self._entry, self._guard, self._around = entry, guard, around
        self._growth = growth_of(entry)
        self._start_s = self._spent_s = 0.0
        self._peak_kb = 0

    def begin(self) -> None:
        """A probe runs from here on."""
        self._peak_kb = _peak_kb()
        self._start_s = time.thread_time()

    def end(self, data: bytes) -> Outcome | None:
        """The probe has run; the fault, if it is one."""
        took_s, growth = time.thread_time() - self._start_s, self._growth
        if growth is None:
            return None
        is_slow = took_s * 1e3 >= SUSPECT * growth.least_ms
        is_large = _peak_kb() - self._peak_kb >= SUSPECT * growth.least_mb * 1024
        if not is_slow and not is_large:
            return None
        start_s = time.process_time()
        if self._spent_s > 1.0 + MEASURING * start_s:
            return None
        try:
            return grown(self._entry, data, self._guard, self._around)
        finally:
            self._spent_s += time.process_time() - start_s


def growth_of(entry: EntryPoint) -> Growth | None:
    """The detector of an entry point that has one."""
    return next((each for each in entry.detectors if isinstance(each, Growth)), None)


def grown(
    entry: EntryPoint, data: bytes, guard: Guard, around: Around = nullcontext
) -> Outcome | None:
    """The fault that an input is whose repetitions cost more and more; else None."""
    growth, part = growth_of(entry), repeated(data)
    if growth is None or part is None:
        return None
    gc_was_on = gc.isenabled()
    gc.disable()  # a full collection takes as long as the heap is large
    try:
        return _Measuring(entry, growth, part, guard, around).outcome()
    except SoftTimeout:
        return None
    finally:
        if gc_was_on:
            gc.enable()


class _Measuring:
    def __init__(
        self, entry: EntryPoint, growth: Growth, part: Repeated, guard: Guard, around: Around
    ) -> None:
        self._entry, self._growth, self._part = entry, growth, part
        self._guard, self._around = guard, around
        self._counts: list[int] = []

    def outcome(self) -> Outcome | None:
        """The fault; its ``value`` is an input that shows it clearly: this one may be short."""
        scope = scope_of(self._entry)
        times_s = self._confirmed(self._time_s, self._growth.least_ms / 1e3)
        if times_s is not None:
            words = [f"{each * 1e3:,.1f} ms" for each in times_s]
            return self._fault("time", self._blamed(scope), times_s, words, scope)
        peaks = self._confirmed(self._peak, self._growth.least_mb * (1 << 20))
        if peaks is not None:
            words = [f"{each / (1 << 20):,.1f} MiB" for each in peaks]
            return self._fault("memory", scope.name, peaks, words, scope)
        return None

    def _confirmed(self, cost: Callable[[bytes], float], least: float) -> list[float] | None:
        """A series that accuses, and so did another one."""
        most = self._clear(cost, least)
        if most is None:
            return None
        self._counts = [most >> step for step in reversed(range(POINTS))]
        for _ in range(2):
            costs = [cost(self._part.times(count)) for count in self._counts]
            if not self._growth.is_steep(self._counts, costs, least):
                return None
        return costs

    def _clear(self, cost: Callable[[bytes], float], least: float) -> int | None:
        """Repetitions that cost enough to be judged; None where a doubling is nothing special."""
        count, steps = self._part.count, 0
        half, full = (cost(self._part.times(each)) for each in (count // 2, count))
        least_ratio = 2 ** (self._growth.slope - 0.3)
        while True:
            is_judged = full >= SUSPECT * least  # less is noise: see what more of it costs
            if is_judged and full < least_ratio * half:
                return None
            size = len(self._part.times(2 * count))
            is_last = steps == MOST_STEPS or size > LONGEST
            if full >= CLEAR * least or is_last or (is_judged and full > MOST_RATIO * half):
                return count
            count, steps, half = 2 * count, steps + is_judged, full
            full = cost(self._part.times(count))

    def _run(self, data: bytes) -> None:
        before = signal.signal(signal.SIGPROF, _give_up)
        signal.setitimer(signal.ITIMER_PROF, LONGEST_S)
        self._guard.begin(data)
        try:
            with self._around(data):
                self._entry.function(data)
        except (KeyboardInterrupt, SoftTimeout):
            raise
        except BaseException:  # what is raised is another run's finding
            pass
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            self._guard.end()
            signal.signal(signal.SIGPROF, before)

    def _time_s(self, data: bytes) -> float:
        times_s = []
        for _ in range(REPEATS):
            start_s = time.thread_time()
            self._run(data)
            times_s.append(time.thread_time() - start_s)
        return min(times_s)

    def _peak(self, data: bytes) -> float:
        """Bytes that Python and NumPy held at once, beyond what they held before."""
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            self._run(data)
            return float(tracemalloc.get_traced_memory()[1] - before)
        finally:
            tracemalloc.stop()

    def _blamed(self, scope: Scope) -> str:
        """The innermost own function that stands on the stack nearly all the time."""
        shares: Counter[str] = Counter()
        depths: Counter[str] = Counter()
        samples = 0

        def sample(_: int, frame: FrameType | None) -> None:
            nonlocal samples
            depth_of = {}
            for depth, site in enumerate(own_sites(frame_sites(frame), scope.modules)):
                depth_of[site.name] = depth
            samples += bool(depth_of)
            shares.update(depth_of.keys())
            depths.update(depth_of)

        before = signal.signal(signal.SIGVTALRM, sample)
        signal.setitimer(signal.ITIMER_VIRTUAL, SAMPLE_S, SAMPLE_S)
        try:
            self._run(self._part.times(self._counts[-1]))
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, before)
        often = [name for name, count in shares.items() if count >= SHARE * samples]
        return max(often, key=lambda name: depths[name] / shares[name], default=scope.name)

    def _fault(
        self,
        what: str,
        blamed: str,
        costs: Sequence[float],
        words: Sequence[str],
        scope: Scope,
    ) -> Outcome:
        data = self._part.times(self._counts[-1])
        lengths = [f"{len(self._part.times(count)):,} bytes" for count in self._counts]
        series = ", ".join(f"{a} {b}" for a, b in zip(lengths, words, strict=True))
        slope = fit(self._counts, costs)
        verdict = Verdict(
            kind="growth",
            signature=(what, blamed),
            threat=self._growth.threat,
            severity=self._growth.severity,
            values={
                "entry": scope.name,
                "message": f"{what} grows as repetitions^{slope:.1f}: {series}",
                "size_bytes": len(data),
            },
        )
        return Outcome(state="fault", verdict=verdict, value=data)


def _give_up(_: int, frame: FrameType | None) -> None:
    raise SoftTimeout


def _peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
