"""Whether an input still shows one known fault: execution after execution in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlfuzz.contracts import Contracts
from mlfuzz.core import Verdict
from mlfuzz.detectors import Alarm, Guard
from mlfuzz.entry_point import EntryPoint
from mlfuzz.isolate import SoftTimeout
from mlfuzz.outcome import alarmed, chain_key, exception_verdict
from mlfuzz.outcome.breaches import check_of
from mlfuzz.outcome.stacks import scope_of
from mlfuzz.refusals import by_module, plain_types
from mlfuzz.store import finding_id


def is_same(verdict: Verdict | None, kind: str, signature: Sequence[str]) -> bool:
    """Whether a verdict is the fault of this kind and signature.

    A hang is the same whichever way it ended: a call into C may last just about as long as the
    time-out.
    """
    if verdict is None:
        return False
    if verdict.kind == kind == "hang":
        return tuple(verdict.signature[1:]) == tuple(signature[1:])
    return finding_id(verdict.kind, verdict.signature) == finding_id(kind, signature)


class SameFault:
    """Called with an input, says whether the fault is the one with this id; as ``execute`` would.

    A stack that was met before is not named again, so that a call costs little more than the
    entry point.

    Parameters
    ----------
    id : str
        Of the finding; equal kind and signature have equal ids.
    guard : Guard, optional
        Watches each input, as in ``execute``.
    begin : callable
        Called before each input: it has the time of one input.
    """

    def __init__(
        self,
        entry: EntryPoint,
        contract: Contracts | None,
        id: str,
        guard: Guard | None = None,
        begin: Callable[[], None] = lambda: None,
    ) -> None:
        self._entry, self._id, self._begin = entry, id, begin
        self._guard = guard or Guard((), ())
        self._check = check_of(contract, entry.function)
        self._types, self._modules = plain_types(entry.refuses), by_module(entry.refuses)
        self._scope = scope_of(entry)
        self._by_key: dict[object, bool] = {}
        self.executions = 0

    def __call__(self, data: bytes) -> bool:
        self.executions += 1
        self._begin()
        self._guard.begin(data)
        self._is_answered = False
        try:
            is_same = self._shows(data)
        finally:
            alarm = self._guard.end(self._is_answered)
        return is_same if alarm is None else self._is_same_alarm(alarm, data)

    def _shows(self, data: bytes) -> bool:
        try:
            value = self._entry.function(data)
            breach = None if self._check is None else self._check(data, value)
            if breach is None and self._entry.then is not None:
                self._entry.then(value)
        except KeyboardInterrupt:
            raise
        except SoftTimeout:
            return False
        except self._types:
            return False
        except BaseException as error:
            return self._is_same_error(error, data)
        self._is_answered = breach is None
        return breach is not None and self._is_same_rule(breach[0])

    def _is_same_alarm(self, alarm: Alarm, data: bytes) -> bool:
        known = self._by_key.get(alarm.key)
        if known is None:
            verdict = alarmed(alarm, self._scope, data).verdict
            assert verdict is not None
            known = finding_id(verdict.kind, verdict.signature) == self._id
            self._by_key[alarm.key] = known
        return known

    def _is_same_error(self, error: BaseException, data: bytes) -> bool:
        key = chain_key(error)
        known = self._by_key.get(key)
        if known is None:
            known = self._by_key[key] = self._has_id(error, data)
        return known

    def _has_id(self, error: BaseException, data: bytes) -> bool:
        if any(refusal.covers(error) for refusal in self._modules):
            return False
        verdict = exception_verdict(error, self._scope, data)
        return finding_id(verdict.kind, verdict.signature) == self._id

    def _is_same_rule(self, rule: str) -> bool:
        known = self._by_key.get(rule)
        if known is None:
            known = finding_id("contract", (self._entry.name, rule)) == self._id
            self._by_key[rule] = known
        return known
