"""Unmodified Atheris scripts: what is read out of them, and what is said where it cannot be."""

from __future__ import annotations

import builtins
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import atheris
import pytest

from mlfuzz.code_child.custom import SHARE, Custom
from mlfuzz.errors import HarnessError
from mlfuzz.harness import Harness, load
from mlfuzz.libfuzzer import Options

Load = Callable[..., Harness]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Load this text as the script ``fuzz_it.py``, beside the module ``beside_it``."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beside_it.py").write_text("import over_there\ndef parse(data):\n    return data\n")
    (tmp_path / "over_there.py").write_text("import wave\n")

    def script(text: str) -> Harness:
        path = tmp_path / "fuzz_it.py"
        path.write_text(dedent(text))
        return load(path)

    yield script
    for name in ("beside_it", "over_there", "_harness_fuzz_it"):
        sys.modules.pop(name, None)


GUARDED = """
    #!/usr/bin/python3
    import atheris
    import sys

    with atheris.instrument_imports():
        import json
        import os
        from email.message import Message
        import beside_it

    import csv

    class Request:
        pass

    @atheris.instrument_func
    def TestOneInput(data):
        fdp = atheris.FuzzedDataProvider(data)
        return fdp.ConsumeIntInRange(3, 5), fdp.ConsumeUnicodeNoSurrogates(atheris.ALL_REMAINING)

    def main():
        atheris.Setup(sys.argv, TestOneInput)
        atheris.Fuzz()
        raise AssertionError("Fuzz came back")

    if __name__ == "__main__":
        main()
"""


def test_a_guarded_script_is_a_harness_with_one_entry_point(script: Load) -> None:
    harness = script(GUARDED)
    assert harness.name == "fuzz_it"
    (entry,) = harness.code
    assert entry.name == "TestOneInput"
    number, text = entry.function(b"abc\x00")  # type: ignore[misc]
    assert number in (3, 4, 5)
    assert isinstance(text, str)


def test_what_is_imported_inside_is_instrumented_and_what_that_imports(script: Load) -> None:
    """Not what is frozen or outside; of the standard library only what the script names.

    What it names itself comes first: a dictionary for libFuzzer holds so many words only.
    """
    (entry,) = script(GUARDED).code
    named = ["json", "email.message", "email", "beside_it"]
    assert list(entry.instrument) == ["_harness_fuzz_it", *named, "over_there"]


def test_functions_and_classes_belong_to_a_module_that_every_process_finds(script: Load) -> None:
    harness = script(GUARDED)
    module = sys.modules["_harness_fuzz_it"]
    assert harness.code[0].function.__module__ == "_harness_fuzz_it"
    assert isinstance(pickle.loads(pickle.dumps(module.Request())), module.Request)


def test_nothing_is_left_behind(script: Load) -> None:
    before = builtins.__import__, sys.argv, atheris.Setup
    script(GUARDED)
    assert (builtins.__import__, sys.argv, sys.modules["atheris"].Setup) == before
    assert sys.modules["atheris"] is atheris


def test_a_script_without_a_guard_and_with_names_of_its_own(script: Load) -> None:
    harness = script("""
        from sys import argv
        from atheris import Fuzz, Setup, instrument_all, instrument_imports
        import json

        with instrument_imports(include=["xml.dom"], exclude=["json"]):
            import xml.dom.minidom, wave

        class Fuzzer:
            def _one(self, data):
                return len(data)

        Setup(argv, Fuzzer()._one)
        Fuzz()
    """)
    assert harness.code[0].name == "one"
    assert harness.code[0].function(b"abc") == 3
    assert list(harness.code[0].instrument) == ["_harness_fuzz_it", "xml.dom"]


def test_instrument_all_takes_what_was_imported_so_far(script: Load) -> None:
    harness = script("""
        import atheris, sys
        import beside_it
        from json import loads

        def main():
            atheris.instrument_all()
            import csv
            atheris.Setup(sys.argv, lambda data: loads(data))
            atheris.Fuzz()

        main()
    """)
    assert harness.code[0].name == "TestOneInput", "a lambda has no name"
    names = {"_harness_fuzz_it", "over_there", "beside_it", "json"}
    assert set(harness.code[0].instrument) == names


def test_what_it_asks_of_libfuzzer(script: Load, tmp_path: Path) -> None:
    seeds = tmp_path / "seeds" / "deep"
    seeds.mkdir(parents=True)
    (seeds / "one").write_bytes(b"1")
    words = '# words\nkw1="a\\x00\\"b"\n"\\\\"\n\n""\n'
    (tmp_path / "words.dict").write_text(words)
    harness = script("""
        import atheris, sys
        atheris.enabled_hooks.add("RegEx")

        def mutate(data, max_size, seed):
            return atheris.Mutate(data, max_size)

        def TestOneInput(data):
            pass

        options = ["-max_len=300", "-dict=words.dict", "-timeout=7", "-rss_limit_mb=900"]
        rest = atheris.Setup(
            [*sys.argv, "-max_len=200", *options, "seeds", "-only_ascii=1", "--verbose"],
            TestOneInput, custom_mutator=mutate, internal_libfuzzer=True,
        )
        assert rest[1:] == ["seeds", "--verbose"]
        assert "regex" in atheris.enabled_hooks and "str" not in atheris.enabled_hooks
        try:
            atheris.Fuzz()
        except Exception:
            raise AssertionError("a script that looks for exceptions must not see the end")
    """)
    options = harness.code[0].options
    assert [path.read_bytes() for path in options.seed_files()] == [b"1"]
    assert options.tokens == (b'a\x00"b', b"\\")
    assert (options.max_bytes, harness.timeout_s, harness.memory_mb) == (300, 7, 900)
    assert options.mutate is not None and options.cross is None
    assert (options.hooks, options.unused) == (("RegEx",), ("-only_ascii=1",))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import atheris\n", "does not call atheris.Setup: it ran to its end"),
        ("import atheris, sys\nsys.exit('usage: x')\n", "exits with 'usage: x', run without argum"),
        ("import atheris\n1 / 0\n", "cannot be imported: ZeroDivisionError"),
        ("import atheris\nharness = 3\n", "'harness' is a int"),
        ("import json\n", "or an Atheris script that calls atheris.Setup; found: json"),
        ("import atheris\ndef f(:\n", "SyntaxError"),
    ],
)
def test_what_is_none_is_said_in_one_line(script: Load, text: str, words: str) -> None:
    with pytest.raises(HarnessError) as error:
        script(text)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_harness_may_use_atheris(script: Load) -> None:
    harness = script("""
        import atheris
        from mlfuzz import EntryPoint, Harness

        def entry(data):
            return atheris.FuzzedDataProvider(data).ConsumeBool()

        harness = Harness(code=[EntryPoint(entry)])
    """)
    assert harness.code[0].function(b"\x01") is True


def test_without_atheris_it_says_so(script: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    missing: Any = None  # what makes an import fail
    monkeypatch.setitem(sys.modules, "atheris", missing)
    with pytest.raises(HarnessError, match=r"atheris cannot be imported.*pip install atheris"):
        script("import atheris\n")


# --- the author's mutations ---


def hooks(options: Options, told: list[str]) -> dict[str, Any]:
    """Where ours and libFuzzer's mutations answer with these words."""
    custom = Custom(options, 1, mutate=lambda data, size: b"libfuzzer", tell=told.append)
    return custom.hooks({"custom_crossover": lambda data, other, size, seed: b"ours"})


def test_most_mutations_are_the_authors_own_and_none_is_too_long() -> None:
    own = hooks(Options(mutate=lambda data, size, seed: bytearray(data * 9)), [])
    mutants = [own["custom_mutator"](b"ab", 8, 1) for _ in range(2000)]
    crossed = [own["custom_crossover"](b"ab", b"cd", 8, 1) for _ in range(2000)]
    assert set(mutants) == {b"abababab", b"libfuzzer"}
    assert set(crossed) == {b"abababab", b"ours"}
    assert abs(mutants.count(b"abababab") / 2000 - SHARE) < 0.1


def test_a_crossover_of_its_own_leaves_the_mutations_to_libfuzzer() -> None:
    own = hooks(Options(cross=lambda data, other, size, seed: data + other), [])
    assert set(own) == {"custom_crossover"}
    crossed = {own["custom_crossover"](b"ab", b"cd", 8, 1) for _ in range(100)}
    assert crossed == {b"abcd", b"ours"}


def test_a_mutator_that_raises_is_told_once_and_fuzzing_goes_on() -> None:
    def broken(data: bytes, size: int, seed: int) -> bytes:
        raise KeyError("planted")

    told: list[str] = []
    own = hooks(Options(mutate=broken), told)
    assert {own["custom_mutator"](b"ab", 8, 1) for _ in range(100)} == {b"libfuzzer"}
    assert len(told) == 1
    assert "raised KeyError: 'planted'" in told[0]


def test_without_any_the_hooks_are_as_they_were() -> None:
    assert set(hooks(Options(), [])) == {"custom_crossover"}
