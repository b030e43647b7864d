"""Fuzz the loader of an image classifier: decode, turn, resize and normalise, and its metadata."""

from images.picture import MEAN, SIZE, SPREAD, BadPicture, Facts, facts, load

from mlfuzz import EntryPoint, Harness
from mlfuzz.contracts import Dtype, Finite, Range, Repeatable, Shape

PLUGINS = [f"PIL.{name}ImagePlugin" for name in ("Png", "Jpeg", "Gif", "Bmp", "Tiff", "WebP")]


def is_plausible(said: Facts) -> bool:
    """What the catalogue relies on."""
    return said.width > 0 and said.height > 0 and 1 <= said.orientation <= 8


harness = Harness(
    code=[
        EntryPoint(
            load,
            name="picture",
            refuses=[BadPicture],
            contract=[
                Shape((SIZE, SIZE, 3)),
                Dtype("float32"),
                Finite(),
                Range(-MEAN / SPREAD, (1 - MEAN) / SPREAD),
                Repeatable(),
            ],
            instrument=PLUGINS,
        ),
        EntryPoint(
            facts, name="facts", refuses=[BadPicture], contract=is_plausible, instrument=PLUGINS
        ),
    ],
)
