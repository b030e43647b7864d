"""Criteria in the step: every one of them, on what the seeds gave, and with the children's rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from implementations import COVERAGE
from short_run import engine
from small import harness
from test_resume import corpora

from mlfuzz import backend
from mlfuzz.coverage.surprise import DistanceSurprise
from mlfuzz.errors import HarnessError
from mlfuzz.evaluate import Seen
from mlfuzz.model.control import Arm
from mlfuzz.model.proposals import Proposal, as_they_are

__all__ = ["corpora"]


def test_the_profile_holds_what_every_seed_gave(corpora: Path) -> None:
    roots = engine(corpora).roots
    own = roots.profile
    assert own.activations is not None and own.embeddings is not None
    # Four seeds; 6 hidden neurons and 3 answers; the 6 go into the last layer.
    assert own.activations.shape == (4, 9)
    assert own.embeddings.shape == (4, 6)
    assert (own.activations.min(axis=0) == own.low).all()
    assert (own.activations.max(axis=0) == own.high).all()
    assert (own.activations[:, :6] == own.embeddings).all()
    assert own.answers is not None
    assert (own.answers == roots.scores.argmax(axis=1)).all()


def test_every_criterion_runs_in_the_step_and_brings_no_more_bytes(corpora: Path) -> None:
    # 9B + 4KB bytes, B = 16 and K = 3 oracles: 16 * (9 + 12).  The small model answers all its
    # seeds alike, which is nothing for DSA.
    criteria = [each for each in COVERAGE if not isinstance(each, DistanceSurprise)]
    made = engine(corpora, harness(coverage=criteria))
    before = backend.fetched_bytes["batch"]
    made.execute(made.proposer.guided(), made.guided)
    assert backend.fetched_bytes["batch"] - before == 16 * 21
    shares = made.evaluator.summaries(made.guided.states)
    assert {repr(each) for each in criteria} <= set(shares)
    assert all(0 <= value <= 1 for value in shares.values())


def test_a_criterion_that_the_seeds_cannot_carry_stops_the_run_in_one_line(corpora: Path) -> None:
    with pytest.raises(HarnessError, match="DistanceSurprise compares answers"):
        engine(corpora, harness(coverage=[DistanceSurprise()]))


def test_coverage_is_that_of_the_children(corpora: Path) -> None:
    # Published code marked what the parents reached (FACTS section 4, 14).
    made = engine(corpora)

    def covered(proposal: Proposal) -> tuple[dict[str, float], Seen]:
        arm = Arm(made.evaluator.start_states(made.roots.profile))
        seen = made.execute(proposal, arm)
        return made.evaluator.summaries(arm.states), seen

    proposal = made.proposer.guided()
    shares, seen = covered(proposal)
    children = made.evaluator.take(seen.batch, np.arange(16))
    parents = [made.roots.seeds[number].arrays for number in proposal.parents]
    for rows, same in ((children, True), (parents, False)):
        again, _ = covered(as_they_are(rows, proposal.roots, 16, "mutation"))
        assert (again == shares) is same
