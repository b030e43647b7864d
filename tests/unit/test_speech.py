"""What the keyword spotter promises: the system under test must itself be honest."""

import dataclasses
import io
import json
import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "harnesses"))

from speech.features import log_mel  # noqa: E402
from speech.metadata import BadMetadata, Metadata, read_metadata  # noqa: E402
from speech.model import load, network  # noqa: E402
from speech.recording import BadRecording, decode  # noqa: E402
from speech.settings import BadSettings, Settings, read_settings  # noqa: E402

SEEDS = ROOT / "corpora" / "speech_model" / "seeds"
RECORDINGS = sorted((SEEDS / "recording").iterdir())
FSDD = Path(os.environ.get("MLFUZZ_DATA", ROOT.parent / "shared" / "data")) / "fsdd"
SETTINGS = {
    "rate_hz": 8000,
    "mel_bands": 40,
    "accept_threshold": 0.8,
    "reject_threshold": 0.4,
    "labels": ["yes", "no"],
}


def wav(samples: np.ndarray, rate_hz: int = 8000) -> bytes:
    """Return the bytes of a WAV file with these samples, (n,) or (n, channels)."""
    file = io.BytesIO()
    wavfile.write(file, rate_hz, samples)
    return file.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    """Return a RIFF chunk, padded to an even size."""
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def riff(*chunks: bytes) -> bytes:
    """Return a RIFF/WAVE file made of these chunks."""
    return chunk(b"RIFF", b"WAVE" + b"".join(chunks))


def wav_24_bit(*samples: int) -> bytes:
    """Return the bytes of a mono WAV file of 24 bits, which scipy cannot write."""
    body = b"".join(sample.to_bytes(3, "little", signed=True) for sample in samples)
    header = struct.pack("<HHIIHH", 1, 1, 8000, 24000, 3, 24)
    return riff(chunk(b"fmt ", header), chunk(b"data", body))


def padded(sounds: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Return a batch: each sound padded with zeros to one second."""
    return {
        "audio": np.stack([np.pad(sound, (0, 8000 - len(sound))) for sound in sounds]),
        "audio_length": np.array([len(sound) for sound in sounds], np.int32),
    }


def pictures(sounds: list[np.ndarray]) -> np.ndarray:
    """Return the log-mel pictures of sounds, (B, 49, 40, 1)."""
    return np.asarray(log_mel(padded(sounds))["log_mel"])


class TestDecode:
    @pytest.mark.parametrize(
        ("dtype", "stored", "expected"),
        [
            ("uint8", [0, 128, 192], [-1.0, 0.0, 0.5]),
            ("int16", [-(2**15), 0, 2**14], [-1.0, 0.0, 0.5]),
            ("int32", [-(2**31), 0, 2**30], [-1.0, 0.0, 0.5]),
            ("int64", [-(2**63), 0, 2**62], [-1.0, 0.0, 0.5]),
            ("float32", [-1.0, 0.0, 3.5], [-1.0, 0.0, 3.5]),
            ("float64", [-1.0, 0.0, 3.5], [-1.0, 0.0, 3.5]),
        ],
    )
    def test_every_sample_format_has_the_same_scale(self, dtype, stored, expected):
        sound = decode(wav(np.array(stored, dtype)))
        assert sound.dtype == np.float32
        np.testing.assert_array_equal(sound, expected)

    def test_24_bits_have_the_same_scale(self):
        np.testing.assert_array_equal(decode(wav_24_bit(-(2**23), 0, 2**22)), [-1.0, 0.0, 0.5])

    def test_channels_are_averaged(self):
        stereo = np.array([[2**14, 0], [2**14, -(2**14)]], np.int16)  # 0.5 and 0; 0.5 and -0.5
        np.testing.assert_array_equal(decode(wav(stereo)), [0.25, 0.0])

    @pytest.mark.parametrize("rate_hz", [4000, 16000, 44100, 192000])
    def test_a_tone_keeps_its_pitch_at_every_rate(self, rate_hz):
        tone = np.sin(2 * np.pi * 500 * np.arange(rate_hz) / rate_hz).astype(np.float32)
        expected = np.sin(2 * np.pi * 500 * np.arange(8000) / 8000)
        np.testing.assert_allclose(decode(wav(tone, rate_hz)), expected, atol=1e-4)

    def test_half_a_second_stays_half_a_second(self):
        assert decode(wav(np.zeros(11025, np.int16), 22050)).shape == (4000,)

    @pytest.mark.parametrize("rate_hz", [8000, 16000])
    def test_only_the_first_second_is_kept(self, rate_hz):
        longer = np.concatenate([np.zeros(rate_hz), np.ones(rate_hz)]).astype(np.float32)
        np.testing.assert_array_equal(decode(wav(longer, rate_hz)), np.zeros(8000))

    def test_an_unknown_chunk_is_skipped_in_silence(self):
        plain = wav(np.array([2**14], np.int16))
        assert decode(plain + chunk(b"edit", b"made by an editor")).tolist() == [0.5]

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "not a WAV file"),
            (b"ID3\x03\x00\x00\x00\x00\x00\x00\x00\x00", "not a WAV file"),
            (b"RIFF\x04\x00\x00\x00AVI ", "not a WAV file"),
            (riff(chunk(b"fmt ", struct.pack("<HHIIHH", 6, 1, 8000, 8000, 1, 8))), "unreadable"),
            (wav(np.zeros(10, np.int16), 3999), "rate of 3999 Hz"),
            (wav(np.zeros(10, np.int16), 192001), "rate of 192001 Hz"),
            (wav(np.zeros(0, np.int16)), "0 samples"),
            (wav(np.zeros(1, np.int16), 192000), "1 samples"),  # 1/24 of a sample at 8 kHz
        ],
    )
    def test_what_is_no_recording_is_refused(self, data, reason):
        with pytest.raises(BadRecording, match=reason):
            decode(data)


def reference_log_mel(audio: np.ndarray) -> np.ndarray:
    """Work the features of one second, (8000,), out again in float64, band by band: (49, 40)."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(320) / 320)
    frames = np.stack([audio[160 * i : 160 * i + 320] * hann for i in range(49)]).astype(float)
    power = np.abs(np.fft.rfft(frames, 512)) ** 2
    top = 2595 * np.log10(1 + 4000 / 700)
    bottom = 2595 * np.log10(1 + 20 / 700)
    edges = [700 * (10 ** ((bottom + (top - bottom) * i / 41) / 2595) - 1) for i in range(42)]
    hz = np.arange(257) * 8000 / 512
    bands = [power @ np.interp(hz, edges[i : i + 3], [0, 1, 0]) for i in range(40)]
    return (np.log(np.stack(bands, axis=1) + 1e-6) + 9.60) / 5.37


class TestLogMel:
    def test_it_agrees_with_numpy(self):
        sounds = [decode(path.read_bytes()) for path in RECORDINGS[::10]]
        expected = [reference_log_mel(audio) for audio in padded(sounds)["audio"]]
        np.testing.assert_allclose(pictures(sounds)[..., 0], expected, atol=1e-4)

    def test_it_is_float32_of_a_fixed_shape(self):
        picture = pictures([np.zeros(1, np.float32)])
        assert (picture.shape, picture.dtype) == ((1, 49, 40, 1), np.float32)

    def test_rows_do_not_mix(self):
        sound, *others = [decode(path.read_bytes()) for path in RECORDINGS[:4]]
        company = [np.full(8000, 1e6, np.float32), np.zeros(1, np.float32), others[0]]
        np.testing.assert_array_equal(pictures([sound, *others])[0], pictures([sound, *company])[0])

    def test_a_row_alone_is_the_same_picture(self):
        sounds = [decode(path.read_bytes()) for path in RECORDINGS[:4]]
        together = pictures(sounds)
        for row, sound in enumerate(sounds):  # a matrix product may round otherwise at batch 1
            np.testing.assert_allclose(pictures([sound])[0], together[row], atol=1e-5)

    def test_the_constants_are_those_of_the_recordings(self):
        everything = pictures([decode(path.read_bytes()) for path in RECORDINGS])
        assert abs(everything.mean()) < 0.1
        assert abs(everything.std() - 1) < 0.1


class TestSettings:
    @pytest.mark.parametrize("path", sorted((SEEDS / "settings").iterdir()), ids=lambda p: p.name)
    def test_seeds_are_valid(self, path):
        assert isinstance(read_settings(path.read_bytes()), Settings)

    def test_values_are_read(self):
        settings = read_settings(json.dumps(SETTINGS).encode())
        assert settings == Settings(8000, 40, 0.8, 0.4, ("yes", "no"))

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"rate_hz": "8000"}, "rate_hz is '8000'"),
            ({"rate_hz": 8000.0}, "rate_hz is 8000.0"),
            ({"rate_hz": True}, "rate_hz is True"),
            ({"mel_bands": 0}, "mel_bands is 0"),
            ({"accept_threshold": 1.5}, "accept_threshold is 1.5"),
            ({"accept_threshold": float("nan")}, "accept_threshold is nan"),
            ({"reject_threshold": None}, "reject_threshold is None"),
            ({"reject_threshold": 0.9}, "is above accept_threshold"),
            ({"labels": []}, "list of names"),
            ({"labels": "yes"}, "list of names"),
            ({"labels": ["yes", 2]}, "not blank"),
            ({"labels": ["yes", " "]}, "not blank"),
            ({"labels": ["yes", "yes"]}, "all different"),
            ({"colour": "red"}, "Expected exactly"),
        ],
    )
    def test_a_bad_value_is_refused(self, change, reason):
        with pytest.raises(BadSettings, match=reason):
            read_settings(json.dumps(SETTINGS | change).encode())

    @pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe\xfd", b"[1]", b"null", b"{}"])
    def test_what_is_no_settings_file_is_refused(self, data):
        with pytest.raises(BadSettings):
            read_settings(data)

    def test_they_cannot_be_changed(self):
        settings = read_settings(json.dumps(SETTINGS).encode())
        with pytest.raises(dataclasses.FrozenInstanceError):
            settings.rate_hz = 1


def tagged(**entries: str) -> bytes:
    """Return a WAV file with these INFO entries."""
    info = [chunk(name.encode(), text.encode() + b"\0") for name, text in entries.items()]
    return riff(chunk(b"data", b"odd"), chunk(b"LIST", b"INFO" + b"".join(info)))


class TestMetadata:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("tagged_after.wav", Metadata("seven", "jackson", 32)),
            ("tagged_before.wav", Metadata("fünf", None, None)),
            ("sidecar.json", Metadata("three", "theo", 0)),
        ],
    )
    def test_seeds_say_who_said_what(self, name, expected):
        assert read_metadata((SEEDS / "metadata" / name).read_bytes()) == expected

    def test_odd_chunks_are_padded(self):
        data = tagged(INAM="four", IART="theo", ITRK="7")
        assert read_metadata(data) == Metadata("four", "theo", 7)

    def test_a_recording_without_tags_says_nothing(self):
        assert read_metadata(RECORDINGS[0].read_bytes()) == Metadata()

    def test_a_list_of_another_kind_is_skipped(self):
        assert read_metadata(riff(chunk(b"LIST", b"adtl" + chunk(b"INAM", b"x")))) == Metadata()

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "Expected a WAV file or a JSON object"),
            (b"OggS", "Expected a WAV file or a JSON object"),
            (tagged(INAM="four")[:-3], "copy again"),
            (tagged(ITRK="first"), "take is 'first'"),
            (tagged(ITRK="-1"), "take is -1"),
            (b'{"label": ', "not JSON"),
            (b'{"label": 4}', "label is 4"),
            (b'{"speaker": ["theo"]}', "speaker is"),
            (b'{"take": "3"}', "take is '3'"),
            (b'{"take": true}', "take is True"),
        ],
    )
    def test_bad_metadata_is_refused(self, data, reason):
        with pytest.raises(BadMetadata, match=reason):
            read_metadata(data)


def right_answers(paths: list[Path]) -> int:
    """Count the recordings whose digit, the first letter of their name, the model hears."""
    sounds = [decode(path.read_bytes()) for path in paths]
    answers = load().predict(pictures(sounds), verbose=0).argmax(axis=1)
    return sum(int(path.name[0]) == answer for path, answer in zip(paths, answers, strict=True))


class TestModel:
    def test_it_is_small(self):
        assert (ROOT / "harnesses" / "speech" / "digits.keras").stat().st_size <= 400_000
        assert 20_000 <= network().count_params() <= 30_000

    def test_it_answers_57_of_the_60_seeds(self):
        assert len(RECORDINGS) == 60
        assert right_answers(RECORDINGS) >= 57

    @pytest.mark.data
    @pytest.mark.skipif(not FSDD.is_dir(), reason="set MLFUZZ_DATA to the folder above fsdd")
    def test_it_answers_98_percent_of_the_official_test_split(self):
        paths = sorted(FSDD.glob("?_*_[0-4].wav"))
        assert len(paths) == 300
        assert right_answers(paths) >= 294
