"""What a criterion takes from the profile of the seeds, checked: one line where it does not fit."""

from __future__ import annotations

import numpy as np

from mlfuzz.core import Profile, TargetSpec


def ranges(spec: TargetSpec, profile: Profile | None) -> dict[str, np.ndarray]:
    """``low`` and ``high`` (N,) float32: between what the seeds drove each neuron.

    Raises
    ------
    ValueError
        Where there is no profile, or one of another number of neurons.
    """
    if profile is None or profile.low.shape != (spec.neurons,):
        raise ValueError(f"expected a profile of {spec.neurons} neurons, got {profile}")
    return {name: np.asarray(getattr(profile, name), np.float32) for name in ("low", "high")}
