"""Findings of a model shrink in batches and keep their verdict and bounds; none is lost."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from short_run import engine, write_seeds
from small import harness

from mlfuzz.store import Finding, Findings, load_finding
from mlfuzz.store.files import to_json
from mlfuzz.triage.shrink_model import shrink_model

SUBJECT = harness()
assert SUBJECT.domain
DECODE = SUBJECT.domain.decode


@pytest.fixture
def saved(tmp_path: Path) -> list[tuple[Finding, Path]]:
    """The findings of a short run, with their folders."""
    made = engine(write_seeds(tmp_path), SUBJECT, seed=3, batch_size=64)
    made.run(lambda: made.batches >= 40, lambda: None)
    made.finish()
    store = Findings(tmp_path, "small")
    pairs = [(each, store.folder / each.id) for each in store.load_all()[0] if each.recipe]
    assert pairs
    return pairs


def test_what_shrinks_keeps_its_verdict_and_its_bounds(saved: list[tuple[Finding, Path]]) -> None:
    results = list(shrink_model(SUBJECT, DECODE, saved))
    assert "shrunk" in {result.state for result in results}
    for (before, folder), result in zip(saved, results, strict=True):
        assert not result.is_failure, result.state
        after = load_finding(folder)
        assert (after.id, after.signature, after.bounds, after.wild) == (
            before.id,
            before.signature,
            before.bounds,
            before.wild,
        )
        assert before.recipe and after.recipe and after.nearness <= before.nearness
        assert len(after.recipe.steps) <= len(before.recipe.steps)
        assert (after != before) == (result.state == "shrunk")
    again = list(shrink_model(SUBJECT, DECODE, [(load_finding(f), f) for _, f in saved]))
    assert not any(result.is_failure for result in again)


def test_a_recipe_that_does_not_fit_is_a_failure_and_stays(
    saved: list[tuple[Finding, Path]],
) -> None:
    finding, folder = saved[0]
    assert finding.recipe
    step = msgspec.structs.replace(finding.recipe.steps[0], values=(1.0, 2.0, 3.0, 4.0, 5.0))
    recipe = msgspec.structs.replace(finding.recipe, steps=(step,))
    damaged = msgspec.structs.replace(finding, recipe=recipe)
    (folder / "finding.json").write_bytes(to_json(damaged))
    [result] = shrink_model(SUBJECT, DECODE, [(damaged, folder)])
    assert "does not give the saved input" in result.state or "does not fit" in result.state
    assert load_finding(folder).recipe == recipe
