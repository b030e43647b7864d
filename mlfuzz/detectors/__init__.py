"""What fuzzed code must not do though it raises nothing.

A detector is a value that looks at Python's audit events while an input runs; the ``Guard`` holds
those of one entry point.  Leaving a detector out of ``EntryPoint(detectors=[...])`` switches it
off.  Nothing of a store and no process may come in here.

Invisible to all of them is what compiled code does without telling Python: files that libsndfile,
HDF5 or libxml2 open themselves, and their own sockets.
"""

from collections.abc import Sequence

from mlfuzz.detectors.bomb import Bomb
from mlfuzz.detectors.entities import Entities
from mlfuzz.detectors.execution import Execute, Import, Library, Shell, Unpickle
from mlfuzz.detectors.files import ReadOutside, WriteOutside
from mlfuzz.detectors.growth import Growth
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
    Entities(),
    Growth(),
)
"""All but ``Warnings``: a warning is wrong only where the author says so."""


def problem(given: object) -> str | None:
    """What is wrong with an author's ``detectors``, in words that end with the cure."""
    if not isinstance(given, Sequence) or isinstance(given, str):
        return (
            f"is {given!r}. Expected a list of detectors, such as detectors=[Shell()]; an empty "
            "one switches all off."
        )
    for each in given:
        if isinstance(each, type) or not callable(getattr(each, "judge", None)):
            what = f"the class {each.__name__}" if isinstance(each, type) else repr(each)
            return f"holds {what}. Expected a value of mlfuzz.detectors, such as Shell()."
    return None


__all__ = [
    "DEFAULT",
    "Alarm",
    "Bomb",
    "Detector",
    "Entities",
    "Execute",
    "Growth",
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
