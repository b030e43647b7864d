"""The model engine over the small harness, in this process, on a corpus of four noises."""

from __future__ import annotations

import queue
from collections.abc import Callable
from pathlib import Path

import numpy as np
from small import SAMPLES, harness

from mlfuzz.domains.wav import pcm16
from mlfuzz.harness import Harness
from mlfuzz.model.setting import Setting
from mlfuzz.model_loop import ModelEngine


def write_seeds(corpora: Path) -> Path:
    """Noise of four levels, 0.05 to 0.2 of the scale; the same folder."""
    folder = corpora / "small" / "seeds" / "model"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(3)
    for number in range(4):
        noise = (rng.normal(size=SAMPLES) * 0.05 * (number + 1)).astype(np.float32)
        (folder / f"{number}.wav").write_bytes(pcm16(np.clip(noise, -1, 0.99), 8000))
    return corpora


def engine(
    corpora: Path,
    subject: Harness | None = None,
    *,
    seed: int = 7,
    batch_size: int = 16,
    note: Callable[[str], None] = lambda line: None,
) -> ModelEngine:
    """An engine that has covered its seeds and stands before its first batch."""
    subject = subject or harness()
    assert subject.domain
    setting = Setting(
        corpora=corpora,
        seed=seed,
        batch_size=batch_size,
        decode=subject.domain.decode,
        feed_code=False,
        adopt=queue.SimpleQueue(),
        on_finding=lambda finding, state: None,
        note=note,
    )
    return ModelEngine(subject, setting)
