"""Each planted fault is found, saved, shown, and reproduced from the disk in a new process."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mlfuzz.mutators.audio import Gain
from mlfuzz.store import Finding

if TYPE_CHECKING:
    from .conftest import Project

Make = Callable[..., "Project"]

MODEL_ALONE = ("--only", "model", "--batch-size", "64", "--seed", "1")
DECODE = """decode=target.decode,
    code=[EntryPoint(target.decode, refuses=[target.BadRecording])],"""


def kept(project: Project, kind: str) -> list[Finding]:
    """The findings of a kind, once every command that looks at them has shown them."""
    found = [finding for finding in project.findings() if finding.kind == kind]
    assert found, [(f.kind, f.signature, f.stability) for f in project.findings()]
    assert {finding.stability for finding in found} == {"stable"}
    assert_shown(project, found)
    again = project.replay()
    assert again.process.returncode == 0, again.text
    assert "not reproduced" not in again.text, again.text
    return found


def assert_shown(project: Project, found: list[Finding]) -> None:
    table = project.command("triage", "--open", "all")
    assert table.process.returncode == 0
    assert all(finding.short_id in table.text for finding in found)
    one = found[0]
    shown = project.command("show", one.short_id)
    assert shown.process.returncode == 0
    assert one.id in shown.text and one.input in shown.text


def assert_shrinks(project: Project, before: Finding) -> None:
    run = project.command("shrink", before.short_id, "--harness", str(project.harness))
    assert run.process.returncode == 0, run.text
    [after] = [finding for finding in project.findings() if finding.id == before.id]
    assert after.nearness < before.nearness and after.critical, run.text
    assert "of them critical" in project.command("show", before.short_id).text
    assert project.replay(before.short_id).process.returncode == 0


def assert_simpler(project: Project, before: Finding) -> None:
    """The one gain that is needed, no more of it than needed, and a twin just below."""
    run = project.command("shrink", before.short_id, "--harness", str(project.harness))
    assert run.process.returncode == 0, run.text
    [after] = [finding for finding in project.findings() if finding.id == before.id]
    assert (after.signature, after.bounds) == (before.signature, before.bounds)
    assert after.recipe and [step.mutator for step in after.recipe.steps] == [repr(Gain())]
    # The square root of 0.0988 * 32 is 1.7781; rounding to the file's grid moves it a little.
    assert 1.776 < after.recipe.steps[0].values[0] < 1.782, run.text
    assert after.twin and after.twin in project.command("show", before.short_id).text
    assert project.replay(before.short_id).process.returncode == 0
    again = project.command("shrink", before.short_id, "--harness", str(project.harness))
    assert "kept" in again.text, again.text


def test_a_non_finite_region_of_the_model_is_found_and_its_layer_named(project: Make) -> None:
    # The logarithm of what is above the noise floor: NaN below -40 dB, where only wild gain leads.
    model = '''

    class Level(keras.layers.Layer):
        """(B, n) to (B, 1): the level above a noise floor, NaN for what is quieter."""

        def call(self, audio):
            energy = ops.mean(ops.square(audio), axis=-1, keepdims=True)
            return ops.log(energy - 1e-4)


    def model():
        return build(Level(name="level"), [1.0, -1.0], [3.0, -3.0])
    '''
    made = project(model=model, seeds={"a.wav": 0.25, "b.wav": 0.5}, entry="model")
    made.run(*MODEL_ALONE, "--executions", "2k")
    assert [finding.signature for finding in kept(made, "non-finite")] == [("level",)]


@pytest.mark.parametrize("labels", [True, False], ids=["with labels", "without labels"])
def test_a_label_that_flips_at_5_db_is_found_within_bounds(project: Make, labels: bool) -> None:
    # A sine of amplitude 0.25 has the energy 1/32; 5 dB more is 10**0.5 / 32 = 0.0988.
    # Noise of the whole purse adds 10**-1.5 = 3%; speed, shift and band only take away.
    model = """

    def model():
        return build(Energy(), [-1.0, 1.0], [0.0988, -0.0988])
    """
    made = project(model=model, seeds={"a.wav": 0.25}, entry="model")
    if labels:
        made.seed("model", "labels.csv", b"file,label\na.wav,0\n")
    run = made.run(*MODEL_ALONE, "--executions", "4k")
    assert run.process.returncode == 0, "wrong answers count by rate: they alone fail no run"
    (finding,) = kept(made, "misclassified" if labels else "changed-answer")
    assert (finding.signature[1], finding.bounds) == ("0 -> 1", "in-bounds")
    assert finding.recipe and any("Gain" in step.mutator for step in finding.recipe.steps)
    assert_simpler(made, finding)


def test_a_sum_that_overflows_in_float16_makes_a_pair_disagree(project: Make) -> None:
    # 900 times the energy of 800 samples: a sine of amplitude 0.25 gives 900 * 800 / 32 = 22,500.
    # Beyond 65,504, from 4.7 dB more on, the sum is infinite in float16 and the gate wide open;
    # in float32 it lets 0.8 through only at 109,861.  No stage gives anything but small numbers.
    target = '''

    from mlfuzz.oracles.differential import Disagreement
    from mlfuzz.oracles.numeric import NonFinite


    def pair():
        import tiny_model
        from mlfuzz import KerasTarget
        from mlfuzz.targets.pair import Pair
        from mlfuzz.targets.precision import at_precision

        class Gate(tiny_model.keras.layers.Layer):
            """(B, n) to (B, 1): nearly 1 for what is loud."""

            def call(self, audio):
                ops = tiny_model.ops
                loud = ops.sum(ops.square(30.0 * audio), axis=-1, keepdims=True)
                return ops.tanh(1e-5 * loud)

        a = KerasTarget(tiny_model.build(Gate(name="gate"), [-1.0, 1.0], [0.8, -0.8]))
        return Pair(a, at_precision(a, "float16"))
    '''
    fields = "model=target.pair, oracles=[target.NonFinite(), target.Disagreement()],"
    made = project(fields, target, seeds={"a.wav": 0.25}, entry="model")
    run = made.run(*MODEL_ALONE, "--executions", "4k")
    assert run.process.returncode == 1, run.text
    (finding,) = kept(made, "differential")
    assert finding.signature == ("Disagreement(least=0.0)", "0 -> 1")
    assert (finding.threat, finding.source) == ("integrity", "Disagreement(least=0.0)")
    assert not [each for each in made.findings() if each.kind == "non-finite"]


def test_a_decode_that_mishandles_stereo_breaks_its_contract(project: Make) -> None:
    # No seed is stereo: the variants of the domain bring it.
    target = """

    def decode(data):
        samples = read(data) / np.float32(32768)
        return samples[:, 0] if samples.shape[1] == 1 else samples
    """
    made = project(DECODE, target, seeds={"a.wav": 0.25})
    run = made.run("--only", "code", "--time", "4s")
    assert run.process.returncode == 1, run.text
    found = kept(made, "contract")
    assert [(f.engine, f.signature) for f in found] == [("code", ("decode", "shape"))]
    assert_shrinks(made, found[0])
    source = made.target.read_text()
    made.target.write_text(source.replace("else samples", "else samples.mean(1)"))
    repaired = made.replay()
    assert repaired.process.returncode == 1 and "not reproduced" in repaired.text, repaired.text


def test_a_breach_of_contract_is_shown_to_the_model_and_is_not_finite_there(project: Make) -> None:
    # Float samples are taken as they are; their square is beyond float32 from 1.8e19 on.
    target = """

    def decode(data):
        if data[20:22] == b"\\x03\\0" and data[36:40] == b"data" and len(data) >= 48:
            return np.frombuffer(data[44 : 44 + 4 * ((len(data) - 44) // 4)][:3200], "<f4")
        return read(data)[:, 0].astype(np.float32) / 32768
    """
    model = """

    def model():
        return build(Energy(name="energy"), [-1.0, 1.0], [0.5, -0.5])
    """
    made = project(DECODE, target, model=model, seeds={"a.wav": 0.25})
    run = made.run("--batch-size", "64", "--time", "10s", "--seed", "1")
    assert run.process.returncode == 1, run.text
    rules = {finding.signature[1] for finding in kept(made, "contract")}
    assert rules and rules <= {"finite", "range"}
    adopted = [finding for finding in made.findings() if finding.kind == "non-finite"]
    assert adopted, run.text
    assert {(f.engine, f.origin, f.bounds) for f in adopted} == {("model", "bytes", "unknown")}


def test_a_skew_between_prepare_and_features_is_found(project: Make) -> None:
    # Noise, a filter or another speed moves the peak to the negative side, where ``max`` is not
    # the peak.
    target = '''

    def prepare(audio):
        """What ships: forgets that a peak may be negative."""
        padded = np.zeros(800, np.float32)
        padded[: len(audio)] = audio / max(float(audio.max()), 1e-6)
        return padded


    def features(batch):
        from keras import ops

        peak = ops.max(ops.abs(batch["audio"]), axis=-1, keepdims=True)
        return {"audio": batch["audio"] / ops.maximum(peak, 1e-6)}
    '''
    model = """

    def model():
        return build(Energy(), [-1.0, 1.0], [0.7, -0.7])
    """
    fields = "prepare=target.prepare, features=target.features,"
    lopsided = 0.25 * np.sin(np.arange(800) * 0.3)
    lopsided[lopsided < 0] *= 0.97
    made = project(fields, target, model=model, seeds={"a.wav": lopsided}, entry="model")
    made.run(*MODEL_ALONE, "--executions", "4k")
    found = kept(made, "skew")
    assert {finding.signature for finding in found} == {("prepare/features", "values")}


def test_an_answer_that_depends_on_the_rest_of_the_batch_is_found(project: Make) -> None:
    # The loudest row of a batch sets the level that all rows are measured by.
    model = '''

    class BesideOthers(keras.layers.Layer):
        """(B, n) to (B, 1): the level over the loudest one of the whole batch."""

        def call(self, audio):
            level = ops.mean(ops.square(audio), axis=-1, keepdims=True)
            return level / (ops.max(level) + 1e-3)


    def model():
        return build(BesideOthers(), [-1.0, 1.0], [0.3, -0.3])
    '''
    tone = 0.25 * np.sin(np.arange(800) * 0.3)
    made = project("", model=model, seeds={"a.wav": tone, "b.wav": 0.5 * tone}, entry="model")
    made.run(*MODEL_ALONE, "--executions", "4k")
    found = [each for each in made.findings() if each.kind == "batch-dependent"]
    assert ("batch", "another answer") in {each.signature for each in found}
    assert {each.signature[0] for each in found} == {"batch"}
    assert found[0].verdict["company"] in ("zeros", "highest", "lowest", "ordinary", "root")
    assert_shown(made, found)
    assert made.replay(found[0].short_id).process.returncode == 0
