"""Take a zip of records and labels into a database."""

import sqlite3
import zipfile
import zlib
from contextlib import closing
from io import BytesIO

from intake.records import BadRecord, Record, read_json, read_labels, read_xml

MAX_MEMBERS = 1_000
MAX_MEMBER_BYTES = 1 << 20
TABLE = """
CREATE TABLE recordings (
    name TEXT PRIMARY KEY, speaker TEXT NOT NULL, duration_s REAL NOT NULL, label INTEGER
)
"""
READERS = {".json": read_json, ".xml": read_xml}


class BadArchive(Exception):
    """The bytes are not an archive that this product accepts."""


def ingest(data: bytes) -> list[tuple[str, str, float, int | None]]:
    """Put all records of an archive into a fresh database; its rows, by name.

    Parameters
    ----------
    data : bytes
        A zip file: ``records/*.json``, ``records/*.xml`` and ``labels.csv``.

    Raises
    ------
    BadArchive
        No zip file, a member that is encrypted, damaged, too large or has another name, a
        recording twice.
    BadRecord
        A member that is no record, or no table of labels.
    """
    members = _members(data)
    labels = read_labels(members.pop("labels.csv", b"name,label\n"))
    records = [READERS[name[name.rindex(".") :]](content) for name, content in members.items()]
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(TABLE)
        _insert(database, records, labels)
        return database.execute("SELECT * FROM recordings ORDER BY name").fetchall()


def _members(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            if len(infos) > MAX_MEMBERS:
                raise BadArchive(f"{len(infos)} members. Expected at most {MAX_MEMBERS}.")
            return {info.filename: _content(archive, info) for info in infos}
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise BadArchive(f"no zip file, or a damaged one: {error}.") from error


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    folder, _, file = info.filename.rpartition("/")
    is_record = folder == "records" and file.endswith(tuple(READERS))
    if not is_record and info.filename != "labels.csv":
        raise BadArchive(f"{info.filename!r}. Expected records/*.json, *.xml and labels.csv.")
    if info.flag_bits & 1:
        raise BadArchive(f"{info.filename} is encrypted. Expected an archive without a password.")
    with archive.open(info) as member:
        content = member.read(MAX_MEMBER_BYTES + 1)
    if len(content) > MAX_MEMBER_BYTES:
        raise BadArchive(f"{info.filename}: over {MAX_MEMBER_BYTES:,} bytes.")
    return content


def _insert(database: sqlite3.Connection, records: list[Record], labels: dict[str, int]) -> None:
    rows = [(each.name, each.speaker, each.duration_s, labels.get(each.name)) for each in records]
    try:
        database.executemany("INSERT INTO recordings VALUES (?, ?, ?, ?)", rows)
    except sqlite3.IntegrityError as error:
        raise BadArchive(f"a recording twice: {error}.") from error


__all__ = ["BadArchive", "BadRecord", "ingest"]
