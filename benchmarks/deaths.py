"""Every way to die: which of them are found, saved with their input, keyed once, and survived.

Beside the engine: plain Atheris, and libFuzzer's own ``-fork=1 -ignore_crashes=1`` (from an
executable script, as it runs ``argv[0]`` again).  Run from the repository:

    python benchmarks/deaths.py [--seconds 30] [--json FILE]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from deaths_target import KINDS
from measuring import machine, measured, report
from rich.console import Console
from rich.table import Table

from mlfuzz.code_loop import CodeEngine
from mlfuzz.harness import load
from mlfuzz.store import Finding, Findings

START_S = 120.0
FOLDER = Path(__file__).resolve().parent
HARNESS = """
import sys
sys.path.insert(0, {folder!r})
from deaths_target import target
from mlfuzz import EntryPoint, Harness
harness = Harness(name="deaths", code=[EntryPoint(target)], timeout_s=1.0, memory_mb=512)
"""
PLAIN = """#!{python}
import sys
sys.path.insert(0, {folder!r})
import atheris, deaths_target
atheris.instrument_func(deaths_target.target)
atheris.Setup(sys.argv, deaths_target.target)
atheris.Fuzz()
"""
FLAGS = ("-seed=1", "-len_control=0", "-max_len=64", "-timeout=1", "-rss_limit_mb=1024")
FORK = ("-fork=1", "-ignore_crashes=1", "-ignore_timeouts=1", "-ignore_ooms=1")


@dataclass
class Found:
    """Seconds until each kind was found, and how many findings it was saved as."""

    after_s: dict[str, float] = field(default_factory=dict)
    findings: Counter[str] = field(default_factory=Counter)
    stacks: set[str] = field(default_factory=set)
    executions: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="after the import")
    parser.add_argument("--json", default="", help="write the rows to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engine = _engine(Path(folder), options.seconds)
        plain = _atheris(Path(folder) / "plain", options.seconds, FLAGS)
        fork = _atheris(Path(folder) / "fork", options.seconds, (*FLAGS, *FORK))
    _print(engine, plain, fork)
    everybody = (("mlfuzz", engine), ("atheris", plain), ("atheris-fork", fork))
    rows = [measured(f"deaths/{name}/found", [len(found.after_s)]) for name, found in everybody]
    title = f"of {len(KINDS)} kinds of death, found within {options.seconds:g} s"
    units = {row.name: "kinds" for row in rows}
    report(title, rows, machine(["atheris"]), units, options.json)


def _engine(folder: Path, seconds: float) -> Found:
    path, found = folder / "harness.py", Found()
    path.write_text(HARNESS.format(folder=str(FOLDER)))
    seeds = folder / "corpora" / "deaths" / "seeds" / "target"
    seeds.mkdir(parents=True)
    (seeds / "seed").write_bytes(b"seed")
    start = [0.0]

    after_s: dict[str, float] = {}

    def take(finding: Finding, _: str) -> None:
        after_s.setdefault(finding.id, time.monotonic() - start[0])

    store = Findings(folder / "corpora", "deaths")
    engine = CodeEngine(load(path), folder / "corpora", seed=1, on_finding=take)
    engine.start()
    deadline = time.monotonic() + START_S
    while not engine.ready() and time.monotonic() < deadline:
        time.sleep(0.02)
    start[0] = time.monotonic()
    while time.monotonic() < start[0] + seconds:
        engine.check()
        time.sleep(0.05)
    found.executions = engine.progress()[0].executions
    engine.stop()
    for finding in store.load_all()[0]:
        kind = _kind(store.path(finding, finding.input).read_bytes())
        found.findings[kind] += 1
        if kind and finding.id in after_s:
            found.after_s[kind] = min(found.after_s.get(kind, seconds), after_s[finding.id])
        if store.path(finding, "traceback.txt").exists():
            found.stacks.add(kind)
    return found


def _atheris(folder: Path, seconds: float, flags: tuple[str, ...]) -> Found:
    for name in ("queue", "artifacts"):
        (folder / name).mkdir(parents=True)
    (folder / "queue" / "seed").write_bytes(b"seed")
    script = folder / "fuzz.py"
    script.write_text(PLAIN.format(python=sys.executable, folder=str(FOLDER)))
    script.chmod(0o755)
    start = time.time()
    process = subprocess.Popen(
        [script, *flags, f"-artifact_prefix={folder}/artifacts/", folder / "queue"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        start_new_session=True,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait()
    found = Found()
    for path in sorted((folder / "artifacts").iterdir(), key=lambda path: path.stat().st_mtime):
        kind = _kind(path.read_bytes())
        found.after_s.setdefault(kind, max(0.0, path.stat().st_mtime - start))
        found.findings[kind] += 1
    found.after_s.pop("", None)
    return found


def _kind(data: bytes) -> str:
    """What the target does with these bytes; "" where it does nothing bad."""
    name = chr(data[0]) if len(data) >= 3 and data[1:3] == b"!!" else ""
    return name if name in KINDS else ""


def _print(engine: Found, plain: Found, fork: Found) -> None:
    table = Table("death", "mlfuzz, s", "findings", "stack", "plain Atheris, s", "-fork=1, s")
    for kind, name in KINDS.items():
        table.add_row(
            name,
            _seconds(engine, kind),
            str(engine.findings[kind]),
            "yes" if kind in engine.stacks else "no",
            _seconds(plain, kind),
            _seconds(fork, kind),
        )
    console = Console(width=110)
    console.print(table)
    console.print(f"mlfuzz: {engine.executions:,} executions, {engine.findings['']} other findings")


def _seconds(found: Found, kind: str) -> str:
    return f"{found.after_s[kind]:.1f}" if kind in found.after_s else "-"


if __name__ == "__main__":
    main()
