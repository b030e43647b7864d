"""What the model engine runs next: a batch of mutants, each with the recipe that makes it again.

Nothing is run and nothing is kept here; all chance comes from the generator that is passed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from mlfuzz.core import Arrays, Mutator, Params
from mlfuzz.evaluate import GROUPS, Evaluator
from mlfuzz.harness import Policy
from mlfuzz.model.population import Entry, Population, Tally
from mlfuzz.recipe import Recipe, Step
from mlfuzz.rows import stack

WILD = "wild"
"""The purse of mutators that always leave the bounds: only wild groups get them."""
Origin = Literal["mutation", "bytes", "seed"]


@dataclass(frozen=True)
class Proposal:
    """One batch about to run; row i of everything belongs together.

    Parameters
    ----------
    groups : list of batches
        On the device, ``B / 8`` rows each.
    parents : (B,) int64
        Numbers of entries; -1 for rows that have none.
    entries : B entries, or none
        The parents themselves: a number may pass to another entry while a batch is judged.
    roots : (B,) int64
        Numbers of seeds; -1 for adopted bytes.
    wild : (B,) bool
        Rows that left the bounds, now or earlier in their lineage.
    steps : for each group the mutators applied, with their parameters
    files : for adopted rows the bytes they were decoded from
    """

    groups: list[Any]
    parents: np.ndarray
    roots: np.ndarray
    wild: np.ndarray
    steps: list[list[tuple[Mutator, Params]]]
    mutators: np.ndarray
    entries: Sequence[Entry] = ()
    origin: Origin = "mutation"
    files: Sequence[bytes] = ()

    def depth(self, row: int) -> int:
        """Steps between the root and this row, those that changed nothing included."""
        group = row // (len(self.parents) // len(self.groups))
        return len(self.entries[row].recipe.steps) + len(self.steps[group])

    def recipe(self, row: int, sequence: int, made_by: str) -> Recipe:
        """The parent's recipe with this row's own steps; steps that change nothing are left out."""
        group, place = divmod(row, len(self.parents) // len(self.groups))
        parent = self.entries[row].recipe
        steps, spent = list(parent.steps), dict(parent.spent)
        for mutator, params in self.steps[group]:
            one = Params(params.key[place : place + 1], params.values[place : place + 1])
            values = tuple(float(value) for value in one.values[0])
            if values == tuple(float(np.float32(v)) for v in mutator.identity):
                continue
            key = int(one.key[0])
            steps.append(
                Step(mutator=repr(mutator), version=mutator.version, key=key, values=values)
            )
            cost = float(mutator.cost(one)[0])
            spent[mutator.budget] = spent.get(mutator.budget, 0.0) + cost
        return Recipe(
            sequence=sequence,
            base=parent.base,
            root=parent.root,
            made_by=made_by,
            steps=tuple(steps),
            spent=spent,
            wild=bool(self.wild[row]),
            backend=parent.backend,
            device=parent.device,
        )


@dataclass
class Proposer:
    """Draws guided and control batches from the entries.

    Parameters
    ----------
    root_entries : (R,) int64
        The entry of each seed, to which a lineage that has spent its budget goes back.
    """

    evaluator: Evaluator
    policy: Policy
    population: Population
    root_entries: np.ndarray
    rng: np.random.Generator
    tally: Tally = field(init=False)
    """What each mutator brought."""

    def __post_init__(self) -> None:
        self.tally = Tally(len(self.evaluator.mutators))
        self._depth = np.zeros(64, np.int64)

    def guided(self) -> Proposal:
        """Parents by the scheduler, one step more for each."""
        draws = [self._draw(self._parents(wild), wild, 1) for wild in self._leashes()]
        proposal = self._proposal(draws)
        depths = [proposal.depth(row) for row in range(len(proposal.parents))]
        self._depth += np.bincount(np.minimum(depths, 63), minlength=64)
        return proposal

    def control(self) -> Proposal:
        """Parents are the seeds; as many steps as the guided arm's median mutant has."""
        entries = self.population.entries
        seeds = [i for i in self.root_entries if entries[i].is_leashed]
        count = self.evaluator.group
        drawn = [self.rng.choice(seeds, count) for _ in range(GROUPS)]
        depth = self._median_depth()
        pairs = zip(drawn, self._leashes(), strict=True)
        return self._proposal([self._draw(parents, wild, depth) for parents, wild in pairs])

    def _leashes(self) -> list[bool]:
        """For each group whether it is wild."""
        wild = round(GROUPS * self.policy.wild_share)
        return [group < wild for group in range(GROUPS)]

    def _median_depth(self) -> int:
        total = np.cumsum(self._depth)
        return max(1, int(np.searchsorted(total, total[-1] / 2))) if total[-1] else 1

    def _parents(self, wild: bool) -> np.ndarray:
        choices = self.population.choices(wild)
        stats = self.population.tally.stats(choices)
        picked = self.policy.scheduler.pick(stats, self.evaluator.group, self.rng)
        parents: np.ndarray = choices[picked]
        return parents

    def _draw(self, parents: np.ndarray, wild: bool, rounds: int) -> _Draw:
        """Mutators and their parameters for one group, on the host; all chance is here."""
        mutators = self.evaluator.mutators
        allowed = np.flatnonzero([wild or each.budget != WILD for each in mutators])
        picked = self.policy.mutators.pick(self.tally.stats(allowed), rounds, self.rng)
        chosen = allowed[picked]
        parents = parents if wild else self._rested(parents, mutators[chosen[0]])
        spent: dict[str, np.ndarray] = {}
        steps = []
        for mutator in (mutators[number] for number in chosen):
            purse = mutator.budget
            if not wild and purse not in spent:
                spent[purse] = self.population.spent(parents, purse)
            params = mutator.sample(len(parents), spent.get(purse), self.rng)
            steps.append((mutator, params))
            if not wild:
                spent[purse] = spent[purse] + mutator.cost(params)
        return _Draw(parents, wild, steps, int(chosen[0]))

    def _mutate(self, draw: _Draw) -> Any:
        rows: Any = self.population.rows(draw.parents)
        for mutator, params in draw.steps:
            rows = self.evaluator.mutate(rows, mutator, params)
        return rows

    def _rested(self, parents: np.ndarray, mutator: Mutator) -> np.ndarray:
        """A parent with nothing left of the mutator's purse yields to its root."""
        tired = self.population.spent(parents, mutator.budget) >= 1 - 1e-9
        roots = np.array([self.population.entries[i].root for i in parents])
        return np.where(tired, self.root_entries[roots], parents)

    def _proposal(self, draws: list[_Draw]) -> Proposal:
        parents = np.concatenate([draw.parents for draw in draws])
        entries = [self.population.entries[i] for i in parents]
        wild = np.repeat([draw.wild for draw in draws], self.evaluator.group)
        return Proposal(
            groups=[self._mutate(draw) for draw in draws],
            parents=parents,
            roots=np.array([entry.root for entry in entries]),
            wild=wild | ~np.array([entry.is_leashed for entry in entries]),
            steps=[draw.steps for draw in draws],
            mutators=np.repeat([draw.mutator for draw in draws], self.evaluator.group),
            entries=entries,
        )


@dataclass(frozen=True)
class _Draw:
    parents: np.ndarray
    wild: bool
    steps: list[tuple[Mutator, Params]]
    mutator: int


def as_they_are(
    rows: Sequence[Arrays],
    roots: np.ndarray,
    batch_size: int,
    origin: Origin,
    files: Sequence[bytes] = (),
    wild: np.ndarray | None = None,
) -> Proposal:
    """Up to a batch of unmutated rows, filled up with the last one.

    Parameters
    ----------
    roots : (n,) int64
        Numbers of their seeds; -1 for none.
    wild : (n,) bool, optional
        Default: all of them.
    """
    wild = np.ones(len(rows), bool) if wild is None else wild
    fill = batch_size - len(rows)
    batch = stack([*rows, *[rows[-1]] * fill])
    size = batch_size // GROUPS
    return Proposal(
        groups=[
            {name: value[g * size : (g + 1) * size] for name, value in batch.items()}
            for g in range(GROUPS)
        ],
        parents=np.full(batch_size, -1),
        roots=np.concatenate([roots, np.full(fill, roots[-1])]).astype(np.int64),
        wild=np.concatenate([wild, np.ones(fill, bool)]),
        steps=[[] for _ in range(GROUPS)],
        mutators=np.full(batch_size, -1),
        origin=origin,
        files=files,
    )
