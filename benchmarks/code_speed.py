"""How much of plain Atheris's speed is left in the code engine, on one entry point.

Plain is a script of twenty lines that swallows every exception; the engine adds heartbeat,
contract, keys of exceptions, findings and the mutator that knows the format.  Both get the same
function, instrumentation, seeds and libFuzzer flags, and alternate.  Run from the repository:

    python benchmarks/code_speed.py [--json FILE]
"""

from __future__ import annotations

import argparse
import mmap
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from measuring import Measured, machine, measured, report

from mlfuzz.code_loop import CodeEngine
from mlfuzz.harness import Harness, load

START_S = 120.0

ONE_ENTRY = """
from dataclasses import replace
from {stem} import harness as whole
harness = replace(whole, name="{stem}", code=[whole.entry("{entry}")], timeout_s=10.0)
"""


def main() -> None:
    options = _options()
    plain: list[_Rate] = []
    engine: list[_Rate] = []
    for pair in range(options.pairs):
        with tempfile.TemporaryDirectory() as folder:
            work = _Work(Path(folder), options, seed=pair + 1)
            turns: list[_Turn] = [(engine, _engine_rate), (plain, _plain_rate)]
            for rates, measure in turns if pair % 2 else turns[::-1]:
                rates.append(measure(work))
        print(f"pair {pair + 1}: engine {engine[-1]}, plain {plain[-1]}", flush=True)
    name = f"code/{options.entry}"
    pairs = list(zip(engine, plain, strict=True))
    rows: list[Measured] = [
        measured(f"{name}/over_atheris", [a.per_s / b.per_s for a, b in pairs]),
        measured(f"{name}/over_atheris_cpu", [a.per_cpu_s / b.per_cpu_s for a, b in pairs]),
        measured(f"{name}/engine_per_s", [rate.per_s for rate in engine]),
        measured(f"{name}/plain_per_s", [rate.per_s for rate in plain]),
    ]
    units = {row.name: "executions/s" for row in rows[2:]}
    title = f"code engine against plain Atheris, {options.pairs} pairs of {options.seconds:g} s"
    report(title, rows, machine(["atheris", "scipy", "numpy"]), units, options.json)


def _options() -> argparse.Namespace:
    root = Path(__file__).parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--harness", default=root / "harnesses" / "speech_model.py", type=Path)
    parser.add_argument("--corpora", default=root / "corpora", type=Path, help="holds the seeds")
    parser.add_argument("--entry", default="recording")
    parser.add_argument("--pairs", default=7, type=int, help="alternating pairs")
    parser.add_argument("--seconds", default=10.0, type=float, help="of each half of a pair")
    parser.add_argument("--warm-up", default=6.0, type=float, help="seconds before each half")
    parser.add_argument("--json", default="", help="write the rows to this file")
    return parser.parse_args()


@dataclass(frozen=True)
class _Rate:
    """Executions a second, by the wall clock and by the processor time of the fuzzing process.

    Where other programs want the cores, only the second is steady.
    """

    per_s: float
    per_cpu_s: float

    def __str__(self) -> str:
        return f"{self.per_s:,.0f}/s ({self.per_cpu_s:,.0f} per processor second)"


class _Work:
    """Fresh corpora with the same inputs for both, and a harness of the one entry point."""

    def __init__(self, folder: Path, options: argparse.Namespace, seed: int) -> None:
        self.folder, self.entry, self.seed = folder, options.entry, seed
        self.seconds: float = options.seconds
        self.warm_up_s: float = options.warm_up
        stem = options.harness.stem
        self.harness_path = folder / f"only_{options.entry}.py"
        sys.path.insert(0, str(options.harness.resolve().parent))  # the children get it too
        self.harness_path.write_text(ONE_ENTRY.format(stem=stem, entry=options.entry))
        self.harness: Harness = load(self.harness_path)
        self.corpora, self.queue = folder / "corpora", folder / "queue"
        seeds = options.corpora / stem / "seeds" / options.entry
        shutil.copytree(seeds, self.corpora / stem / "seeds" / options.entry)
        shutil.copytree(seeds, self.queue)
        self.longest = max(4096, 2 * max(path.stat().st_size for path in seeds.iterdir()))
        if self.harness.domain is not None and self.harness.decode_entry is not None:
            contents = [path.read_bytes() for path in sorted(seeds.iterdir())]
            for name, data in self.harness.domain.variants(contents):
                (self.queue / name).write_bytes(data)


_Turn = tuple[list[_Rate], Callable[[_Work], _Rate]]


def _engine_rate(work: _Work) -> _Rate:
    engine = CodeEngine(work.harness, work.corpora, seed=work.seed, on_finding=lambda f, s: None)
    engine.start()
    try:
        _wait(engine.ready)

        def executions() -> int:
            engine.check()
            return engine.progress()[0].executions

        return _rate(executions, work, "mlfuzz.code_child")
    finally:
        engine.stop()


def _plain_rate(work: _Work) -> _Rate:
    counter = work.folder / "counter"
    counter.write_bytes(bytes(8))
    with open(counter, "r+b") as file, mmap.mmap(file.fileno(), 8) as memory:
        script = Path(__file__).with_name("plain_atheris.py")
        flags = [f"-max_len={work.longest}", f"-seed={work.seed}", "-len_control=0"]
        flags += ["-keep_seed=1", "-timeout=1000000", "-rss_limit_mb=0"]
        process = subprocess.Popen(
            [sys.executable, script, work.harness_path, work.entry, counter, work.queue, *flags],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=work.folder,
            env={"PYTHONPATH": ":".join(filter(None, sys.path)), "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        try:
            _wait(lambda: memory[:8] != bytes(8))
            return _rate(lambda: int.from_bytes(memory[:8], "little"), work, script.name)
        finally:
            process.kill()
            process.wait()


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_S
    while not until():
        if time.monotonic() > deadline:
            raise SystemExit(f"nothing ran within {START_S:g} s")
        time.sleep(0.05)


def _rate(executions: Callable[[], int], work: _Work, module: str) -> _Rate:
    """Executions a second once the corpus is read in and the first findings are saved."""
    time.sleep(work.warm_up_s)
    before, start, start_cpu = executions(), time.monotonic(), _cpu_s(module)
    time.sleep(work.seconds)
    count, passed = executions() - before, time.monotonic() - start
    return _Rate(count / passed, count / (_cpu_s(module) - start_cpu))


def _cpu_s(module: str) -> float:
    """Processor time of the child whose command line names a module or script, and of its forks."""
    ticks: dict[int, tuple[int, int]] = {}
    for process in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            if module in (process / "cmdline").read_text():
                # its own, and that of the forks that it has waited for
                ticks[int(process.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    mine = {pid for pid, (parent, _) in ticks.items() if parent == os.getpid()}
    mine |= {pid for pid, (parent, _) in ticks.items() if parent in mine}
    return sum(ticks[pid][1] for pid in mine) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
