"""Train the keyword spotter on the Free Spoken Digit Dataset and say how good it is.

Run from the folder above: ``python -m speech.train [FOLDER]``.
"""

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from speech.features import log_mel
from speech.model import load, network
from speech.recording import MAX_SAMPLES, decode

BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[3] / "shared" / "data"
SEED = 7
BATCH = 64
EPOCHS = 40  # checked with --validate, on takes held back from training
TEST_TAKES = range(5)  # the official test split
VALIDATION_TAKES = range(5, 10)
MAX_SHIFT = 2_400  # samples of silence before a recording, 0.3 s
GAIN_DB = 12.0  # louder or quieter by up to this
SNR_DB = (15.0, 50.0)


@dataclass(frozen=True)
class Recordings:
    """Decoded recordings and what is said in them.

    Parameters
    ----------
    audio : ndarray, (N, 8000) float32
        Padded with zeros.
    lengths, digits, takes : ndarray, (N,) int32
        Samples of sound, the digit spoken, the number of the take.
    speakers : ndarray, (N,) str
    """

    audio: np.ndarray
    lengths: np.ndarray
    digits: np.ndarray
    takes: np.ndarray
    speakers: np.ndarray

    def where(self, mask: np.ndarray) -> "Recordings":
        """Return the rows at which ``mask``, (N,) bool, is true."""
        return Recordings(*(values[mask] for values in vars(self).values()))


def main() -> None:
    """Train, save and measure."""
    options = parse()
    recordings = read_folder(options.folder)
    is_training = ~np.isin(recordings.takes, TEST_TAKES)
    if options.validate:
        is_held_back = np.isin(recordings.takes, VALIDATION_TAKES)
        model = train(recordings.where(is_training & ~is_held_back))
        return report("takes 5-9, held back", model, recordings.where(is_held_back))

    train(recordings.where(is_training)).save(options.output)
    report("official test split, saved model", load(options.output), recordings.where(~is_training))
    is_stranger = recordings.speakers == options.stranger
    model = train(recordings.where(is_training & ~is_stranger))
    report(f"all of {options.stranger}, never heard", model, recordings.where(is_stranger))


def parse() -> argparse.Namespace:
    """Read the command line."""
    default = Path(os.environ.get("MLFUZZ_DATA", BESIDE_THE_CHECKOUT)) / "fsdd"
    parser = argparse.ArgumentParser(prog="python -m speech.train", description=main.__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=default, help="of the WAV files")
    parser.add_argument("--output", default=Path(__file__).with_name("digits.keras"))
    parser.add_argument("--stranger", default="theo", help="the speaker held out of a second model")
    parser.add_argument("--validate", action="store_true", help="only measure on takes 5-9")
    return parser.parse_args()


def read_folder(folder: Path) -> Recordings:
    """Decode every ``{digit}_{speaker}_{take}.wav`` of a folder.

    Raises
    ------
    FileNotFoundError
        There is no such file in the folder.
    """
    paths = sorted(folder.glob("?_*_*.wav"))
    if not paths:
        raise FileNotFoundError(
            f"{folder}: no recording named digit_speaker_take.wav. Expected the Free Spoken "
            "Digit Dataset; name its folder, or set MLFUZZ_DATA to the folder above fsdd."
        )
    sounds = [decode(path.read_bytes()) for path in paths]
    digits, speakers, takes = zip(*(path.stem.split("_") for path in paths), strict=True)
    return Recordings(
        audio=np.stack([np.pad(sound, (0, MAX_SAMPLES - len(sound))) for sound in sounds]),
        lengths=np.array([len(sound) for sound in sounds], np.int32),
        digits=np.array(digits).astype(np.int32),
        takes=np.array(takes).astype(np.int32),
        speakers=np.array(speakers),
    )


def augmented_batches(
    recordings: Recordings, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pictures, (64, 49, 40, 1), and digits, (64,), for ever, altered anew each time."""
    while True:
        order = rng.permutation(len(recordings.digits))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            audio = augment(recordings.audio[rows], recordings.lengths[rows], rng)
            yield pictures(audio), recordings.digits[rows]


def augment(audio: np.ndarray, lengths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shift, scale and add noise to recordings, (B, 8000), that are ``lengths``, (B,), long."""
    shifts = rng.integers(0, np.minimum(MAX_SAMPLES - lengths, MAX_SHIFT) + 1)
    shifted = np.stack([np.roll(row, shift) for row, shift in zip(audio, shifts, strict=True)])
    gain_db = rng.uniform(-GAIN_DB, GAIN_DB, (len(audio), 1))
    loud = shifted * 10 ** (gain_db / 20)
    rms = np.sqrt(np.square(loud).sum(axis=1, keepdims=True) / lengths[:, None])
    noise_db = -rng.uniform(*SNR_DB, (len(audio), 1))
    noise = rng.standard_normal(audio.shape) * rms * 10 ** (noise_db / 20)
    return np.asarray(loud + noise, np.float32)


def pictures(audio: np.ndarray) -> np.ndarray:
    """Return the log-mel pictures, (B, 49, 40, 1) float32, of padded sound, (B, 8000)."""
    return np.asarray(keras.ops.convert_to_numpy(log_mel({"audio": audio})["log_mel"]))


def train(recordings: Recordings) -> keras.Model:
    """Train a new network, from the same seed every time."""
    keras.utils.set_random_seed(SEED)
    batches = augmented_batches(recordings, np.random.default_rng(SEED))
    steps = len(recordings.digits) // BATCH
    model = network()
    rate = keras.optimizers.schedules.CosineDecay(4e-3, EPOCHS * steps)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    model.fit(batches, epochs=EPOCHS, steps_per_epoch=steps, verbose=2)
    bare = network()  # a model that was fitted would save its optimizer too
    bare.set_weights(model.get_weights())
    return bare


def report(title: str, model: keras.Model, recordings: Recordings) -> None:
    """Print the share of recordings that the model answers right."""
    answers = model.predict(pictures(recordings.audio), verbose=0).argmax(axis=1)
    right = int((answers == recordings.digits).sum())
    print(f"{title}: {right} of {len(answers)} right, {100 * right / len(answers):.2f}%")


if __name__ == "__main__":
    main()
