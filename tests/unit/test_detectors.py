"""Unsafe acts are noticed and do not happen, swallowed or not; honest code is left alone.

All runs in a worker's child, as in a campaign: the audit hook would stay in this process for good.
"""

from __future__ import annotations

import gzip
import io
import marshal
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import numpy as np
import pytest

from mlfuzz.outcome import Outcome
from mlfuzz.worker import Worker

HARNESS = Path(__file__).with_name("unsafe_harness.py")
MIB = 1 << 20


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(HARNESS) as worker:
        yield worker


def alarm_of(outcome: Outcome) -> str:
    """The detector; the act must be in the traceback and the function in the signature."""
    assert outcome.verdict, outcome
    assert outcome.verdict.kind == "unsafe-call", outcome.traceback
    assert outcome.traceback and outcome.verdict.signature[0] in outcome.traceback
    assert outcome.verdict.signature[1].startswith("_harness_unsafe_harness:")
    return outcome.verdict.signature[0]


class Opens:
    """Pickles as a call of ``os.mkdir``."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.mkdir, (self.path,)


def array_file(value: object) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([value], dtype=object), allow_pickle=True)
    return file.getvalue()


def tar(*members: tuple[str, str], mode: str = "w") -> bytes:
    """An archive; a second text that begins with ``->`` makes a link of it."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members:
            info = tarfile.TarInfo(name)
            if content.startswith("->"):
                info.type, info.linkname = tarfile.SYMTYPE, content[2:]
            info.size = 0 if content.startswith("->") else len(content)
            archive.addfile(info, io.BytesIO(content.encode()))
    return file.getvalue()


def zipped(content: bytes, name: str = "a") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


# --- code execution -----------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_calls_something_is_noticed(
    worker: Worker, tmp_path: Path, protocol: int
) -> None:
    data = pickle.dumps(Opens(tmp_path / "made"), protocol)
    assert alarm_of(worker.execute("unpickle", data)) == "Unpickle"
    assert alarm_of(worker.execute("named-only", data)) == "Unpickle"
    assert not (tmp_path / "made").exists()


def test_a_pickle_in_an_array_file_is_noticed(worker: Worker, tmp_path: Path) -> None:
    data = array_file(Opens(tmp_path / "made"))
    assert alarm_of(worker.execute("unpickle_array", data)) == "Unpickle"
    assert not (tmp_path / "made").exists()


def test_serialised_code_is_noticed(worker: Worker) -> None:
    code: CodeType = compile("1", "<c>", "eval")
    assert alarm_of(worker.execute("unmarshal", marshal.dumps(code))) == "Unpickle"


@pytest.mark.parametrize("entry", ["evaluate", "execute_template", "compile_named"])
def test_text_of_the_input_that_is_run_is_noticed(
    worker: Worker, tmp_path: Path, entry: str
) -> None:
    made = tmp_path / "made"
    data = f"open({str(made)!r}, 'w')".encode()
    assert alarm_of(worker.execute(entry, data)) == "Execute"
    assert not made.exists()


def test_a_short_text_that_is_run_is_noticed(worker: Worker) -> None:
    assert alarm_of(worker.execute("evaluate", b"1+1")) == "Execute"


@pytest.mark.parametrize(
    ("entry", "data"), [("import_statement", b"this"), ("import_module", b'{"reader": "this"}')]
)
def test_a_module_that_the_input_names_is_not_imported(
    worker: Worker, entry: str, data: bytes
) -> None:
    assert alarm_of(worker.execute(entry, data)) == "Import"


def test_a_library_that_the_input_names_is_not_loaded(worker: Worker) -> None:
    assert alarm_of(worker.execute("library", b"libcrypt.so.1")) == "Library"


@pytest.mark.parametrize(
    "entry", ["system", "popen", "spawn", "swallow", "swallow_and_raise", "refused", "in_a_thread"]
)
def test_a_command_is_not_run_even_where_the_alarm_is_swallowed(
    worker: Worker, tmp_path: Path, entry: str
) -> None:
    outcome = worker.execute(entry, str(tmp_path / "made").encode())
    assert alarm_of(outcome) == "Shell"
    assert outcome.verdict and outcome.verdict.threat == "code execution"
    assert not (tmp_path / "made").exists()


def test_a_detector_that_is_left_out_is_switched_off(worker: Worker, tmp_path: Path) -> None:
    assert worker.execute("switched-off", str(tmp_path / "made").encode()).state == "answered"
    assert (tmp_path / "made").exists()


# --- network ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "data"),
    [("connect", b""), ("look_up", b"localhost"), ("fetch", b"http://127.0.0.1:9/model")],
)
def test_a_connection_is_noticed(worker: Worker, entry: str, data: bytes) -> None:
    assert alarm_of(worker.execute(entry, data)) == "Network"


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry", ["write", "write_low", "make_folder", "move_out", "connect_database"]
)
def test_nothing_is_made_outside_the_working_folder(
    worker: Worker, tmp_path: Path, entry: str
) -> None:
    assert alarm_of(worker.execute(entry, str(tmp_path / "made").encode())) == "WriteOutside"
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("entry", ["remove", "remove_tree"])
def test_nothing_is_removed_outside_the_working_folder(
    worker: Worker, tmp_path: Path, entry: str
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir() if entry == "remove_tree" else kept.touch()
    assert alarm_of(worker.execute(entry, str(kept).encode())) == "WriteOutside"
    assert kept.exists()


ESCAPES = {
    "parent": [("labels.csv", "a,b"), ("../evil", "x")],
    "deep": [("a/b", "x"), ("a/../../evil", "x")],
    "folder": [("../evil/x", "x")],
    "absolute": [("/tmp/mlfuzz-evil", "x")],
    "link": [("link", "->.."), ("link/evil", "x")],
}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
@pytest.mark.parametrize("name", ESCAPES)
def test_a_member_of_an_archive_does_not_leave_its_folder(
    worker: Worker, name: str, mode: str
) -> None:
    data = tar(*ESCAPES[name], mode=mode)
    assert alarm_of(worker.execute("untar", data)) == "WriteOutside"


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_the_folder_may_be_known_to_nobody(worker: Worker, mode: str) -> None:
    data = tar(("../evil", "x"), mode=mode)
    assert alarm_of(worker.execute("unpack_by_hand", data)) == "WriteOutside"


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_members_that_stay_inside_are_no_alarm(worker: Worker, mode: str) -> None:
    members = [("données/é.csv", "a"), ("a/b/c", "x"), ("a/../d", "x")]
    links = [("a/here", "->../d"), ("a/up", "->.."), ("a/up/e", "x")]
    outcome = worker.execute("untar", tar(*members, *links, mode=mode))
    assert outcome.state == "answered", outcome.traceback


@pytest.mark.parametrize("entry", ["read", "list_folder"])
def test_a_path_of_the_input_is_not_read(worker: Worker, tmp_path: Path, entry: str) -> None:
    secret = tmp_path / "secret"
    secret.mkdir() if entry == "list_folder" else secret.touch()
    outcome = worker.execute(entry, str(secret).encode())
    assert alarm_of(outcome) == "ReadOutside"
    assert outcome.verdict and outcome.verdict.threat == "disclosure"


def test_a_name_of_the_input_does_not_climb(worker: Worker) -> None:
    assert alarm_of(worker.execute("read_listed", b"../secret")) == "ReadOutside"


def test_a_link_in_an_archive_is_not_read_through(worker: Worker) -> None:
    outcome = worker.execute("untar", tar(("link", "->/etc/passwd")))
    assert alarm_of(outcome) == "WriteOutside"


def test_an_external_entity_is_not_read(worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("key")
    text = f'<!DOCTYPE a [<!ENTITY e SYSTEM "{tmp_path}/secret">]><a>&e;</a>'
    assert alarm_of(worker.execute("read_entity", text.encode())) == "ReadOutside"


def test_a_name_from_outside_is_not_fetched_for_a_document(worker: Worker) -> None:
    text = b'<!DOCTYPE a [<!ENTITY e SYSTEM "http://localhost/x">]><a>&e;</a>'
    assert alarm_of(worker.execute("read_entity", text)) == "Network"


def laughs(levels: int) -> bytes:
    """Ten to the power of ``levels``, times ten characters."""
    text = '<!ENTITY x0 "0123456789">'
    for level in range(1, levels + 1):
        text += f"<!ENTITY x{level} '{f'&x{level - 1};' * 10}'>"
    return f"<!DOCTYPE a [{text}]><a>&x{levels};</a>".encode()


def test_entities_that_expand_to_much_are_noticed_where_they_are_accepted(worker: Worker) -> None:
    verdict = worker.execute("parse_tree", laughs(4)).verdict
    assert verdict and verdict.signature == ("Entities", "parse_tree")
    assert worker.execute("parse_tree", laughs(1)).state == "answered"
    refused = laughs(4).replace(b"</a>", b"</b>")
    verdict = worker.execute("parse_tree", refused).verdict
    assert verdict and verdict.kind == "exception"


# --- databases, bombs, warnings -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "data"),
    [
        ("query_quoted", b"x' OR '1'='1"),
        ("query_quoted", b"x' UNION SELECT name FROM people --"),
        ("query_quoted", b"O'Brien"),
        ("query_number", b"3 OR age > 0"),
    ],
)
def test_text_of_the_input_that_becomes_sql_is_noticed(
    worker: Worker, entry: str, data: bytes
) -> None:
    assert alarm_of(worker.execute(entry, data)) == "Sql"


@pytest.mark.parametrize(("entry", "data"), [("query_quoted", b"O Brien"), ("query_number", b"30")])
def test_a_value_in_its_place_is_no_alarm(worker: Worker, entry: str, data: bytes) -> None:
    assert worker.execute(entry, data).state == "answered"


BOMB = bytes(80 * MIB)


@pytest.mark.parametrize(
    ("entry", "data"),
    [
        ("inflate", zlib.compress(BOMB)),
        ("gunzip", gzip.compress(BOMB)),
        ("unzip_in_pieces", zipped(BOMB)),
    ],
    ids=["inflate", "gunzip", "unzip"],
)
def test_a_decompression_bomb_is_noticed(worker: Worker, entry: str, data: bytes) -> None:
    assert alarm_of(worker.execute(entry, data)) == "Bomb"


def test_a_warning_is_an_alarm_each_time_where_it_is_asked_for(worker: Worker) -> None:
    for _ in range(2):
        assert alarm_of(worker.execute("warn", b"ab")) == "Warnings"
    assert worker.execute("warn", b"a").state == "answered"


# --- honest code --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "data"),
    [
        ("arrays", b"abc"),
        ("temporary", b"abc"),
        ("columns", b"alpha, beta_value, gamma"),
        ("plain", b"some text (with signs)"),
        ("literal", b"[1, 2, {'a': (3, 4)}]"),
        ("constant_source", b"sum([1, 2, 3]) + 4"),
        ("plain_pickle", b"a"),
        ("bound", b"O'Brien' OR '1'='1"),
        ("bound", b"insert into people values ('x', 1)"),
        ("constant_of_the_module", b"age from people where age > 17 order by"),
        ("late_import", b"import mailcap, sndhdr, chunk, utf-16"),
        ("unzip", zipped(b"a" * 1000, "a/b/é.txt")),
        ("own_files", b""),
        ("decompress", b"abc"),
        ("warns_unasked", b""),
    ],
)
def test_honest_code_is_left_alone(worker: Worker, entry: str, data: bytes) -> None:
    outcome = worker.execute(entry, data)
    assert outcome.state == "answered", outcome.traceback


def test_the_next_input_does_not_inherit_an_alarm(worker: Worker) -> None:
    assert worker.execute("read_listed", b"../secret").state == "fault"
    assert worker.execute("read_listed", b"").state == "answered"


def test_the_next_input_does_not_inherit_a_working_folder(worker: Worker) -> None:
    for entry in ("leave_folder", "write_here"):
        outcome = worker.execute(entry, b"")
        assert outcome.state == "answered", outcome.traceback
