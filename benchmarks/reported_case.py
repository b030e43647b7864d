"""One publicly reported bug: its environment, the harness a user would write, a run, its score.

What a run found counts only by class and place; a wrong value also has to be wrong by the case's
own check.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
import venv
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LIGHT = ("atheris>=3.0", "filelock", "msgspec", "rich", "typer")
"""What mlfuzz needs for code alone, beside NumPy; the README names the same."""

KINDS = {
    "exception": ("exception", "out-of-memory"),
    "hang": ("hang", "growth"),
    "memory": ("out-of-memory", "growth"),
    "native": ("native",),
    "unsafe-call": ("unsafe-call",),
    "wrong-result": ("contract",),
}
"""Kinds of findings that a class of cases may show as."""

HARNESS = """
import sys
sys.path.insert(0, {folder!r})
import importlib, target
from mlfuzz import EntryPoint, Harness
{contract_import}

def named(name):
    owner, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(owner or "builtins"), attribute)

harness = Harness(
    name={name!r},
    code=[
        EntryPoint(
            target.{function},
            name="entry",
            refuses=[named(name) for name in {refuses!r}],
            instrument={instrument!r},
            {contract}
        )
    ],
)
"""
AGREES = "from mlfuzz.contracts import Agrees"
CHECK = """
import importlib.util, pathlib, sys
sys.path.insert(0, {folder!r})
import target
try:
    target.target(pathlib.Path(sys.argv[1]).read_bytes())
except BaseException as error:
    print("RAISED", type(error).__name__)
"""


@dataclass(frozen=True)
class Trial:
    """What one run of a case came to; ``executions`` and ``seconds`` until the bug, if found."""

    is_found: bool
    executions: int
    seconds: float
    others: int
    problem: str = ""


@dataclass(frozen=True)
class Case:
    """A folder with ``case.json``, ``target.py`` and ``seeds``."""

    folder: Path

    @cached_property
    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads((self.folder / "case.json").read_text())
        return facts

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def baseline(self) -> str:
        """What plain Atheris did: found in so many of its runs, where somebody recorded it."""
        runs = self.facts.get("baseline", {}).get("runs", [])
        return f"{sum(run['found'] for run in runs)} of {len(runs)}" if runs else "not recorded"

    def environment(self, folder: Path) -> Path:
        """The case's own Python, made once; mlfuzz is put in anew without its dependencies."""
        key = hashlib.sha256(json.dumps(self.facts["requires"]).encode()).hexdigest()[:8]
        place = folder / f"{self.name}-{key}"
        python = place / "bin" / "python"
        if not (place / "complete").exists():
            shutil.rmtree(place, ignore_errors=True)
            venv.create(place, with_pip=True)
            pins = self.facts["requires"]
            numpy = [] if any(pin.startswith("numpy") for pin in pins) else ["numpy"]
            _pip(python, *pins, *LIGHT, *numpy)
            (place / "complete").touch()
        _pip(python, "--no-deps", "--force-reinstall", str(ROOT))
        return python

    def run(self, python: Path, work: Path, *, seconds: float, seed: int) -> Trial:
        """One trial in a fresh folder."""
        harness = work / "harness.py"
        harness.write_text(self._harness())
        shutil.copytree(self.folder / "seeds", work / "corpora" / self.name / "seeds" / "entry")
        command: list[str | Path] = [
            python.with_name("mlfuzz"),
            "run",
            harness,
            "--corpora",
            work / "corpora",
        ]
        command += ["--time", f"{seconds:g}s", "--seed", str(seed), "--fail-on", "none"]
        start = time.time()
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, env=quiet())
        (work / "output.txt").write_text(done.stdout + done.stderr)
        findings = [
            (path.parent, json.loads(path.read_text()))
            for path in sorted((work / "corpora" / "crashes" / self.name).glob("*/finding.json"))
        ]
        hits = [found for folder, found in findings if self._is_the_bug(folder, found, python)]
        problem = done.stderr.strip().splitlines()[-1:] if done.returncode else []
        if not hits:
            return Trial(False, 0, seconds, len(findings), "".join(problem))
        first = min(hits, key=lambda found: found["found"]["time"])["found"]
        moment = datetime.fromisoformat(first["time"]).astimezone(UTC).timestamp()
        passed = max(0.0, moment - start)
        return Trial(True, first["executions"], passed, len(findings) - len(hits), "".join(problem))

    def _harness(self) -> str:
        source = (self.folder / "target.py").read_text()
        function = self.facts.get("plain") or (
            "plain" if re.search(r"^def plain\(", source, re.M) else "target"
        )
        differs = bool(re.search(r"^def second\(", source, re.M))
        return HARNESS.format(
            folder=str(self.folder.resolve()),
            name=self.name,
            function=function,
            refuses=list(self.facts.get("refuses", [])),
            instrument=list(self.facts.get("instrument", [])),
            contract_import=AGREES if differs else "",
            contract=f"contract={self._agrees()}," if differs else "",
        )

    def _agrees(self) -> str:
        """The differential contract in a line, its numbers read from the words in ``contract``."""
        words = self.facts.get("contract", "")
        found = re.search(r"at most ([\d./]+\d)", words)
        tolerance = float(Fraction(found[1])) if found else 1e-3
        compare = "mean" if "on average" in words else "max"
        clip = re.search(r"clipped to (-?[\d.]+)\.\.(-?[\d.]+)", words)
        clipped = f", clip=({clip[1]}, {clip[2]})" if clip else ""
        return f"Agrees(target.second, tolerance={tolerance!r}, compare={compare!r}{clipped})"

    def _is_the_bug(self, folder: Path, found: dict[str, Any], python: Path) -> bool:
        if found["kind"] not in KINDS[self.facts["class"]]:
            return False
        if self.facts["class"] == "wrong-result":
            return self._is_wrong(folder / found["input"], python)
        return self._is_type(found) and self._is_place(folder, found)

    def _is_type(self, found: dict[str, Any]) -> bool:
        expected = self.facts["expected"]["type"]
        if self.facts["class"] != "exception":
            return True
        return bool(found["signature"][0].rpartition(".")[2] == expected.rpartition(".")[2])

    def _is_place(self, folder: Path, found: dict[str, Any]) -> bool:
        """The function named in the case stands in the signature or in the saved stack."""
        place = self.facts["expected"].get("where") or self.facts["expected"].get("function", "")
        if place in found["signature"]:
            return True
        module, _, function = place.partition(":")
        stack = folder / "traceback.txt"
        text = stack.read_text(errors="replace") if stack.exists() else ""
        name, file = function.rpartition(".")[2], module.replace(".", "/")
        lines = [line for line in text.splitlines() if line.lstrip().startswith("File ")]
        return any(f"{file}" in line and line.endswith(f"in {name}") for line in lines)

    def _is_wrong(self, input: Path, python: Path) -> bool:
        code = CHECK.format(folder=str(self.folder.resolve()))
        command = [str(python), "-c", code, str(input)]
        done = subprocess.run(command, capture_output=True, text=True)
        return "RAISED Wrong" in done.stdout


def _pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += arguments
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"pip install {' '.join(arguments)}: {done.stderr.strip()[-400:]}")


def quiet() -> dict[str, str]:
    """The environment of a run: a terminal's habits and this checkout left out."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return kept | {"CI": "true", "PYTHONUNBUFFERED": "1"}
