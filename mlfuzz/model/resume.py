"""How a run starts: the seeds become roots and entries, and earlier runs' entries come back.

Coverage is never stored: it is rebuilt by running these entries in the order of their recipes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from mlfuzz import backend
from mlfuzz.core import Arrays
from mlfuzz.errors import HarnessError
from mlfuzz.evaluate import Evaluator
from mlfuzz.harness import Harness
from mlfuzz.model.population import Entry, Population
from mlfuzz.model.roots import Decode, Roots, Seed, measure, read_seeds
from mlfuzz.recipe import Recipe
from mlfuzz.store import Corpus, digest

Note = Callable[[str], None]


def entry_name(harness: Harness) -> str:
    """The entry point whose seeds are the model's."""
    return harness.decode_entry.name if harness.decode_entry else "model"


def load_roots(evaluator: Evaluator, corpus: Corpus, decode: Decode, note: Note) -> Roots:
    """Read and measure the seeds, and tell what is odd about them.

    Raises
    ------
    HarnessError
        Where there are no seeds, none is accepted, or all fail their own oracle.
    """
    harness = evaluator.harness
    folder = corpus.folder / "seeds" / entry_name(harness)
    paths = corpus.seeds(entry_name(harness))
    if not paths:
        raise HarnessError(
            f"{folder}: no seeds. Expected files that decode accepts; copy a few there."
        )
    seeds, refused = read_seeds(harness, paths, decode, evaluator.round)
    roots = measure(evaluator, seeds, _first_difference(evaluator, seeds, decode))
    evaluator.tolerance = roots.tolerance
    _tell(roots, refused, len(paths), note)
    if not roots.usable.any():
        raise HarnessError(
            f"{folder}: all {len(seeds)} seeds are answered wrong, or with values that are not "
            "finite. Expected a model that is right on most seeds; look at label= and features=."
        )
    return roots


def seed_population(
    corpus: Corpus, evaluator: Evaluator, roots: Roots
) -> tuple[Population, np.ndarray]:
    """(the seeds as entries, (R,) int64 the entry of each seed)."""
    population = Population()
    numbers = [_add_seed(corpus, evaluator, roots, population, i) for i in range(len(roots.seeds))]
    return population, np.array(numbers)


def resume(
    corpus: Corpus, evaluator: Evaluator, roots: Roots, population: Population, note: Note
) -> Iterator[np.ndarray]:
    """Take the entries of earlier runs in, in the order of their recipes.

    Yields the numbers of up to a batch of them at a time: beyond the population's capacity a
    later one takes the place of an earlier one, which must have been covered by then.
    """
    entries, damaged = corpus.load()
    for line in damaged:
        note(line)
    by_name = {
        population.entries[number].name: population.entries[number].root
        for number in range(len(population))
    }
    taken: list[int] = []
    for name, data, recipe in entries:
        if name in population.by_name:
            continue
        arrays = _decoded(evaluator, data)
        if isinstance(arrays, str):
            note(f"{corpus.folder}: entry {name[:12]} skipped ({arrays})")
            continue
        root = by_name.get(recipe.root, -1)
        leashed = root >= 0 and not recipe.wild and bool(roots.usable[root])
        if len(taken) == evaluator.batch_size or population.place() in taken:
            yield np.array(taken)
            taken = []
        taken.append(population.add(Entry(name, root, recipe, leashed), arrays))
    if taken:
        yield np.array(taken)


def _add_seed(
    corpus: Corpus, evaluator: Evaluator, roots: Roots, population: Population, number: int
) -> int:
    arrays = roots.seeds[number].arrays
    data = evaluator.domain.encode(arrays)
    name = digest(data)
    recipe = Recipe(
        sequence=number,
        base=name,
        root=name,
        made_by="seed",
        backend=backend.name(),
        device=backend.device(),
    )
    corpus.add(data, evaluator.domain.suffix, recipe)
    return population.add(Entry(name, number, recipe, bool(roots.usable[number])), arrays)


def _decoded(evaluator: Evaluator, data: bytes) -> Arrays | str:
    try:
        return evaluator.domain.decode(data)
    except ValueError as error:
        return str(error)


def _first_difference(evaluator: Evaluator, seeds: list[Seed], decode: Decode) -> str:
    """Empty where every seed survives a round through the file format, else what does not."""
    for seed in seeds:
        back = decode(evaluator.domain.encode(seed.arrays))
        if isinstance(back, str):
            return f"{seed.name}: decode refuses what the domain writes ({back})"
        for name, value in seed.arrays.items():
            differs = np.flatnonzero(np.ravel(np.asarray(back[name]) != value))
            if differs.size:
                at = int(differs[0])
                was, now = np.ravel(value)[at], np.ravel(np.asarray(back[name]))[at]
                return f"{seed.name}: {name}[{at}] is {was} before and {now} after"
    return ""


def _tell(roots: Roots, refused: list[str], count: int, note: Note) -> None:
    for line in refused:
        note(line)
    if refused:
        note(f"{len(refused)} of {count} seeds skipped")
    if (roots.labels < 0).all():
        note(
            "no seed has a label: only changed answers are looked for, not wrong ones; give "
            "label=, or a labels.csv beside the seeds"
        )
    if roots.wrong:
        note(
            f"{len(roots.wrong)} of {len(roots.seeds)} seeds are answered wrong and are no roots "
            f"for label oracles: {', '.join(roots.wrong[:6])}"
        )
    if roots.array_only:
        note(
            f"seeds change on the way through a file; findings are array-only ({roots.array_only})"
        )
    if roots.stability < 1:
        note(f"stability {roots.stability:.0%}: the same seed gave another answer or coverage")
