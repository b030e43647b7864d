"""Warps, occlusion and weather against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from one_picture import costs, many, one

from mlfuzz.core import Mutator
from mlfuzz.mutators.image import (
    Fog,
    Glare,
    Occlusion,
    Perspective,
    Rain,
    Rotation,
    Scale,
    Shadow,
    Shear,
    Snow,
    Translation,
)

# -- warps -------------------------------------------------------------------------------------

SQUARE = np.arange(25.0).reshape(5, 5) * 10


def test_a_translation_moves_down_and_right() -> None:
    # A fifth of 5 pixels is one; the border comes in from outside.
    made = one(Translation(), SQUARE, (0.2, 0.0))
    assert np.array_equal(made[1:], SQUARE[:-1]) and np.array_equal(made[0], SQUARE[0])
    made = one(Translation(), SQUARE, (0.0, -0.2))
    assert np.array_equal(made[:, :-1], SQUARE[:, 1:])
    # Half a pixel to the right reads half way between: 5 before each, and the border.
    made = one(Translation(), SQUARE, (0.0, 0.1))
    assert made[0].tolist() == [0, 5, 15, 25, 35]


def test_a_quarter_turn_is_a_quarter_turn() -> None:
    assert np.array_equal(one(Rotation(), SQUARE, (0, 1)), np.rot90(SQUARE))
    assert np.array_equal(one(Rotation(), SQUARE, (-1, 0)), SQUARE[::-1, ::-1])


def test_twice_the_scale_shows_the_middle() -> None:
    # Read at half the distance from the middle: columns 1, 1.5, 2, 2.5, 3 of the middle row.
    made = one(Scale(), SQUARE, (0.5,))
    assert made[2].tolist() == [110, 115, 120, 125, 130]
    # Half the scale: columns -2, 0, 2, 4, 6, of which the outer ones are the border.
    assert one(Scale(), SQUARE, (2.0,))[2].tolist() == [100, 100, 120, 140, 140]


def test_a_shear_slants_along_one_side() -> None:
    # One pixel across for each down from the middle: row 1 is read a pixel further left.
    made = one(Shear(), SQUARE, (1.0, 0.0))
    assert np.array_equal(made[2], SQUARE[2]) and np.array_equal(made[:, 2], np.diag(SQUARE))
    made = one(Shear(), SQUARE, (0.0, 1.0))
    assert np.array_equal(made[:, 2], SQUARE[:, 2]) and np.array_equal(made[2], np.diag(SQUARE))


def test_a_tilt_brings_one_side_nearer() -> None:
    # At the right side e = 0.25: 1 - 0.25 + 0.0625 - 0.015625 = 0.796875, of two pixels 1.59375:
    # column 3.59375 of row 2, read in 64ths: 100 + 35.9375.  At the left side e = -0.25:
    # 1 + 0.25 + 0.0625 + 0.015625 = 1.328 of two pixels: outside, the border.
    made = one(Perspective(0.3), SQUARE, (0.0, 0.25))
    assert made[2, 4] == 136 and made[2, 0] == 100 and made[2, 2] == 120


@pytest.mark.parametrize(
    "mutator", [Rotation(), Scale(), Shear(), Perspective(), Translation()], ids=repr
)
def test_a_warp_makes_no_value_that_was_not_between_others(mutator: Mutator) -> None:
    pixels = 40 + 3 * np.indices((20, 12)).sum(axis=0)
    made = many(mutator, pixels, 64)
    assert made.min() >= pixels.min() and made.max() <= pixels.max()
    # A slope stays one: neighbours differ by a few steps, whatever the warp.
    assert np.abs(np.diff(made, axis=1)).max() <= 6 and np.abs(np.diff(made, axis=2)).max() <= 6


def test_drawn_warps_keep_their_bounds() -> None:
    rng, full = np.random.default_rng(1), np.zeros(999)
    cosine, sine = Rotation().sample(999, full, rng).values.T
    assert np.degrees(np.abs(np.arctan2(sine, cosine))).max() <= 15.05
    np.testing.assert_allclose(cosine**2 + sine**2, 1, atol=5e-4)
    scale = 1 / Scale().sample(999, full, rng).values
    assert 0.849 < scale.min() < 0.86 and 1.14 < scale.max() < 1.151
    slant = Shear().sample(999, full, rng).values
    assert 0.19 < np.abs(slant).max() <= 0.2 and (np.abs(slant).min(axis=1) == 0).all()
    assert np.abs(Translation().sample(999, full, rng).values).max() <= np.float32(0.1)


# -- occlusion and weather ---------------------------------------------------------------------


def test_a_rectangle_covers_what_it_says() -> None:
    # Of 10 x 10: 0.4 and 0.25 are 4 rows and 2 columns; place 0.5 of the 6 and 8 left: 3 and 4.
    made = one(Occlusion(), np.zeros((10, 10)), (0.4, 0.25, 0.5, 0.5, 99))
    expected = np.zeros((10, 10))
    expected[3:7, 4:6] = 99
    assert np.array_equal(made, expected)
    assert costs(Occlusion(), (0.2, 0.25, 0, 0, 0)) == pytest.approx([1.0])


def test_a_rectangle_never_covers_more_than_its_share() -> None:
    made = many(Occlusion(), np.full((28, 28), 77), 512)
    covered = (made != 77).mean(axis=(1, 2, 3))
    assert 0.03 < covered.max() <= 0.05


WEATHER: tuple[Mutator, ...] = (Rain(), Fog(), Snow(), Glare(), Shadow())


@pytest.mark.parametrize("mutator", WEATHER, ids=repr)
def test_weather_has_five_severities_and_one_purse(mutator: Mutator) -> None:
    rest = (0.0,) * (len(mutator.identity) - 1)
    np.testing.assert_allclose(costs(mutator, (5, *rest), (1, *rest)), [1.0, 0.2])
    for spent, most in ((0.0, 5), (0.35, 3), (0.8, 1), (0.81, 0)):
        values = mutator.sample(500, np.full(500, spent), np.random.default_rng(1)).values
        assert set(values[:, 0]) == set(range(1, most + 1)) or (most == 0 and not values.any())
    assert {each.budget for each in WEATHER} == {"weather"}


@pytest.mark.parametrize("mutator", WEATHER, ids=repr)
def test_a_higher_severity_changes_more(mutator: Mutator) -> None:
    pixels = np.full((28, 28), 90)
    params = mutator.sample(32, None, np.random.default_rng(2)).values[:, 1:]
    change = []
    for severity in (1, 3, 5):
        made = [one(mutator, pixels, (severity, *row), 7919 * i) for i, row in enumerate(params)]
        change.append(np.abs(np.array(made) - pixels).mean())
    assert change[0] < change[1] < change[2]


def test_fog_draws_towards_its_grey() -> None:
    # Severity 4 and t from 0 to 1: 52 to 104 of 256 parts of the way from 20 to 220: 60.6 to
    # 101.25.
    made = many(Fog(4), np.full((28, 28), 20), 64)
    strong = np.array([one(Fog(), np.full((28, 28), 20), (4,), key) for key in range(64)])
    assert 61 <= strong.min() < 75 and 85 < strong.max() <= 101 and made.min() >= 20
    assert np.abs(np.diff(strong, axis=1)).max() <= 8, "fog has no edges"


def test_rain_is_a_tenth_of_the_picture_in_streaks() -> None:
    # Severity 5: r < 25 of 257; there 5/16 of the way from 40 to 200: 90.
    made = np.array([one(Rain(), np.full((40, 40), 40), (5, 0.0), 7919 * k) for k in range(1, 40)])
    assert set(np.unique(made)) == {40, 90}
    assert (made == 90).mean() == pytest.approx(25 / 257, abs=0.04)
    # Upright streaks of 40 / 5 = 8: below a lit pixel there is most often another, beside it not.
    lit = made == 90
    below = (lit[:, 1:] & lit[:, :-1]).sum() / lit[:, :-1].sum()
    beside = (lit[:, :, 1:] & lit[:, :, :-1]).sum() / lit[:, :, :-1].sum()
    assert below > 0.8 and beside < 0.4


def test_a_flake_lies_on_its_neighbours_too() -> None:
    # 5 * 100 / 256 = 1.95: one flake: 3/4 of the way from 0 to 255 is 191.25; half of it beside:
    # 3/8: 95.6.
    for key in range(1, 2**20, 99991):
        made = one(Snow(), np.zeros((10, 10)), (5,), key)
        assert sorted(set(made.ravel()))[::-1][:2] in ([191, 96], [0])
        assert (made == 191).sum() <= 1 and (made == 96).sum() <= 4


def test_a_glare_fades_to_its_rim() -> None:
    # In the middle 4/8 of the way from 100 to 255: 177.5, to the even 178.  Radius 5 of 10 pixels:
    # 1 / 0.25 = 4.  Three pixels off: 9 * 4 / 100 = 0.36, in 256ths 92.16, so 92: 164 are left;
    # squared 105.06, so 105: 105 / 256 / 2 * 155 = 31.8: 132.  Five pixels off: nothing.
    made = one(Glare(), np.full((10, 10), 100), (4, 4 / 9, 4 / 9, 4.0))
    assert (made[4, 4], made[4, 7], made[7, 4], made[4, 9]) == (178, 132, 132, 100)


def test_a_shadow_lies_on_one_side() -> None:
    # Direction right, edge in the middle: columns -1.5, -0.5, 0.5, 1.5 from it.  Severity 4: 12/32
    # of 80 is 30; half a pixel in: 15.
    made = one(Shadow(), np.full((2, 4), 80), (4, 1.0, 0.0, 0.0))
    assert made.tolist() == [[80, 80, 65, 50]] * 2
