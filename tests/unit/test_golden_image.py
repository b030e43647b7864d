"""Mutators of pictures against values worked out by hand, and against what their bounds promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from implementations import COLOUR, GREY, mutated, pictures
from one_picture import costs, many, one

from mlfuzz import Image
from mlfuzz.backend import Compiled, fetch
from mlfuzz.core import Mutator
from mlfuzz.mutators import image as mutators
from mlfuzz.mutators.image import (
    BlockArtefacts,
    Brightness,
    Clipped,
    Constant,
    Contrast,
    CopiedChannel,
    Gamma,
    GaussianBlur,
    GaussianNoise,
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
    Shear,
    ShotNoise,
    Translation,
)
from mlfuzz.mutators.image_blocks import cosines, quantisation
from mlfuzz.mutators.scatter import scattered

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


# -- wild --------------------------------------------------------------------------------------

SQUARE = np.arange(25.0).reshape(5, 5) * 10


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
