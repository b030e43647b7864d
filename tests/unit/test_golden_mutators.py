"""Mutators against values worked out by hand, and against what their bounds promise."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from implementations import AUDIO, mutated, recordings

from mlfuzz.core import Mutator, Params
from mlfuzz.mutators import randomness
from mlfuzz.mutators.audio import (
    BandPass,
    Clicks,
    Clip,
    ColouredNoise,
    Constant,
    Dropout,
    Gain,
    MuLaw,
    Speed,
    Spike,
    TimeShift,
    WhiteNoise,
)

COUNT = AUDIO.max_samples


def one(
    mutator: Mutator, samples: Any, values: tuple[float, ...], key: int = 0
) -> tuple[np.ndarray, int]:
    """One recording after one mutation: its samples and its length."""
    arrays = AUDIO.arrays(np.asarray(samples, np.float32))
    batch = {name: np.asarray(value)[None] for name, value in arrays.items()}
    params = Params(np.array([key], np.int32), np.array([values], np.float32))
    after = mutated(mutator, batch, params)
    return after["audio"][0], int(after["audio_length"][0])


def tone(step: float, amplitude: float = 0.25) -> np.ndarray:
    return (amplitude * np.sin(np.arange(COUNT) * step)).astype(np.float32)


def power(samples: np.ndarray) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def test_gain_multiplies_and_saturates() -> None:
    # Twice: 0.25 to 0.5, -0.75 to -1.5, which saturates at -1; 0.75 at 1 - 2**-15.
    after, length = one(Gain(), [0.25, -0.75, 0.75], (2.0,))
    assert after[:4].tolist() == [0.5, -1.0, 1 - 2**-15, 0.0] and length == 3


def test_six_decibels_are_a_factor_of_two_and_the_whole_purse() -> None:
    # 20 log10(1.99526) = 6 dB: all of the purse; 1.41254 is 3 dB: half; 0.5 is -6.02 dB.
    values = np.array([[1.99526], [1.41254], [1.0], [0.501187]], np.float32)
    cost = Gain().cost(Params(np.zeros(4, np.int32), values))
    np.testing.assert_allclose(cost, [1.0, 0.5, 0.0, 1.0], atol=1e-5)


def test_a_shift_moves_whole_blocks_of_eight() -> None:
    # 100 samples, share 0.1: 10 samples, 1.25 blocks, rounded to one: 8 samples later.
    sound = np.arange(1, 101) / 128
    later, length = one(TimeShift(), sound, (0.1,))
    assert length == 100 and not later[:8].any()
    np.testing.assert_array_equal(later[8:100], sound[:92])
    assert not later[100:].any()
    earlier, _ = one(TimeShift(), sound, (-0.1,))
    np.testing.assert_array_equal(earlier[:92], sound[8:])
    assert not earlier[92:].any()


def test_a_shift_by_the_whole_length_leaves_silence() -> None:
    for share in (1.0, -1.0):
        after, length = one(TimeShift(), np.full(COUNT, 0.5), (share,))
        assert not after.any() and length == COUNT


def test_speed_reads_between_the_samples() -> None:
    # A ramp 0, 1/64, 2/64, ... read at 0, 1.5, 3.0, ...; 60 samples become 60 / 1.5 = 40.
    after, length = one(Speed(), np.arange(60) / 64, (1.5,))
    assert length == 40
    np.testing.assert_array_equal(after[:40], np.arange(40) * 1.5 / 64)
    assert not after[40:].any()


def test_half_speed_doubles_the_length_up_to_the_longest() -> None:
    after, length = one(Speed(), np.arange(60) / 64, (0.5,))
    assert length == 120
    np.testing.assert_array_equal(after[:119], np.arange(119) / 128)
    assert one(Speed(), np.full(COUNT, 0.25), (0.5,))[1] == COUNT


def test_a_band_pass_keeps_tones_inside_and_removes_those_outside() -> None:
    # Half the rate is pi radians a sample.  Band 0.2 to 0.6 of it: 0.4 pi stays, 0.05 pi and
    # 0.9 pi go (both lie more than the slope of 0.05 outside).
    for place, stays in ((0.4, True), (0.05, False), (0.9, False)):
        sound = tone(place * np.pi)
        after, _ = one(BandPass(), sound, (0.2, 0.6))
        ratio = power(after) / power(sound)
        assert ratio == pytest.approx(1, abs=0.01) if stays else ratio < 0.01


def test_clipping_cuts_at_the_level_worked_out_by_hand() -> None:
    # One sample of 0.5 among 256, the rest 0.25.  Mean of x**8: (0.5**8 + 255 * 0.25**8) / 256
    # = 0.25**8 * (256 + 255) / 256 = 1.996 * 0.25**8; its eighth root is 0.27256.
    # Factor 1.5: cut at 0.40884, on the grid 13397 / 32768.
    sound = np.full(256, 0.25)
    sound[10] = -0.5
    after, _ = one(Clip(), sound, (1.5,))
    assert after[10] == pytest.approx(-0.40884, abs=5e-5)
    assert (np.delete(after[:256], 10) == 0.25).all()


def rows_like(kind: str) -> np.ndarray:
    rng = np.random.default_rng(1)
    made = {
        "noise": rng.normal(0, 0.1, (32, COUNT)),
        "heavy": rng.standard_t(2, (32, COUNT)) * 0.02,
        "square": np.sign(np.sin(np.arange(COUNT) * rng.uniform(0.1, 1, (32, 1)))) * 0.5,
        "click": np.eye(32, COUNT, 7) * 0.9,
    }[kind]
    return (np.rint(np.clip(made, -1, 0.99) * 32768) / 32768).astype(np.float32)


@pytest.mark.parametrize("kind", ["noise", "heavy", "square", "click"])
def test_clipping_never_cuts_more_than_its_share(kind: str) -> None:
    batch = {"audio": rows_like(kind), "audio_length": np.full(32, COUNT, np.int32)}
    params = Clip(0.01).sample(32, np.zeros(32), np.random.default_rng(2))
    after = mutated(Clip(0.01), batch, params)["audio"]
    assert ((after != batch["audio"]).mean(axis=1) <= 0.01).all()
    assert (np.abs(after) <= np.abs(batch["audio"])).all()


@pytest.mark.parametrize("mutator", [WhiteNoise(), ColouredNoise()], ids=repr)
def test_noise_keeps_the_signal_to_noise_ratio(mutator: Mutator) -> None:
    batch = {"audio": np.tile(tone(0.3), (64, 1)), "audio_length": np.full(64, COUNT, np.int32)}
    batch["audio"] = (np.rint(batch["audio"] * 32768) / 32768).astype(np.float32)
    params = mutator.sample(64, np.zeros(64), np.random.default_rng(3))
    added = mutated(mutator, batch, params)["audio"] - batch["audio"]
    asked = params.values[:, 0].astype(np.float64) ** 2 * power(batch["audio"][0])
    made = np.square(added, dtype=np.float64).mean(axis=1)
    # 1,000 samples of a noise that changes slowly: a row's power varies by a third.
    assert np.median(made / asked) == pytest.approx(1, abs=0.1)
    assert (10 * np.log10(made / power(batch["audio"][0])) < -13.5).all()


def test_fifteen_decibels_empty_the_purse_and_powers_add_up() -> None:
    # Amplitude 10**(-15/20) = 0.177828 costs 1; half the power, 0.125744, costs one half.
    values = np.array([[0.177828], [0.125744], [0.0]], np.float32)
    for mutator, more in ((WhiteNoise(), ()), (ColouredNoise(), (2.0,))):
        wide = np.concatenate([values, np.tile(np.float32(more), (3, 1))], axis=1)
        cost = mutator.cost(Params(np.zeros(3, np.int32), wide))
        np.testing.assert_allclose(cost, [1.0, 0.5, 0.0], atol=1e-5)


def noises(keys: np.ndarray, colour: int, count: int = 8000) -> np.ndarray:
    from mlfuzz.backend import Compiled, fetch

    colours = np.full(len(keys), colour, np.int32)
    make = Compiled(lambda key, colour: randomness.noise(key, count, colour))
    made: np.ndarray = fetch(make(keys.astype(np.int32), colours), "test")
    return made


def test_noise_is_standard_and_keys_tell_it_apart() -> None:
    made = noises(np.random.default_rng(4).integers(-(2**31), 2**31, 24), 0)
    assert made.mean() == pytest.approx(0, abs=0.01) and made.std() == pytest.approx(1, abs=0.01)
    # One pair in 512 shares one of its two stretches: a correlation of one half.  For the others
    # the deviation of a correlation over 8,000 samples is 1 / sqrt(8000) = 0.011.
    alike = np.abs(np.corrcoef(made) - np.eye(24))
    assert alike.max() < 0.55 and np.quantile(alike, 0.95) < 0.04


@pytest.mark.parametrize(("colour", "fall"), [(0, 0.0), (1, 0.5), (2, 1.0), (3, 1.5), (4, 2.0)])
def test_the_power_of_a_colour_falls_as_promised(colour: int, fall: float) -> None:
    # Over four octaves, from 1/64 to 1/4 of half the rate.
    made = noises(np.arange(64) * 70001, colour)
    assert np.square(made).mean() == pytest.approx(1, abs=0.15)
    spectrum = (np.abs(np.fft.rfft(made)) ** 2).mean(axis=0)
    edges = (4000 / np.array([64, 32, 16, 8, 4])).astype(int)
    bands = [spectrum[low:high].mean() for low, high in pairwise(edges)]
    slope = np.polyfit(np.arange(len(bands)), np.log2(bands), 1)[0]
    assert -slope == pytest.approx(fall, abs=0.35)


def test_noise_adds_nothing_to_silence() -> None:
    for mutator in (WhiteNoise(), ColouredNoise()):
        silence = {name: value * 0 for name, value in recordings(4).items()}
        silence["audio_length"] += 5
        params = mutator.sample(4, None, np.random.default_rng(5))
        assert not mutated(mutator, silence, params)["audio"].any()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Gain(1.0, 6.0),
        lambda: TimeShift(1.5),
        lambda: Speed(0.0, 1.0),
        lambda: BandPass(3000.0, 300.0),
        lambda: BandPass(300.0, 5000.0),
        lambda: Clip(-0.1),
    ],
)
def test_strengths_without_a_meaning_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        wrong()


def test_a_dropout_silences_one_stretch() -> None:
    # Of 10 samples from 0.2 * 10 = 2 on, 0.35 * 10 = 3.5 of them: 2, 3 and 4.
    after, _ = one(Dropout(), [0.5] * 10, (0.2, 0.35))
    assert after[:11].tolist() == [0.5, 0.5, 0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0]


@pytest.mark.parametrize("key", [0, 1, 77, -5, 2**31 - 1])
def test_clicks_are_no_more_than_their_share_and_as_high_as_they_are(key: int) -> None:
    # A hundredth of 1,000 samples is 10 clicks of a half, five of them downward.
    after, _ = one(Clicks(), np.full(COUNT, 0.25), (0.0101,), key)
    places = np.flatnonzero(after != 0.25)
    assert sorted(after[places].tolist()) == [-0.25] * 5 + [0.75] * 5
    # Of a recording of half the length at most half as many, and none beyond its end.
    after, _ = one(Clicks(), np.full(COUNT // 2, 0.25), (0.0101,), key)
    places = np.flatnonzero(after[: COUNT // 2] != 0.25)
    assert len(places) <= 5 and not after[COUNT // 2 :].any()


def test_clicks_of_two_keys_lie_elsewhere() -> None:
    places = {
        tuple(np.flatnonzero(one(Clicks(), np.zeros(COUNT), (0.0031,), key)[0]))
        for key in range(0, 5 << 8, 1 << 8)
    }
    assert len(places) == 5


def test_the_eight_bits_of_a_telephone_are_those_of_the_recommendation() -> None:
    # In 16 bits: the largest value that G.711 decodes to is 32124, the smallest above zero 8, from
    # its decision value 1, which is 4 here;
    # 1000 = 250 in 14 bits, with the bias 283 = 2**8 + 27: segment 3, level (283 >> 4) & 15 = 1,
    # decoded (2 * 1 + 33) << 3 = 280, without the bias 247, in 16 bits 988.
    steps = np.array([32767, -32768, 3, 4, 8, 1000, -1000])
    after, _ = one(MuLaw(), steps / 32768, (1.0,))
    assert (after[:7] * 32768).tolist() == [32124, -32124, 0, 8, 8, 988, -988]
    twice, _ = one(MuLaw(), after[:7], (1.0,))
    np.testing.assert_array_equal(twice, after)


def test_a_constant_takes_the_place_of_every_sample() -> None:
    after, length = one(Constant(), [0.5, -0.25, 0.125], (0.0, -1.0))
    assert after[:4].tolist() == [-1.0, -1.0, -1.0, 0.0] and length == 3
    assert not one(Constant(), [0.5, -0.25], (0.0, 0.0))[0].any()


def test_a_spike_is_one_sample_at_an_end_of_the_range() -> None:
    # Of 5 samples the one at 0.5 * (5 - 1) = 2; 0.25 + 2 saturates at 1 - 2**-15.
    after, _ = one(Spike(), [0.25] * 5, (0.5, 2.0))
    assert after[:6].tolist() == [0.25, 0.25, 1 - 2**-15, 0.25, 0.25, 0.0]
    assert one(Spike(), [0.25] * 5, (1.0, -2.0))[0][4] == -1.0


@pytest.mark.parametrize("mutator", [Constant(), Spike()], ids=repr)
def test_wild_changes_are_never_drawn_within_bounds(mutator: Mutator) -> None:
    rng = np.random.default_rng(6)
    assert not mutator.cost(mutator.sample(64, np.zeros(64), rng)).any()
    assert mutator.cost(mutator.sample(64, None, rng)).all()
