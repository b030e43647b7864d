"""Each planted fault is found, saved, shown, and reproduced from the disk in a new process."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mlfuzz.domains.wav import wav_file

if TYPE_CHECKING:
    from .conftest import Project

Make = Callable[..., "Project"]

READ = '''
    """What ships before the model."""

    import io
    import wave

    import numpy as np


    class BadRecording(Exception):
        pass


    def read(data):
        """(rate, width, (n, channels) int16 samples)."""
        try:
            with wave.open(io.BytesIO(data)) as file:
                frames = file.readframes(800)
                channels, width = file.getnchannels(), file.getsampwidth()
        except (wave.Error, EOFError, OSError, RuntimeError, ZeroDivisionError) as error:
            raise BadRecording(str(error)) from error
        if width != 2 or channels not in (1, 2) or not frames or len(frames) % (2 * channels):
            raise BadRecording(f"{channels} channels of {width} bytes")
        return np.frombuffer(frames, "<i2").reshape(-1, channels)
'''

MODEL = '''
    import keras
    from keras import ops


    class Energy(keras.layers.Layer):
        """(B, n) to (B, 1): the mean of the squares."""

        def call(self, audio):
            return ops.mean(ops.square(audio), axis=-1, keepdims=True)


    def build(layer, weights, bias):
        """Two answers: a line through what the layer gives."""
        audio = keras.Input((800,))
        answer = keras.layers.Dense(2)
        model = keras.Model(audio, answer(layer(audio)))
        answer.set_weights([np.array([weights], "float32"), np.array(bias, "float32")])
        return model
'''

HARNESS = """
    import tiny_target as target

    from mlfuzz import Audio, EntryPoint, Harness, KerasTarget

    harness = Harness(
        domain=Audio(rate_hz=8000, max_samples=800),
        {fields}
    )
"""
MODEL_ALONE = ("--only", "model", "--batch-size", "64", "--seed", "1")


def tone(amplitude: float = 0.25) -> np.ndarray:
    return (amplitude * np.sin(np.arange(800) * 0.3)).astype(np.float32)


def wav(samples: np.ndarray) -> bytes:
    return wav_file((samples * 32768).astype("<i2").tobytes(), rate_hz=8000)


def kept(project: Project, kind: str) -> list[str]:
    """Ids of the stable findings of a kind, after all the ways to look at them were taken."""
    found = [f for f in project.findings() if f.kind == kind and f.stability == "stable"]
    assert found, [(f.kind, f.signature, f.stability) for f in project.findings()]
    table = project.command("triage")
    assert table.process.returncode == 0
    assert all(finding.short_id in table.text for finding in found)
    shown = project.command("show", found[0].short_id)
    assert shown.process.returncode == 0
    assert found[0].id in shown.text and found[0].input in shown.text
    again = project.replay()
    assert again.process.returncode == 0, again.text
    assert "0 of" not in again.text and "not reproduced" not in again.text, again.text
    return [finding.id for finding in found]


def test_a_non_finite_region_of_the_model_is_found_and_its_layer_named(project: Make) -> None:
    # The logarithm of what is above the noise floor: NaN below -40 dB, where only wild gain leads.
    target = (
        READ
        + MODEL
        + '''

    class Level(keras.layers.Layer):
        """(B, n) to (B, 1): decibels above a noise floor, NaN for what is quieter."""

        def call(self, audio):
            energy = ops.mean(ops.square(audio), axis=-1, keepdims=True)
            return ops.log(energy - 1e-4)


    def model():
        return build(Level(name="level"), [1.0, -1.0], [3.0, -3.0])
'''
    )
    fields = "model=lambda: KerasTarget(target.model()),"
    seeds = {"a.wav": wav(tone()), "b.wav": wav(tone(0.5))}
    made = project(HARNESS.format(fields=fields), target, seeds=seeds, entry="model")
    made.run(*MODEL_ALONE, "--executions", "2k")
    kept(made, "non-finite")
    assert [f.signature for f in made.findings() if f.kind == "non-finite"] == [("level",)]


@pytest.mark.parametrize("labels", [True, False], ids=["with labels", "without labels"])
def test_a_label_that_flips_at_5_db_is_found_within_bounds(project: Make, labels: bool) -> None:
    # A sine of amplitude 0.25 has the energy 1/32; 5 dB more is 10**0.5 / 32 = 0.0988.
    # Noise of the whole purse adds 10**-1.5 = 3%; speed, shift and band only take away.
    target = (
        READ
        + MODEL
        + """

    def model():
        return build(Energy(), [-1.0, 1.0], [0.0988, -0.0988])
"""
    )
    fields = "model=lambda: KerasTarget(target.model()),"
    made = project(
        HARNESS.format(fields=fields), target, seeds={"a.wav": wav(tone())}, entry="model"
    )
    if labels:
        made.seed("model", "labels.csv", b"file,label\na.wav,0\n")
    run = made.run(*MODEL_ALONE, "--executions", "4k")
    # Wrong answers count by rate: they alone fail no run.
    assert run.process.returncode == 0
    kept(made, "misclassified" if labels else "changed-answer")
    found = made.findings()
    assert {(f.signature[1], f.bounds) for f in found} == {("0 -> 1", "in-bounds")}
    recipe = found[0].recipe
    assert recipe is not None and any("Gain" in step.mutator for step in recipe.steps)


def test_a_decode_that_mishandles_stereo_breaks_its_contract(project: Make) -> None:
    # No seed is stereo: the variants of the domain bring it.
    target = (
        READ
        + """

    def decode(data):
        samples = read(data).astype(np.float32) / 32768
        return samples[:, 0] if samples.shape[1] == 1 else samples
"""
    )
    fields = (
        "decode=target.decode, code=[EntryPoint(target.decode, refuses=[target.BadRecording])],"
    )
    made = project(HARNESS.format(fields=fields), target, seeds={"a.wav": wav(tone())})
    run = made.run("--only", "code", "--time", "4s")
    assert run.process.returncode == 1, run.text
    kept(made, "contract")
    found = [f for f in made.findings() if f.kind == "contract"]
    assert [(f.engine, f.signature) for f in found] == [("code", ("decode", "shape"))]


def test_a_breach_of_contract_is_shown_to_the_model_and_is_not_finite_there(project: Make) -> None:
    # Float samples are taken as they are; their square is beyond float32 from 1.8e19 on.
    target = (
        READ
        + MODEL
        + """

    def decode(data):
        if data[20:22] == b"\\x03\\0" and data[36:40] == b"data" and len(data) >= 48:
            return np.frombuffer(data[44 : 44 + 4 * ((len(data) - 44) // 4)][:3200], "<f4")
        return read(data)[:, 0].astype(np.float32) / 32768


    def model():
        return build(Energy(name="energy"), [-1.0, 1.0], [0.5, -0.5])
"""
    )
    fields = """decode=target.decode,
        model=lambda: KerasTarget(target.model()),
        code=[EntryPoint(target.decode, refuses=[target.BadRecording])],"""
    made = project(HARNESS.format(fields=fields), target, seeds={"a.wav": wav(tone())})
    run = made.run("--batch-size", "64", "--time", "12s", "--seed", "1")
    assert run.process.returncode == 1, run.text
    kept(made, "contract")
    found = made.findings()
    rules = {f.signature[1] for f in found if f.kind == "contract"}
    assert rules and rules <= {"finite", "range"}
    adopted = [f for f in found if f.kind == "non-finite"]
    assert adopted, run.text
    assert {(f.engine, f.origin, f.bounds) for f in adopted} == {("model", "bytes", "unknown")}


def test_a_skew_between_prepare_and_features_is_found(project: Make) -> None:
    # Speech is lopsided: noise, a filter or another speed moves the peak to the negative side,
    # where ``max`` is not the peak.
    target = (
        READ
        + MODEL
        + '''

    def prepare(audio):
        """What ships: forgets that a peak may be negative."""
        padded = np.zeros(800, np.float32)
        padded[: len(audio)] = audio / max(float(audio.max()), 1e-6)
        return padded


    def features(batch):
        peak = ops.max(ops.abs(batch["audio"]), axis=-1, keepdims=True)
        return {"audio": batch["audio"] / ops.maximum(peak, 1e-6)}


    def model():
        return build(Energy(), [-1.0, 1.0], [0.7, -0.7])
'''
    )
    fields = """prepare=target.prepare,
        features=target.features,
        model=lambda: KerasTarget(target.model()),"""
    lopsided = tone()
    lopsided[lopsided < 0] *= np.float32(0.97)
    made = project(
        HARNESS.format(fields=fields), target, seeds={"a.wav": wav(lopsided)}, entry="model"
    )
    made.run(*MODEL_ALONE, "--executions", "4k")
    kept(made, "skew")
    assert {f.signature for f in made.findings() if f.kind == "skew"} == {
        ("prepare/features", "values")
    }
