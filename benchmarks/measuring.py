"""What every benchmark shares: rows of ratios, a table with quartiles, the machine, a JSON file."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Measured:
    """One figure: its median and quartiles over so many samples."""

    name: str
    value: float
    low: float
    high: float
    samples: int


def measured(name: str, samples: Sequence[float]) -> Measured:
    """Median and quartiles of repeated measurements."""
    low, middle, high = np.quantile(samples, [0.25, 0.5, 0.75])
    return Measured(name, float(middle), float(low), float(high), len(samples))


def machine(packages: Sequence[str]) -> str:
    """Cores, Python and the versions of some packages, in one line."""
    versions = " ".join(f"{name} {version(name)}" for name in packages)
    cores = len(os.sched_getaffinity(0))
    return f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, {versions}"


def report(
    title: str, rows: Sequence[Measured], where: str, units: Mapping[str, str], json_file: str
) -> None:
    """Print the table and, where a file is named, write the rows as JSON."""
    table = Table(title=title, caption=where)
    for column in ("figure", "median", "quartiles", "samples", "unit"):
        table.add_column(column, no_wrap=True)
    for row in rows:
        spread = f"{row.low:.3g} to {row.high:.3g}"
        unit = units.get(row.name, "ratio")
        table.add_row(row.name, f"{row.value:.3g}", spread, str(row.samples), unit)
    console = Console()
    Console(width=max(console.width, 100)).print(table)
    if json_file:
        Path(json_file).write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
