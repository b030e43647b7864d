"""The laws of every domain: its grid, its files, its variants and its contract."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from implementations import AUDIO, AUDIO_DOMAINS, DOMAINS
from scipy.io import wavfile

from mlfuzz.backend import Compiled, fetch
from mlfuzz.core import ArraySpec, Batch, Domain
from mlfuzz.domains.audio import Audio
from mlfuzz.domains.wav import pcm16, read_pcm16
from mlfuzz.rows import ordinary, shipped, stack

every = pytest.mark.parametrize("domain", DOMAINS, ids=repr)
every_audio = pytest.mark.parametrize("domain", AUDIO_DOMAINS, ids=repr)


def decoded(domain: Domain) -> list[np.ndarray]:
    """What a decoder may give, on the grid and with both ends: of 1, 2, 7 and all elements."""
    (spec,) = domain.specs()
    steps = round((spec.high - spec.low) / (spec.quantum or 1))
    rng, lengths = np.random.default_rng(1), (1, 2, 7, spec.shape[0])
    inputs = []
    for count in lengths if spec.padded else lengths[-1:]:
        places = rng.integers(0, steps + 1, (count, *spec.shape[1:]))
        places.flat[:2] = (0, steps)[: places.size]
        inputs.append((spec.low + places * (spec.quantum or 1)).astype(spec.dtype))
    return inputs


def off_the_grid(spec: ArraySpec, count: int) -> dict[str, np.ndarray]:
    """A batch of any values, half as much again as the range to both sides."""
    rng = np.random.default_rng(2)
    beyond = 0.25 * (spec.high - spec.low)
    values = rng.uniform(spec.low - beyond, spec.high + beyond, (count, *spec.shape))
    batch = {spec.name: values.astype(spec.dtype)}
    if spec.padded:
        batch[f"{spec.name}_length"] = rng.integers(1, spec.shape[0] + 1, count).astype(np.int32)
    return batch


def samples(count: int) -> np.ndarray:
    values = np.random.default_rng(1).integers(-32768, 32768, count)
    values[:2] = (-32768, 32767)[:count]
    return (values / 32768).astype(np.float32)


def rounded(domain: Domain, batch: dict[str, Any]) -> dict[str, np.ndarray]:
    host: dict[str, np.ndarray] = fetch(
        Compiled(lambda arrays: dict(domain.round(Batch(arrays))))(batch), "test"
    )
    return host


@every
def test_what_is_on_the_grid_survives_the_file(domain: Domain) -> None:
    for value in decoded(domain):
        arrays = domain.arrays(value)
        back = domain.decode(domain.encode(arrays))
        assert all(np.array_equal(back[name], arrays[name]) for name in arrays)
        assert domain.encode(back) == domain.encode(arrays)


@every
def test_what_the_domain_decodes_keeps_its_length(domain: Domain) -> None:
    for value in decoded(domain):
        once = domain.decode(domain.encode(domain.arrays(value)))
        again = domain.arrays(once)
        assert all(np.array_equal(again[name], once[name]) for name in once)


@every
def test_arrays_are_what_the_specs_say(domain: Domain) -> None:
    (spec,) = domain.specs()
    names = {spec.name, f"{spec.name}_length"} if spec.padded else {spec.name}
    for value in decoded(domain):
        arrays = domain.arrays(value)
        assert set(arrays) == names
        assert (arrays[spec.name].shape, arrays[spec.name].dtype) == (spec.shape, spec.dtype)
        assert np.array_equal(shipped(domain, arrays), value)
        assert domain.contract().breach(value) is None


@every
def test_an_ordinary_input_is_one_of_the_domain(domain: Domain) -> None:
    row = ordinary(domain)
    assert domain.contract().breach(shipped(domain, row)) is None
    after = rounded(domain, stack([row]))
    assert all(np.array_equal(after[name][0], row[name]) for name in row)


@every_audio
def test_a_file_is_44_bytes_of_header_and_two_a_sample(domain: Audio) -> None:
    data = domain.encode(domain.arrays(samples(7)))
    assert len(data) == 44 + 2 * 7
    rate_hz, values = wavfile.read(io.BytesIO(data))
    assert rate_hz == domain.rate_hz
    assert np.array_equal(values / 32768, samples(7))


@every
def test_rounding_is_done_once(domain: Domain) -> None:
    (spec,) = domain.specs()
    once = rounded(domain, off_the_grid(spec, 8))
    assert all(np.array_equal(value, once[name]) for name, value in rounded(domain, once).items())
    for row in range(8):
        arrays = {name: value[row] for name, value in once.items()}
        back = domain.decode(domain.encode(arrays))
        assert np.array_equal(back[spec.name], arrays[spec.name])


def test_rounding_as_worked_out_by_hand() -> None:
    # Steps of 2**-15: 0.4 of a step falls to 0, 0.6 rises to 1; 1.0 saturates at 32767 steps,
    # -2.0 at -32768; what lies beyond the length becomes 0; NaN stays.
    step = 2.0**-15
    audio = np.zeros((1, 1000), np.float32)
    audio[0, :7] = (0.4 * step, 0.6 * step, 1.0, -2.0, np.nan, np.inf, 0.5)
    after = rounded(AUDIO, {"audio": audio, "audio_length": np.array([6], np.int32)})["audio"][0]
    np.testing.assert_array_equal(after[:7], [0, step, 1 - step, -1, np.nan, 1 - step, 0])


@pytest.mark.parametrize(
    ("decoded", "reason"),
    [
        (None, "NoneType"),
        ([0.0, 0.5], "list"),
        (np.zeros(5, np.int16), "int16"),
        (np.zeros((2, 5), np.float32), r"shape \(2, 5\)"),
        (np.zeros(0, np.float32), r"shape \(0,\)"),
        (np.zeros(1001, np.float32), r"n from 1 to 1000"),
        ({"sound": np.zeros(5, np.float32)}, "NoneType"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(decoded: object, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^audio: .*{reason}.*$") as caught:
        AUDIO.arrays(decoded)
    assert "\n" not in str(caught.value)


def test_adopted_values_are_neither_rounded_nor_clipped() -> None:
    wild = np.array([1e20, -3.0, np.nan, 1e-9], np.float32)
    for given in (wild, {"audio": wild}, wild.astype(np.float64)):
        arrays = AUDIO.arrays(given)
        assert arrays["audio_length"] == 4 and arrays["audio"].dtype == np.float32
        np.testing.assert_array_equal(arrays["audio"][:4], wild)
        assert not arrays["audio"][4:].any()
    assert AUDIO.arrays(np.array([1e300]))["audio"][0] == np.inf


@every_audio
def test_variants_are_short_diverse_and_clean(domain: Audio) -> None:
    seed = domain.encode(domain.arrays(samples(domain.max_samples)))
    variants = dict(domain.variants([b"no recording", seed]))
    recordings = {name: data for name, data in variants.items() if name.endswith(".wav")}
    assert len(recordings) >= 12 and len(variants) >= len(recordings) + 4
    assert all(len(data) <= 4096 for data in variants.values())
    kinds = set()
    for data in recordings.values():
        rate_hz, values = wavfile.read(io.BytesIO(data))
        kinds.add((rate_hz, str(values.dtype), values.ndim))
        if values.dtype.kind == "f":
            assert np.isfinite(values).all() and (np.abs(values) <= 1).all()
    assert {kind[1] for kind in kinds} == {"uint8", "int16", "int32", "float32", "float64"}
    assert len({kind[0] for kind in kinds}) >= 3 and {kind[2] for kind in kinds} == {1, 2}


@every
def test_variants_do_without_seeds(domain: Domain) -> None:
    assert len(dict(domain.variants([]))) == len(dict(domain.variants([b"", b"\0" * 50])))


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (np.zeros(1000, np.float32), None),
        (np.array([-1.0, 1.0], np.float32), None),
        ({"audio": np.zeros(1, np.float32)}, None),
        (None, "type"),
        ([0.0], "type"),
        ({"sound": np.zeros(1, np.float32)}, "type"),
        (np.zeros((1, 10), np.float32), "shape"),
        (np.zeros(10, np.float64), "dtype"),
        (np.zeros(0, np.float32), "length"),
        (np.zeros(1001, np.float32), "length"),
        (np.array([0.0, np.nan], np.float32), "finite"),
        (np.array([0.0, -np.inf], np.float32), "finite"),
        (np.array([0.0, 1e20], np.float32), "range"),
        (np.array([0.0, -1.001], np.float32), "range"),
    ],
)
def test_the_contract_names_the_broken_rule(value: object, rule: str | None) -> None:
    breach = AUDIO.contract().breach(value)
    assert (breach and breach[0]) == rule
    if breach and not isinstance(value, list | None):
        assert breach[1].startswith("audio: ") and "Expected" in breach[1]


def test_files_of_another_kind_are_refused() -> None:
    stereo = dict(AUDIO.variants([]))["stereo.wav"]
    for data, reason in (
        (b"ID3\x03", "first bytes b'ID3"),
        (b"RIFF\4\0\0\0WAVE", "whole 'fmt ' and 'data'"),
        (stereo, "2 channels"),
        (pcm16(samples(9), 44100), "44100 Hz"),
    ):
        with pytest.raises(ValueError, match=reason):
            AUDIO.decode(data)


def test_other_chunks_are_passed_over() -> None:
    variants = dict(AUDIO.variants([pcm16(samples(200), 8000)]))
    for name in ("list_before.wav", "list_after.wav"):
        assert np.array_equal(read_pcm16(variants[name])[1], samples(200))
