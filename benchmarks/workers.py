"""How much faster two code children on one folder are than one.

Both alternate, on the same entry point and seeds.  Run from the repository:

    python benchmarks/workers.py [--json FILE]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from code_speed import ONE_ENTRY
from measuring import machine, measured, report

from mlfuzz.code_loop import CodeEngine
from mlfuzz.harness import load

START_S = 120.0


def main() -> None:
    options = _options()
    rates: dict[int, list[float]] = {1: [], 2: []}
    for pair in range(options.pairs):
        for workers in (1, 2) if pair % 2 else (2, 1):
            rates[workers].append(_rate(options, workers, pair + 1))
        print(f"pair {pair + 1}: one {rates[1][-1]:,.0f}/s, two {rates[2][-1]:,.0f}/s", flush=True)
    name = f"workers/{options.entry}"
    ratios = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    rows = [
        measured(f"{name}/two_over_one", ratios),
        measured(f"{name}/one_per_s", rates[1]),
        measured(f"{name}/two_per_s", rates[2]),
    ]
    units = {row.name: "executions/s" for row in rows[1:]}
    title = f"two workers against one, {options.pairs} pairs of {options.seconds:g} s"
    report(title, rows, machine(["atheris"]), units, options.json)


def _options() -> argparse.Namespace:
    root = Path(__file__).parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--harness", default=root / "harnesses" / "speech_model.py", type=Path)
    parser.add_argument("--corpora", default=root / "corpora", type=Path, help="holds the seeds")
    parser.add_argument("--entry", default="recording")
    parser.add_argument("--pairs", default=7, type=int, help="alternating pairs")
    parser.add_argument("--seconds", default=8.0, type=float, help="of each half of a pair")
    parser.add_argument("--warm-up", default=5.0, type=float, help="seconds before each half")
    parser.add_argument("--json", default="", help="write the rows to this file")
    return parser.parse_args()


def _rate(options: argparse.Namespace, workers: int, seed: int) -> float:
    """Executions a second of all workers, once the corpus is read in."""
    with tempfile.TemporaryDirectory() as name:
        folder, stem = Path(name), options.harness.stem
        alone = folder / f"only_{options.entry}.py"
        paths = f"import sys; sys.path.insert(0, {str(options.harness.resolve().parent)!r})\n"
        alone.write_text(paths + ONE_ENTRY.format(stem=stem, entry=options.entry))
        seeds = Path(stem, "seeds", options.entry)
        shutil.copytree(options.corpora / seeds, folder / "corpora" / seeds)
        engine = CodeEngine(
            load(alone),
            folder / "corpora",
            seed=seed,
            on_finding=lambda finding, state: None,
            workers=workers,
        )
        engine.start()
        try:
            deadline = time.monotonic() + START_S
            while not engine.ready() and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(options.warm_up)
            engine.check()
            before, start_s = engine.progress()[0].executions, time.monotonic()
            time.sleep(options.seconds)
            passed_s = time.monotonic() - start_s
            return (engine.progress()[0].executions - before) / passed_s
        finally:
            engine.stop()


if __name__ == "__main__":
    main()
