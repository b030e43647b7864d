"""How much of the bare model's speed is left when the whole guided step runs around it.

Bare is the compiled features and model, its answers fetched; guided is one turn of the model
engine's loop, all of it: choose, mutate, run, cover, judge, fetch, keep, confirm and save.  Both
alternate in one process, since timings of a busy machine drift.  Run from the repository:

    python benchmarks/step.py [--json FILE]
"""

from __future__ import annotations

import argparse
import queue
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measuring import Measured, machine, measured, report

from mlfuzz import backend
from mlfuzz.backend import Compiled
from mlfuzz.core import Arrays, Batch
from mlfuzz.evaluate import Evaluator
from mlfuzz.harness import Harness, load
from mlfuzz.model.resume import entry_name
from mlfuzz.model.setting import Setting
from mlfuzz.model_loop import ModelEngine

NAME = "step/ds-cnn"


def main() -> None:
    options = _options()
    harness = load(options.harness)
    with tempfile.TemporaryDirectory() as folder:
        engine = _engine(harness, Path(folder), options)
        _turns(engine, options.warm_up)
        rows = _pairs(engine, options.pairs, options.turns)
        rows += _shares(engine, options.pairs)
    where = f"{machine(['keras', backend.name(), 'numpy'])}, {backend.device()}"
    units = {row.name: "executions/s" for row in rows if row.name.endswith("_per_s")}
    report(f"guided step, batch {options.batch_size}", rows, where, units, options.json)


def _options() -> argparse.Namespace:
    root = Path(__file__).parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--harness", default=root / "harnesses" / "speech_model.py", type=Path)
    parser.add_argument("--corpora", default=root / "corpora", type=Path, help="holds the seeds")
    parser.add_argument("--batch-size", default=256, type=int)
    parser.add_argument("--pairs", default=7, type=int, help="alternating pairs")
    parser.add_argument("--turns", default=16, type=int, help="batches in each half of a pair")
    parser.add_argument("--warm-up", default=160, type=int, help="batches before the first pair")
    parser.add_argument("--json", default="", help="write the rows to this file")
    return parser.parse_args()


def _engine(harness: Harness, folder: Path, options: argparse.Namespace) -> ModelEngine:
    seeds = Path(harness.name, "seeds", entry_name(harness))
    shutil.copytree(options.corpora / seeds, folder / seeds)

    def decode(data: bytes) -> Arrays | str:
        return harness.arrays(data)

    setting = Setting(
        corpora=folder,
        seed=1,
        batch_size=options.batch_size,
        decode=decode,
        feed_code=False,
        adopt=queue.SimpleQueue(),
        on_finding=lambda finding, state: None,
        note=lambda line: None,
    )
    return ModelEngine(harness, setting)


def _turns(engine: ModelEngine, count: int) -> None:
    end = engine.batches + count
    engine.run(lambda: engine.batches >= end, lambda: None)


def _pairs(engine: ModelEngine, pairs: int, turns: int) -> list[Measured]:
    bare = _bare(engine.evaluator)
    rows = _some_rows(engine)
    backend.fetch(bare(rows), "benchmark")
    ratios, guided_rates, bare_rates = [], [], []
    executions = turns * engine.evaluator.batch_size
    for _ in range(pairs):
        slow = _seconds(lambda: _turns(engine, turns))
        fast = _seconds(lambda: [backend.fetch(bare(rows), "benchmark") for _ in range(turns)])
        ratios.append(fast / slow)
        guided_rates.append(executions / slow)
        bare_rates.append(executions / fast)
    return [
        measured(f"{NAME}/guided_over_bare", ratios),
        measured(f"{NAME}/guided_per_s", guided_rates),
        measured(f"{NAME}/bare_per_s", bare_rates),
    ]


def _bare(evaluator: Evaluator) -> Compiled:
    def bare(batch: dict[str, Any]) -> Any:
        return evaluator.target.run(evaluator._model_inputs(Batch(batch), {})).outputs

    return Compiled(bare)


def _shares(engine: ModelEngine, pairs: int) -> list[Measured]:
    """Shares of a turn's work, one after the other: each stage adds to the one before.

    In the loop the mutators and part of the host's work run beside the model.
    """
    groups, states = tuple(engine.proposer.guided().groups), engine.guided.states
    stages = {name: _runner(each, groups, states) for name, each in _stages(engine).items()}
    samples: dict[str, list[float]] = {name: [] for name in SHARES}
    for each in stages.values():
        each()
    for _ in range(pairs):
        times = {name: _seconds(each) for name, each in stages.items()}
        for name, value in _one_turn(engine, times).items():
            samples[name].append(value)
    return [measured(f"{NAME}/share/{name}", values) for name, values in samples.items()]


def _stages(engine: ModelEngine) -> dict[str, Compiled]:
    evaluator = engine.evaluator

    def model(groups: Any, states: Any) -> Any:
        return evaluator._forward_in_slices(groups, {}).outputs

    def taps(groups: Any, states: Any) -> Any:
        observed = evaluator._forward_in_slices(groups, {})
        return {"extremes": observed.extremes, **observed.activations}

    def coverage(groups: Any, states: Any) -> Any:
        return evaluator._cover(states, evaluator._forward_in_slices(groups, {}))

    return {each.__name__: Compiled(each) for each in (model, taps, coverage)}


SHARES = ("model", "taps", "coverage", "oracles", "mutators", "host")


def _one_turn(engine: ModelEngine, times: dict[str, float]) -> dict[str, float]:
    start = time.perf_counter()
    proposal = engine.proposer.guided()
    proposed = time.perf_counter()
    seen = engine.execute(proposal, engine.guided)
    executed = time.perf_counter()
    engine.keep(proposal, seen)
    engine.accuse(proposal, seen, engine.guided)
    engine.suspects.confirm_some()
    total = time.perf_counter() - start
    parts = {
        "model": times["model"],
        "taps": max(0.0, times["taps"] - times["model"]),
        "coverage": max(0.0, times["coverage"] - times["taps"]),
        "oracles": max(0.0, executed - proposed - times["coverage"]),
        "mutators": proposed - start,
        "host": total - (executed - start),
    }
    return {name: value / total for name, value in parts.items()}


def _runner(compiled: Compiled, *args: Any) -> Callable[[], Any]:
    """A call that waits for its result: the smallest leaf is fetched."""

    def run() -> None:
        out = compiled(*args)
        while isinstance(out, dict | tuple):
            out = list(out.values())[-1] if isinstance(out, dict) else out[-1]
        backend.fetch(out, "benchmark")

    return run


def _some_rows(engine: ModelEngine) -> Any:
    numbers = np.arange(engine.evaluator.batch_size) % len(engine.population)
    return engine.population.rows(numbers)


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
