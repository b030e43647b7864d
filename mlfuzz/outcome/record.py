"""The finding that a code fault is saved as, and the mark of an input not to be run again."""

from __future__ import annotations

import platform
import time
from functools import lru_cache
from importlib import metadata

from mlfuzz.core import Verdict
from mlfuzz.entry_point import EntryPoint
from mlfuzz.harness import Harness
from mlfuzz.outcome.stacks import scope_of
from mlfuzz.store import Finding, digest, finding_id

SHRUNK, CONFIRMED, UNCONFIRMED = -1.0, 0.0, 1.0
"""Second part of a code finding's nearness, after its size: a confirmed one replaces, and what
``mlfuzz shrink`` left is not replaced by one that is just as long."""


def code_finding(
    verdict: Verdict, harness: Harness, entry: EntryPoint, *, executions: int, origin: str
) -> Finding:
    """A finding of the code engine that is not confirmed yet, hence ``flaky``.

    Parameters
    ----------
    executions : int
        How many inputs the entry point had run.
    origin : str
        ``mutation``, ``bytes`` or ``seed``.
    """
    id = finding_id(verdict.kind, verdict.signature)
    return Finding(
        id=id,
        harness=harness.name,
        engine="code",
        source=entry.name,
        kind=verdict.kind,
        signature=verdict.signature,
        threat=verdict.threat,
        severity=verdict.severity,
        stability="flaky",
        bounds="unknown",
        origin=origin,
        verdict=verdict.values,
        versions=_versions(scope_of(entry).modules),
        found={
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "executions": executions,
        },
        replay=f"mlfuzz replay {id}",
    )


def skip_mark(data: bytes) -> str:
    """How an input that must not run again is written down: length first, to spare hashing."""
    return f"{len(data)}:{digest(data)}"


@lru_cache(maxsize=16)
def _versions(modules: tuple[str, ...]) -> dict[str, str]:
    """Of Python, of mlfuzz and of the packages whose code is under test."""
    versions = {"python": platform.python_version()}
    for package in dict.fromkeys(["mlfuzz", "numpy", *(m.partition(".")[0] for m in modules)]):
        try:
            versions[package] = metadata.version(package)
        except (metadata.PackageNotFoundError, ValueError):
            continue
    return versions
