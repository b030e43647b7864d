"""How many publicly reported bugs mlfuzz finds, beside plain Atheris.

Each case is fuzzed as a user would: the plain function, its proper refusals, one line of contract
where the case names one.  Environments are made once and kept.  Faults of models are looked for in
the environment of the benchmark, for 30,000 executions each; their baseline is blind search, that
of the others plain Atheris.  Run from the repository:

    python benchmarks/reported.py CASES_DIR [--time 120s] [--trials 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from measuring import Measured, machine, report
from reported_case import Case, Trial
from reported_model import ModelCase
from rich.console import Console
from rich.table import Table


def main() -> None:
    options = _options()
    cases = [
        case
        for case in (_case(path.parent) for path in sorted(options.cases.glob("*/case.json")))
        if not options.only or any(word in case.name for word in options.only)
    ]
    if not cases:
        raise SystemExit(f"{options.cases}: no case. Expected folders with case.json and seeds.")
    environments = {case.name: case.environment(options.environments) for case in cases}
    jobs = [(case, trial) for trial in range(options.trials) for case in cases]
    results: dict[str, list[Trial]] = {case.name: [] for case in cases}

    def run(job: tuple[Case, int]) -> tuple[Case, Trial]:
        case, trial = job
        with tempfile.TemporaryDirectory() as folder:
            python, work = environments[case.name], Path(folder)
            result = case.run(python, work, seconds=options.time, seed=trial + 1)
            if options.keep:
                kept = options.keep / f"{case.name}-{trial + 1}"
                shutil.copytree(work, kept, dirs_exist_ok=True)
            return case, result

    with ThreadPoolExecutor(options.parallel) as pool:
        for case, result in pool.map(run, jobs):
            results[case.name].append(result)
            print(f"{case.name}: {_words(result)}", flush=True)
    _print(cases, results)
    shares = [_share(case.name, results[case.name]) for case in cases]
    title = f"share of {options.trials} trials of {options.time:g} s that found the bug"
    report(title, shares, machine(["atheris", "numpy"]), {}, options.json)


def _case(folder: Path) -> Case:
    return ModelCase(folder) if (folder / "check_model.py").is_file() else Case(folder)


def _options() -> argparse.Namespace:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", type=Path, help="folder of case folders")
    parser.add_argument("--time", type=_seconds, default=120.0, help="of each trial, such as 120s")
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--parallel", type=int, default=1, help="trials at the same time")
    parser.add_argument("--only", action="append", default=[], help="cases whose name holds this")
    parser.add_argument("--environments", type=Path, default=cache / "mlfuzz" / "reported")
    parser.add_argument("--keep", type=Path, help="keep corpora, findings and output here")
    parser.add_argument("--json", default="", help="write the rows to this file")
    return parser.parse_args()


def _seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def _words(trial: Trial) -> str:
    others = f"{trial.others} other findings"
    if trial.is_found:
        return f"found after {trial.executions:,} executions, {trial.seconds:.0f} s; {others}"
    return f"not found; {others}" + (f"; {trial.problem}" if trial.problem else "")


def _share(name: str, trials: list[Trial]) -> Measured:
    share = statistics.fmean(trial.is_found for trial in trials)
    return Measured(f"reported/{name}/found_share", share, share, share, len(trials))


def _print(cases: list[Case], results: dict[str, list[Trial]]) -> None:
    table = Table("case", "class", "found", "executions", "seconds", "others", "baseline")
    for case in cases:
        trials = results[case.name]
        hits = [trial for trial in trials if trial.is_found]
        table.add_row(
            case.name,
            case.facts["class"],
            f"{len(hits)} of {len(trials)}",
            ", ".join(f"{trial.executions:,}" for trial in hits),
            ", ".join(f"{trial.seconds:.0f}" for trial in hits),
            ", ".join(str(trial.others) for trial in trials),
            case.baseline,
        )
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
