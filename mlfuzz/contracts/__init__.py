"""What must hold for every value that an entry point returns: one line in a harness each.

A contract is a frozen dataclass with one method: ``breach(value)`` (``core.Contract``) where the
value tells all, ``check(data, value, function)`` (``InputContract``) where the input or another
run is needed.  A field ``every``, where there is one, says on which share of the inputs a fuzzing
child looks; confirmation, replay and shrinking always do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from mlfuzz.contracts.array import Channels, Dtype, Finite, Length, Range, Shape
from mlfuzz.contracts.pair import Agrees, Metamorphic, Repeatable, RoundTrip, Survives
from mlfuzz.core import Contract

__all__ = [
    "Agrees",
    "Channels",
    "Contracts",
    "Dtype",
    "Finite",
    "InputContract",
    "Length",
    "Metamorphic",
    "OneContract",
    "Range",
    "Repeatable",
    "RoundTrip",
    "Shape",
    "Survives",
    "parts",
    "problem",
]


class InputContract(Protocol):
    """What a returned value must satisfy, given the input that it was made of."""

    def check(
        self, data: bytes, value: Any, function: Callable[[bytes], Any]
    ) -> tuple[str, str] | None:
        """None, or (rule, message) as ``core.Contract``; ``function`` is the entry point's."""


OneContract = Contract | InputContract | Callable[[Any], object]
Contracts = OneContract | Sequence[OneContract]


def parts(contract: Contracts) -> tuple[OneContract, ...]:
    """The single contracts, in the order in which they are looked at."""
    return tuple(contract) if isinstance(contract, Sequence) else (contract,)


def problem(contract: object) -> str | None:
    """What is wrong with an author's ``contract``, in words that end with the cure."""
    if contract is None:
        return None
    several = contract if isinstance(contract, Sequence) else [contract]
    return next((why for each in several if (why := _problem(each))), None)


def _problem(contract: object) -> str | None:
    if isinstance(contract, type):
        return (
            f"holds the class {contract.__name__}. Expected a value, such as {contract.__name__}()."
        )
    if callable(contract) or hasattr(contract, "breach") or hasattr(contract, "check"):
        return None
    return (
        f"holds {contract!r}. Expected contracts, such as mlfuzz.contracts.Finite(), or a "
        "function of the returned value that raises or returns False."
    )
