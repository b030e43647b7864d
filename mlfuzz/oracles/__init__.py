"""Which rows of a batch are wrong, and how far the others are from it."""

from mlfuzz.oracles.differential import Difference, Disagreement
from mlfuzz.oracles.labelled import ChangedAnswer, Margin, TopK, WrongAnswer
from mlfuzz.oracles.numeric import NonFinite
from mlfuzz.oracles.predicate import Predicate
from mlfuzz.oracles.regression import Directional, RegressionTolerance

__all__ = [
    "ChangedAnswer",
    "Difference",
    "Directional",
    "Disagreement",
    "Margin",
    "NonFinite",
    "Predicate",
    "RegressionTolerance",
    "TopK",
    "WrongAnswer",
]
