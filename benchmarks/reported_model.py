"""One publicly reported fault of a model: the harness a user would write, a run, its score.

A finding counts only if the case's own ``wrong()`` says so of what was saved.  The run takes place
in the environment of the benchmark, which has Keras and TensorFlow already.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from reported_case import Case, Trial, quiet

from mlfuzz.core import Arrays
from mlfuzz.domains.audio import Audio
from mlfuzz.domains.image import Image
from mlfuzz.model.company import companions

HARNESS = """
import sys

import numpy as np

sys.path.insert(0, {folder!r})
import target

from mlfuzz import {domain_class}, Harness, KerasTarget

LEVELS = {levels!r}  # of the case's own range in one of the domain's


def prepare(values):
    fixed = np.zeros({shape!r}, {dtype!r})
    fixed[: len(values)] = np.rint(values * LEVELS) if {is_whole!r} else values * LEVELS
    return target.prepare(fixed)


def scaled(batch):
    return {{"x": batch[{array!r}] * LEVELS}}


def features(batch):
    return {{"x": target.features(batch[{array!r}] * LEVELS)}}


harness = Harness(
    name={name!r},
    domain={domain!r},
    model=lambda: KerasTarget(target.model()),
    {fields}
)
"""
LIMIT = 30_000
"""Executions of a trial."""


@dataclass(frozen=True)
class ModelCase(Case):
    """A folder with ``case.json``, ``target.py``, ``seeds.npz`` and ``check_model.py``."""

    @property
    def baseline(self) -> str:
        """What blind search did."""
        trials = self.facts.get("baseline", {}).get("trials", [])
        return f"{sum(t['found'] for t in trials)} of {len(trials)}" if trials else "not recorded"

    @cached_property
    def domain(self) -> Audio | Image:
        """The domain of mlfuzz that the case's inputs fit."""
        facts = self.facts["domain"]
        if facts["kind"] == "audio":
            return Audio(rate_hz=facts["rate"], max_samples=facts["samples"])
        if facts["kind"] == "image":
            return Image(*facts["shape"])
        raise SystemExit(f"{self.name}: domain {facts['kind']!r}. Expected audio or image.")

    @property
    def levels(self) -> float:
        """What a value of the domain is multiplied by to be one of the case's."""
        (spec,) = self.domain.specs()
        high: float = self.facts["domain"]["high"]
        return 1.0 if high == 1 and spec.low < 0 else high / spec.high

    def environment(self, folder: Path) -> Path:
        """This one: it has a framework."""
        return Path(sys.executable)

    def run(self, python: Path, work: Path, *, seconds: float, seed: int) -> Trial:
        """One trial in a fresh folder, for ``LIMIT`` executions."""
        harness = work / "harness.py"
        harness.write_text(self._model_harness())
        self._write_seeds(work / "corpora" / self.name / "seeds" / "model")
        command = [str(python), "-m", "mlfuzz.cli", "run", str(harness), "--only", "model"]
        command += ["--corpora", str(work / "corpora"), "--executions", str(LIMIT)]
        command += ["--seed", str(seed), "--fail-on", "none"]
        start = time.time()
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, env=quiet())
        seconds = time.time() - start
        (work / "output.txt").write_text(done.stdout + done.stderr)
        saved = sorted((work / "corpora" / "crashes" / self.name).glob("*/finding.json"))
        found = [(path.parent, json.loads(path.read_text())) for path in saved]
        hits = [facts for folder, facts in found if self._is_wrong_row(folder, facts)]
        problem = "".join(done.stderr.strip().splitlines()[-1:]) if done.returncode else ""
        if not hits:
            return Trial(False, 0, seconds, len(found), problem)
        first = min(facts["found"]["executions"] for facts in hits)
        return Trial(True, first, seconds, len(found) - len(hits), problem)

    def _model_harness(self) -> str:
        source = (self.folder / "target.py").read_text()
        given = {name: f"def {name}(" in source for name in ("prepare", "features")}
        fields = [f"{name}={name}," for name, is_there in given.items() if is_there]
        if not fields and self.levels != 1.0:
            fields = ["features=scaled,"]
        facts, (spec,) = self.facts["domain"], self.domain.specs()
        return HARNESS.format(
            folder=str(self.folder.resolve()),
            domain_class=type(self.domain).__name__,
            levels=self.levels,
            shape=spec.shape,
            dtype=facts.get("dtype", "float32"),
            is_whole="int" in facts.get("dtype", ""),
            array=spec.name,
            name=self.name,
            domain=self.domain,
            fields="\n    ".join(fields),
        )

    def _write_seeds(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        with np.load(self.folder / "seeds.npz") as seeds:
            rows = list(zip(seeds["inputs"], seeds["labels"], strict=True))
        with open(folder / "labels.csv", "w", newline="") as file:
            table = csv.writer(file)
            table.writerow(("file", "label"))
            for number, (values, label) in enumerate(rows):
                name = f"{number:04}{self.domain.suffix}"
                arrays = self.domain.arrays(values.astype(np.float32) / np.float32(self.levels))
                (folder / name).write_bytes(self.domain.encode(arrays))
                table.writerow((name, int(label)))

    def _is_wrong_row(self, folder: Path, facts: dict[str, Any]) -> bool:
        """By the case's own check, of the saved input and its root, in the company it was in."""
        row = self._arrays(folder / facts["input"])
        root = self._arrays(folder / facts["seed"]) if facts["seed"] else row
        others = companions(self.domain, root)
        company = others.get(facts["verdict"].get("company", ""), row)
        rows = [row, *[company] * 15] if self.facts["class"] == "batch-dependent" else [row]
        label = int(facts["verdict"].get("label", -1))
        return self._check(rows, label, root)

    def _check(self, rows: list[Arrays], label: int, root: Arrays) -> bool:
        work = {
            "rows": np.stack([self._values(row) for row in rows]),
            "roots": np.stack([self._values(root)] * len(rows)),
            "labels": np.full(len(rows), label),
        }
        built, wrong = self._checker
        return bool(np.asarray(wrong(built, work["rows"], work["labels"], work["roots"]))[0])

    @cached_property
    def _checker(self) -> tuple[Any, Any]:
        """(what ``build()`` gave, ``wrong``) of the case's check, in this process."""
        sys.path.insert(0, str(self.folder.resolve()))
        sys.modules.pop("target", None)
        try:
            spec = importlib.util.spec_from_file_location(
                "check_model", self.folder / "check_model.py"
            )
            assert spec and spec.loader
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module.build(), module.wrong
        finally:
            sys.path.pop(0)

    def _arrays(self, path: Path) -> Arrays:
        return self.domain.decode(path.read_bytes())

    def _values(self, row: Arrays) -> np.ndarray:
        (spec,) = self.domain.specs()
        values = row[spec.name] * np.float32(self.levels)
        kind = self.facts["domain"].get("dtype", "float32")
        return (np.rint(values) if "int" in kind else values).astype(kind)
