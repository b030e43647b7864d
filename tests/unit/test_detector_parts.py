"""The parts of the detectors, in this process: nothing here is watched."""

from __future__ import annotations

import sys
import xml.etree.ElementTree  # noqa: F401 - a parser has to be there
from dataclasses import replace
from pathlib import Path

import pytest
from test_detectors import laughs

from mlfuzz.detectors import DEFAULT, Alarm, Shell
from mlfuzz.detectors.entities import PARSERS, Entities, expanded
from mlfuzz.detectors.paths import absolute, before, climb, is_within, named_by
from mlfuzz.detectors.run import Run
from mlfuzz.errors import HarnessError
from mlfuzz.harness import load
from mlfuzz.outcome import alarm_text, unsafe_verdict
from mlfuzz.outcome.stacks import Scope


@pytest.mark.parametrize("detector", DEFAULT, ids=repr)
def test_a_detector_evaluates_back_and_says_what_it_looks_at(detector: object) -> None:
    import mlfuzz.detectors

    assert eval(repr(detector), vars(mlfuzz.detectors)) == detector
    text = type(detector).__doc__ or ""
    assert "Threat:" in text and "Event" in text


def test_a_wrong_detector_is_said_in_one_line(tmp_path: Path) -> None:
    for given in ("[Shell]", "['shell']", "Shell()"):
        path = tmp_path / f"h{len(given)}.py"
        path.write_text(
            "from mlfuzz import EntryPoint, Harness\nfrom mlfuzz.detectors import Shell\n"
            f"harness = Harness(code=[EntryPoint(len, detectors={given})])\n"
        )
        with pytest.raises(HarnessError, match=r"detectors=.*Expected a"):
            load(path)


def run_of(data: bytes) -> Run:
    run = Run(["/srv/own"])
    run.begin(data)
    return run


def test_stretches_are_the_longest_pieces_in_common() -> None:
    run = run_of(b"....hello world....")
    assert list(run.stretch("say hello to the world", 5)) == ["hello ", " world"]
    assert list(run.stretch("hell", 5)) == []


def test_the_folder_is_what_a_name_of_the_input_was_joined_to() -> None:
    path = "/srv/data/a/../../evil"
    assert climb(path) == 4
    assert named_by(path, 4, run_of(b"a/../../evil")) == "/srv/data"
    assert named_by(path, 4, run_of(b"../../evil")) == "/srv/data/a"
    assert named_by(path, 4, run_of(b"evil")) is None  # it does not reach back to the turn
    assert before(path, 4) == "/srv/data/a"


def test_paths_keep_their_turns_and_folders_their_names() -> None:
    assert absolute("/a/../b") == "/a/../b"
    assert absolute("x") == f"{Path.cwd()}/x"
    assert is_within("/a/b", ["/a"]) and not is_within("/ab", ["/a"])


ALARM = Alarm(
    detector="Shell",
    event="os.system",
    message="os.system of b'x'",
    threat="code execution",
    severity="high",
    stack=(("/x/toy.py", 3, "toy", "parse"), ("/x/toy.py", 9, "toy", "Reader.read")),
)


def test_a_signature_is_the_detector_and_the_frames() -> None:
    verdict = unsafe_verdict(ALARM, Scope("entry", ("toy",), {}), b"abc")
    assert verdict.signature == ("Shell", "toy:parse", "toy:Reader.read")
    assert verdict.values["event"] == "os.system"
    assert alarm_text(ALARM).splitlines()[-1] == "Shell (os.system): os.system of b'x'"


def test_equal_keys_are_the_same_place() -> None:
    other = Alarm(**{name: getattr(ALARM, name) for name in ALARM.__struct_fields__})
    assert other.key == ALARM.key
    assert replace(Shell()) == Shell()


def test_where_no_parser_of_xml_was_imported_no_document_expands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Run([])
    run.data = laughs(5)
    assert "expand to" in str(Entities().judge("mlfuzz.answered", (), run))
    for name in PARSERS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert Entities().judge("mlfuzz.answered", (), run) is None


def test_what_entities_expand_to_worked_out_by_hand() -> None:
    assert expanded(laughs(0)) == 10
    assert expanded(laughs(3)) == 10_000
    two = b'<!DOCTYPE a [<!ENTITY b "xy"><!ENTITY c "&b;-&b;">]><a d="&c;">&b;&amp;&none;</a>'
    assert expanded(two) == 5 + 2  # "xy-xy" and "xy"
    assert expanded(b'<!DOCTYPE a [<!ENTITY b "&c;"><!ENTITY c "&b;x">]><a>&b;</a>') == 1
    assert expanded(b"<a>&b;</a>") == expanded(b"") == 0
