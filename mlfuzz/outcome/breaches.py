"""How contracts are asked about a value: worked out once for each entry point, then called."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from mlfuzz.contracts import Contracts, OneContract, parts
from mlfuzz.outcome.stacks import own_sites, statement_of, traceback_sites
from mlfuzz.outcome.words import message_of, type_name

Breach = tuple[str, str]
"""(rule, message)."""
Check = Callable[[bytes, Any], Breach | None]
"""(input, returned value) -> what is broken."""


def check_of(
    contract: Contracts | None, function: Callable[[bytes], Any], *, is_sampled: bool = False
) -> Check | None:
    """One function for all contracts of an entry point; None where it has none.

    Parameters
    ----------
    function : callable
        The entry point's, for contracts that run it again.
    is_sampled : bool
        Whether a contract's ``every`` counts: while fuzzing, and never where a fault is judged.
    """
    if contract is None:
        return None
    checks = [_check_of(each, function, is_sampled) for each in parts(contract)]
    if len(checks) == 1:  # spares the loop on the hot path
        return checks[0]

    def first(data: bytes, value: Any) -> Breach | None:
        for check in checks:
            if (found := check(data, value)) is not None:
                return found
        return None

    return first


def _check_of(contract: OneContract, function: Callable[[bytes], Any], is_sampled: bool) -> Check:
    check = _of_value(contract) if hasattr(contract, "breach") else _of_call(contract, function)
    every = getattr(contract, "every", 1)
    if not is_sampled or every == 1:
        return check
    # By content, so that equal runs look at equal inputs.
    return lambda data, value: check(data, value) if zlib.crc32(data) % every == 0 else None


def _of_value(contract: Any) -> Check:
    """The hot path: one call between the child and the contract."""
    breach: Callable[[Any], Breach | None] = contract.breach

    def check(data: bytes, value: Any) -> Breach | None:
        try:
            return breach(value)
        except Exception as error:
            return _raised(contract, error)

    return check


def _of_call(contract: Any, function: Callable[[bytes], Any]) -> Check:
    needs_input = hasattr(contract, "check")

    def check(data: bytes, value: Any) -> Breach | None:
        try:
            if needs_input:
                found: Breach | None = contract.check(data, value, function)
                return found
            return _returned(contract, contract(value))
        except Exception as error:
            return _raised(contract, error)

    return check


def _returned(contract: Any, answer: object) -> Breach | None:
    """A callable breaks by raising, and what it raises from names the rule; or returns False."""
    if answer is False:
        return getattr(contract, "__qualname__", "contract"), "the contract returned False"
    return None


def _raised(contract: Any, error: Exception) -> Breach:
    own = getattr(contract, "__module__", None)
    sites = own_sites(traceback_sites(error.__traceback__), (own,) if own else ())
    rule = statement_of(sites) or type_name(type(error))
    return rule, message_of(error) or rule
