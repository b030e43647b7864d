"""The network: a small depthwise-separable CNN (DS-CNN), and the trained copy beside this file."""

from pathlib import Path

import keras
from keras import layers

DIGITS = 10
CHANNELS = 64
BLOCKS = 4


def network() -> keras.Model:
    """Build the untrained network: (B, 49, 40, 1) log-mel -> (B, 10) probabilities.

    Notes
    -----
    The "small" DS-CNN of Zhang et al., "Hello Edge: Keyword Spotting on Microcontrollers"
    (2017), section 4.5, with one stride more: a third of the multiplications.
    """
    log_mel = keras.Input((49, 40, 1), name="log_mel")
    stem = layers.Conv2D(
        CHANNELS, (10, 4), strides=2, padding="same", use_bias=False, name="stem_conv"
    )
    x = _normalised(stem(log_mel), "stem")
    for block in range(BLOCKS):
        x = _separable(x, f"block{block + 1}", strides=2 if block == 0 else 1)
    x = layers.GlobalAveragePooling2D(name="embedding")(x)
    digit = layers.Dense(DIGITS, activation="softmax", name="digit")(x)
    return keras.Model(log_mel, digit, name="digits")


def load(path: str | Path | None = None) -> keras.Model:
    """Load the trained network.

    Parameters
    ----------
    path : str or Path, optional
        A ``.keras`` file; default ``digits.keras`` beside this file.
    """
    path = Path(__file__).with_name("digits.keras") if path is None else Path(path)
    return keras.models.load_model(path, compile=False, safe_mode=True)


def _separable(x: keras.KerasTensor, name: str, strides: int) -> keras.KerasTensor:
    """Filter each channel by itself, then mix the channels at each place."""
    depthwise = layers.DepthwiseConv2D(
        3, strides=strides, padding="same", use_bias=False, name=f"{name}_depthwise"
    )
    pointwise = layers.Conv2D(CHANNELS, 1, use_bias=False, name=f"{name}_pointwise")
    x = _normalised(depthwise(x), f"{name}_depthwise")
    return _normalised(pointwise(x), f"{name}_pointwise")


def _normalised(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = layers.BatchNormalization(name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
