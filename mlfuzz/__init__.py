"""Coverage-guided fuzzing of the whole inference path: the names that a harness needs."""

from mlfuzz.domains.audio import Audio
from mlfuzz.domains.image import Image
from mlfuzz.entry_point import EntryPoint
from mlfuzz.errors import EngineError, HarnessError, MlfuzzError, StoreError
from mlfuzz.harness import Harness, Policy
from mlfuzz.refusals import Refusal
from mlfuzz.targets.keras import KerasTarget
from mlfuzz.targets.pair import Pair
from mlfuzz.targets.precision import at_precision

__all__ = [
    "Audio",
    "EngineError",
    "EntryPoint",
    "Harness",
    "HarnessError",
    "Image",
    "KerasTarget",
    "MlfuzzError",
    "Pair",
    "Policy",
    "Refusal",
    "StoreError",
    "at_precision",
]
__version__ = "0.1.0"
