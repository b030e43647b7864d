"""What is wrong with an input of the user is said in one line, with what to do; exit 2."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Project, Run

Make = Callable[..., "Project"]
MODEL_ALONE = ("--only", "model", "--batch-size", "64", "--executions", "200")
MODEL = """

def model():
    return build(Energy(), [-1.0, 1.0], [0.3, -0.3])
"""
CODE = """

def decode(data):
    return read(data)[:, 0].astype(np.float32) / 32768
"""
DECODE = "decode=target.decode, code=[EntryPoint(target.decode, refuses=[target.BadRecording])],"


def refusal(run: Run) -> str:
    """The one line of a run that could not start."""
    assert run.process.returncode == 2, run.text
    lines = [line for line in run.lines if line.startswith("mlfuzz: ")]
    assert lines == run.lines[-1:], run.text
    return lines[0]


@pytest.fixture
def code(project: Make) -> Project:
    """A project whose code can be fuzzed."""
    return project(DECODE, CODE, seeds={"a.wav": 0.25})


def test_a_missing_harness_is_said(code: Project) -> None:
    code.harness.unlink()
    line = refusal(code.run("--time", "1s"))
    assert f"{code.harness}: no such file. Expected a harness" in line


def test_a_file_without_a_harness_is_said_with_what_it_holds(code: Project) -> None:
    code.harness.write_text("harnes = 1\nmodel = 2\n")
    line = refusal(code.run("--time", "1s"))
    assert "no value named 'harness'. Expected harness = mlfuzz.Harness(...)" in line
    assert "found: harnes, model" in line


def test_a_harness_that_is_none_is_said(code: Project) -> None:
    code.harness.write_text("harness = {'decode': len}\n")
    assert "'harness' is a dict. Expected" in refusal(code.run("--time", "1s"))


def test_a_harness_that_cannot_be_imported_is_said(code: Project) -> None:
    code.harness.write_text("import no_such_module_at_all\n")
    line = refusal(code.run("--time", "1s"))
    assert "ModuleNotFoundError: No module named 'no_such_module_at_all'" in line


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [("decode=", "decoed=", "Harness"), ("refuses=", "refuse=", "EntryPoint")],
)
def test_a_misspelt_field_is_said_with_the_likely_one(
    code: Project, right: str, wrong: str, kind: str
) -> None:
    code.harness.write_text(code.harness.read_text().replace(right, wrong, 1))
    line = refusal(code.run("--time", "1s"))
    assert f"{kind} has no field {wrong[:-1]!r}; did you mean {right[:-1]!r}?" in line


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        (
            "Audio(rate_hz=8000, max_samples=800)",
            "Audio",
            "holds the class Audio. Expected a value",
        ),
        ("decode=target.decode", "decode='decode'", "decode= is a str. Expected a function"),
        ("decode=target.decode", "model=3", "model= is a int. Expected a function that gives it"),
        ("[EntryPoint(", "[(", "Expected EntryPoint(function, ...)"),
        ("[target.BadRecording]", "target.BadRecording", "Expected a list of exception types"),
        (
            "code=[EntryPoint(target.decode, refuses=[target.BadRecording])]",
            "code=EntryPoint(target.decode)",
            "code= is a EntryPoint. Expected a list: code=[EntryPoint(...)].",
        ),
        (
            "refuses=[target.BadRecording]",
            "refuses=[__import__('mlfuzz').Refusal(ValueError, 'tiny_targt')]",
            "refuses= holds 'tiny_targt'. Expected the name of a module that can be imported.",
        ),
        ("refuses=", "instrument='json', refuses=", "Expected a list of module names"),
        (
            "refuses=",
            "instrument=['jsn'], refuses=",
            "instrument= holds 'jsn'. Expected the name of a module that can be imported.",
        ),
    ],
)
def test_a_value_of_the_wrong_kind_is_said(
    code: Project, right: str, wrong: str, said: str
) -> None:
    source = code.harness.read_text().replace(right, wrong, 1)
    code.harness.write_text(source.replace("refuses=", "") if wrong == "[(" else source)
    assert said in refusal(code.run("--time", "1s"))


def test_a_label_that_raises_is_said_with_its_seed(project: Make) -> None:
    fields = "label=lambda path: int(path.stem),"
    made = project(fields, model=MODEL, seeds={"a.wav": 0.25}, entry="model")
    line = refusal(made.run(*MODEL_ALONE))
    assert "label= raised ValueError for " in line and "model/a.wav: invalid literal" in line


def test_a_model_that_does_not_fit_what_it_is_given_is_said(project: Make) -> None:
    fields = "features=lambda batch: {'audio': batch['audio'][:, :100]},"
    made = project(fields, model=MODEL, seeds={"a.wav": 0.25}, entry="model")
    line = refusal(made.run(*MODEL_ALONE))
    assert "cannot take what it is given, (1, 100)" in line
    assert "Expected what features=, prepare= or decode= gives to fit its input" in line


def test_an_empty_seeds_folder_is_said(project: Make) -> None:
    made = project(model=MODEL, seeds={}, entry="model")
    line = refusal(made.run(*MODEL_ALONE))
    assert f"{made.corpora}/tiny/seeds/model: no seeds. Expected files that decode accepts" in line


def test_one_damaged_seed_among_sixty_is_named_skipped_and_counted(project: Make) -> None:
    seeds: dict[str, bytes | float] = {f"{i}.wav": 0.1 + i / 100 for i in range(60)}
    seeds["30.wav"] = b"ID3\x03 no recording"
    made = project(model=MODEL, seeds=seeds, entry="model")
    run = made.run(*MODEL_ALONE)
    assert run.process.returncode == 0, run.text
    (line,) = [line for line in run.lines if "30.wav" in line]
    assert line.startswith(f"{made.corpora}/tiny/seeds/model/30.wav: skipped (")
    assert "Expected a seed that decode accepts" in line
    assert "1 of 60 seeds skipped" in run.lines


def test_seeds_that_are_all_damaged_stop_the_run(project: Make) -> None:
    made = project(model=MODEL, seeds={"a.wav": b"no", "b.wav": b""}, entry="model")
    assert "none of 2 seeds was accepted" in refusal(made.run(*MODEL_ALONE))


def test_a_model_that_is_no_target_is_said(project: Make) -> None:
    made = project(model=MODEL, seeds={"a.wav": 0.25}, entry="model")
    text = made.harness.read_text()
    made.harness.write_text(text.replace("return KerasTarget(model())", "return model()"))
    line = refusal(made.run(*MODEL_ALONE))
    assert "model= gave a " in line
    assert "Expected a target, such as KerasTarget(model) or KerasTarget.load(path)." in line


def test_a_missing_model_file_is_said(project: Make) -> None:
    fields = 'model=lambda: KerasTarget.load("gone.keras"),'
    made = project(fields, seeds={"a.wav": 0.25}, entry="model")
    line = refusal(made.run(*MODEL_ALONE))
    assert "gone.keras: no such model file. Expected a .keras file" in line


def test_a_foreign_model_file_is_said(project: Make) -> None:
    fields = 'model=lambda: KerasTarget.load("foreign.keras"),'
    made = project(fields, seeds={"a.wav": 0.25}, entry="model")
    (made.folder / "foreign.keras").write_bytes(b"ONNX, perhaps")
    line = refusal(made.run(*MODEL_ALONE))
    assert "foreign.keras: not a model that Keras" in line
    assert "Expected a file saved by model.save(...)" in line


def test_a_tensor_at_the_top_of_a_module_is_named_and_the_run_goes_on(project: Make) -> None:
    target = "\nfrom keras import ops\nfrom tiny_model import model\n"
    target += "WINDOW = ops.ones((800,))\nREADY = model()\n"
    made = project(target=target, model=MODEL, seeds={"a.wav": 0.25}, entry="model")
    run = made.run(*MODEL_ALONE)
    assert run.process.returncode == 0, run.text
    for name, what in (("WINDOW", "tensor"), ("READY", "model")):
        (line,) = [line for line in run.lines if f": {name}." in line]
        assert f"module tiny_target makes a {what} when it is imported" in line
        assert "Expected it to be made inside the function given as model=" in line


def test_a_harness_without_tensors_is_told_nothing(code: Project) -> None:
    run = code.run("--only", "code", "--time", "1s")
    assert run.process.returncode == 0, run.text
    assert "when it is imported" not in run.text


def test_nothing_instrumented_stops_the_run(project: Make) -> None:
    # A function of the standard library in C has no branches that Python could count.
    made = project('code=[EntryPoint(crc32, name="decode")],', seeds={"a.json": b"{}"})
    source = made.harness.read_text()
    made.harness.write_text(f"from zlib import crc32\n{source}")
    line = refusal(made.run("--only", "code", "--time", "60s"))
    assert "entry point decode: " in line and "instrumented" in line
    assert "EntryPoint(instrument=[...])" in line


def test_a_file_in_the_way_of_the_corpora_is_said(code: Project) -> None:
    shutil.rmtree(code.corpora)
    code.corpora.write_text("a file")
    line = refusal(code.run("--only", "code", "--time", "1s"))
    assert str(code.corpora) in line and "Not a directory" in line
    assert "A folder is needed there" in line


def test_a_file_in_the_way_of_the_queue_is_said(project: Make) -> None:
    made = project(model=MODEL, seeds={"a.wav": 0.25}, entry="model")
    (made.corpora / "tiny" / "queue").write_text("a file")
    assert "A folder is needed there" in refusal(made.run(*MODEL_ALONE))


def test_a_second_run_on_the_same_corpora_is_refused(
    code: Project, started: Callable[[Run], Run]
) -> None:
    first = started(code.start("run", str(code.harness), "--only", "code", "--time", "120s"))
    assert first.wait_for("edges")
    line = refusal(code.run("--only", "code", "--time", "1s"))
    assert f"{code.corpora}/tiny: in use by process {first.process.pid}. Wait for that run" in line
    first.interrupt()
    assert first.end() == 130


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mount a file system of so many kilobytes; skipped where the system does not allow it."""
    folder = tmp_path / "mounted"

    def mount(size_kb: int) -> Path:
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            pytest.skip(f"no tmpfs can be mounted here: {error}")
        if done.returncode:
            pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
        return folder

    yield mount
    if os.path.ismount(folder):
        subprocess.run(["umount", "-l", str(folder)], check=True)


def moved(project: Project, folder: Path) -> Path:
    """The project's corpora on another file system."""
    return Path(shutil.copytree(project.corpora, folder / "corpora"))


def test_corpora_that_cannot_be_written_are_said(
    code: Project, tmpfs: Callable[[int], Path]
) -> None:
    folder = tmpfs(1024)
    corpora = moved(code, folder)
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    line = refusal(code.run("--only", "code", "--time", "1s", corpora=corpora))
    assert "Read-only file system" in line
    assert "Make it writable, or give another folder with --corpora" in line


# Eight faults that are met at once; each takes some 16 kB of disk.
FAULTS = (
    "\n".join(f"def fault_{i}(data):\n    raise ValueError({i})\n" for i in range(8))
    + """
def decode(data):
    return globals()[f"fault_{len(data) % 8}"](data)
"""
)


def test_a_disk_that_findings_fill_stops_the_run_in_one_line(
    project: Make, tmpfs: Callable[[int], Path]
) -> None:
    made = project("code=[EntryPoint(target.decode)],", FAULTS, seeds={"a.wav": 0.25})
    corpora = moved(made, tmpfs(80))
    assert_full(made.run("--only", "code", "--time", "60s", corpora=corpora))
    assert made.findings(corpora)


def test_a_disk_that_the_corpus_fills_stops_the_run_in_one_line(
    project: Make, tmpfs: Callable[[int], Path]
) -> None:
    made = project(model=MODEL, seeds={"a.wav": 0.25, "b.wav": 0.3}, entry="model")
    corpora = moved(made, tmpfs(80))
    assert_full(made.run("--only", "model", "--batch-size", "64", "--time", "60s", corpora=corpora))
    made.findings(corpora)  # none is damaged


def assert_full(run: Run) -> None:
    line = refusal(run)
    assert "No space left on device" in line
    assert "Free some space, or give another folder with --corpora" in line
