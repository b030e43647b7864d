"""What a criterion takes from the profile of the seeds, checked: one line where it does not fit."""

from __future__ import annotations

import numpy as np

from mlfuzz.core import Profile, TargetSpec
from mlfuzz.errors import HarnessError


def ranges(spec: TargetSpec, profile: Profile | None) -> dict[str, np.ndarray]:
    """``low`` and ``high`` (N,) float32: between what the seeds drove each neuron.

    Raises
    ------
    ValueError
        Where there is no profile, or one of another number of neurons.
    """
    profile = _fitting(spec, profile)
    return {name: np.asarray(getattr(profile, name), np.float32) for name in ("low", "high")}


def traces(
    spec: TargetSpec, profile: Profile | None, least: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """((R, E) float64, (R,) int64): the seeds' embeddings and answers, as far as they are of use.

    Left out are seeds with a value that is not finite, or without an answer, and then those whose
    answer fewer than ``least`` seeds share.

    Raises
    ------
    ValueError
        As ``ranges``, and where the profile holds no embeddings and answers.
    HarnessError
        Where no seed is left.
    """
    profile = _fitting(spec, profile)
    if profile.embeddings is None or profile.answers is None:
        raise ValueError("expected a profile with the seeds' embeddings and answers, got none")
    embeddings = np.asarray(profile.embeddings, np.float64)
    of_use = np.isfinite(embeddings).all(axis=1) & (profile.answers >= 0)
    embeddings, answers = embeddings[of_use], np.asarray(profile.answers[of_use], np.int64)
    shared = np.bincount(answers, minlength=spec.outputs)[answers] >= least
    if not shared.any():
        raise HarnessError(
            f"coverage=: {len(answers)} of {len(of_use)} seeds have an answer, and no answer is "
            f"that of {least}. Expected at least {least} seeds that the model answers alike; add "
            "seeds, or choose a criterion that does without them."
        )
    return embeddings[shared], answers[shared]


def _fitting(spec: TargetSpec, profile: Profile | None) -> Profile:
    if profile is None or profile.low.shape != (spec.neurons,):
        came = "none" if profile is None else f"one of {profile.low.size}"
        raise ValueError(f"expected a profile of {spec.neurons} neurons, got {came}")
    return profile
