"""Lopsided company: what fills a batch, and that an honest model is not moved by it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from mlfuzz.domains.audio import Audio
from mlfuzz.model.company import _dependence, companions, dependence_of, suspicious
from mlfuzz.rows import ordinary

DEVICE = Path(__file__).parents[1] / "device"


def test_companions_are_inside_the_domain() -> None:
    domain = Audio(max_samples=300)
    rows = companions(domain, ordinary(domain))
    assert list(rows) == ["zeros", "highest", "ordinary", "lowest", "root"]
    for row in rows.values():
        assert domain.contract().breach(row["audio"]) is None
        assert row["audio_length"] == 300
    assert not rows["zeros"]["audio"].any()
    assert (rows["highest"]["audio"] == 32767 / 32768).all()
    assert (rows["lowest"]["audio"] == -1).all()


@pytest.mark.parametrize(
    ("alone", "together", "distance", "rule"),
    [
        # Shares: 0.2 of a scale that is at least 1.
        ([0.7, 0.3], [0.5, 0.5], 0.2, "other values"),
        ([0.7, 0.3], [0.3, 0.7], 0.4, "another answer"),
        # 5 of a largest output of 100.
        ([100.0, 0.0], [95.0, 0.0], 0.05, "other values"),
        ([1.0, 0.0], [np.nan, 0.0], np.inf, "other values"),
    ],
)
def test_the_distance_is_a_share_of_the_scale(
    alone: list[float], together: list[float], distance: float, rule: str
) -> None:
    found = _dependence(np.float32(alone), np.float32(together), "zeros")
    assert found.distance == pytest.approx(distance)
    assert found.violated and found.signature == ("batch", rule)
    assert found.verdict().kind == "batch-dependent"


def test_not_finite_both_times_is_no_difference() -> None:
    bad = np.float32([np.nan, np.inf])
    assert not _dependence(bad, bad.copy(), "zeros").violated


def test_an_honest_model_is_moved_by_no_company(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DEVICE)
    monkeypatch.delitem(sys.modules, "small", raising=False)
    import small

    evaluator = small.evaluator(16)
    rows = [ordinary(evaluator.domain)] * 2
    for turn in range(10):
        assert suspicious(evaluator, rows, turn) == [None, None]
    found = dependence_of(evaluator, rows[0], rows[1])
    assert not found.violated and found.distance < 1e-5
