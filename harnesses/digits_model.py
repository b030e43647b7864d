"""Fuzz a reader of handwritten digits: the model, and the reader of pictures before it."""

from pathlib import Path

from digits.model import scaled
from digits.picture import SIZE, BadPicture, decode

from mlfuzz import EntryPoint, Harness, Image, KerasTarget


def written_digit(picture: Path) -> int:
    """The trusted label of a seed: ``7_0.png`` is a seven."""
    return int(picture.name[0])


harness = Harness(
    domain=Image(SIZE, SIZE),
    decode=decode,
    features=scaled,
    model=lambda: KerasTarget.load(Path(__file__).parent / "digits" / "lenet.keras"),
    label=written_digit,
    code=[
        EntryPoint(
            decode,
            name="picture",
            refuses=[BadPicture],
            instrument=["PIL.PngImagePlugin", "PIL.BmpImagePlugin"],
        )
    ],
)
