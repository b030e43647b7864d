"""WAV files byte by byte: written in any variety, read in the one that we write.

No reader of others may come in here: what ships is under test, and must not test itself.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import numpy as np

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
"""The end of a sub-format GUID; its first two bytes are the format code."""

Chunk = tuple[bytes, bytes]
"""A chunk's four-letter name and its content."""


def wav_file(
    data: bytes,
    *,
    rate_hz: int,
    channels: int = 1,
    bits: int = 16,
    code: int = PCM,
    extensible: bool = False,
    before: Sequence[Chunk] = (),
    after: Sequence[Chunk] = (),
) -> bytes:
    """A WAV file around samples that are already bytes; 44 bytes of header where it is plain."""
    width = channels * bits // 8
    shown = EXTENSIBLE if extensible else code
    form = struct.pack("<HHIIHH", shown, channels, rate_hz, rate_hz * width, width, bits)
    if extensible:
        form += struct.pack("<HHIH", 22, bits, 4 * (channels == 1) or 3, code) + _GUID_TAIL
    chunks = [(b"fmt ", form), *before, (b"data", data), *after]
    body = b"WAVE" + b"".join(_chunk(name, content) for name, content in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def pcm16(samples: np.ndarray, rate_hz: int) -> bytes:
    """(n,) float in [-1, 1) as a mono 16-bit file; beyond the range it saturates."""
    return wav_file(_integers(samples, 16).astype("<i2").tobytes(), rate_hz=rate_hz)


def read_pcm16(data: bytes) -> tuple[int, np.ndarray]:
    """(rate in hertz, (n,) float32 in [-1, 1)) of a mono 16-bit file, with any extra chunks.

    Raises
    ------
    ValueError
        Any other file.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ValueError(f"not a WAV file (first bytes {data[:4]!r}). Expected RIFF....WAVE.")
    chunks = dict(reversed(list(_chunks(data))))
    form, content = chunks.get(b"fmt ", b""), chunks.get(b"data")
    if len(form) < 16 or content is None or len(content) % 2:
        raise ValueError("a WAV file without whole 'fmt ' and 'data' chunks. Expected both.")
    code, channels, rate_hz, _, _, bits = struct.unpack("<HHIIHH", form[:16])
    if (code, channels, bits) != (PCM, 1, 16):
        raise ValueError(
            f"a WAV file of format {code} with {channels} channels of {bits} bits. "
            "Expected mono 16-bit PCM; convert it, or give the harness a decode of its own."
        )
    return rate_hz, np.frombuffer(content, "<i2").astype(np.float32) / np.float32(32768)


def formats(samples: np.ndarray, rate_hz: int) -> Iterator[tuple[str, bytes]]:
    """(name, file): the same (n,) samples in the varieties that ordinary programs write."""
    plain = _integers(samples, 16).astype("<i2").tobytes()
    stereo = np.repeat(_integers(samples, 16), 2).astype("<i2").tobytes()
    wide = _integers(samples, 24).astype("<i4").tobytes()
    packed = b"".join(wide[i : i + 3] for i in range(0, len(wide), 4))
    tags = (b"LIST", b"INFO" + _chunk(b"INAM", b"a word\0\0") + _chunk(b"ISFT", b"editor\0\0"))
    single, double = (samples.astype(kind).tobytes() for kind in ("<f4", "<f8"))
    middle = (_integers(samples, 8) + 128).astype(np.uint8).tobytes()
    yield "uint8", wav_file(middle, rate_hz=rate_hz, bits=8)
    yield "int24", wav_file(packed, rate_hz=rate_hz, bits=24)
    yield "float32", wav_file(single, rate_hz=rate_hz, bits=32, code=FLOAT)
    yield "float64", wav_file(double, rate_hz=rate_hz, bits=64, code=FLOAT)
    yield "stereo", wav_file(stereo, rate_hz=rate_hz, channels=2)
    for other_hz in (16_000, 44_100, 11_025):
        yield f"{other_hz}hz", wav_file(plain, rate_hz=other_hz)
    yield "extensible", wav_file(plain, rate_hz=rate_hz, extensible=True)
    yield (
        "extensible_float32",
        wav_file(single, rate_hz=rate_hz, bits=32, code=FLOAT, extensible=True),
    )
    yield "list_before", wav_file(plain, rate_hz=rate_hz, before=[tags])
    yield "list_after", wav_file(plain, rate_hz=rate_hz, after=[tags])


def _integers(samples: np.ndarray, bits: int) -> np.ndarray:
    half = 2 ** (bits - 1)
    scaled = np.rint(np.asarray(samples, np.float64) * half)
    return np.asarray(np.clip(scaled, -half, half - 1), np.int64)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _chunks(data: bytes) -> Iterator[Chunk]:
    start = 12
    while start + 8 <= len(data):
        size = int.from_bytes(data[start + 4 : start + 8], "little")
        yield data[start : start + 4], data[start + 8 : start + 8 + size]
        start += 8 + size + size % 2
