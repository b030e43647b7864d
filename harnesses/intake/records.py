"""Read the records that describe a recording: one in a JSON or an XML file, labels in a table.

Nothing about archives or databases may come in here.
"""

import csv
import io
import json
import math
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

LABELS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
MAX_NAME = 64
MAX_DURATION_S = 60.0


class BadRecord(Exception):
    """The bytes are not a record, or a table of labels, that this product accepts."""


@dataclass(frozen=True)
class Record:
    """What is known of one recording."""

    name: str
    speaker: str
    duration_s: float


def read_json(data: bytes) -> Record:
    """Read ``{"name": ..., "speaker": ..., "duration_s": ...}``.

    Raises
    ------
    BadRecord
        No JSON object in UTF-8, a field that is missing or of another type, a value out of range.
    """
    try:
        value = json.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadRecord(f"no JSON: {error}. Expected one object in UTF-8.") from error
    if not isinstance(value, dict):
        raise BadRecord(f"a {type(value).__name__}. Expected one object.")
    return _record(value.get("name"), value.get("speaker", ""), value.get("duration_s"))


def read_xml(data: bytes) -> Record:
    """Read ``<recording name="..." speaker="..."><duration_s>...</duration_s></recording>``.

    Raises
    ------
    BadRecord
        No XML, another element at the top, a document type, a value that is missing or out of
        range.
    """
    if b"<!DOCTYPE" in data:
        raise BadRecord("a document type. Expected a plain document; remove the declaration.")
    try:
        top = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise BadRecord(f"no XML: {error}.") from error
    if top.tag != "recording":
        raise BadRecord(f"<{top.tag}>. Expected <recording>.")
    text = top.findtext("duration_s") or ""
    try:
        duration_s = float(text)
    except ValueError as error:
        raise BadRecord(f"a duration of {text!r}. Expected a number of seconds.") from error
    return _record(top.get("name"), top.get("speaker", ""), duration_s)


def read_labels(data: bytes) -> dict[str, int]:
    """Read a table ``name,label`` with a head line; the label of each name as its number.

    Raises
    ------
    BadRecord
        No UTF-8, no such head line, a line of another length, an unknown label, a name twice.
    """
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadRecord(f"no table: {error}. Expected comma-separated values.") from error
    if not rows or rows[0] != ["name", "label"]:
        raise BadRecord("no head line. Expected: name,label")
    labels: dict[str, int] = {}
    for row in filter(None, rows[1:]):
        if len(row) != 2 or row[1] not in LABELS or row[0] in labels:
            raise BadRecord(f"the line {row}. Expected a new name and one of {', '.join(LABELS)}.")
        labels[_name(row[0])] = LABELS.index(row[1])
    return labels


def _record(name: Any, speaker: Any, duration_s: Any) -> Record:
    if not isinstance(speaker, str) or len(speaker) > MAX_NAME:
        raise BadRecord(f"a speaker of {speaker!r}. Expected at most {MAX_NAME} characters.")
    if isinstance(duration_s, bool) or not isinstance(duration_s, int | float):
        raise BadRecord(f"a duration of {duration_s!r}. Expected a number of seconds.")
    if not math.isfinite(duration_s) or not 0 < duration_s <= MAX_DURATION_S:
        raise BadRecord(f"{duration_s} s. Expected more than 0, at most {MAX_DURATION_S} s.")
    return Record(_name(name), speaker, float(duration_s))


def _name(name: Any) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
        raise BadRecord(f"a name of {name!r}. Expected 1 to {MAX_NAME} characters.")
    return name
