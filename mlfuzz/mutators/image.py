"""Changes of a picture that leave its label alone: the default choice for the Image domain."""

from __future__ import annotations

from mlfuzz.core import Mutator
from mlfuzz.mutators.image_blocks import BlockArtefacts
from mlfuzz.mutators.image_blur import TAPS, GaussianBlur, MeanBlur, MedianBlur, MotionBlur
from mlfuzz.mutators.image_level import Brightness, Contrast, Gamma, Saturation
from mlfuzz.mutators.image_noise import GaussianNoise, SaltAndPepper, ShotNoise
from mlfuzz.mutators.image_occlusion import Occlusion
from mlfuzz.mutators.image_warp import Perspective, Rotation, Scale, Shear, Translation
from mlfuzz.mutators.image_weather import Fog, Glare, Rain, Shadow, Snow
from mlfuzz.mutators.image_wild import Clipped, Constant, CopiedChannel, Inverted, Pixel

__all__ = [
    "DEFAULT",
    "WILD",
    "BlockArtefacts",
    "Brightness",
    "Clipped",
    "Constant",
    "Contrast",
    "CopiedChannel",
    "Fog",
    "Gamma",
    "GaussianBlur",
    "GaussianNoise",
    "Glare",
    "Inverted",
    "MeanBlur",
    "MedianBlur",
    "MotionBlur",
    "Occlusion",
    "Perspective",
    "Pixel",
    "Rain",
    "Rotation",
    "SaltAndPepper",
    "Saturation",
    "Scale",
    "Shadow",
    "Shear",
    "ShotNoise",
    "Snow",
    "Translation",
]

SIDE = 32
"""Pixels a side for which ``TAPS`` holds."""


def default(channels: int, side: int = SIDE) -> tuple[Mutator, ...]:
    """The mutators that keep the label of a picture of this many channels.

    Parameters
    ----------
    channels : int
        1: without changes of colour.
    side : int
        Pixels of the shorter side: blurs are as wide for their picture as 5 are for 32, and left
        out where that is under 3.
    """
    colour = (Saturation(),) if channels == 3 else ()
    return (
        *(Brightness(), Contrast(), Gamma(), *colour),
        *(GaussianNoise(), ShotNoise(), SaltAndPepper()),
        *_blurs(side),
        BlockArtefacts(),
        *(Translation(), Rotation(), Scale(), Shear(), Perspective()),
        Occlusion(),
        *(Rain(), Fog(), Snow(), Glare(), Shadow()),
    )


def _blurs(side: int) -> tuple[Mutator, ...]:
    taps = max((odd for odd in (3, TAPS) if odd * SIDE <= TAPS * side), default=1)
    if taps == 1:
        return ()
    return GaussianBlur(taps), MeanBlur(taps), MotionBlur(taps), MedianBlur()


DEFAULT = default(3)
WILD: tuple[Mutator, ...] = (Constant(), Pixel(), CopiedChannel(), Inverted(), Clipped())
"""Only for wild groups: within bounds they change nothing."""
