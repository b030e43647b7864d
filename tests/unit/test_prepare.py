"""A ``prepare`` that raises is a fault of the input that it raises on, in both engines."""

from pathlib import Path
from typing import Any

import numpy as np

from mlfuzz import Audio, EntryPoint, Harness
from mlfuzz.domains.wav import pcm16
from mlfuzz.harness import _complete
from mlfuzz.outcome import execute
from mlfuzz.prepare import prepared, prepared_rows, why_unprepared
from mlfuzz.rows import ordinary, shipped

DOMAIN = Audio(max_samples=100)
SILENCE = np.zeros(100, np.float32)


def decode(data: bytes) -> Any:
    return shipped(DOMAIN, DOMAIN.decode(data))


def prepare(samples: Any) -> Any:
    peak = float(np.abs(samples).max())
    return np.asarray([1.0 / peak], np.float32)


HARNESS = _complete(
    Harness(domain=DOMAIN, decode=decode, prepare=prepare, code=[EntryPoint(decode)]),
    Path("quiet.py"),
)


def row(samples: np.ndarray) -> dict[str, np.ndarray]:
    return {"audio": samples, "audio_length": np.asarray(len(samples), np.int32)}


def test_a_row_on_which_prepare_raises_is_nan_throughout() -> None:
    assert np.isnan(prepared(HARNESS, row(SILENCE))["input"]).all()
    assert np.isfinite(prepared(HARNESS, ordinary(DOMAIN))["input"]).all()


def test_the_stage_and_the_type_of_the_exception_are_named() -> None:
    assert why_unprepared(HARNESS, row(SILENCE)) == "prepare: ZeroDivisionError"
    assert why_unprepared(HARNESS, ordinary(DOMAIN)) is None


def test_without_prepare_there_are_no_prepared_arrays() -> None:
    assert prepared_rows(Harness(domain=DOMAIN), [ordinary(DOMAIN)]) == {}


def test_the_code_engine_goes_on_from_decode_to_prepare() -> None:
    entry = HARNESS.code[0]
    quiet = execute(entry, HARNESS.contract_of(entry), pcm16(SILENCE, 8000))
    assert quiet.verdict is not None
    assert quiet.verdict.kind == "exception"
    assert quiet.verdict.signature[0] == "ZeroDivisionError"
    assert any("prepare" in part for part in quiet.verdict.signature)
    loud = execute(entry, HARNESS.contract_of(entry), pcm16(SILENCE + 0.5, 8000))
    assert loud.state == "answered"


def test_a_contract_that_returns_false_is_broken() -> None:
    entry = EntryPoint(decode, name="decode", contract=lambda samples: len(samples) > 10)
    short = execute(entry, entry.contract, pcm16(SILENCE[:5], 8000))
    assert short.verdict is not None and short.verdict.kind == "contract"
    assert execute(entry, entry.contract, pcm16(SILENCE, 8000)).state == "answered"
