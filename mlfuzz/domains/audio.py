"""Short mono recordings: padded float32 arrays on the grid of 16-bit files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mlfuzz.backend import ops
from mlfuzz.core import Array, Arrays, ArraySpec, Batch
from mlfuzz.domains.contract import ArrayContract
from mlfuzz.domains.wav import formats, pcm16, read_pcm16

QUANTUM = 2.0**-15
SHORT = 200
"""Samples of a variant: libFuzzer reaches every byte of a small file soon."""


@dataclass(frozen=True)
class Audio:
    """A recording of at most ``max_samples``: ``audio`` (max_samples,) float32, ``audio_length``.

    Parameters
    ----------
    rate_hz : int
        Samples a second, as the files that ``encode`` makes will say.
    max_samples : int
        Longest recording that the model is fed.

    Notes
    -----
    A value is a whole multiple of 2**-15 in -1 <= x < 1, as a 16-bit file holds it; past the
    length there are zeros.
    """

    rate_hz: int = 8000
    max_samples: int = 8000
    suffix: ClassVar[str] = ".wav"

    def specs(self) -> tuple[ArraySpec, ...]:
        """One padded array, ``audio``."""
        shape = (self.max_samples,)
        return (ArraySpec("audio", shape, "float32", -1.0, 1.0 - QUANTUM, QUANTUM, padded=True),)

    def arrays(self, decoded: Any) -> Arrays:
        """(n,) float samples, bare or as ``{"audio": ...}``, padded; neither rounded nor clipped.

        Beside ``audio`` an ``audio_length`` says how many of them count: so ``decode`` gives it.

        Raises
        ------
        ValueError
            Where it is no array of floats, not one-dimensional, empty or too long.
        """
        samples = decoded.get("audio") if isinstance(decoded, Mapping) else decoded
        if not isinstance(samples, np.ndarray) or samples.dtype.kind != "f":
            came = getattr(samples, "dtype", type(samples).__name__)
            raise ValueError(f"audio: {came}. Expected an array of float32, -1 to 1.")
        if isinstance(decoded, Mapping) and "audio_length" in decoded:
            samples = samples[: int(decoded["audio_length"])]
        if samples.ndim != 1 or not 1 <= len(samples) <= self.max_samples:
            raise ValueError(
                f"audio: shape {samples.shape}. Expected (n,) with n from 1 to {self.max_samples}."
            )
        padded = np.zeros(self.max_samples, np.float32)
        with np.errstate(over="ignore"):  # 1e300 in float64 becomes inf: the oracles' business
            padded[: len(samples)] = samples
        return {"audio": padded, "audio_length": np.asarray(len(samples), np.int32)}

    def round(self, batch: Batch) -> Batch:
        """The nearest values of a 16-bit file; saturates, and zero past the length.

        NaN stays NaN: no mutator makes one, and hiding it would hide a fault of ours.
        """
        steps = ops.round(batch["audio"] * np.float32(1 / QUANTUM))
        clipped = ops.clip(steps, -32768.0, 32767.0) * np.float32(QUANTUM)
        return batch.replace(audio=ops.where(within(batch), clipped, 0.0))

    def encode(self, arrays: Arrays) -> bytes:
        """A mono 16-bit WAV file of ``audio_length`` samples, 44 bytes of header."""
        return pcm16(arrays["audio"][: int(arrays["audio_length"])], self.rate_hz)

    def decode(self, data: bytes) -> Arrays:
        """Read a mono 16-bit WAV file of this rate; ``ValueError`` for any other."""
        rate_hz, samples = read_pcm16(data)
        if rate_hz != self.rate_hz:
            raise ValueError(
                f"a recording at {rate_hz} Hz. Expected {self.rate_hz} Hz; convert it."
            )
        return self.arrays(samples)

    def variants(self, seeds: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
        """Short relatives of the first readable seed, each under 4 kB and each a clean recording.

        Then inputs of a wrong type, which a decoder must refuse.
        """
        samples = _loudest(_first_readable(seeds), SHORT)
        for count in (0, 1, SHORT):
            yield f"int16_{count}.wav", pcm16(samples[:count], self.rate_hz)
        for name, data in formats(samples, self.rate_hz):
            yield f"{name}.wav", data
        yield from _WRONG_TYPES

    def contract(self) -> ArrayContract:
        """What a decoder of recordings must return."""
        return ArrayContract(self.specs())


def within(batch: Mapping[str, Array]) -> Array:
    """(B, n) bool: the samples before each row's length."""
    index = ops.arange(batch["audio"].shape[1], dtype="int32")
    return ops.convert_to_tensor(index)[None, :] < batch["audio_length"][:, None]


def _first_readable(seeds: Sequence[bytes]) -> np.ndarray:
    for seed in seeds:
        try:
            _, samples = read_pcm16(seed)
        except ValueError:
            continue
        if len(samples) >= SHORT:
            return samples
    return np.asarray(np.sin(np.arange(SHORT) * 0.3) / 2, np.float32)


def _loudest(samples: np.ndarray, count: int) -> np.ndarray:
    """The ``count`` samples around the peak: a variant of silence would teach nothing."""
    start = int(np.clip(np.argmax(np.abs(samples)) - count // 2, 0, len(samples) - count))
    return np.asarray(samples[start : start + count])


_WRONG_TYPES = (
    ("empty.bin", b""),
    ("png.bin", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\0\0\0\0:~\x9bU"),
    ("mp3.bin", b"ID3\x03\0\0\0\0\0\nTIT2\0\0\0\0\0\0\xff\xfb\x90\x64" + bytes(32)),
    ("text.bin", b"a plain text, no recording\n"),
    ("json.bin", b'{"recording": [0, 1, 2]}\n'),
)
