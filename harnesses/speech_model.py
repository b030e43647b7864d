"""Fuzz a spoken-digit recogniser: the model, and the three readers that stand before it."""

from pathlib import Path

from speech.features import log_mel
from speech.metadata import BadMetadata, read_metadata
from speech.recording import MAX_SAMPLES, RATE_HZ, BadRecording, decode
from speech.settings import BadSettings, read_settings

from mlfuzz import Audio, EntryPoint, Harness, KerasTarget


def spoken_digit(recording: Path) -> int:
    """The trusted label of a seed: ``7_jackson_0.wav`` is a seven."""
    return int(recording.name[0])


harness = Harness(
    domain=Audio(rate_hz=RATE_HZ, max_samples=MAX_SAMPLES),
    decode=decode,
    features=log_mel,
    model=lambda: KerasTarget.load(Path(__file__).parent / "speech" / "digits.keras"),
    label=spoken_digit,
    code=[
        EntryPoint(
            decode, name="recording", refuses=[BadRecording], instrument=["scipy.io.wavfile"]
        ),
        EntryPoint(read_settings, name="settings", refuses=[BadSettings]),
        EntryPoint(read_metadata, name="metadata", refuses=[BadMetadata]),
    ],
)
