"""Mutators of pictures against values worked out by hand, and against what their bounds promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from implementations import COLOUR, GREY, mutated, pictures

from mlfuzz import Image
from mlfuzz.backend import Compiled, fetch
from mlfuzz.core import Mutator, Params
from mlfuzz.mutators import image as mutators
from mlfuzz.mutators.image import (
    BlockArtefacts,
    Brightness,
    Clipped,
    Constant,
    Contrast,
    CopiedChannel,
    Fog,
    Gamma,
    GaussianBlur,
    GaussianNoise,
    Glare,
    Inverted,
    MeanBlur,
    MedianBlur,
    MotionBlur,
    Occlusion,
    Perspective,
    Pixel,
    Rain,
    Rotation,
    SaltAndPepper,
    Saturation,
    Scale,
    Shadow,
    Shear,
    ShotNoise,
    Snow,
    Translation,
)
from mlfuzz.mutators.image_blocks import cosines, quantisation
from mlfuzz.mutators.scatter import scattered


def one(mutator: Mutator, pixels: Any, values: tuple[float, ...], key: int = 0) -> np.ndarray:
    """One picture, (H, W) or (H, W, 3), after one mutation, in the same shape."""
    pixels = np.asarray(pixels, np.float32)
    domain = Image(*pixels.shape)
    batch = {"image": domain.arrays(pixels)["image"][None]}
    params = Params(np.array([key], np.int32), np.array([values], np.float32))
    made = mutated(mutator, batch, params, domain=domain)["image"][0]
    return made.reshape(pixels.shape)


def many(mutator: Mutator, pixels: Any, count: int, *, wild: bool = False) -> np.ndarray:
    """(count, H, W, C): one picture after so many draws of a mutator."""
    pixels = np.asarray(pixels, np.float32)
    domain = Image(*pixels.shape)
    batch = {"image": np.tile(domain.arrays(pixels)["image"], (count, 1, 1, 1))}
    params = mutator.sample(count, None if wild else np.zeros(count), np.random.default_rng(1))
    return mutated(mutator, batch, params, domain=domain)["image"]


def costs(mutator: Mutator, *values: tuple[float, ...]) -> list[float]:
    params = Params(np.zeros(len(values), np.int32), np.array(values, np.float32))
    return [float(cost) for cost in mutator.cost(params)]


# -- levels ------------------------------------------------------------------------------------


def test_brightness_adds_and_saturates() -> None:
    assert one(Brightness(), [[0, 100, 250]], (20,)).tolist() == [[20, 120, 255]]
    assert one(Brightness(), [[0, 100, 250]], (-20,)).tolist() == [[0, 80, 230]]
    assert costs(Brightness(), (20,), (-10,), (0,)) == [1.0, 0.5, 0.0]


def test_a_darker_picture_is_as_far_away_as_a_lighter_one() -> None:
    # FACTS section 4, 1: in uint8 10 - 20 is 246.  Ours saturates at 0, 10 away.
    dark = one(Brightness(), np.full((2, 2), 10, np.uint8), (-20,))
    assert (dark == 0).all() and float(np.abs(dark - 10).max()) == 10


def test_bounds_are_of_the_range_of_the_pixels() -> None:
    # FACTS section 4, 16: on pictures of 0..1 a bound of 20 is never broken.  Here a wild draw
    # breaks it, a bounded one reaches 19 or 20 and never 21.
    middle = np.full((2, 2), 128)
    assert np.abs(many(Brightness(), middle, 64, wild=True) - 128).max() > 100
    assert np.abs(many(Brightness(), middle, 256) - 128).max() in (19, 20)


def test_contrast_turns_about_mid_grey() -> None:
    # (100 - 127.5) * 1.5 + 127.5 = 86.25; (200 - 127.5) * 1.5 + 127.5 = 236.25; 0 goes below.
    assert one(Contrast(), [[0, 100, 200]], (1.5,)).tolist() == [[0, 86, 236]]
    # Half: 63.75, 113.75, 163.75.
    assert one(Contrast(), [[0, 100, 200]], (0.5,)).tolist() == [[64, 114, 164]]


@pytest.mark.parametrize("mutator", [Contrast(), Saturation()], ids=repr)
def test_factors_multiply_so_their_logarithms_add_up(mutator: Mutator) -> None:
    # ln 0.7 = -0.35667, ln 1.3 = 0.26236; ln 1.15 = 0.13976: 0.5327 of the purse.
    np.testing.assert_allclose(costs(mutator, (0.7,), (1.3,), (1.15,)), [1, 1, 0.5327], atol=1e-4)


def test_gamma_bends_the_middle_and_keeps_the_ends() -> None:
    # 32 steps are one octave: g = 2.  255 * (64 / 255)**2 = 16.06; 255 * (128 / 255)**2 = 64.25.
    row = [[0, 64, 128, 255]]
    assert one(Gamma(), row, (32,)).tolist() == [[0, 16, 64, 255]]
    # g = 1/2: 255 * sqrt(64 / 255) = 127.75; 255 * sqrt(128 / 255) = 180.67.
    assert one(Gamma(), row, (-32,)).tolist() == [[0, 128, 181, 255]]
    # log2 1.4 = 0.4854 octaves = 15.53 steps; log2 0.7 = -0.5146 = 16.47 steps.
    np.testing.assert_allclose(costs(Gamma(), (15,), (-16,)), [0.9657, 0.9717], atol=1e-4)
    rows = mutators.Gamma().sample(999, np.zeros(999), np.random.default_rng(1)).values
    assert (rows.min(), rows.max()) == (-16, 15)


def test_saturation_moves_colours_from_their_grey() -> None:
    # Luma of (200, 100, 0): (200 * 77 + 100 * 150) / 256 = 118.75, so 119.  Half: (159.5, 109.5,
    # 59.5), halves to even; one and a half: (240.5, 90.5, -59.5).
    pixel = [[[200, 100, 0]]]
    assert one(Saturation(), pixel, (0.5,)).tolist() == [[[160, 110, 60]]]
    assert one(Saturation(), pixel, (1.5,)).tolist() == [[[240, 90, 0]]]
    assert one(Saturation(), [[7, 90]], (0.5,)).tolist() == [[7, 90]]


# -- noise -------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [128, 32])
def test_noise_has_the_deviation_that_is_asked_for(level: int) -> None:
    # Shot noise: 10 * sqrt(128 / 255) = 7.08, 10 * sqrt(32 / 255) = 3.54; and a rounded
    # deviation adds 1/12 to the variance: sqrt(100.08), sqrt(50.28), sqrt(12.63).
    expected = {128: (10.004, 7.091), 32: (10.004, 3.554)}[level]
    for mutator, deviation in zip((GaussianNoise(), ShotNoise()), expected, strict=True):
        added = [one(mutator, np.full((64, 64), level), (10,), key) - level for key in (1, 77777)]
        assert np.std(added) == pytest.approx(deviation, rel=0.05)
        assert abs(np.mean(added)) < 0.5


def test_there_is_no_shot_noise_in_the_dark() -> None:
    assert not one(ShotNoise(), np.zeros((8, 8)), (100,), 5).any()


def test_deviations_add_up_over_both_kinds_and_stay_within_a_fifth_of_the_range() -> None:
    # 0.2 of 255 is 51; the bank ends at 4.88 deviations: 48.8 for the whole purse at once.
    assert costs(GaussianNoise(), (10,), (2.5,)) == [1.0, 0.25] == costs(ShotNoise(), (10,), (2.5,))
    assert GaussianNoise.budget == ShotNoise.budget
    made = one(GaussianNoise(), np.full((500, 500), 128), (10,), 3)
    assert 35 < np.abs(made - 128).max() <= 49


def test_salt_falls_on_so_many_pixels_as_its_share_allows() -> None:
    # 0.004 * 784 = 3.136: 3 pixels; a share of 0.001 is 0.784: none.
    grey = np.full((28, 28), 100)
    for key in range(0, 2**31 - 1, 2**26 + 12345):
        made = one(SaltAndPepper(), grey, (0.004,), key)
        assert 1 <= (made != 100).sum() <= 3 and set(made[made != 100]) <= {0, 255}
        assert not (one(SaltAndPepper(), grey, (0.001,), key) != 100).any()
    assert costs(SaltAndPepper(), (0.004,), (0.001,)) == pytest.approx([1, 0.25])


def test_both_ends_are_strewn_and_every_channel_goes_along() -> None:
    made = many(SaltAndPepper(), np.full((40, 40, 3), 100), 64)
    changed = made[(made != 100).any(axis=3)]
    assert len(changed) > 64 and set(changed[:, 0]) == {0, 255}
    assert (changed == changed[:, :1]).all()


def chosen(keys: np.ndarray, share: float, height: int, width: int) -> np.ndarray:
    choose = Compiled(lambda key, share: scattered(key, share, height, width)[0][..., 0])
    shares = np.full(len(keys), share, np.float32)
    made: np.ndarray = fetch(choose(keys.astype(np.int32), shares), "test")
    return made


KEYS = np.random.default_rng(2).integers(-(2**31), 2**31, 2000)


@pytest.mark.parametrize("sides", [(1, 1), (1, 2), (8, 8), (28, 28), (12, 20), (640, 480)])
def test_so_many_pixels_are_scattered_as_the_share_says(sides: tuple[int, int]) -> None:
    count = sides[0] * sides[1]
    for share in (0.0, 0.004, 0.25, 1.0):
        number = chosen(KEYS[:16], share, *sides).sum(axis=(1, 2))
        assert (number == np.floor(np.float32(share) * np.float32(count))).all()


def test_scattered_pixels_lie_anywhere_and_in_no_pattern() -> None:
    # 7 of 784 in 2,000 pictures: each pixel 17.9 times, of deviation 4.2.  Of 784 * 783 / 2 pairs
    # of pixels 27 * 28 touch in one direction: of 21 pairs 0.0517.
    made = chosen(KEYS, 7 / 784, 28, 28)
    times = made.sum(axis=0)
    assert times.min() > 1 and times.max() < 40 and times.std() == pytest.approx(4.2, abs=0.5)
    for touching in (made[:, 1:] * made[:, :-1], made[:, :, 1:] * made[:, :, :-1]):
        assert touching.sum(axis=(1, 2)).mean() == pytest.approx(0.0517, abs=0.02)
    assert len({picture.tobytes() for picture in made}) > 1990


# -- blur and blocks ---------------------------------------------------------------------------

DOT = np.zeros((5, 5))
DOT[2, 2] = 255


def test_a_mean_of_three_spreads_a_dot_over_nine() -> None:
    # Weights 85, 86, 85 of 256: 255 * 85 * 85 / 65536 = 28.11, 28.44, 28.78.
    made = one(MeanBlur(), DOT, (86 / 256, 85 / 256, 0))
    assert made.tolist() == [
        [0, 0, 0, 0, 0],
        [0, 28, 28, 28, 0],
        [0, 28, 29, 28, 0],
        [0, 28, 28, 28, 0],
        [0, 0, 0, 0, 0],
    ]


def test_the_border_is_repeated_beyond_the_border() -> None:
    # The first pixel has itself to its left: 0.5 * 80 + 0.25 * (80 + 40) = 70.
    made = one(GaussianBlur(), [[80, 40, 40]], (0.5, 0.25, 0))
    assert made.tolist() == [[70, 50, 40]]


def test_weights_of_blurs_add_up_to_one_and_fit_their_taps() -> None:
    # Of 5 pixels a fifth each: 51 of 256, and 52 in the middle.
    five = MeanBlur().sample(99, None, np.random.default_rng(1)).values * 256
    assert sorted({tuple(row) for row in five}) == [(52, 51, 51), (86, 85, 0)]
    for mutator in (GaussianBlur(), MeanBlur(), MotionBlur(), GaussianBlur(3), MotionBlur(3)):
        values = mutator.sample(99, np.zeros(99), np.random.default_rng(1)).values[:, :3] * 256
        assert (values[:, 0] + 2 * values[:, 1] + 2 * values[:, 2] == 256).all()
        assert (values == np.rint(values)).all() and (values >= 0).all()
        assert values[:, 2].any() == (mutator.taps == 5)


def test_a_gaussian_kernel_is_that_of_its_deviation() -> None:
    from mlfuzz.mutators.image_blur import _gaussian

    # Deviation 1: 1, e**-0.5 = 0.6065, e**-2 = 0.1353; together 2.4837: 0.4026, 0.2442, 0.0545;
    # in 256ths 62.5 and 13.9 for the neighbours, so 63 and 14 (rounded), and 102 are left.
    assert (_gaussian(np.array([1.0]), 5) * 256).tolist() == [[102, 63, 14]]
    assert (_gaussian(np.array([0.3]), 3) * 256).tolist() == [[254, 1, 0]]


@pytest.mark.parametrize(
    ("direction", "line"),
    [
        (0, [(2, 1), (2, 2), (2, 3)]),
        (1, [(1, 2), (2, 2), (3, 2)]),
        (2, [(1, 1), (2, 2), (3, 3)]),
        (3, [(1, 3), (2, 2), (3, 1)]),
    ],
)
def test_a_motion_draws_a_dot_out_to_a_line(direction: int, line: list[tuple[int, int]]) -> None:
    # 255 / 4 = 63.75 beside, 255 / 2 = 127.5 in the middle.
    made = one(MotionBlur(), DOT, (0.5, 0.25, 0, direction))
    assert [made[place] for place in line] == [64, 128, 64] and (made > 0).sum() == 3


def test_a_median_removes_a_dot_and_keeps_an_edge() -> None:
    assert not one(MedianBlur(), DOT, (1,)).any()
    edge = np.repeat([[0, 0, 200, 200, 200]], 5, axis=0)
    assert np.array_equal(one(MedianBlur(), edge, (1,)), edge)


def test_the_median_is_the_fifth_of_nine() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (9, 11))
    around = np.pad(pixels, 1, mode="edge")
    squares = np.lib.stride_tricks.sliding_window_view(around, (3, 3))
    assert np.array_equal(one(MedianBlur(), pixels, (1,)), np.median(squares, axis=(2, 3)))


def test_a_flat_block_keeps_its_mean_in_whole_steps() -> None:
    # 100 - 128 = -28; times 8 (the constant's weight is 1/8, 64 times) is -224; at quality 50 the
    # step is 16: 14 steps, back to -28.  At quality 40 it is 16 * 125 / 100 = 20: 11.2 steps, so
    # 11: -220 / 8 = -27.5, 100.5, to the even 100.  At 10 it is 80: -2.8, so -3: -30, 98.
    flat = np.full((8, 8), 100)
    assert (one(BlockArtefacts(), flat, (50,)) == 100).all()
    assert (one(BlockArtefacts(), flat, (40,)) == 100).all()
    assert (one(BlockArtefacts(), flat, (10,)) == 98).all()
    assert quantisation()[[50, 40, 10], 0].tolist() == [16, 20, 80]


def test_the_transform_is_orthonormal_up_to_its_rounding() -> None:
    basis = cosines().astype(np.float64)
    np.testing.assert_allclose(basis @ basis.T, np.eye(64), atol=2e-3)


@pytest.mark.parametrize("quality", [10, 40, 75, 95])
def test_blocks_are_as_far_from_the_picture_as_those_of_a_jpeg_file(quality: int) -> None:
    import io

    from PIL import Image as Pillow

    pixels = pictures(Image(64, 64), 2, seed=4)["image"][..., 0][-1]
    pixels = pixels * 0.5 + pictures(Image(64, 64), 3)["image"][2, ..., 0] * 0.2
    pixels = np.rint(pixels)
    file = io.BytesIO()
    Pillow.fromarray(pixels.astype(np.uint8)).save(file, "JPEG", quality=quality)
    jpeg = np.asarray(Pillow.open(file), np.float32)
    made = one(BlockArtefacts(), pixels, (quality,))
    assert np.abs(made - jpeg).mean() < 0.5
    assert np.abs(made - pixels).mean() == pytest.approx(np.abs(jpeg - pixels).mean(), rel=0.05)


def test_blocks_are_the_pictures_own_even_where_they_do_not_fit() -> None:
    pixels = pictures(COLOUR, 6)["image"][5]
    made = one(BlockArtefacts(), pixels, (95,))
    assert made.shape == pixels.shape and np.abs(made - pixels).max() < 16


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


# -- wild --------------------------------------------------------------------------------------


def test_a_constant_takes_the_place_of_every_pixel() -> None:
    for level in (0, 1, 128, 254, 255):
        assert (one(Constant(), SQUARE, (0, level)) == level).all()
    drawn = Constant().sample(99, None, np.random.default_rng(1)).values
    assert set(drawn[:, 1]) == {0, 1, 128, 254, 255}


def test_a_pixel_goes_to_an_end_of_the_range() -> None:
    # Of 5 rows and columns 0.5 * 4 = 2 and 1.0 * 4 = 4.
    made = one(Pixel(), SQUARE, (0.5, 1.0, 510))
    assert made[2, 4] == 255 and (made != SQUARE).sum() == 1
    assert one(Pixel(), SQUARE, (1.0, 1.0, -510))[4, 4] == 0


def test_a_channel_is_copied_over_another() -> None:
    assert one(CopiedChannel(), [[[1, 2, 3]]], (0, 2)).tolist() == [[[1, 2, 1]]]
    assert one(CopiedChannel(), [[[1, 2, 3]]], (2, 1)).tolist() == [[[1, 3, 3]]]
    drawn = CopiedChannel().sample(99, None, np.random.default_rng(1)).values
    assert (drawn[:, 0] != drawn[:, 1]).all() and set(drawn.ravel()) == {0, 1, 2}


def test_inverted_and_clipped_as_worked_out_by_hand() -> None:
    row = [[0, 127, 128, 255]]
    assert one(Inverted(), row, (-1, 255)).tolist() == [[255, 128, 127, 0]]
    assert one(Clipped(), row, (128,)).tolist() == [[0, 0, 255, 255]]


@pytest.mark.parametrize("mutator", mutators.WILD, ids=repr)
def test_wild_changes_are_never_drawn_within_bounds(mutator: Mutator) -> None:
    rng = np.random.default_rng(6)
    assert not mutator.cost(mutator.sample(64, np.zeros(64), rng)).any()
    assert mutator.cost(mutator.sample(64, None, rng)).all()


# -- the choice --------------------------------------------------------------------------------


def test_blurs_are_as_wide_as_the_picture_allows() -> None:
    # 5 taps at 32 pixels: 3 at 19.2 and above, none below.
    assert {b for b in mutators.default(1, 32) if b.budget == "blur"} >= {GaussianBlur(5)}
    assert {b for b in mutators.default(1, 28) if b.budget == "blur"} >= {GaussianBlur(3)}
    assert not [b for b in mutators.default(1, 8) if b.budget == "blur"]


def test_only_pictures_in_colour_get_changes_of_colour() -> None:
    assert Saturation() in mutators.default(3) and Saturation() not in mutators.default(1)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Brightness(1.0, 20.0),
        lambda: Contrast(1.1, 1.2),
        lambda: Gamma(0.1, 1.0),
        lambda: Saturation(0.0, 1.0),
        lambda: GaussianNoise(-1.0),
        lambda: ShotNoise(300.0),
        lambda: SaltAndPepper(1.1),
        lambda: GaussianBlur(4),
        lambda: MeanBlur(7),
        lambda: MotionBlur(0),
        lambda: BlockArtefacts(0),
        lambda: Translation(2.0),
        lambda: Rotation(200.0),
        lambda: Scale(1.1, 1.2),
        lambda: Shear(-0.1),
        lambda: Perspective(0.5),
        lambda: Occlusion(0.6),
        lambda: Rain(6),
    ],
)
def test_strengths_without_a_meaning_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        wrong()


@pytest.mark.slow
def test_every_default_mutator_is_seen_here_on_ordinary_pictures() -> None:
    # Each changes most pictures, and none of them by more than half the range on average.
    for mutator in mutators.default(1):
        batch = pictures(GREY, 48, seed=9)
        params = mutator.sample(48, np.zeros(48), np.random.default_rng(1))
        change = np.abs(mutated(mutator, batch, params, domain=GREY)["image"] - batch["image"])
        assert (change.reshape(48, -1).max(axis=1) > 0).mean() > 0.5, mutator
        assert change.mean(axis=(1, 2, 3)).max() < 128, mutator
