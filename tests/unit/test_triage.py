"""The table puts the worst first, ``show`` tells all, and a replay compares what came."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mlfuzz.core import Verdict
from mlfuzz.errors import HarnessError, StoreError
from mlfuzz.harness import Harness
from mlfuzz.outcome import Outcome
from mlfuzz.recipe import Recipe, Step
from mlfuzz.store import Finding, Findings
from mlfuzz.triage import listing, show
from mlfuzz.triage.causes import badness
from mlfuzz.triage.choice import folder_of, folders_of
from mlfuzz.triage.replay import Result, compared, replay, timeout_s

HOSTILE = "[red]\x1b]0;own\x07\u202e[/red]"
HARNESS = """
from mlfuzz.entry_point import EntryPoint
from mlfuzz.harness import Harness

class Refused(Exception):
    pass

def parse(data: bytes) -> int:
    if not data:
        raise Refused
    return 10 // (data[0] - 65)

harness = Harness(code=(EntryPoint(parse, refuses=(Refused,)),))
"""


def finding(*signature: str, **fields: Any) -> Finding:
    values: dict[str, Any] = {
        "harness": "toy",
        "engine": "code",
        "source": "parse",
        "kind": "exception",
        "signature": signature or ("ValueError", "toy:parse"),
        "threat": "disruption",
        "severity": "medium",
        "stability": "stable",
        "bounds": "unknown",
        "verdict": {},
        "found": {"time": "2031-05-06T07:08:09+00:00", "executions": 1234},
    }
    return Finding(**{**values, **fields})


def save(corpora: Path, *findings: Finding) -> Findings:
    store = Findings(corpora, findings[0].harness)
    for each in findings:
        store.save(each, b"A", suffix=".bin", nearness=(3.0, 0.25))
    return store


def printed(function: Any, *arguments: Any, width: int = 160) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    function(*arguments, console)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


# --- the table ------------------------------------------------------------------------------------


def test_the_worst_comes_first_severity_before_stability_before_kind() -> None:
    worst_first = [
        finding(severity="high", stability="stable", kind="hang"),
        finding(severity="high", stability="flaky", kind="contract"),
        finding(severity="medium", stability="stable", kind="contract"),
        finding(severity="medium", stability="stable", kind="exception"),
        finding(severity="medium", stability="batch-dependent", kind="contract"),
        finding(severity="low"),
        finding(severity="unheard of"),
    ]
    assert sorted(reversed(worst_first), key=badness) == worst_first


def heads(text: str) -> list[str]:
    """The lines of causes, without the ids."""
    lines = [line.split() for line in text.splitlines() if line.lstrip()[:1] == "x"]
    return [" ".join([words[0], *words[2:]]) for words in lines]


def test_the_table_has_one_line_a_cause(tmp_path: Path) -> None:
    save(
        tmp_path,
        finding("struct.error", "io:read_a", "size = f()"),
        finding("ValueError", "io:read_a", "return g()"),
        finding("ValueError", "io:read_b", "return h()"),
        finding("parse", "finite", kind="contract", severity="high"),
    )
    text = printed(listing.print_table, tmp_path)
    assert "toy: 4 findings, 3 causes" in text
    assert heads(text) == [
        "x1 high contract in parse at finite stable disruption",
        "x2 medium exception in parse at io:read_a: 2 types stable disruption",
        "x1 medium exception in parse at io:read_b: ValueError stable disruption",
    ]
    assert "size = f()" not in text


def opened(corpora: Path, wanted: str) -> str:
    return printed(lambda console: listing.print_table(corpora, console, wanted))


def test_a_cause_opens_by_the_id_of_any_of_its_findings(tmp_path: Path) -> None:
    one, other = finding("A", "io:read", "f()"), finding("B", "io:read", "g()")
    store = save(tmp_path, one, other, finding("A", "io:write", "h()"))
    for each in (one, other):
        text = opened(tmp_path, each.id[-12:-4])
        assert one.short_id in text and other.short_id in text
        assert "A | io:read | f()" in text and "B | io:read | g()" in text
        assert "io:write | h()" not in text and len(heads(text)) == 2
    text = opened(tmp_path, "all")
    assert all(id[-12:][:8] in text for id in store.known()) and "io:write | h()" in text
    assert "1 bytes" in text and "05-06 07:08" in text
    with pytest.raises(StoreError, match="no finding 'nothing'"):
        opened(tmp_path, "nothing")


def test_opening_a_cause_leaves_that_of_another_harness_closed(tmp_path: Path) -> None:
    one = finding("A", "io:read", "f()")
    save(tmp_path, one)
    save(tmp_path, finding("A", "io:read", "f()", harness="other"))
    assert opened(tmp_path, f"toy/{one.id}").count("A | io:read | f()") == 1


def test_the_table_counts_the_steps_of_a_recipe(tmp_path: Path) -> None:
    step = Step(mutator="Gain()", version=1, key=0, values=(1.0,))
    recipe = Recipe(sequence=0, base="b", root="r", made_by="guided", steps=(step, step))
    save(tmp_path, finding("WrongAnswer", "1 -> 2", engine="model", recipe=recipe))
    assert "2 steps" in opened(tmp_path, "all")


def test_the_table_names_damaged_findings(tmp_path: Path) -> None:
    store = save(tmp_path, finding("A"), finding("B"))
    broken = store.find(finding_prefix(store, "A"))
    (store.folder / broken.id / broken.input).write_bytes(b"")
    text = printed(listing.print_table, tmp_path, width=300)
    assert "1 skipped:" in text and broken.input in text


def finding_prefix(store: Findings, first: str) -> str:
    return next(f.id for f in store.load_all()[0] if f.signature[0] == first)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_strange_text_is_shown_and_does_nothing(tmp_path: Path, width: int) -> None:
    fields = dict.fromkeys(("source", "threat", "severity", "stability", "bounds"), HOSTILE)
    store = save(tmp_path, finding(HOSTILE, **fields, found={"time": HOSTILE}, replay=HOSTILE))
    [name] = store.known()
    for text in (
        printed(listing.print_table, tmp_path, width=width),
        printed(lambda console: listing.print_table(tmp_path, console, "all"), width=width),
        printed(show.print_finding, name, tmp_path, width=width),
    ):
        assert all(sign not in text for sign in "\x1b\x07\u202e")
    assert r"[red]\x1b]0;own\x07\u202e[/red]" in printed(show.print_finding, name, tmp_path)


# --- one finding ----------------------------------------------------------------------------------


def test_show_tells_everything(tmp_path: Path) -> None:
    step = Step(mutator="Gain(-6.0, 6.0)", version=2, key=11, values=(0.5,))
    recipe = Recipe(
        sequence=1, base="b" * 64, root="7.wav", made_by="mutation", steps=(step,), spent={"a": 0.5}
    )
    one = finding(
        "WrongAnswer", "3 -> 5", engine="model", kind="misclassified", recipe=recipe,
        verdict={"margin": 1.25, "answer": "five"}, versions={"keras": "3.1"},
        replay="mlfuzz replay x", wild=True,
    )  # fmt: skip
    store = Findings(tmp_path, "toy")
    store.save(one, b"A", suffix=".wav", seed=b"S", traceback="Traceback:\n  boom", nearness=())
    text = printed(show.print_finding, one.id[-12:-6], tmp_path)
    for fact in (
        one.id, "misclassified (medium, disruption)", "3 -> 5", "margin 1.25", "answer five",
        "1. Gain(-6.0, 6.0) v2 key 11 values (0.5)", "spent 0.5 of a", "keras 3.1",
        "mlfuzz replay x", one.input, "seed-", "executions 1234", "unknown, wild",
    ):  # fmt: skip
        assert fact in text
    assert text.endswith("Traceback:\n  boom\n")


def test_findings_are_chosen_by_id_by_folder_and_all(tmp_path: Path) -> None:
    a, b = finding("A"), finding("B", harness="other")
    folders = [save(tmp_path, each).folder / each.id for each in (a, b)]
    assert folders_of("all", tmp_path) == sorted(folders, key=lambda folder: folder.parent)
    for each, folder in zip((a, b), folders, strict=True):
        assert folder_of(each.id[-12:], tmp_path) == folder
        assert folders_of(str(folder), tmp_path / "elsewhere") == [folder.resolve()]
    inside = folders_of(str(tmp_path / "crashes"), tmp_path)
    assert sorted(inside) == sorted(folder.resolve() for folder in folders)
    assert folders_of("all", tmp_path / "empty") == []


def test_equal_ids_in_two_harnesses_are_told_apart_by_the_harness(tmp_path: Path) -> None:
    store = save(tmp_path, finding())
    save(tmp_path, finding(harness="other"))
    id = next(iter(store.known()))
    with pytest.raises(StoreError, match=f"fits 2 findings: other/{id}, toy/{id}"):
        folder_of(id, tmp_path)
    assert folder_of(f"toy/{id[:20]}", tmp_path) == store.folder / id


@pytest.mark.parametrize("wanted", ["nothing", "exception-"])
def test_an_unclear_choice_is_refused(tmp_path: Path, wanted: str) -> None:
    save(tmp_path, finding("A"), finding("B"))
    with pytest.raises(StoreError):
        folders_of(wanted, tmp_path)


def test_a_folder_without_findings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no finding in this folder"):
        folders_of(str(tmp_path), tmp_path)


# --- replay ---------------------------------------------------------------------------------------


def outcome(kind: Any, signature: Sequence[str]) -> Outcome:
    verdict = Verdict(
        kind=kind, signature=tuple(signature), threat="disruption", severity="low", values={}
    )
    return Outcome(state="fault", verdict=verdict)


@pytest.mark.parametrize(
    ("came", "state", "detail"),
    [
        (outcome("exception", ["E", "f"]), "reproduced", ""),
        (outcome("exception", ["E", "g"]), "not reproduced", "exception: E | g"),
        (outcome("hang", ["E", "f"]), "not reproduced", "hang: E | f"),
        (Outcome(state="answered"), "not reproduced", "the input was answered"),
        (Outcome(state="refused"), "not reproduced", "the input was refused"),
    ],
)
def test_a_replay_compares_kind_and_signature(
    tmp_path: Path, came: Outcome, state: str, detail: str
) -> None:
    one = finding("E", "f")
    save(tmp_path, one)
    result = compared(one, came)
    assert (result.state, result.detail) == (state, detail)


@pytest.mark.parametrize("stability", ["stable", "flaky"])
def test_a_finding_that_is_gone_fails_whatever_the_run_called_it(stability: str) -> None:
    one = finding(stability=stability)
    assert Result(one, "not reproduced", "").is_failure
    assert not Result(one, "reproduced", "").is_failure


@pytest.mark.parametrize(
    ("own", "measured", "expected"),
    [(None, 1.5, 1.5), (None, 1e9, 120.0), (None, 0, 0.1), (None, "nan", 10.0), (3.0, 1.5, 3.0)],
)
def test_a_hang_has_the_time_that_it_had(own: float | None, measured: Any, expected: float) -> None:
    one = finding(verdict={"timeout_s": measured})
    assert timeout_s(Harness(timeout_s=own), one) == expected


def test_a_real_fault_reproduces_and_one_that_is_gone_fails(tmp_path: Path) -> None:
    path = tmp_path / "toy.py"
    path.write_text(HARNESS)
    statement = "return 10 // (data[0] - 65)"
    real = finding("ZeroDivisionError", "toy:parse", statement)
    corpora = tmp_path / "corpora"
    save(corpora, real)
    text = io.StringIO()
    first = replay("all", corpora, path, Console(file=text, width=160))
    if first:  # the name of a module that is loaded by path is the loader's choice
        real = finding(*_signature_that_came(text.getvalue()))
        corpora = tmp_path / "again"
        save(corpora, real)
        assert replay("all", corpora, path, Console(file=io.StringIO())) == 0
    save(corpora, finding("KeyError", "toy:parse"))
    assert replay("all", corpora, path, Console(file=io.StringIO())) == 1
    assert replay(real.id, corpora, path, Console(file=io.StringIO())) == 0
    text = io.StringIO()
    save(corpora, strange := finding("Z", source="../gone"))
    assert replay(strange.id, corpora, path, Console(file=text, width=160)) == 1
    assert "the harness has no such entry point" in text.getvalue()


def _signature_that_came(table: str) -> list[str]:
    words = " ".join(table.split())
    start = words.index("exception: ZeroDivisionError") + len("exception: ")
    return words[start : words.index("- 65)", start) + len("- 65)")].split(" | ")


def test_a_missing_harness_is_named_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "corpora", finding())
    with pytest.raises(HarnessError, match=r"harnesses/toy\.py: no such harness.*--harness"):
        replay("all", tmp_path / "corpora", None, Console(file=io.StringIO()))


def test_a_damaged_finding_is_named_beside_the_others(tmp_path: Path) -> None:
    store = save(tmp_path, finding("A"))
    [name] = store.known()
    path = store.folder / name / "finding.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "input": "../../etc/passwd"}))
    with pytest.raises(StoreError, match="is no name that mlfuzz gives"):
        replay(name, tmp_path, None, Console(file=io.StringIO()))


def test_nothing_to_replay_is_no_failure(tmp_path: Path) -> None:
    file = io.StringIO()
    assert replay("all", tmp_path, None, Console(file=file)) == 0
    assert "nothing to replay" in file.getvalue()
