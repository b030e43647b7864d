"""Which mutators a harness gets that names none."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from mlfuzz import Audio, Harness, HarnessError, Image
from mlfuzz.core import Domain
from mlfuzz.harness import _complete
from mlfuzz.mutators import audio, choice, image


class Loud(Audio):
    """A user's own kind of recording."""


class Unknown:
    """Some other domain."""


def chosen(domain: Any, **fields: Any) -> Any:
    harness = Harness(domain=domain, model=cast(Any, object), **fields)
    return _complete(harness, Path("some.py")).mutators


def test_each_domain_has_its_own_and_the_wild_ones() -> None:
    assert chosen(Audio(rate_hz=4000)) == (*audio.default(4000), *audio.WILD)
    assert chosen(Image(40, 28, 3)) == (*image.default(3, 28), *image.WILD)
    assert chosen(Loud()) == chosen(Audio())


def test_what_the_harness_names_is_what_it_gets() -> None:
    assert chosen(Image(8, 8), mutators=[image.Fog()]) == (image.Fog(),)


def test_a_domain_without_mutators_needs_them_in_the_harness() -> None:
    assert choice.default(cast(Domain, Unknown())) == () == choice.default(None)
    for fields in ({}, {"mutators": image.WILD}):
        with pytest.raises(HarnessError, match="mutators= holds none that keeps") as caught:
            chosen(Unknown(), **fields)
        assert "\n" not in str(caught.value)


def test_code_alone_gets_none() -> None:
    harness = Harness(decode=lambda data: data)
    assert _complete(harness, Path("some.py")).mutators == ()
