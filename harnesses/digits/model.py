"""The network: LeNet-5 with rectified units, and the trained copy beside this file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
from keras import layers

DIGITS = 10


def scaled(batch: Mapping[str, Any]) -> dict[str, Any]:
    """Pictures of 0 to 255 to 0 to 1, in backend operations."""
    return {"ink": batch["image"] * (1.0 / 255.0)}


def network() -> keras.Model:
    """Build the untrained network: (B, 28, 28, 1) ink of 0 to 1 -> (B, 10) probabilities.

    Notes
    -----
    LeNet-5 of LeCun et al., "Gradient-based learning applied to document recognition" (1998),
    section II.B, with today's habits: rectified units, maxima for sub-sampling, every map seeing
    all maps before it, a softmax at the end.  61,706 parameters.
    """
    ink = keras.Input((28, 28, 1), name="ink")
    x = layers.Conv2D(6, 5, padding="same", activation="relu", name="c1")(ink)
    x = layers.MaxPooling2D(2, name="s2")(x)
    x = layers.Conv2D(16, 5, activation="relu", name="c3")(x)
    x = layers.MaxPooling2D(2, name="s4")(x)
    x = layers.Flatten(name="maps")(x)
    x = layers.Dense(120, activation="relu", name="c5")(x)
    x = layers.Dense(84, activation="relu", name="f6")(x)
    digit = layers.Dense(DIGITS, activation="softmax", name="digit")(x)
    return keras.Model(ink, digit, name="digits")


def load(path: str | Path | None = None) -> keras.Model:
    """Load the trained network.

    Parameters
    ----------
    path : str or Path, optional
        A ``.keras`` file; default ``lenet.keras`` beside this file.
    """
    path = Path(__file__).with_name("lenet.keras") if path is None else Path(path)
    return keras.models.load_model(path, compile=False, safe_mode=True)
