"""Fuzz the ingest of a data set: a zip of JSON and XML records and labels, into a database."""

from intake.archive import BadArchive, ingest
from intake.records import MAX_DURATION_S, BadRecord, Record, read_json, read_labels, read_xml

from mlfuzz import EntryPoint, Harness


def is_plausible(record: Record) -> bool:
    """What training relies on."""
    return bool(record.name) and 0 < record.duration_s <= MAX_DURATION_S


harness = Harness(
    code=[
        EntryPoint(
            ingest,
            name="archive",
            refuses=[BadArchive, BadRecord],
            instrument=["intake.records", "zipfile"],
        ),
        EntryPoint(read_json, name="json", refuses=[BadRecord], contract=is_plausible),
        EntryPoint(read_xml, name="xml", refuses=[BadRecord], contract=is_plausible),
        EntryPoint(read_labels, name="labels", refuses=[BadRecord]),
    ],
)
