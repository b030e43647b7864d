"""Changes of a recording that leave its words alone: the default choice for the Audio domain."""

from __future__ import annotations

from mlfuzz.core import Mutator
from mlfuzz.mutators.audio_level import Clip, Gain
from mlfuzz.mutators.audio_noise import ColouredNoise, WhiteNoise
from mlfuzz.mutators.audio_spectrum import BandPass
from mlfuzz.mutators.audio_time import Speed, TimeShift
from mlfuzz.mutators.audio_wild import Constant, Spike

__all__ = [
    "DEFAULT",
    "WILD",
    "BandPass",
    "Clip",
    "ColouredNoise",
    "Constant",
    "Gain",
    "Speed",
    "Spike",
    "TimeShift",
    "WhiteNoise",
]

DEFAULT: tuple[Mutator, ...] = (
    Gain(),
    WhiteNoise(),
    ColouredNoise(),
    TimeShift(),
    Speed(),
    BandPass(),
    Clip(),
)

WILD: tuple[Mutator, ...] = (Constant(), Spike())
"""Only for wild groups: within bounds they change nothing."""
