"""What fuzzed code must not do though it raises nothing.

A detector is a value that looks at Python's audit events while an input runs; the ``Guard`` holds
those of one entry point.  Leaving a detector out of ``EntryPoint(detectors=[...])`` switches it
off.  Nothing of a store and no process may come in here.

Invisible to all of them is what compiled code does without telling Python: files that libsndfile,
HDF5 or libxml2 open themselves, and their own sockets.
"""

from mlfuzz.detectors.bomb import Bomb
from mlfuzz.detectors.execution import Execute, Import, Library, Shell, Unpickle
from mlfuzz.detectors.files import ReadOutside, WriteOutside
from mlfuzz.detectors.guard import Alarm, Guard, UnsafeCall
from mlfuzz.detectors.network import Network
from mlfuzz.detectors.run import Detector, Run
from mlfuzz.detectors.sql import Sql
from mlfuzz.detectors.warned import Warnings

DEFAULT: tuple[Detector, ...] = (
    Unpickle(),
    Execute(),
    Import(),
    Library(),
    Shell(),
    Network(),
    WriteOutside(),
    ReadOutside(),
    Sql(),
    Bomb(),
)
"""All but ``Warnings``: a warning is wrong only where the author says so."""

__all__ = [
    "DEFAULT",
    "Alarm",
    "Bomb",
    "Detector",
    "Execute",
    "Guard",
    "Import",
    "Library",
    "Network",
    "ReadOutside",
    "Run",
    "Shell",
    "Sql",
    "Unpickle",
    "UnsafeCall",
    "Warnings",
    "WriteOutside",
]
