"""What an input is built like: mutations that keep a file whole, tokens of the target.

Pure functions of bytes; no engine and no process may come in here.  ``mutator_for`` makes the one
mutator; a format is a short description, ``Chunked`` or ``Text``, and its docstring has an example.
"""

from __future__ import annotations

from mlfuzz.structure.chunk import Chunk, Field, Walk, by_kind
from mlfuzz.structure.chunked import Chunked, begins
from mlfuzz.structure.format import Format
from mlfuzz.structure.formats import FORMATS
from mlfuzz.structure.mutator import StructureMutator, mutator_for
from mlfuzz.structure.text import Text

__all__ = [
    "FORMATS",
    "Chunk",
    "Chunked",
    "Field",
    "Format",
    "StructureMutator",
    "Text",
    "Walk",
    "begins",
    "by_kind",
    "mutator_for",
]
