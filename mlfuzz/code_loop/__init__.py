"""The code engine's parent: starts, watches and restarts a fuzzing child for each entry point.

The children write findings and corpus themselves; what a dead one left is adopted here.
"""

from __future__ import annotations

import importlib.util
import os
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from types import ModuleType

from mlfuzz.code_loop.confirm import Confirmer, OnFinding
from mlfuzz.code_loop.entry_run import EntryRun
from mlfuzz.code_loop.setup import Setup
from mlfuzz.code_loop.slices import SLICE_S, choose
from mlfuzz.entry_point import EntryPoint
from mlfuzz.errors import EngineError
from mlfuzz.harness import Harness
from mlfuzz.isolate import MAX_INPUT_BYTES, Scratch
from mlfuzz.libfuzzer import USED
from mlfuzz.outcome.record import skip_mark
from mlfuzz.outcome.stacks import scope_of
from mlfuzz.progress import EntryProgress, combined
from mlfuzz.store import Corpus, Findings, digest, read_file
from mlfuzz.structure.tokens import dictionary, mine
from mlfuzz.worker import DEFAULT_MEMORY_MB, DEFAULT_TIMEOUT_S

POLL_S = 0.02
CONFIRM_AT_END_S = 10.0
MIN_INPUT_BYTES = 4096
DEADLY = ("native", "hang", "out-of-memory")


class CodeEngine:
    """Fuzzes the entry points of a harness until it is stopped.

    Parameters
    ----------
    seed : int
        Of libFuzzer; restarts count on from it.
    on_finding : callable (Finding, state) -> None
        Called from a thread of the engine for each finding on the disk; ``new`` or ``nearer``.
    workers : int, optional
        Children that run at once; default: all cores but one, at least one.  Where there are more
        than entry points, several share the queue of one.

    Attributes
    ----------
    contract_inputs : SimpleQueue of bytes
        Inputs that broke a contract, for the model engine.
    notes : SimpleQueue of str
        Lines for the person who watches.
    """

    def __init__(
        self,
        harness: Harness,
        corpora: Path,
        *,
        seed: int,
        on_finding: OnFinding,
        workers: int | None = None,
    ) -> None:
        self._harness, self._seed = harness, seed
        self._corpora = Path(corpora).resolve()
        self._corpus = Corpus(self._corpora, harness.name)
        self._findings = Findings(self._corpora, harness.name)
        self._workers = workers or max(1, len(os.sched_getaffinity(0)) - 1)
        self.contract_inputs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.notes: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._confirmer = Confirmer(harness, self._findings, on_finding, self.contract_inputs)
        self._runs: list[EntryRun] = []
        self._suffixes: dict[str, str] = {}
        self._scratch: Scratch | None = None
        self._error: BaseException | None = None
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="mlfuzz-code", daemon=True)

    def start(self) -> None:
        """Prepare the corpus and start; the children come up one after the other.

        Raises
        ------
        EngineError
            Without Atheris, or without an entry point.
        StoreError
            If the corpus cannot be written.
        """
        if importlib.util.find_spec("atheris") is None:
            raise EngineError(
                f"atheris is not installed ({sys.executable}). The code engine needs it: "
                "pip install atheris (Linux, x86_64), or use --only model."
            )
        if not self._harness.code:
            raise EngineError(
                f"{self._harness.path}: no entry point. "
                "Expected decode= or code=[EntryPoint(...)], or use --only model."
            )
        self._scratch = Scratch()
        self._runs = [
            run for number in range(len(self._harness.code)) for run in self._team(number)
        ]
        self._confirmer.start()
        self._thread.start()

    def ready(self) -> bool:
        """Whether each entry point has run its seeds, or failed."""
        return bool(self._error) or all(run.has_run or run.failure for run in self._runs)

    def progress(self) -> list[EntryProgress]:
        """A picture of now, in the order of the harness; workers of one queue count together."""
        teams = groupby((run.progress() for run in self._runs), key=lambda each: each.name)
        return [combined(list(team)) for _, team in teams]

    def check(self) -> None:
        """Raise what stopped the engine, if something did.

        Raises
        ------
        EngineError
            Nothing instrumented, a child that never starts, a full disk.
        """
        if self._confirmer.error and not self._error:
            self._error = self._confirmer.error
        if self._error:
            raise self._error

    def stop(self) -> None:
        """End the children, confirm what is waiting, remove what they wrote; safe to repeat."""
        if self._scratch is None:
            return
        self._is_stopping.set()
        if self._thread.ident is not None:  # else the start failed half-way
            self._thread.join()
            self._confirmer.stop(CONFIRM_AT_END_S)
        self._scratch.close()
        self._scratch = None

    # --- what a child is started with ---

    def _team(self, number: int) -> list[EntryRun]:
        """The children of an entry point, on one queue."""
        assert self._scratch is not None
        entry, count = self._harness.code[number], len(self._harness.code)
        setup = self._setup(entry, self._scratch.folder / entry.name)
        size = max(1, self._workers // count + (number < self._workers % count))
        others = (EntryRun(setup.worker(each)) for each in range(1, size))
        return [EntryRun(setup), *others]

    def _setup(self, entry: EntryPoint, folder: Path) -> Setup:
        is_decode = self._harness.model is not None and entry.function == self._harness.decode
        if entry.neurons and not is_decode:
            raise EngineError(
                f"{self._harness.path}: entry point {entry.name}: neurons=True. Expected that of "
                "decode, in a harness with a model; leave it out."
            )
        folder.mkdir()
        queue_folder = self._corpus.bytes_folder(entry.name)
        self._resume(entry, queue_folder, folder / "skip")
        seeds = self._seed_files(entry)
        self._tell_unused(entry)
        size_bytes = entry.options.max_bytes or self._longest(seeds, queue_folder)
        modules = scope_of(entry).modules
        loaded = _loaded(modules)
        _fill(folder, seeds, [*entry.options.tokens, *mine(loaded)])
        seed = self._seed % (1 << 31) + 1  # 0 would be a seed by the clock
        arguments = {
            "harness": self._harness.path.resolve(),
            "entry": entry.name,
            "corpora": self._corpora,
            "queue": queue_folder,
            "seeds": folder / "seeds",
            "skip": folder / "skip",
            "dictionary": folder / "dictionary",
            "seed": seed,
            "memory-mb": self._memory_mb,
            "suffix": self._suffixes[entry.name],
        }
        return Setup(
            harness=self._harness,
            entry=entry,
            arguments=[f"--{name}={value}" for name, value in arguments.items()]
            + [f"--instrument={name}" for name in modules]
            + [f"--hook={name}" for name in entry.options.hooks],
            folder=folder / "child",
            queue=queue_folder,
            skip=folder / "skip",
            dictionary=folder / "dictionary",
            size_bytes=min(size_bytes, MAX_INPUT_BYTES),
            memory_mb=self._memory_mb,
            seed=seed,
        )

    def _tell_unused(self, entry: EntryPoint) -> None:
        if entry.options.unused:
            used = ", ".join(f"-{name}" for name in USED)
            self.notes.put(
                f"{entry.name}: not used: {' '.join(entry.options.unused)}. Of libFuzzer's options "
                f"these are: {used} and corpus folders."
            )

    @property
    def _memory_mb(self) -> int:
        return self._harness.memory_mb or DEFAULT_MEMORY_MB

    def _seed_files(self, entry: EntryPoint) -> list[bytes]:
        """The author's seeds; to those of ``decode`` the domain adds its variants."""
        paths = [*self._corpus.seeds(entry.name), *entry.options.seed_files()]
        seeds = [read_file(path) for path in paths if path.stat().st_size <= MAX_INPUT_BYTES]
        domain = self._harness.domain
        suffix = paths[0].suffix if paths else ""
        if domain is not None and entry == self._harness.decode_entry:
            suffix = suffix or domain.suffix
            for _, data in domain.variants(seeds):
                self._corpus.hand_to_code(entry.name, data, suffix)
        self._suffixes[entry.name] = suffix
        if len(seeds) < len(paths):
            self.notes.put(
                f"{entry.name}: {len(paths) - len(seeds)} of {len(paths)} seeds skipped. "
                f"Expected at most {MAX_INPUT_BYTES:,} bytes each; cut them."
            )
        if not seeds:
            folder = self._corpus.folder / "seeds" / entry.name
            self.notes.put(f"{entry.name}: no seeds in {folder}; copy a few there, or it is slow.")
        return seeds

    def _resume(self, entry: EntryPoint, queue_folder: Path, skip: Path) -> None:
        """Say what is there already; inputs that killed a child before are left out."""
        count = sum(1 for _ in os.scandir(queue_folder))
        if count:
            self.notes.put(f"{entry.name}: resumed with {count} inputs in {queue_folder}.")
        deadly = [
            finding
            for finding in self._findings.load_all()[0]
            if finding.source == entry.name and finding.kind in DEADLY
        ]
        with open(skip, "w") as file:
            for finding in deadly:
                path = self._findings.path(finding, finding.input)
                with suppress(OSError):
                    file.write(f"{skip_mark(path.read_bytes())}\n")

    @staticmethod
    def _longest(seeds: Sequence[bytes], queue_folder: Path) -> int:
        """Twice the longest input there is, within limits: longer ones are only slower."""
        sizes = [len(data) for data in seeds]
        with os.scandir(queue_folder) as entries:
            sizes += [entry.stat().st_size for entry in entries if entry.is_file()]
        return min(MAX_INPUT_BYTES, max(MIN_INPUT_BYTES, 2 * max(sizes, default=0)))

    # --- the watching thread ---

    def _watch(self) -> None:
        try:
            self._start_all()
            while not self._is_stopping.is_set():
                self._slice()
        except BaseException as error:
            self._error = error
        finally:
            for run in self._runs:
                run.stop()
            self._collect()

    def _start_all(self) -> None:
        """A few at a time: imports are heavy, and the first one there can already run."""
        waiting = deque(self._runs)
        while waiting and not self._is_stopping.is_set():
            group = [waiting.popleft() for _ in range(min(self._workers, len(waiting)))]
            for run in group:
                run.start()
            while not all(run.has_run for run in group) and not self._is_stopping.is_set():
                self._tick()
            for run in group:
                run.pause()

    def _slice(self) -> None:
        """Let the chosen children run for a while, and the others wait."""
        chosen = choose([run.share for run in self._runs], self._workers)
        for index, run in enumerate(self._runs):
            if index in chosen:
                run.resume()
            else:
                run.pause()
        until_s = time.monotonic() + SLICE_S
        while time.monotonic() < until_s and not self._is_stopping.is_set():
            self._tick()

    def _tick(self) -> None:
        self._is_stopping.wait(POLL_S)
        for run in self._runs:
            run.tick()
        self._collect()
        failures = [run.failure for run in self._runs if run.failure]
        if failures:
            raise EngineError(failures[0])

    def _collect(self) -> None:
        """Hand what the runs have to tell to whoever wants it."""
        for run in self._runs:
            entry, timeout_s = run.setup.entry, run.timeout_s or DEFAULT_TIMEOUT_S
            while run.announced:
                self._confirmer.announced(entry, *run.announced.popleft(), timeout_s)
            while run.losses:
                suffix = self._suffixes[entry.name]
                self._confirmer.lost(entry, run.losses.popleft(), suffix, timeout_s)
            while run.notes:
                self.notes.put(run.notes.popleft())


def _fill(folder: Path, seeds: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    """What a child reads at its start."""
    # libFuzzer refuses an empty dictionary
    known = dict.fromkeys(tokens) or [b"\x00\x00"]
    (folder / "dictionary").write_text(dictionary(known))
    (folder / "seeds").mkdir()
    for data in seeds:
        (folder / "seeds" / digest(data)).write_bytes(data)


def _loaded(names: Sequence[str]) -> list[ModuleType]:
    """Modules that are instrumented, as far as they are imported here: first the named ones."""
    parts = [name for name in sorted(sys.modules) if name.startswith(tuple(f"{n}." for n in names))]
    known = (sys.modules.get(name) for name in dict.fromkeys([*names, *parts]))
    return [module for module in known if module is not None]
