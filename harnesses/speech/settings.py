"""Read the settings of the keyword spotter from a JSON file."""

import json
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Settings:
    """What a deployment may choose.

    Parameters
    ----------
    rate_hz : int
        Rate of the microphone, 4,000 to 192,000.
    mel_bands : int
        Bands of the spectrogram, 1 to 128.
    accept_threshold, reject_threshold : float
        A word is accepted at or above the first and rejected below the second; between them
        the user is asked again. 0 <= reject <= accept <= 1.
    labels : tuple of str
        Names of the words, in the order of the model's outputs; all different.
    """

    rate_hz: int
    mel_bands: int
    accept_threshold: float
    reject_threshold: float
    labels: tuple[str, ...]


class BadSettings(Exception):
    """The bytes are not a valid settings file."""


def read_settings(data: bytes) -> Settings:
    """Read a settings file.

    Parameters
    ----------
    data : bytes
        A JSON object with exactly the fields of `Settings`.

    Raises
    ------
    BadSettings
        Not JSON, a field missing or unknown, or a value of the wrong type or out of range.
    """
    values = _fields(data)
    settings = Settings(
        rate_hz=_integer(values, "rate_hz", 4_000, 192_000),
        mel_bands=_integer(values, "mel_bands", 1, 128),
        accept_threshold=_share(values, "accept_threshold"),
        reject_threshold=_share(values, "reject_threshold"),
        labels=_labels(values["labels"]),
    )
    if settings.reject_threshold > settings.accept_threshold:
        raise BadSettings(
            f"reject_threshold {settings.reject_threshold} is above accept_threshold "
            f"{settings.accept_threshold}. Expected at most that; lower it."
        )
    return settings


def _fields(data: bytes) -> dict[str, object]:
    """Parse the file and check that its fields are those of `Settings`."""
    try:
        values = json.loads(data)
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are both of this kind
        raise BadSettings(f"not JSON ({error}). Expected one JSON object.") from error
    if not isinstance(values, dict):
        raise BadSettings(f"a JSON {type(values).__name__}. Expected one JSON object.")
    expected = {field.name for field in fields(Settings)}
    if values.keys() != expected:
        raise BadSettings(f"fields {sorted(values)}. Expected exactly {sorted(expected)}.")
    return values


def _integer(values: dict[str, object], name: str, low: int, high: int) -> int:
    value = values[name]
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise BadSettings(f"{name} is {value!r}. Expected a whole number from {low} to {high}.")
    return value


def _share(values: dict[str, object], name: str) -> float:
    value = values[name]
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise BadSettings(f"{name} is {value!r}. Expected a number from 0 to 1.")
    return float(value)


def _labels(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise BadSettings(f"labels is {value!r}. Expected a list of names.")
    if not all(isinstance(label, str) and label.strip() for label in value):
        raise BadSettings(f"labels is {value!r}. Expected names that are not blank.")
    if len(set(value)) < len(value):
        raise BadSettings(f"labels is {value!r}. Expected names that are all different.")
    return tuple(value)
