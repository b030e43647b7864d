"""The reader of digits: what it takes, what it refuses, and that its model reads its seeds."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlfuzz.harness import load as load_harness

ROOT = Path(__file__).parents[2]
SEEDS = sorted((ROOT / "corpora" / "digits_model" / "seeds" / "picture").glob("*.png"))


@pytest.fixture(autouse=True)
def harnesses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "harnesses")


def file(image: Image.Image, kind: str) -> bytes:
    image.save(written := io.BytesIO(), kind)
    return written.getvalue()


def test_a_seed_comes_as_its_own_pixels() -> None:
    from digits.picture import decode

    for path in SEEDS[::7]:
        pixels = decode(path.read_bytes())
        assert pixels.shape == (28, 28, 1) and pixels.dtype == np.float32
        np.testing.assert_array_equal(pixels[:, :, 0], np.asarray(Image.open(path)))


def test_another_size_and_kind_are_made_to_fit() -> None:
    from digits.picture import decode

    white = Image.new("RGB", (56, 14), "white")
    for kind in ("PNG", "BMP"):
        assert (decode(file(white, kind)) == 255).all()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a picture"),
        (b"GIF89a", "not a picture"),
        (file(Image.new("L", (28, 28)), "JPEG"), "Expected PNG or BMP"),
        (file(Image.new("L", (2000, 1000)), "PNG"), "2000 x 1000 pixels"),
        (file(Image.effect_noise((28, 28), 9), "PNG")[:200], "a damaged picture"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(data: bytes, reason: str) -> None:
    from digits.picture import BadPicture, decode

    with pytest.raises(BadPicture, match=reason) as caught:
        decode(data)
    assert "\n" not in str(caught.value)


def test_the_model_reads_nearly_all_of_its_seeds() -> None:
    import keras
    from digits.model import load, scaled
    from digits.picture import decode

    assert len(SEEDS) == 60
    images = np.stack([decode(path.read_bytes()) for path in SEEDS])
    scores = keras.ops.convert_to_numpy(load()(scaled({"image": images})["ink"]))
    labels = np.array([int(path.name[0]) for path in SEEDS])
    assert (scores.argmax(axis=1) == labels).sum() >= 58
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)


def test_the_harness_loads_and_its_seeds_keep_the_contract() -> None:
    harness = load_harness(ROOT / "harnesses" / "digits_model.py")
    assert harness.label is not None and harness.label(SEEDS[0]) == 0
    contract = harness.domain.contract() if harness.domain else None
    assert contract is not None
    for path in SEEDS:
        assert contract.breach(harness.code[0].function(path.read_bytes())) is None
