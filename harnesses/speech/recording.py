"""Turn the bytes of a WAV file into one second of mono sound at 8 kHz.

Nothing about features or models may come in here.
"""

import io
import warnings

import numpy as np
import numpy.typing as npt
from scipy.io import wavfile
from scipy.signal import resample

RATE_HZ = 8_000
MAX_SAMPLES = 8_000  # one second
MIN_FILE_RATE_HZ = 4_000
MAX_FILE_RATE_HZ = 192_000

# Editors leave chunks of their own in a file; scipy skips them, and warns each time. Silenced
# once: catch_warnings around every read would cost time and is not safe with threads.
warnings.filterwarnings("ignore", category=wavfile.WavFileWarning)


class BadRecording(Exception):
    """The bytes are not a recording that this product accepts."""


def decode(data: bytes) -> npt.NDArray[np.float32]:
    """Read a WAV file.

    Parameters
    ----------
    data : bytes
        A whole RIFF/WAVE file, of 4,000 to 192,000 Hz, of any number of channels.

    Returns
    -------
    ndarray, (n,) float32, 1 <= n <= 8,000
        The first second, mono, at 8 kHz. Integer formats fill [-1, 1]; float formats are taken
        as they are.

    Raises
    ------
    BadRecording
        Not a WAV file, a variety of WAV that scipy does not read, a rate outside the range, or
        no samples.
    """
    rate_hz, samples = _read(data)
    if not MIN_FILE_RATE_HZ <= rate_hz <= MAX_FILE_RATE_HZ:
        raise BadRecording(
            f"rate of {rate_hz} Hz. Expected {MIN_FILE_RATE_HZ} to {MAX_FILE_RATE_HZ} Hz; "
            "record again at 8,000 Hz."
        )
    return _at_model_rate(_mono(_scaled(samples[:rate_hz])), rate_hz)


def _read(data: bytes) -> tuple[int, npt.NDArray[np.generic]]:
    """Return the rate in hertz and the samples, (n,) or (n, channels), as stored."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise BadRecording(
            f"not a WAV file (first bytes {data[:12]!r}). Expected RIFF....WAVE; "
            "convert it to WAV first."
        )
    try:
        return wavfile.read(io.BytesIO(data))
    except ValueError as error:
        raise BadRecording(
            f"unreadable WAV file ({error}). Expected PCM or float samples; save it again as such."
        ) from error


def _scaled(samples: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """Map integers to [-1, 1), and leave floats; 24-bit samples come left-justified in int32."""
    values = samples.astype(np.float64)
    if samples.dtype == np.uint8:
        return (values - 128) / 128
    if np.issubdtype(samples.dtype, np.signedinteger):
        return values / 2.0 ** (8 * samples.dtype.itemsize - 1)
    return values


def _mono(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Mix (n,) or (n, channels) down to (n,)."""
    mixed = samples.mean(axis=1) if samples.ndim == 2 else samples
    return mixed.astype(np.float32)


def _at_model_rate(mono: npt.NDArray[np.float32], rate_hz: int) -> npt.NDArray[np.float32]:
    """Resample (n,) at ``rate_hz`` to (round(n * 8,000 / rate_hz),) at 8 kHz."""
    count = round(len(mono) * RATE_HZ / rate_hz)
    if count == 0:
        raise BadRecording(
            f"{len(mono)} samples at {rate_hz} Hz. Expected sound; record for longer."
        )
    if rate_hz == RATE_HZ:
        return mono
    return resample(mono, count).astype(np.float32)
