"""The child of a ``Worker``: ``python -m mlfuzz.input_child ...`` runs the inputs that it is sent.

Imported by nobody; without Atheris and without instrumentation.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from mlfuzz import isolate
from mlfuzz.detectors import Guard
from mlfuzz.errors import MlfuzzError
from mlfuzz.harness import EntryPoint, Harness, load
from mlfuzz.outcome import Outcome, breach_verdict, execute, message_of
from mlfuzz.outcome.stacks import scope_of
from mlfuzz.worker import Reply, Request, read_frame, write_frame


def main(argv: Sequence[str]) -> None:
    """Load the harness, say what its entry points are, answer until the parent hangs up."""
    args = _arguments(argv)
    isolate.enter(args.parent)
    try:
        harness = load(args.harness)
    except MlfuzzError as error:
        _send(args.replies, Reply(error=str(error)))
        return
    isolate.limit_memory(args.memory_mb)
    beat = isolate.Heartbeat(args.beat, args.size)
    stack = open(args.stack, "ab")  # noqa: SIM115 - as long as the process
    isolate.arm(beat, stack)
    _send(args.replies, Reply(scopes={each.name: scope_of(each) for each in harness.code}))
    count, guards = 0, _guards(harness)
    while (frame := read_frame(args.requests)) is not None:
        request = msgspec.msgpack.decode(frame, type=Request)
        count += 1
        beat.begin(b"", count)
        try:
            reply = _answer(harness, request, guards)
        except isolate.SoftTimeout:  # came a moment after the end
            reply = _answer(harness, request, guards)
        beat.words[isolate.ENDED] = count
        _send(args.replies, reply)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mlfuzz.input_child", allow_abbrev=False)
    for name in ("harness", "stack"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("memory-mb", "requests", "replies", "parent", "beat", "size"):
        parser.add_argument(f"--{name}", type=int, required=True)
    return parser.parse_args(argv)


def _send(handle: int, reply: Reply) -> None:
    write_frame(handle, msgspec.msgpack.encode(reply))


def _guards(harness: Harness) -> dict[str, Guard]:
    """Those of the entry points by name; all that they may write in is the working folder."""
    decode = _decode_entry(harness)
    entries = harness.code if decode is None else (decode, *harness.code)
    return {each.name: Guard(each.detectors, [Path.cwd()]) for each in entries}


def _answer(harness: Harness, request: Request, guards: Mapping[str, Guard]) -> Reply:
    if request.kind == "decode":
        return _decode(harness, request.data, guards)
    try:
        entry = harness.entry(request.entry)
    except MlfuzzError as error:
        return Reply(error=str(error))
    outcome = execute(entry, harness.contract_of(entry), request.data, guards[entry.name])
    outcome.value = None  # the value stays here
    return Reply(outcome=outcome)


def _decode_entry(harness: Harness) -> EntryPoint | None:
    """What decodes for the model; None where there is no domain."""
    if harness.domain is None or harness.decode_entry is not None:
        return harness.decode_entry
    return EntryPoint(harness.decode or harness.domain.decode, name="decode")


def _decode(harness: Harness, data: bytes, guards: Mapping[str, Guard]) -> Reply:
    """Without the contract: what breaks it is just what the model is to be asked about."""
    entry = _decode_entry(harness)
    if harness.domain is None or entry is None:
        return Reply(error=f"{harness.path}: no domain, so nothing can be decoded for a model.")
    # A row on which prepare raises must still decode: prepare is the model engine's to run.
    outcome = execute(replace(entry, then=None), None, data, guards[entry.name])
    if outcome.state != "answered":
        return Reply(outcome=outcome)
    try:
        arrays = harness.domain.arrays(outcome.value)
    except ValueError as error:
        verdict = breach_verdict(entry.name, "arrays", message_of(error), data)
        return Reply(outcome=Outcome(state="fault", verdict=verdict))
    return Reply(arrays={name: _npy(array) for name, array in arrays.items()})


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)  # threads of the target may wait for ever
