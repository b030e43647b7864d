"""Train the reader of digits on 9,000 of the MNIST test images and say how good it is.

Run from the folder above: ``python -m digits.train [FOLDER]``.
"""

import argparse
import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from digits.model import load, network

BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[3] / "shared" / "data"
IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
SEED = 7
BATCH = 64
EPOCHS = 20
HELD_BACK = 1_000  # the last ones
MAX_SHIFT = 2  # pixels
SEEDS_A_DIGIT = 6


def main() -> None:
    """Train, save, measure and write the seeds."""
    options = parse()
    pixels, digits = read_folder(options.folder)
    train(pixels[:-HELD_BACK], digits[:-HELD_BACK]).save(options.output)
    model = load(options.output)
    report("the 1,000 held back", model, pixels[-HELD_BACK:], digits[-HELD_BACK:])
    if options.seeds:
        write_seeds(options.seeds, pixels[-HELD_BACK:], digits[-HELD_BACK:])


def parse() -> argparse.Namespace:
    """Read the command line."""
    default = Path(os.environ.get("MLFUZZ_DATA", BESIDE_THE_CHECKOUT)) / "mnist"
    parser = argparse.ArgumentParser(prog="python -m digits.train", description=main.__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=default, help="of the IDX files")
    parser.add_argument("--output", default=Path(__file__).with_name("lenet.keras"))
    parser.add_argument("--seeds", type=Path, help="write the first few held back there, as PNG")
    return parser.parse_args()


def read_folder(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pixels, (N, 28, 28, 1) uint8, and digits, (N,) int64, of two IDX files.

    Raises
    ------
    FileNotFoundError
        They are not there.
    """
    for name in (IMAGES, LABELS):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"{folder}: no {name}. Expected the MNIST test set; name its folder, or set "
                "MLFUZZ_DATA to the folder above mnist."
            )
    pixels = np.frombuffer(gzip.decompress((folder / IMAGES).read_bytes()), np.uint8, offset=16)
    digits = np.frombuffer(gzip.decompress((folder / LABELS).read_bytes()), np.uint8, offset=8)
    return pixels.reshape(-1, 28, 28, 1), digits.astype(np.int64)


def train(pixels: np.ndarray, digits: np.ndarray) -> keras.Model:
    """Train a new network, from the same seed every time."""
    keras.utils.set_random_seed(SEED)
    batches = shifted_batches(pixels, digits, np.random.default_rng(SEED))
    steps = len(digits) // BATCH
    model = network()
    rate = keras.optimizers.schedules.CosineDecay(2e-3, EPOCHS * steps)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    model.fit(batches, epochs=EPOCHS, steps_per_epoch=steps, verbose=2)
    bare = network()  # a model that was fitted would save its optimizer too
    bare.set_weights(model.get_weights())
    return bare


def shifted_batches(
    pixels: np.ndarray, digits: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield ink, (64, 28, 28, 1) of 0 to 1, and digits, (64,), for ever, moved anew each time."""
    while True:
        order = rng.permutation(len(digits))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            moves = rng.integers(-MAX_SHIFT, MAX_SHIFT + 1, (BATCH, 2))
            moved = [
                np.roll(pixels[row], move, (0, 1)) for row, move in zip(rows, moves, strict=True)
            ]
            yield np.stack(moved).astype(np.float32) / 255, digits[rows]


def report(title: str, model: keras.Model, pixels: np.ndarray, digits: np.ndarray) -> None:
    """Print the share of pictures that the model answers right."""
    answers = model.predict(pixels.astype(np.float32) / 255, verbose=0).argmax(axis=1)
    right = int((answers == digits).sum())
    print(f"{title}: {right} of {len(answers)} right, {100 * right / len(answers):.2f}%")


def write_seeds(folder: Path, pixels: np.ndarray, digits: np.ndarray) -> None:
    """The first few of each digit as ``{digit}_{number}.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    for digit in range(10):
        for number, row in enumerate(np.flatnonzero(digits == digit)[:SEEDS_A_DIGIT]):
            Image.fromarray(pixels[row, :, :, 0]).save(folder / f"{digit}_{number}.png")


if __name__ == "__main__":
    main()
