"""The domain of pictures: its grid, its files, its variants, its contract and what it refuses."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from implementations import IMAGE_DOMAINS
from PIL import Image as Pillow

from mlfuzz import Image
from mlfuzz.backend import Compiled, fetch
from mlfuzz.core import Batch
from mlfuzz.store.files import digest

GREY, COLOUR = Image(2, 3), Image(2, 3, 3)
every = pytest.mark.parametrize("domain", IMAGE_DOMAINS, ids=repr)


def saved(pixels: np.ndarray, format: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, format, **options)
    return file.getvalue()


def test_rounding_as_worked_out_by_hand() -> None:
    # Halves go to the even neighbour; below 0 and above 255 it saturates; NaN stays.
    image = np.array([0.4, 0.6, 1.5, 2.5, -0.6, -300, 255.4, 256, np.nan, np.inf], np.float32)
    round = Compiled(lambda arrays: dict(Image(2, 5).round(Batch(arrays))))
    after = fetch(round({"image": image.reshape(1, 2, 5, 1)}), "test")["image"].ravel()
    np.testing.assert_array_equal(after, [0, 1, 2, 2, 0, 0, 255, 255, np.nan, 255])


def test_a_file_is_what_other_readers_read() -> None:
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    data = COLOUR.encode(COLOUR.arrays(pixels))
    assert np.array_equal(np.asarray(Pillow.open(io.BytesIO(data))), pixels)
    grey = GREY.encode(GREY.arrays(pixels[..., 0]))
    assert np.array_equal(np.asarray(Pillow.open(io.BytesIO(grey))), pixels[..., 0])


def test_grey_pictures_may_come_without_an_axis_of_channels() -> None:
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    for given in (pixels, pixels[:, :, None], pixels.astype(float), {"image": pixels}):
        arrays = GREY.arrays(given)
        assert arrays["image"].shape == (2, 3, 1) and arrays["image"].dtype == np.float32
        assert np.array_equal(arrays["image"][:, :, 0], pixels)


def test_adopted_values_are_neither_rounded_nor_clipped() -> None:
    wild = np.array([[1e20, -3.0, np.nan], [0.4, 256.0, 1e-9]], np.float32)
    np.testing.assert_array_equal(GREY.arrays(wild)["image"][:, :, 0], wild)
    assert GREY.arrays(np.full((2, 3), 1e300))["image"][0, 0, 0] == np.inf
    # To a file they go all the same: saturated, and a NaN as 0.
    back = GREY.decode(GREY.encode(GREY.arrays(wild)))["image"][:, :, 0]
    assert back.tolist() == [[255, 0, 0], [0, 255, 0]]


@pytest.mark.parametrize(
    ("decoded", "reason"),
    [
        (None, "NoneType"),
        ([[0, 1, 2], [3, 4, 5]], "list"),
        (np.zeros((2, 3), np.int16), "int16"),
        (np.zeros((2, 3), bool), "bool"),
        (np.zeros((3, 2), np.float32), r"shape \(3, 2\). Expected \(2, 3, 1\)"),
        (np.zeros((2, 3, 3), np.uint8), r"shape \(2, 3, 3\)"),
        (np.zeros(0, np.float32), r"shape \(0,\)"),
        ({"picture": np.zeros((2, 3), np.float32)}, "NoneType"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(decoded: object, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^image: .*{reason}.*$") as caught:
        GREY.arrays(decoded)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (np.zeros((2, 3, 1), np.float32), None),
        (np.full((2, 3), 255, np.uint8), None),
        ({"image": np.full((2, 3), 255.0, np.float32)}, None),
        (None, "type"),
        ({"picture": np.zeros((2, 3), np.uint8)}, "type"),
        (np.zeros((2, 3, 3), np.uint8), "shape"),
        (np.zeros((3, 3, 1), np.float32), "shape"),
        (np.zeros((1, 2, 3, 1), np.float32), "shape"),
        (np.zeros((2, 3), np.float64), "dtype"),
        (np.zeros((2, 3), np.int32), "dtype"),
        (np.full((2, 3), np.nan, np.float32), "finite"),
        (np.full((2, 3), 257.0, np.float32), "range"),
        (np.full((2, 3), -2.0, np.float32), "range"),
    ],
)
def test_the_contract_names_the_broken_rule(value: object, rule: str | None) -> None:
    breach = GREY.contract().breach(value)
    assert (breach and breach[0]) == rule


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "first bytes b''"),
        (b"GIF89a", "first bytes b'GIF8'"),
        (b"\x89PNG\r\n\x1a\n", "not a PNG file that Pillow reads"),
        (saved(np.zeros((2, 3), np.uint8))[:-30], "not a PNG file that Pillow reads"),
        (saved(np.zeros((2, 3), np.uint8), "BMP"), "first bytes b'BM"),
        (saved(np.zeros((3, 2), np.uint8)), "L, 2 x 3. Expected an 8-bit grey PNG of 3 x 2"),
        (saved(np.zeros((2, 3, 3), np.uint8)), "RGB, 3 x 2"),
        (saved(np.zeros((2, 3, 4), np.uint8)), "RGBA, 3 x 2"),
        (saved(np.zeros((2, 3), np.uint16)), "I;16, 3 x 2"),
        (saved(np.zeros((2, 3), bool)), "1, 3 x 2"),
    ],
)
def test_files_of_another_kind_are_refused_in_one_line(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        GREY.decode(data)
    assert "\n" not in str(caught.value) and "Expected" in str(caught.value)


@every
def test_variants_are_small_diverse_and_clean(domain: Image) -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (domain.height, domain.width, domain.channels), np.uint8)
    variants = dict(domain.variants([b"no picture", domain.encode(domain.arrays(pixels))]))
    pictures = {name: data for name, data in variants.items() if not name.endswith(".bin")}
    assert len(pictures) >= 20 and len(variants) >= len(pictures) + 5
    assert all(len(data) <= 4096 for data in variants.values())
    opened = [Pillow.open(io.BytesIO(data)) for data in pictures.values()]
    for each in opened:
        each.load()
    assert {each.format for each in opened} == {"PNG", "JPEG", "GIF", "BMP"}
    modes = {each.mode for each in opened}
    assert modes >= {"L", "RGB", "RGBA", "LA", "P", "1", "I;16", "CMYK"}
    assert (1, 1) in {each.size for each in opened}
    assert any(each.getexif().get(0x0112) == 6 for each in opened)
    own = variants["grey.png" if domain.channels == 1 else "rgb.png"]
    assert np.array_equal(domain.decode(own)["image"], pixels), "the first readable seed"


def test_a_picture_without_pixels_or_with_two_channels_is_refused() -> None:
    for sizes in ((0, 5), (5, 0), (5, 5, 2), (5, 5, 4)):
        with pytest.raises(ValueError, match="expected sides of at least 1"):
            Image(*sizes)


def test_pixels_that_come_as_uint8_do_not_wrap() -> None:
    # FACTS section 4, 1: in uint8 the picture 10 darkened by 20 is 246, and the difference of 5
    # and 200 is 61; as this domain keeps them they are -10 and -195.
    arrays = GREY.arrays(np.full((2, 3), 10, np.uint8))["image"]
    assert (arrays - np.asarray(20, arrays.dtype) == -10).all()
    dark, light = (GREY.arrays(np.full((2, 3), v, np.uint8))["image"] for v in (5, 200))
    assert float((dark - light).min()) == -195


def test_pictures_that_print_alike_are_two() -> None:
    # FACTS section 4, 3: NumPy prints 64 x 64 as its corners, so two pictures that differ in one
    # pixel of the middle had one key.
    domain = Image(64, 64)
    one = np.zeros((64, 64), np.uint8)
    two = one.copy()
    two[32, 32] = 1
    assert str(one) == str(two)
    keys = {digest(domain.encode(domain.arrays(each))) for each in (one, two)}
    assert len(keys) == 2


def test_what_is_saved_is_what_failed() -> None:
    # FACTS section 4, 4: a JPEG of a chessboard of single pixels at Pillow's quality of 75 is
    # off by up to 17, and floats that are cast without clipping wrap: 300 to 44, -3 to 253.
    chessboard = (np.indices((16, 16)).sum(axis=0) % 2 * 100 + 50).astype(np.uint8)
    domain = Image(16, 16)
    back = domain.decode(domain.encode(domain.arrays(chessboard)))["image"][:, :, 0]
    assert np.array_equal(back, chessboard)
    row = np.array([[300.0, -3.0, 254.6], [0.0, 0.4, 511.0]], np.float32)
    assert GREY.decode(GREY.encode(GREY.arrays(row)))["image"][:, :, 0].tolist() == [
        [255, 0, 255],
        [0, 0, 255],
    ]


def test_the_range_is_that_of_the_bounds() -> None:
    # FACTS section 4, 16: pictures of 0..1 with bounds of 0..255 satisfy every bound.
    for domain in IMAGE_DOMAINS:
        (spec,) = domain.specs()
        assert (spec.low, spec.high, spec.quantum) == (0.0, 255.0, 1.0)
        data = domain.encode(domain.arrays(np.full(spec.shape, 255, np.uint8)))
        assert domain.decode(data)["image"].max() == 255.0
