"""What a run tells its model engine: where things lie, how to start, and whom to tell."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlfuzz.model.roots import Decode
from mlfuzz.model.suspects import OnFinding


@dataclass(frozen=True)
class Setting:
    """What a run gives its model engine beside the harness.

    Parameters
    ----------
    decode : callable
        The harness's decode in an isolated process.
    feed_code : bool
        Hand new entries to the code engine.
    adopt : queue of bytes
        Inputs of contract findings, to be shown to the model.
    """

    corpora: Path
    seed: int
    batch_size: int
    decode: Decode
    feed_code: bool
    adopt: queue.SimpleQueue[bytes]
    on_finding: OnFinding
    note: Callable[[str], None]
