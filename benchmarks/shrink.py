"""How much simpler shrinking makes findings of a model, and whether each keeps its verdict.

The model engine runs from several seeds until there are enough findings; each is shrunk as
``mlfuzz shrink`` does and then replayed from its file.  Run from the repository:

    python benchmarks/shrink.py [--findings 300] [--json FILE]
"""

from __future__ import annotations

import argparse
import queue
import shutil
import tempfile
from functools import partial
from pathlib import Path

from measuring import machine, measured, report

from mlfuzz import backend
from mlfuzz.core import Arrays
from mlfuzz.evaluate import Evaluator
from mlfuzz.harness import Harness, load
from mlfuzz.model.confirm import replay
from mlfuzz.model.resume import entry_name
from mlfuzz.model.setting import Setting
from mlfuzz.model_loop import ModelEngine
from mlfuzz.store import Finding, Findings, load_finding
from mlfuzz.triage.choice import Saved
from mlfuzz.triage.shrink_model import shrink_model

NAME = "shrink/ds-cnn"


def main() -> None:
    options = _options()
    harness = load(options.harness)
    kept: list[bool] = []
    steps, spent, executions = [], [], []
    judge, seed = Evaluator(harness), 0
    while len(kept) < options.findings:
        seed += 1
        with tempfile.TemporaryDirectory() as folder:
            pairs = _found(harness, Path(folder), options, seed)[: options.findings - len(kept)]
            for (before, place), came in zip(
                pairs,
                shrink_model(harness, partial(_decode, harness), pairs),
                strict=True,
            ):
                after = load_finding(place)
                kept.append(_replays(judge, after, place))
                executions.append(float(came.executions))
                steps.append(_steps(after) / _steps(before))
                spent.append(_spent(after) / max(_spent(before), 1e-9))
        print(f"{len(kept)} findings, {sum(kept)} keep their verdict", flush=True)
    rows = [
        measured(f"{NAME}/kept_share", [float(each) for each in kept]),
        measured(f"{NAME}/steps_after_over_before", steps),
        measured(f"{NAME}/spent_after_over_before", spent),
        measured(f"{NAME}/executions", executions),
    ]
    where = f"{machine(['keras', backend.name(), 'numpy'])}, {backend.device()}"
    report(f"{len(kept)} findings of {seed} runs", rows, where, {}, options.json)


def _options() -> argparse.Namespace:
    root = Path(__file__).parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--harness", default=root / "harnesses" / "speech_model.py", type=Path)
    parser.add_argument("--corpora", default=root / "corpora", type=Path, help="holds the seeds")
    parser.add_argument("--findings", default=300, type=int)
    parser.add_argument("--executions", default=40_000, type=int, help="of each run")
    parser.add_argument("--json", default="", help="write the rows to this file")
    return parser.parse_args()


def _found(harness: Harness, folder: Path, options: argparse.Namespace, seed: int) -> list[Saved]:
    """The mutants among the findings of one run."""
    seeds = Path(harness.name, "seeds", entry_name(harness))
    shutil.copytree(options.corpora / seeds, folder / seeds)
    setting = Setting(
        corpora=folder,
        seed=seed,
        batch_size=256,
        decode=partial(_decode, harness),
        feed_code=False,
        adopt=queue.SimpleQueue(),
        on_finding=lambda finding, state: None,
        note=lambda line: None,
    )
    engine = ModelEngine(harness, setting)
    engine.run(lambda: engine.executions >= options.executions, lambda: None)
    engine.finish()
    store = Findings(folder, harness.name)
    findings, _ = store.load_all()
    return [(each, store.folder / each.id) for each in findings if each.origin == "mutation"]


def _decode(harness: Harness, data: bytes) -> Arrays | str:
    try:
        return harness.arrays(data)
    except ValueError as error:
        return str(error)


def _replays(judge: Evaluator, finding: Finding, folder: Path) -> bool:
    judge.tolerance = float(finding.verdict["tolerance"])
    decode = partial(_decode, judge.harness)
    return replay(judge, decode, finding, folder.joinpath).reproduced


def _steps(finding: Finding) -> int:
    assert finding.recipe
    return len(finding.recipe.steps)


def _spent(finding: Finding) -> float:
    assert finding.recipe
    return sum(finding.recipe.spent.values())


if __name__ == "__main__":
    main()
