"""Changes of a recording that leave its words alone: the default choice for the Audio domain."""

from __future__ import annotations

from mlfuzz.core import Mutator
from mlfuzz.mutators.audio_level import Clip, Gain
from mlfuzz.mutators.audio_loss import Clicks, Dropout, MuLaw
from mlfuzz.mutators.audio_noise import ColouredNoise, WhiteNoise
from mlfuzz.mutators.audio_spectrum import BandPass
from mlfuzz.mutators.audio_time import Speed, TimeShift
from mlfuzz.mutators.audio_wild import Constant, Spike

__all__ = [
    "DEFAULT",
    "WILD",
    "BandPass",
    "Clicks",
    "Clip",
    "ColouredNoise",
    "Constant",
    "Dropout",
    "Gain",
    "MuLaw",
    "Speed",
    "Spike",
    "TimeShift",
    "WhiteNoise",
]


def default(rate_hz: float) -> tuple[Mutator, ...]:
    """The mutators that keep the label of a recording at this rate, hertz."""
    telephone = BandPass(high_hz=min(3400.0, rate_hz / 2), rate_hz=float(rate_hz))
    level, time = (Gain(), Clip()), (TimeShift(), Speed())
    added, lost = (WhiteNoise(), ColouredNoise(), Clicks()), (telephone, MuLaw(), Dropout())
    return (*level, *added, *time, *lost)


DEFAULT = default(8000.0)
WILD: tuple[Mutator, ...] = (Constant(), Spike())
"""Only for wild groups: within bounds they change nothing."""
