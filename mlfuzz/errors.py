"""The errors that a user sees as one line: what came, what was expected, what to do.

    MlfuzzError
    +-- HarnessError     the harness, its seeds or its model cannot be used
    +-- StoreError       corpora/ or corpora/crashes/ cannot be read or written
    +-- EngineError      an engine could not start or had to stop

Wrong arguments of a function are a plain ``ValueError``.
"""


class MlfuzzError(Exception):
    """Something outside mlfuzz is not as it must be; the message is one line for a person."""


class HarnessError(MlfuzzError):
    """The harness, its seeds or its model cannot be used."""


class StoreError(MlfuzzError):
    """A folder of the store cannot be read, written or locked."""


class EngineError(MlfuzzError):
    """An engine could not start, or had to stop, for a reason outside it."""
