"""Read who said what in a recording: from the WAV file itself or from a JSON file beside it."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Metadata:
    """What is known of a recording; ``None`` where nothing is said.

    Parameters
    ----------
    label : str or None
        The word that is spoken (``INAM`` in a WAV file).
    speaker : str or None
        Who speaks (``IART``).
    take : int or None
        Which try it is, from 0 (``ITRK``).
    """

    label: str | None = None
    speaker: str | None = None
    take: int | None = None


class BadMetadata(Exception):
    """The bytes are neither a WAV file with sound chunks nor a valid side-car."""


def read_metadata(data: bytes) -> Metadata:
    """Read the metadata of one recording.

    Parameters
    ----------
    data : bytes
        A RIFF/WAVE file, with or without a LIST/INFO chunk, or a JSON object that starts with
        ``{`` and has any of the fields ``label``, ``speaker`` and ``take``.

    Raises
    ------
    BadMetadata
        Neither of the two, a chunk that ends past the file, or a value of the wrong type.
    """
    if data.startswith(b"{"):
        return _from_sidecar(data)
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise BadMetadata(f"starts with {data[:12]!r}. Expected a WAV file or a JSON object.")
    info = _info(data)
    return Metadata(
        label=_text(info.get(b"INAM")),
        speaker=_text(info.get(b"IART")),
        take=_take(_digits(_text(info.get(b"ITRK")))),
    )


def _from_sidecar(data: bytes) -> Metadata:
    try:
        values = json.loads(data)
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are both of this kind
        raise BadMetadata(f"not JSON ({error}). Expected one JSON object.") from error
    for name in ("label", "speaker"):
        if not isinstance(values.get(name), str | None):
            raise BadMetadata(f"{name} is {values[name]!r}. Expected text.")
    return Metadata(values.get("label"), values.get("speaker"), _take(values.get("take")))


def _info(data: bytes) -> dict[bytes, bytes]:
    """Collect the entries of all LIST/INFO chunks, by their four-letter names."""
    entries: dict[bytes, bytes] = {}
    for name, body in _chunks(data[12:]):
        if name == b"LIST" and body.startswith(b"INFO"):
            entries.update(_chunks(body[4:]))
    return entries


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Walk over RIFF chunks: name, little-endian size, body, and a pad byte if that is odd."""
    offset = 0
    while offset + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, offset)
        body = data[offset + 8 : offset + 8 + size]
        if len(body) < size:
            raise BadMetadata(f"chunk {name!r} has {len(body)} bytes. Expected {size}; copy again.")
        yield name, body
        offset += 8 + size + size % 2


def _text(body: bytes | None) -> str | None:
    """Decode the text of an INFO entry, which ends at its first zero byte."""
    if body is None:
        return None
    return body.split(b"\0")[0].decode("utf-8", errors="replace").strip()


def _digits(text: str | None) -> int | None:
    """Turn the text of an INFO entry into a number."""
    try:
        return None if text is None else int(text)
    except ValueError as error:
        raise BadMetadata(f"take is {text!r}. Expected a whole number from 0.") from error


def _take(value: object) -> int | None:
    """Check that a take is a whole number from 0, if it is given."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadMetadata(f"take is {value!r}. Expected a whole number from 0.")
    return value
