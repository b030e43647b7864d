"""The child of a ``Worker``: ``python -m mlfuzz.input_child ...`` runs the inputs that it is sent.

Imported by nobody; without Atheris and without instrumentation.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from mlfuzz import isolate
from mlfuzz.detectors import Guard
from mlfuzz.entry_point import EntryPoint
from mlfuzz.errors import MlfuzzError
from mlfuzz.harness import Harness, load
from mlfuzz.minimise import critical_bytes, minimise
from mlfuzz.outcome import Outcome, breach_verdict, execute
from mlfuzz.outcome.growth import grown
from mlfuzz.outcome.lines import LineTrace
from mlfuzz.outcome.same import SameFault
from mlfuzz.outcome.stacks import scope_of
from mlfuzz.outcome.words import message_of
from mlfuzz.worker import Minimised, Reply, Request, read_frame, write_frame


def main(argv: Sequence[str]) -> None:
    """Load the harness, say what its entry points are, answer until the parent hangs up."""
    args = _arguments(argv)
    isolate.enter(args.parent)
    try:
        harness = load(args.harness)
    except MlfuzzError as error:
        _send(args.replies, Reply(error=str(error)))
        return
    traces = _traces(harness, args.lines) if args.lines else {}
    isolate.limit_memory(args.memory_mb)
    beat = isolate.Heartbeat(args.beat, args.size)
    stack = open(args.stack, "ab")  # noqa: SIM115 - as long as the process
    isolate.arm(beat, stack)
    _send(args.replies, Reply(scopes={each.name: scope_of(each) for each in harness.code}))
    pulse, guards = _Pulse(beat), _guards(harness)
    while (frame := read_frame(args.requests)) is not None:
        request = msgspec.msgpack.decode(frame, type=Request)
        pulse.begin()
        try:
            reply = _answer(harness, request, pulse, guards, traces)
        except isolate.SoftTimeout:  # came a moment after the end
            reply = _answer(harness, request, pulse, guards, traces)
        pulse.end()
        _send(args.replies, reply)


class _Pulse:
    """Tells the watching parent that another input runs: each has its own time."""

    def __init__(self, beat: isolate.Heartbeat) -> None:
        self._beat, self._count = beat, 0

    def begin(self) -> None:
        self._count += 1
        self._beat.begin(b"", self._count)

    def around(self, data: bytes) -> AbstractContextManager[None]:
        """A run of an input that comes of this one."""
        self.begin()
        return nullcontext()

    def end(self) -> None:
        self._beat.words[isolate.ENDED] = self._count


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mlfuzz.input_child", allow_abbrev=False)
    for name in ("harness", "stack"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("memory-mb", "requests", "replies", "parent", "beat", "size"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--lines", type=Path)
    return parser.parse_args(argv)


def _send(handle: int, reply: Reply) -> None:
    write_frame(handle, msgspec.msgpack.encode(reply))


def _guards(harness: Harness) -> dict[str, Guard]:
    """Those of the entry points by name; all that they may write in is the working folder."""
    decode = _decode_entry(harness)
    entries = harness.code if decode is None else (decode, *harness.code)
    return {each.name: Guard(each.detectors, [Path.cwd()]) for each in entries}


def _traces(harness: Harness, folder: Path) -> dict[str, LineTrace]:
    """Those of the entry points by name; a successor of this process writes on."""
    how = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return {
        each.name: LineTrace(scope_of(each).modules, os.open(folder / each.name, how))
        for each in harness.code
    }


def _answer(
    harness: Harness,
    request: Request,
    pulse: _Pulse,
    guards: Mapping[str, Guard],
    traces: Mapping[str, LineTrace],
) -> Reply:
    if request.kind == "decode":
        return _decode(harness, request.data, guards)
    try:
        entry = harness.entry(request.entry)
    except MlfuzzError as error:
        return Reply(error=str(error))
    contract, guard = harness.contract_of(entry), guards[entry.name]
    if request.kind == "minimise":
        same = SameFault(entry, contract, request.id, guard, pulse.begin)
        return Reply(minimised=_minimised(request, same))
    with traces.get(entry.name) or nullcontext():
        outcome = execute(entry, contract, request.data, guard)
    if outcome.state != "fault" and not traces:  # a trace takes time of its own
        outcome = grown(entry, request.data, guard, pulse.around) or outcome
    outcome.value = None  # the value stays here
    return Reply(outcome=outcome)


def _minimised(request: Request, same: SameFault) -> Minimised:
    if not same(request.data):
        return Minimised(None, executions=same.executions)
    most, deadline_s = request.max_executions, request.deadline_s
    data = minimise(request.data, same, max_executions=most, deadline_s=deadline_s)
    spans = critical_bytes(data, same, max_executions=most, deadline_s=deadline_s)
    return Minimised(data, tuple(spans), same.executions)


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
