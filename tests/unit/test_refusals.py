"""A refusal by module is one that the module raises on purpose; what happens to it is none."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mlfuzz import isolate
from mlfuzz.entry_point import EntryPoint
from mlfuzz.errors import HarnessError
from mlfuzz.harness import Harness, load
from mlfuzz.outcome import execute
from mlfuzz.refusals import Refusal

READER = """
    import json, struct
    import numpy as np

    def inner():
        raise ValueError("on purpose")

    def purpose(data): raise ValueError("bad file")
    def deeper(data): inner()
    def claim(data): assert not data, "bad file"
    def translated(data):
        try:
            int("x")
        except ValueError as error:
            raise ValueError("bad number") from error

    def number(data): int("x")
    def passed_on(data):
        try:
            int("x")
        except ValueError:
            raise
    def cleaned_up(data):
        try:
            int("x")
        finally:
            data = b""
    def ufunc(data): np.zeros(3) + np.zeros(4)
    def unpacked(data): struct.unpack("<I", b"")
    def library(data): json.loads("nope")
    def other_type(data): raise KeyError("x")
    """
MODULE = "refusing_reader"


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / MODULE).mkdir()
    (tmp_path / MODULE / "__init__.py").write_text("")
    (tmp_path / MODULE / "parts.py").write_text(dedent(READER))
    monkeypatch.syspath_prepend(tmp_path)
    from importlib import import_module

    yield import_module(f"{MODULE}.parts")
    for name in [name for name in sys.modules if name.startswith(MODULE)]:
        del sys.modules[name]


def state(function: Callable[[bytes], object], *refuses: Any) -> str:
    return execute(EntryPoint(function, name="entry", refuses=refuses), None, b"a").state


@pytest.mark.parametrize("name", ["purpose", "deeper", "translated"])
@pytest.mark.parametrize("module", [MODULE, f"{MODULE}.parts"])
def test_what_the_module_or_a_part_of_it_raises_on_purpose_is_refused(
    reader: ModuleType, name: str, module: str
) -> None:
    assert state(getattr(reader, name), Refusal(ValueError, module)) == "refused"


def test_an_assert_is_on_purpose(reader: ModuleType) -> None:
    assert state(reader.claim, Refusal(AssertionError, MODULE)) == "refused"


@pytest.mark.parametrize("name", ["number", "passed_on", "cleaned_up", "ufunc", "unpacked"])
def test_what_c_code_raises_in_the_module_is_a_fault(reader: ModuleType, name: str) -> None:
    refusal = Refusal(struct.error if name == "unpacked" else ValueError, MODULE)
    assert state(getattr(reader, name), refusal) == "fault"


def test_what_another_module_raises_is_a_fault(reader: ModuleType) -> None:
    assert state(reader.library, Refusal(ValueError, MODULE)) == "fault"
    assert state(reader.library, Refusal(ValueError, json.decoder.__name__)) == "refused"
    assert state(reader.purpose, Refusal(ValueError, MODULE[:-1])) == "fault"


def test_another_type_is_a_fault(reader: ModuleType) -> None:
    assert state(reader.other_type, Refusal(ValueError, MODULE)) == "fault"
    assert state(reader.other_type, Refusal(LookupError, MODULE)) == "refused"


def test_types_and_refusals_stand_in_one_list(reader: ModuleType) -> None:
    both = (KeyError, Refusal(ValueError, MODULE))
    states = [state(each, *both) for each in (reader.other_type, reader.purpose, reader.number)]
    assert states == ["refused", "refused", "fault"]


def test_an_exception_without_a_frame_of_its_own_is_a_fault() -> None:
    assert state(np.frombuffer, Refusal(ValueError, "numpy")) == "fault"


# --- the fuzzing child ----------------------------------------------------------------------------


def test_the_child_takes_the_same_for_refusals_again_and_again(
    child: Callable[..., Any], reader: ModuleType
) -> None:
    functions = {b"p": reader.purpose, b"n": reader.number, b"o": reader.other_type, b"t": len}
    entry = EntryPoint(
        lambda data: functions[data[:1]](data),
        name="entry",
        refuses=(KeyError, Refusal(ValueError, MODULE)),
    )
    announced: list[dict[str, Any]] = []
    with child(Harness(name="toy", code=(entry,)), announced) as session:
        for data in (b"p1", b"p", b"p", b"n", b"o", b"t", b"p"):
            session.run(data)
        assert session.beat.words[isolate.ENDED] == 7
        assert session.beat.words[isolate.ANSWERED] == 1
    assert [each["state"] for each in announced] == ["new"]


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("ValueError", r"refuses= is <class 'ValueError'>\. Expected a list"),
        ("'ValueError'", r"refuses= is 'ValueError'\. Expected a list"),
        ("[3]", r"refuses= holds 3\. Expected exception types"),
        ("[ValueError('x')]", "refuses= holds ValueError"),
        ("[Refusal]", "refuses= holds <class .*Refusal'>"),
        ("[Refusal('ValueError', 'm')]", "holds a Refusal of 'ValueError'"),
        ("[Refusal(ValueError, struct)]", r"in <module 'struct'.*Refusal\(ValueError, 'package"),
        ("[Refusal(ValueError, '')]", "holds a Refusal in ''"),
    ],
)
def test_a_mistake_is_named_in_one_line(tmp_path: Path, given: str, words: str) -> None:
    path = tmp_path / "toy.py"
    path.write_text(
        "import struct\nfrom mlfuzz import EntryPoint, Harness, Refusal\n"
        f"harness = Harness(code=[EntryPoint(len, refuses={given})])\n"
    )
    with pytest.raises(HarnessError, match=words) as error:
        load(path)
    assert "\n" not in str(error.value)
