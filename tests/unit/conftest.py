"""What the unit tests share: a fuzzing child's session in this process."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from mlfuzz import isolate
from mlfuzz.code_child.mutations import Mutations
from mlfuzz.code_child.session import Session
from mlfuzz.harness import Harness
from mlfuzz.structure import mutator_for


@pytest.fixture
def child(tmp_path: Path) -> Callable[..., AbstractContextManager[Session]]:
    """A session for the entry point ``entry``, without Atheris and without limits."""

    @contextmanager
    def child(harness: Harness, announced: list[dict[str, Any]]) -> Iterator[Session]:
        beat = isolate.Heartbeat.create(4096)
        args = Namespace(
            entry="entry", beat=beat.handle, size=4096, stack=tmp_path / "stack",
            skip=tmp_path / "skip", corpora=tmp_path / "corpora", known_hang=[], seeds=tmp_path,
            executions=0, suffix=".bin", memory_mb=1024,
        )  # fmt: skip
        mutations = Mutations(
            mutator_for([]), None, 1, mutate=lambda data, size: data, tell=lambda yields: None
        )
        session = Session(
            args,
            harness,
            lambda **fields: announced.append(fields),
            mutations,
            harness.entry("entry").then,
        )
        with session._stack:
            yield session
        session.beat.close()

    return child
