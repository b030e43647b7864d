"""Which mutators a domain gets where the harness names none: one function for each domain."""

from __future__ import annotations

from functools import singledispatch

from mlfuzz.core import Domain, Mutator
from mlfuzz.domains.audio import Audio
from mlfuzz.domains.image import Image
from mlfuzz.mutators import audio, image


@singledispatch
def default(domain: Domain | None) -> tuple[Mutator, ...]:
    """The mutators for a domain, the wild ones included; none for one that is not known here."""
    return ()


@default.register
def _of_recordings(domain: Audio) -> tuple[Mutator, ...]:
    return *audio.default(domain.rate_hz), *audio.WILD


@default.register
def _of_pictures(domain: Image) -> tuple[Mutator, ...]:
    return *image.default(domain.channels, min(domain.height, domain.width)), *image.WILD
