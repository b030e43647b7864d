"""What an input did to an entry point: answered, refused or fault, and the fault's signature.

Used alike by the fuzzing child, by confirmation and by replay, so that a fault has one name
everywhere.  No process is started here.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from mlfuzz.contracts import Contracts
from mlfuzz.core import Verdict
from mlfuzz.detectors import Alarm, Guard
from mlfuzz.entry_point import EntryPoint
from mlfuzz.isolate import SoftTimeout
from mlfuzz.outcome.breaches import check_of
from mlfuzz.outcome.stacks import (
    Scope,
    Site,
    cycle,
    dump_sites,
    innermost,
    is_ours,
    own_sites,
    scope_of,
    statement_of,
    traceback_sites,
)
from mlfuzz.outcome.words import message_of, type_name
from mlfuzz.refusals import by_module, plain_types

MAX_TEXT = 400
WHY = 160
"""Characters of a message where few words are wanted."""
MAX_TRACEBACK = 20_000


class Outcome(msgspec.Struct, kw_only=True):
    """What became of one input; ``value`` is what was returned, in this process only."""

    state: Literal["answered", "refused", "fault"]
    verdict: Verdict | None = None
    traceback: str | None = None
    value: Any = None

    def why(self) -> str:
        """What became of the input, in a few words."""
        if self.verdict is None:
            return self.state
        lines = str(self.verdict.values.get("message") or "").strip().splitlines()
        reason = f", {lines[0][:WHY].rstrip('.')}" if lines else ""
        return f"{self.state}: {self.verdict.kind}{reason}"


def execute(
    entry: EntryPoint, contract: Contracts | None, data: bytes, guard: Guard | None = None
) -> Outcome:
    """Run one input through an entry point in this process; only KeyboardInterrupt passes.

    Parameters
    ----------
    guard : Guard, optional
        Its alarm is the fault, whatever else became of the input.
    """
    if guard is None:
        return _execute(entry, contract, data)
    guard.begin(data)
    is_answered = False
    try:
        outcome = _execute(entry, contract, data)
        is_answered = outcome.state == "answered"
    finally:
        alarm = guard.end(is_answered)
    return outcome if alarm is None else alarmed(alarm, scope_of(entry), data)


def _execute(entry: EntryPoint, contract: Contracts | None, data: bytes) -> Outcome:
    check = check_of(contract, entry.function)
    try:
        value = entry.function(data)
        breach = None if check is None else check(data, value)
        if breach is None and entry.then is not None:
            entry.then(value)
    except KeyboardInterrupt:
        raise
    except SoftTimeout as error:
        verdict = soft_hang_verdict(error, scope_of(entry), data)
        return Outcome(state="fault", verdict=verdict, traceback=traceback_text(error))
    except plain_types(entry.refuses):
        return Outcome(state="refused")
    except BaseException as error:
        if any(refusal.covers(error) for refusal in by_module(entry.refuses)):
            return Outcome(state="refused")
        return raised(error, scope_of(entry), data)
    if breach is None:
        return Outcome(state="answered", value=value)
    verdict = breach_verdict(entry.name, *breach, data)
    return Outcome(state="fault", verdict=verdict, value=value)


def raised(error: BaseException, scope: Scope, data: bytes) -> Outcome:
    """The fault that an exception is."""
    if isinstance(error, MemoryError):
        traceback.clear_frames(error.__traceback__)  # their locals are what filled the memory
    return Outcome(
        state="fault",
        verdict=exception_verdict(error, scope, data),
        traceback=traceback_text(error),
    )


# --- exceptions ---------------------------------------------------------------------------------


def chain_key(error: BaseException) -> tuple[object, ...]:
    """A cheap key of where an exception came from: faults with equal keys are taken for one.

    The line and the offset of each frame stand in it, so two would have to agree in both, all the
    way down, in different files.  Code does not: to ask a frame for it is audited, and costs a
    microsecond once a guard's hook is installed.
    """
    steps, step = [], error.__traceback__
    while step is not None:
        steps.append(step)
        step = step.tb_next
    if len(steps) > 96:  # recursion
        steps = steps[:64] + steps[-32:]
    return (type(error), *((each.tb_lineno, each.tb_lasti) for each in steps))


def exception_verdict(error: BaseException, scope: Scope, data: bytes) -> Verdict:
    """Kind and signature of an exception: its type, innermost own frames, raising statement."""
    sites = own_sites(traceback_sites(error.__traceback__), scope.modules)
    if isinstance(error, RecursionError):
        names, statement = cycle(sites), ""  # the statement that hits the limit is chance
    else:
        names, statement = innermost(sites), statement_of(sites)
    is_memory = isinstance(error, MemoryError)
    return Verdict(
        kind="out-of-memory" if is_memory else "exception",
        signature=_signature(type_name(type(error)), names, statement),
        threat="disruption",
        severity="high" if is_memory else "medium",
        values=_values(scope.name, message_of(error), data),
    )


def traceback_text(error: BaseException) -> str:
    """The traceback from the entry point inwards, without frames of ours; capped."""
    step = error.__traceback__
    while step is not None and is_ours(step.tb_frame.f_code.co_filename):
        step = step.tb_next
    try:
        text = "".join(traceback.format_exception(type(error), error, step))
    except BaseException as failure:  # a hostile __str__, or no memory left
        text = f"{type_name(type(error))} (its traceback failed: {type_name(type(failure))})\n"
    return text if len(text) <= MAX_TRACEBACK else f"{text[:MAX_TRACEBACK]}\n...\n"


# --- unsafe calls -------------------------------------------------------------------------------


def alarmed(alarm: Alarm, scope: Scope, data: bytes) -> Outcome:
    """The fault that a detector's alarm is."""
    return Outcome(
        state="fault",
        verdict=unsafe_verdict(alarm, scope, data),
        traceback=alarm_text(alarm),
    )


def unsafe_verdict(alarm: Alarm, scope: Scope, data: bytes) -> Verdict:
    """Kind and signature of an unsafe act: the detector and the innermost own frames."""
    names = innermost(own_sites([Site(*call) for call in alarm.stack], scope.modules))
    return Verdict(
        kind="unsafe-call",
        signature=_signature(alarm.detector, names or (scope.name,), ""),
        threat=alarm.threat,
        severity=alarm.severity,
        values=_values(scope.name, alarm.message, data) | {"event": alarm.event},
    )


def alarm_text(alarm: Alarm) -> str:
    """The stack at the act like a traceback; capped."""
    calls = [(file, line, name, None) for file, line, _, name in alarm.stack]
    lines = traceback.StackSummary.from_list(calls)
    text = "".join(["Traceback (most recent call last):\n", *lines.format()])
    end = f"{alarm.detector} ({alarm.event}): {alarm.message[:MAX_TEXT]}\n"
    room = MAX_TRACEBACK - len(end)
    return (text if len(text) <= room else f"{text[:room]}\n...\n") + end


# --- hangs, deaths, breaches --------------------------------------------------------------------


def hang_verdict(sites: Sequence[Site], scope: Scope, data: bytes, manner: str = "hang") -> Verdict:
    """A hang's signature leaves out the statement: where a loop is interrupted is chance.

    Its first word, the manner, tells a loop in Python from one in C that stands beside it.
    """
    names = innermost(own_sites(sites, scope.modules))
    return Verdict(
        kind="hang",
        signature=_signature(manner, names or (scope.name,), ""),
        threat="disruption",
        severity="high",
        values=_values(scope.name, "gave no answer within its time", data),
    )


def soft_hang_verdict(error: BaseException, scope: Scope, data: bytes) -> Verdict:
    """The verdict of an input that a soft time-out interrupted."""
    return hang_verdict(traceback_sites(error.__traceback__), scope, data)


def death_verdict(
    how: Literal["native", "hang", "hard hang", "out-of-memory"],
    cause: str,
    stack: str,
    scope: Scope,
    data: bytes,
) -> Verdict:
    """What a child's end says about the input that it died at.

    Parameters
    ----------
    cause : str
        The signal's name or ``exit n``.
    stack : str
        A dump of faulthandler; the last one in it counts.
    """
    sites = dump_sites(stack, scope.files)
    if how in ("hang", "hard hang"):
        return hang_verdict(sites, scope, data, how)
    own = own_sites(sites, scope.modules)
    names = innermost(own) or (scope.name,)
    return Verdict(
        kind="native" if how == "native" else "out-of-memory",
        signature=_signature(cause if how == "native" else how, names, statement_of(own)),
        threat="disruption",
        severity="high",
        values=_values(scope.name, f"the process ended with {cause}", data),
    )


def breach_verdict(stage: str, rule: str, message: str, data: bytes) -> Verdict:
    """A wrong value without an exception."""
    return Verdict(
        kind="contract",
        signature=(stage, rule),
        threat="integrity",
        severity="high" if rule == "finite" else "medium",
        values=_values(stage, message, data),
    )


def _signature(first: str, names: Iterable[str], statement: str) -> tuple[str, ...]:
    return (first, *names, *([statement] if statement else []))


def _values(entry: str, message: str, data: bytes) -> dict[str, float | int | str]:
    text = message if len(message) <= MAX_TEXT else f"{message[:MAX_TEXT]}..."
    escaped = text.encode("utf-8", "backslashreplace").decode()
    return {"entry": entry, "message": escaped, "size_bytes": len(data)}
