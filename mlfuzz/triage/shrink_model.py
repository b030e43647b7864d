"""``mlfuzz shrink`` for findings of a model: their recipes become simpler, in batches.

What comes out counts only once it was confirmed from its own file, as in a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from mlfuzz.core import Arrays, Mutator, Params
from mlfuzz.errors import HarnessError
from mlfuzz.evaluate import Evaluator
from mlfuzz.harness import Harness
from mlfuzz.model.confirm import (
    ARRAYS,
    Confirmed,
    Subject,
    confirm_again,
    is_fault_of,
    read_arrays,
    replay,
    still_show,
    subject_of,
    write_arrays,
)
from mlfuzz.model.remake import remake
from mlfuzz.model.roots import Decode
from mlfuzz.model.simplify import Steps, simplify
from mlfuzz.recipe import Recipe
from mlfuzz.store import Finding, Findings, read_file
from mlfuzz.triage.choice import Saved, store_of
from mlfuzz.triage.shrunk import Shrunk

STATES = {"nearer": "shrunk", "rival": "kept: the simpler input does not fail each time"}


def shrink_model(harness: Harness, decode: Decode, pairs: Sequence[Saved]) -> Iterator[Shrunk]:
    """Make the recipe of each finding simpler; the model is built once.

    Parameters
    ----------
    decode : callable
        The harness's decode, in an isolated process.

    Raises
    ------
    HarnessError
        If there is no model.
    """
    if not pairs:
        return
    if harness.model is None or harness.domain is None:
        raise HarnessError(f"{harness.path}: no model. Expected one, to shrink its findings.")
    evaluator = Evaluator(harness)
    for finding, folder in pairs:
        shrinking = _Shrinking(evaluator, decode, store_of(finding, folder))
        try:
            evaluator.tolerance = float(finding.verdict.get("tolerance", 0))
            yield shrinking.shrink(finding, folder)
        except (ValueError, OverflowError, KeyError, HarnessError) as error:
            # Shapes or numbers of a stranger's finding that do not fit this harness.
            yield Shrunk(finding, f"does not fit the harness: {error}", is_failure=True)


@dataclass(frozen=True)
class _Shrinking:
    evaluator: Evaluator
    decode: Decode
    store: Findings

    def shrink(self, finding: Finding, folder: Path) -> Shrunk:
        """Replay, search, confirm, save by the store's own rules."""
        recipe = finding.recipe
        if recipe is None or not recipe.steps:
            return Shrunk(finding, "kept: it is no mutant, so there are no steps to leave out")
        before = _words(recipe.steps, recipe.spent)
        came = replay(self.evaluator, self.decode, finding, folder.joinpath)
        if not came.reproduced:
            return Shrunk(finding, f"not reproduced: {came.text}", before, before, 1, True)
        base = self._seed(finding, folder)
        if came.recipe != "exact" or base is None:
            why = f"kept: its recipe does not give the saved input here ({came.recipe})"
            return Shrunk(finding, why, before, before, 1)
        return self._shrink(finding, recipe, base, before)

    def _seed(self, finding: Finding, folder: Path) -> Arrays | None:
        seed = read_arrays(folder / finding.seed, self.decode) if finding.seed else None
        return None if isinstance(seed, str) else seed

    def _shrink(self, finding: Finding, recipe: Recipe, base: Arrays, before: str) -> Shrunk:
        subject = subject_of(self.evaluator, finding, base)
        executions = 0

        def still_fails(candidates: Sequence[Steps]) -> list[bool]:
            nonlocal executions
            executions += len(candidates)
            return [
                fails
                for rows in self._made(base, candidates)
                for fails in still_show(self.evaluator, finding, rows, subject)
            ]

        simpler = simplify(recipe.steps, self._mutators(), still_fails)
        if simpler.steps == recipe.steps:
            return Shrunk(finding, "kept: nothing simpler fails", before, before, executions)
        spent = self._spent(simpler.steps)
        after = _words(simpler.steps, spent)
        steps = msgspec.structs.replace(recipe, steps=simpler.steps, spent=spent)
        state = self._settle(finding, steps, base, subject, simpler.passing)
        is_kept = state != "shrunk"
        return Shrunk(finding, state, before, before if is_kept else after, executions)

    def _made(self, base: Arrays, candidates: Sequence[Steps]) -> Iterator[list[Arrays]]:
        size = self.evaluator.group
        for first in range(0, len(candidates), size):
            rows = remake(self.evaluator, base, candidates[first : first + size])
            assert rows is not None, "the replay was exact, so the mutators are known"
            yield rows

    def _settle(
        self,
        finding: Finding,
        recipe: Recipe,
        base: Arrays,
        subject: Subject,
        passing: Steps | None,
    ) -> str:
        """Confirm the simpler one from a file of its own, and save it."""
        data, suffix = self._file(finding, self._one(base, recipe.steps))
        found = self._confirmed(data, suffix, subject)
        if found.verdict is None or not is_fault_of(finding, found.verdict):
            return "kept: from its file the simpler input was another thing"
        simpler = msgspec.structs.replace(
            finding,
            recipe=recipe,
            stability=found.stability,
            verdict={**finding.verdict, **found.verdict.values},
        )
        seed = self.store.path(finding, finding.seed or "")
        state = self.store.save(
            simpler,
            data,
            suffix=suffix,
            seed=read_file(seed),
            seed_suffix=seed.suffix,
            twin=self._file(finding, self._one(base, passing))[0] if passing else None,
            nearness=(1.0 + len(recipe.steps), float(sum(recipe.spent.values()))),
        )
        return STATES.get(state, "kept: there is one as simple")

    def _confirmed(self, data: bytes, suffix: str, subject: Subject) -> Confirmed:
        with self.store.draft(data, suffix) as path:
            arrays = read_arrays(path, self.decode)
        if isinstance(arrays, str):
            return Confirmed(None)
        return confirm_again(self.evaluator, arrays, subject)

    def _one(self, base: Arrays, steps: Steps) -> Arrays:
        return next(self._made(base, [steps]))[0]

    def _file(self, finding: Finding, arrays: Arrays) -> tuple[bytes, str]:
        if finding.array_only:
            return write_arrays(arrays), ARRAYS
        domain = self.evaluator.domain
        return domain.encode(arrays), domain.suffix

    def _mutators(self) -> dict[str, Mutator]:
        return {repr(each): each for each in self.evaluator.mutators}

    def _spent(self, steps: Steps) -> dict[str, float]:
        known, spent = self._mutators(), dict[str, float]()
        for step in steps:
            mutator = known[step.mutator]
            values = np.asarray([step.values], np.float32)
            cost = mutator.cost(Params(np.array([step.key], np.int32), values))
            spent[mutator.budget] = spent.get(mutator.budget, 0.0) + float(cost[0])
        return spent


def _words(steps: Steps, spent: dict[str, float]) -> str:
    count = f"{len(steps)} step" + "s" * (len(steps) != 1)
    return f"{count}, {sum(spent.values()):.2f} spent"
