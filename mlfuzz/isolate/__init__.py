"""Limited child processes: how one is started, watched, ended, and what its end tells.

Mechanism only: no harness, no store and no Atheris may come in here.  Parent and child share a
piece of memory, the heartbeat, from which the parent recovers the input of any death.
"""

from mlfuzz.isolate.child import Child, Death, Scratch, spawn
from mlfuzz.isolate.heartbeat import (
    ANSWERED,
    ENDED,
    LEAST_BYTES,
    MAX_INPUT_BYTES,
    RETIRED,
    Heartbeat,
    SoftTimeout,
)
from mlfuzz.isolate.inside import arm, enter, limit_memory
from mlfuzz.isolate.nursery import Nursery, serve
from mlfuzz.isolate.watch import Watch

__all__ = [
    "ANSWERED",
    "ENDED",
    "LEAST_BYTES",
    "MAX_INPUT_BYTES",
    "RETIRED",
    "Child",
    "Death",
    "Heartbeat",
    "Nursery",
    "Scratch",
    "SoftTimeout",
    "Watch",
    "arm",
    "enter",
    "limit_memory",
    "serve",
    "spawn",
]
