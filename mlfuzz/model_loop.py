"""The model engine: pick, mutate, run, keep, accuse.  Its loop is ``ModelEngine.run``.

What "wrong" means is ``evaluate``'s, what a finding is ``suspects``'; nothing about the code
engine may come in here: the two meet only in the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

import numpy as np

from mlfuzz import backend
from mlfuzz.core import Arrays
from mlfuzz.errors import HarnessError
from mlfuzz.evaluate import Evaluator, Seen
from mlfuzz.harness import Harness
from mlfuzz.model.company import suspicious
from mlfuzz.model.control import Arm, Signature, lift
from mlfuzz.model.population import Entry, Pools
from mlfuzz.model.proposals import Proposal, Proposer, as_they_are
from mlfuzz.model.resume import entry_name, load_roots, resume, seed_population
from mlfuzz.model.setting import Setting
from mlfuzz.model.skew import skewed
from mlfuzz.model.suspects import Suspect, Suspects
from mlfuzz.progress import ModelProgress
from mlfuzz.recipe import Recipe
from mlfuzz.rows import split
from mlfuzz.store import Corpus, Finding, Findings, Writer, digest

ADOPT_EVERY = 16
COMPANY_EVERY = 8
SKEW_EVERY = 2
THOROUGH_EVERY = 16
Running = Future[tuple[Seen, Any]]


class ModelEngine:
    """One run of the model engine over a harness with a model.

    Raises
    ------
    HarnessError
        Where there is no usable seed or the model cannot be built.
    """

    def __init__(self, harness: Harness, setting: Setting) -> None:
        self.harness, self.setting = harness, setting
        self.corpus = Corpus(setting.corpora, harness.name)
        self.evaluator = Evaluator(harness, setting.batch_size)
        self.rng = np.random.default_rng([setting.seed, 1])
        self.roots = load_roots(self.evaluator, self.corpus, setting.decode, setting.note)
        self.population, seeds = seed_population(self.corpus, self.evaluator, self.roots)
        self.proposer = Proposer(
            self.evaluator,
            harness.policy,
            self.population,
            seeds,
            np.random.default_rng(setting.seed),
        )
        self.writer = Writer(self.corpus)
        self.pools = Pools(len(self.evaluator.oracles), len(self.roots.seeds))
        self.suspects = Suspects(
            self.evaluator,
            self.roots,
            setting.decode,
            Findings(setting.corpora, harness.name),
            self._announce,
        )
        states = self.evaluator.start_states(self.roots.profile)
        self.guided, self.control = Arm(states), Arm(states)
        self.batches = self.executions = self.adopted = self.saved = 0
        self.sequence = len(self.population)
        self.proposed = 0
        self.last_new: float | None = None
        self._seen_files: set[str] = set()
        self._start()

    def run(self, is_over: Callable[[], bool], tick: Callable[[], None]) -> None:
        """Fuzz until ``is_over``; ``tick`` is called after every batch."""
        proposal, arm = self.propose()
        while not is_over():
            running = self.begin(proposal, arm)
            following = self.propose()  # the host draws and confirms while the device is busy
            self.suspects.confirm_some()
            seen = self.complete(proposal, arm, running)
            if arm is self.guided:
                self.keep(proposal, seen)
            self.accuse(proposal, seen, arm)
            self.look_around(proposal, seen, arm)
            proposal, arm = following
            tick()

    def finish(self) -> None:
        """Look at what the code engine found last, confirm what is left, write what waits."""
        with self.writer:
            self.adopt()
            self.suspects.confirm_rest()

    def propose(self) -> tuple[Proposal, Arm]:
        """The next batch, and the arm that it belongs to."""
        every = self.harness.policy.control_every
        self.proposed += 1
        if every and self.proposed % every == 0 and len(self.population.choices(wild=False)):
            return self.proposer.control(), self.control
        return self.proposer.guided(), self.guided

    def execute(self, proposal: Proposal, arm: Arm) -> Seen:
        """Run one batch and wait for it."""
        return self.complete(proposal, arm, self.begin(proposal, arm))

    def begin(self, proposal: Proposal, arm: Arm) -> Running:
        """Hand one batch to the device, on top of what the arm has covered."""
        reference = self.roots.reference(proposal.roots)
        thorough = proposal.origin != "mutation" or self.batches % THOROUGH_EVERY == 0
        return self.evaluator.start(proposal.groups, reference, proposal.wild, arm.states, thorough)

    def complete(self, proposal: Proposal, arm: Arm, running: Running) -> Seen:
        """Wait for a batch and pass the arm's coverage on."""
        seen, arm.states = running.result()
        self.batches += 1
        self.executions += self.evaluator.batch_size
        if proposal.origin == "mutation":
            arm.executions += self.evaluator.batch_size
        return seen

    def keep(self, proposal: Proposal, seen: Seen) -> None:
        """Rows that are new or nearer become entries; wrong ones are kept, but are no parents."""
        fine = seen.violated == 0
        near = self.pools.candidates(seen.distance, proposal.roots, proposal.wild) & fine
        # A wrong file of the code engine may hold what no array of the domain can: NaN, say.
        rows = np.flatnonzero((seen.novel & (fine | (proposal.origin != "bytes"))) | near)
        nearer = np.zeros(len(fine), bool)
        for row, arrays in zip(rows, self.evaluator.take(seen.batch, rows), strict=True):
            root, wild = int(proposal.roots[row]), bool(proposal.wild[row])
            nearer[row] = fine[row] and self.pools.offer(seen.distance[row], root, wild)
            if seen.novel[row] or nearer[row]:
                number = self._enter(proposal, int(row), arrays, bool(seen.novel[row]))
                self._rank(number, int(seen.cell[row]), bool(fine[row]))
        novel = seen.novel & fine
        self.population.tally.credit(self._parents(proposal), novel, nearer)
        self.proposer.tally.credit(proposal.mutators, novel, nearer)

    def accuse(self, proposal: Proposal, seen: Seen, arm: Arm) -> None:
        """The nearest wrong row of each fault is confirmed from disk and saved."""
        answers = seen.answers(self.evaluator.spec.outputs)
        nearest: dict[tuple[str, ...], int] = {}
        for row in np.flatnonzero(seen.violated):
            signature = self._signature(proposal, seen, answers, int(row))
            if proposal.origin == "mutation":
                arm.met(int(proposal.roots[row]), signature)
            if self._steps(proposal, int(row)) < self._steps(proposal, nearest.get(signature, -1)):
                nearest[signature] = int(row)
        wanted = {s: r for s, r in nearest.items() if self._is_wanted(s, proposal, r)}
        rows = np.array(list(wanted.values()), np.int64)
        for signature, row, arrays in zip(
            wanted, rows, self.evaluator.take(seen.batch, rows), strict=True
        ):
            suspect = self._suspect(proposal, signature, int(row), arrays, arm)
            is_new = self.suspects.take(suspect)
            if is_new and arm is self.guided:
                self.population.tally.found(int(self._parents(proposal)[row]))
                self.proposer.tally.found(int(proposal.mutators[row]))

    def look_around(self, proposal: Proposal, seen: Seen, arm: Arm) -> None:
        """Now and then: what the code engine found, and the two ways into the model."""
        if self.batches % COMPANY_EVERY == 0:
            turn = self.batches // COMPANY_EVERY
            look = partial(suspicious, self.evaluator, turn=turn)
            self._look_twice("batch-dependent", look, proposal, seen, arm)
        if self.harness.prepare and self.harness.features and self.batches % SKEW_EVERY == 0:
            self._look_twice("skew", partial(skewed, self.evaluator), proposal, seen, arm)
        if self.batches % ADOPT_EVERY == 0 or not self.setting.adopt.empty():
            self.adopt()

    def adopt(self) -> None:
        """Show the model what the code engine keeps, unrounded; only numeric oracles judge it."""
        files = self._new_files()
        decoded = [(data, self.setting.decode(data)) for data in files]
        taken = [(data, arrays) for data, arrays in decoded if not isinstance(arrays, str)]
        if not taken:
            return
        proposal = as_they_are(
            [arrays for _, arrays in taken],
            np.full(len(taken), -1),
            self.evaluator.batch_size,
            "bytes",
            [data for data, _ in taken],
        )
        seen = self.execute(proposal, self.guided)
        self.keep(proposal, seen)
        self.accuse(proposal, seen, self.guided)
        self.adopted += len(taken)

    def progress(self) -> ModelProgress:
        """Figures for the reporter."""
        now = time.monotonic()
        return ModelProgress(
            executions=self.executions,
            executions_per_s=self.executions / max(now - self.started, 1e-9),
            corpus=len(self.population),
            coverage=self.evaluator.summaries(self.guided.states),
            findings=self.saved,
            lift=lift(self.guided, self.control),
            stability=self.roots.stability,
            bytes_per_batch=backend.fetched_bytes["batch"] // max(self.batches, 1),
            adopted=self.adopted,
            last_new_s=None if self.last_new is None else now - self.last_new,
        )

    # -- the start ---------------------------------------------------------------------------

    def _start(self) -> None:
        """Cover what the seeds and earlier runs covered; a seed that is wrong is a finding."""
        seeds = np.arange(len(self.population))
        self._cover(seeds, accuse=True)
        if not len(self.population.choices(wild=True)):
            raise HarnessError(
                f"{self.harness.path}: every seed fails an oracle at the start. Expected seeds "
                "that the model answers; look at the findings, or set oracles=."
            )
        self.control.states = self.guided.states
        self._resume()
        self.adopt()
        self.guided.executions = self.batches = self.executions = 0
        backend.fetched_bytes.clear()
        self.started = time.monotonic()

    def _resume(self) -> None:
        count = 0
        for numbers in resume(
            self.corpus, self.evaluator, self.roots, self.population, self.setting.note
        ):
            self._cover(numbers, accuse=False)
            count += len(numbers)
            last = max(self.population.entries[i].recipe.sequence for i in numbers)
            self.sequence = max(self.sequence, last)
        if count:
            covered = self.evaluator.summaries(self.guided.states)
            steering = (repr(each) for each in self.harness.policy.steer)
            shares = ", ".join(f"{name} {covered[name]:.1%}" for name in steering)
            self.setting.note(f"resumed {count:,} entries of earlier runs: {shares}")

    def _cover(self, numbers: np.ndarray, accuse: bool) -> None:
        size = self.evaluator.batch_size
        for first in range(0, len(numbers), size):
            part = numbers[first : first + size]
            entries = [self.population.entries[i] for i in part]
            proposal = as_they_are(
                split(backend.fetch(self.population.rows(part), "start")),
                np.array([entry.root for entry in entries]),
                size,
                "seed",
                wild=np.array([not entry.is_leashed for entry in entries]),
            )
            seen = self.execute(proposal, self.guided)
            for row, number in enumerate(part):
                self._rank(int(number), int(seen.cell[row]), not seen.violated[row])
                root, wild = int(proposal.roots[row]), bool(proposal.wild[row])
                self.pools.offer(seen.distance[row], root, wild)
            if accuse:
                self.accuse(proposal, seen, self.guided)

    # -- the parts of a turn -----------------------------------------------------------------

    def _enter(self, proposal: Proposal, row: int, arrays: Arrays, is_novel: bool) -> int:
        """Keep a row, in the store and among the parents; its number there."""
        domain = self.evaluator.domain
        data = domain.encode(arrays)
        name = digest(data)
        if proposal.origin == "bytes":
            recipe = self._base_recipe(name, "bytes", wild=True)
            arrays = domain.decode(data)
        else:
            recipe = proposal.recipe(row, self._next_sequence(), "guided")
        self.writer.add(data, domain.suffix, recipe)
        self.last_new = time.monotonic()
        if self.setting.feed_code and is_novel and proposal.origin == "mutation":
            self.writer.hand_to_code(entry_name(self.harness), data, domain.suffix)
        entry = Entry(name, int(proposal.roots[row]), recipe, not proposal.wild[row])
        return self.population.add(entry, arrays)

    def _parents(self, proposal: Proposal) -> np.ndarray:
        """The entries to thank for a batch: while it was run, one may have had to go."""
        if proposal.origin != "mutation":
            return proposal.parents
        return self.population.still(proposal.parents, proposal.entries)

    def _rank(self, number: int, cell: int, is_fine: bool) -> None:
        if is_fine:
            self.population.favour(number, cell)
        else:
            self.population.retire(number)

    def _next_sequence(self) -> int:
        self.sequence += 1
        return self.sequence

    def _base_recipe(self, name: str, made_by: str, wild: bool) -> Recipe:
        return Recipe(
            sequence=self._next_sequence(),
            base=name,
            root=name,
            made_by=made_by,
            wild=wild,
            backend=backend.name(),
            device=backend.device(),
        )

    def _signature(
        self, proposal: Proposal, seen: Seen, answers: np.ndarray, row: int
    ) -> tuple[str, ...]:
        """What the batch's few bytes tell of a fault: enough to tell two apart before a fetch."""
        bits = int(seen.violated[row])
        number = (bits & -bits).bit_length() - 1
        oracle = self.evaluator.oracles[number]
        if not oracle.about_label:
            return (repr(oracle), proposal.origin, f"{seen.distance[row, number]:g}")
        root = int(proposal.roots[row])
        label = int(self.roots.labels[root])
        known = label if label >= 0 else int(self.roots.scores[root].argmax())
        return (repr(oracle), f"{known} -> {answers[row]}")

    def _steps(self, proposal: Proposal, row: int) -> float:
        """How far a row is from what it came from: steps, or bytes for an adopted one."""
        if row < 0:
            return float("inf")
        if proposal.origin == "bytes":
            return len(_file(proposal, row))
        if proposal.origin == "seed":
            return 0
        return proposal.depth(row)

    def _is_wanted(self, signature: tuple[str, ...], proposal: Proposal, row: int) -> bool:
        return self.suspects.would_take(signature, int(self._steps(proposal, row)))

    def _suspect(
        self, proposal: Proposal, signature: tuple[str, ...], row: int, arrays: Arrays, arm: Arm
    ) -> Suspect:
        if proposal.origin == "mutation":
            made_by = "guided" if arm is self.guided else "control"
            recipe = proposal.recipe(row, self._next_sequence(), made_by)
        else:
            recipe = self._base_recipe("", proposal.origin, wild=True)
        return Suspect(
            signature=signature,
            arrays=arrays,
            recipe=recipe,
            root=int(proposal.roots[row]),
            origin=proposal.origin,
            leashed=not proposal.wild[row],
            executions=self.executions,
            file=_file(proposal, row),
        )

    def _look_twice(
        self,
        kind: str,
        look: Callable[[list[Arrays]], Sequence[Signature | None]],
        proposal: Proposal,
        seen: Seen,
        arm: Arm,
    ) -> None:
        """Some rows once more, half of them wild: a step cannot tell all that is wrong."""
        share = np.where(proposal.wild, proposal.wild.mean(), 1 - proposal.wild.mean())
        chance = (1 / share) / (1 / share).sum()
        count = max(1, self.evaluator.group // 2)
        rows = np.sort(self.rng.choice(len(share), count, replace=False, p=chance))
        arrays = self.evaluator.take(seen.batch, rows)
        for row, given, signature in zip(rows, arrays, look(arrays), strict=True):
            if signature is not None:
                suspect = self._suspect(proposal, (kind, *signature), int(row), given, arm)
                self.suspects.take(suspect)

    def _new_files(self) -> list[bytes]:
        """Inputs of contract findings, then what libFuzzer kept; at most a group at once."""
        files: list[bytes] = []
        room = self.evaluator.batch_size
        while len(files) < room and not self.setting.adopt.empty():
            files.append(self.setting.adopt.get())
        most = min(self.evaluator.group, room - len(files))
        for name, data in self.corpus.new_bytes(entry_name(self.harness), self._seen_files, most):
            self._seen_files.add(name)
            files.append(data)
        return files

    def _announce(self, finding: Finding, state: str) -> None:
        self.saved += state == "new"
        self.setting.on_finding(finding, state)


def _file(proposal: Proposal, row: int) -> bytes:
    """The bytes of an adopted row; rows that only fill a batch are copies of the last."""
    return proposal.files[min(row, len(proposal.files) - 1)] if proposal.files else b""
