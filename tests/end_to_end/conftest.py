"""A tiny project in a temporary folder, and the command line run on it from outside."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from mlfuzz.domains.wav import pcm16
from mlfuzz.store import Finding, Findings

LIMIT_S = 240.0
"""For one command, on a machine that others keep busy."""
ANNOUNCED = re.compile(r"^(?:new|nearer) finding ([0-9a-f]{8}) ")
MARK = "MLFUZZ_TEST_RUN"
"""An environment variable that children inherit: it finds what a killed run left behind."""


READ = '''
"""What ships before the model."""

import io
import wave

import numpy as np


class BadRecording(Exception):
    pass


def read(data):
    """(n, channels) int16 samples of a WAV file."""
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
"""The model under test, in a module that only the process that needs it imports."""

import keras
import numpy as np
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


def model():
    from tiny_model import model

    return KerasTarget(model())


harness = Harness(
    domain=Audio(rate_hz=8000, max_samples=800),
    {fields}
)
"""


def sine(amplitude: float) -> np.ndarray:
    """(800,) float32."""
    return (amplitude * np.sin(np.arange(800) * 0.3)).astype(np.float32)


@dataclass
class Run:
    """A command of mlfuzz that goes on: its output so far, line by line."""

    process: subprocess.Popen[str]
    mark: str
    lines: list[str] = field(default_factory=list)
    _came: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as lines:
            for line in lines:
                with self._came:
                    self.lines.append(line.rstrip("\n"))
                    self._came.notify_all()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def announced(self) -> set[str]:
        """The eight characters of every finding that was printed."""
        return {match[1] for line in list(self.lines) if (match := ANNOUNCED.match(line))}

    def wait_for(self, pattern: str, limit_s: float = LIMIT_S) -> bool:
        """Whether a line came that holds the pattern; False: the run ended without."""
        end = time.monotonic() + limit_s
        with self._came:
            while time.monotonic() < end:
                if any(re.search(pattern, line) for line in self.lines):
                    return True
                if self.process.poll() is not None and not self._reader.is_alive():
                    return False
                self._came.wait(0.1)
        raise AssertionError(f"{pattern!r} did not come in {limit_s} s: {self.text}")

    def end(self, limit_s: float = LIMIT_S) -> int:
        """The exit status, once all output is read."""
        status = self.process.wait(limit_s)
        self._reader.join(limit_s)
        return status

    def kill(self) -> None:
        """kill -9 of the parent alone."""
        self.process.kill()
        self.end()

    def interrupt(self) -> None:
        """Ctrl-C: the whole foreground group gets it."""
        os.killpg(self.process.pid, signal.SIGINT)

    def processes(self) -> list[int]:
        """Process ids that carry the mark of this run, zombies left out."""
        return sorted(pid for pid in map(int, _numbered()) if _has_mark(pid, self.mark))

    def left_behind(self, patience_s: float = 20.0) -> list[int]:
        """Processes that are still there some time after the end; empty as soon as none is."""
        end = time.monotonic() + patience_s
        while (left := self.processes()) and time.monotonic() < end:
            time.sleep(0.05)
        return left


def _numbered() -> list[str]:
    return [name for name in os.listdir("/proc") if name.isdecimal()]


def _has_mark(pid: int, mark: str) -> bool:
    try:
        return f"{MARK}={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


@dataclass(frozen=True)
class Project:
    """A harness file, a module beside it, seeds, and the commands on them."""

    folder: Path
    harness: Path
    corpora: Path
    name: str

    @property
    def temporary(self) -> Path:
        """Where the commands put their scratch folders."""
        return self.folder / "temporary"

    def orphans(self) -> list[Path]:
        """Scratch folders of processes that are no more."""
        return [
            folder
            for folder in self.temporary.glob("mlfuzz-*")
            if not os.path.exists(f"/proc/{folder.name.split('-')[1]}")
        ]

    @property
    def target(self) -> Path:
        """The module under test."""
        return self.harness.with_name("tiny_target.py")

    def seed(self, entry: str, name: str, data: bytes) -> Path:
        """Put a seed in its place."""
        path = self.corpora / self.name / "seeds" / entry / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def start(self, command: str, *args: str, corpora: Path | None = None) -> Run:
        """Start a command and do not wait for it."""
        mark = uuid.uuid4().hex
        self.temporary.mkdir(exist_ok=True)
        where = [] if command == "--help" else ["--corpora", str(corpora or self.corpora)]
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "mlfuzz.cli", command, *args, *where],
            cwd=self.folder,
            env={**os.environ, MARK: mark, "TMPDIR": str(self.temporary)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return Run(process, mark)

    def command(self, command: str, *args: str, corpora: Path | None = None) -> Run:
        """Run a command to its end: no traceback, and no process or scratch folder is left."""
        run = self.start(command, *args, corpora=corpora)
        try:
            run.end()
        finally:
            run.process.kill()
        assert "Traceback (most recent call last)" not in run.text, run.text
        assert not run.left_behind(), run.text
        assert not self.orphans(), "not even what a killed run left"
        return run

    def run(self, *args: str, corpora: Path | None = None) -> Run:
        """``mlfuzz run`` on this harness."""
        return self.command("run", str(self.harness), *args, corpora=corpora)

    def replay(self, wanted: str = "all", corpora: Path | None = None) -> Run:
        """``mlfuzz replay`` in a new process."""
        return self.command("replay", wanted, "--harness", str(self.harness), corpora=corpora)

    def findings(self, corpora: Path | None = None) -> list[Finding]:
        """All findings on the disk; none may be damaged."""
        found, damaged = Findings(corpora or self.corpora, self.name).load_all()
        assert not damaged
        return found


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Project]:
    """Make a project ``tiny``; see ``make``."""

    def make(
        fields: str = "",
        target: str = "",
        *,
        model: str = "",
        seeds: Mapping[str, bytes | float | np.ndarray],
        entry: str = "decode",
    ) -> Project:
        """A harness with these fields over two modules: one can ``read``, one can ``build``.

        A seed is a file's content, the samples of a recording, or the amplitude of a sine.
        """
        harness = tmp_path / "harnesses" / "tiny.py"
        made = Project(tmp_path, harness, tmp_path / "corpora", "tiny")
        harness.parent.mkdir()
        fields += "\n    model=model," * bool(model)
        harness.write_text(HARNESS.format(fields=fields))
        made.target.write_text(READ + dedent(target))
        (harness.parent / "tiny_model.py").write_text(MODEL + dedent(model))
        (made.corpora / "tiny" / "seeds" / entry).mkdir(parents=True)
        for name, content in seeds.items():
            samples = sine(content) if isinstance(content, float) else content
            made.seed(entry, name, samples if isinstance(samples, bytes) else pcm16(samples, 8000))
        return made

    return make


@pytest.fixture
def started() -> Iterator[Callable[[Run], Run]]:
    """Runs that a test started: whatever happens, they end with it."""
    runs: list[Run] = []

    def keep(run: Run) -> Run:
        runs.append(run)
        return run

    yield keep
    for run in runs:
        run.process.kill()
        run.end()
        for pid in run.left_behind(5.0):
            os.kill(pid, signal.SIGKILL)
