"""The formats that are known, one a file; one that is added here is tested by all the laws."""

from __future__ import annotations

from mlfuzz.structure.format import Format
from mlfuzz.structure.formats.flac import FLAC
from mlfuzz.structure.formats.gguf import GGUF
from mlfuzz.structure.formats.jpeg import JPEG
from mlfuzz.structure.formats.midi import MIDI
from mlfuzz.structure.formats.npy import NPY
from mlfuzz.structure.formats.png import PNG
from mlfuzz.structure.formats.protobuf import PROTOBUF
from mlfuzz.structure.formats.riff import IFF, RIFF, RIFX
from mlfuzz.structure.formats.tar import TAR
from mlfuzz.structure.formats.tiff import TIFF
from mlfuzz.structure.formats.words import JSON, PLAIN, TABLE, XML
from mlfuzz.structure.formats.zip import ZIP

MARKED: tuple[Format, ...] = (
    RIFF, RIFX, IFF, PNG, JPEG, TIFF, FLAC, MIDI, GGUF, NPY, ZIP, TAR,
)  # fmt: skip
"""Known by their magic numbers."""

FORMATS: tuple[Format, ...] = (*MARKED, JSON, XML, TABLE, PLAIN, PROTOBUF)
"""In the order in which they are asked; those that have no magic number come last."""
