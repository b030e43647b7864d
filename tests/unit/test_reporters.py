"""Reporters never raise, and no text from an input can act on the terminal."""

from __future__ import annotations

import copy
import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from mlfuzz.progress import EntryProgress, ModelProgress, Progress, Reporter, printable
from mlfuzz.reporters import words
from mlfuzz.reporters.lines import LinesReporter, progress_line
from mlfuzz.reporters.terminal import Screen, TerminalReporter, bar
from mlfuzz.store import Finding

HOSTILE = "[red]\x1b]0;own\x07[/] \u202e\udcff\r\n\x9b2J"
MODEL = ModelProgress(
    executions=12_345,
    executions_per_s=412.4,
    corpus=312,
    coverage={"neuron": 0.413, HOSTILE: 0.052},
    findings=4,
    lift=HOSTILE,
    stability=0.98,
    bytes_per_batch=2304,
    adopted=17,
    last_new_s=3.2,
)
ENTRY = EntryProgress(
    name=HOSTILE,
    executions=1_234_567,
    executions_per_s=20_345.2,
    corpus=900,
    coverage=812,
    reach=0.043,
    findings=7,
    restarts=1,
    state="restarting",
    last_new_s=None,
)
FULL = Progress(
    elapsed_s=37.2,
    budget="60s",
    model=MODEL,
    code=(ENTRY, replace(ENTRY, name="settings", state="running")),
    findings=12,
    new_findings=5,
    last_finding_s=14.2,
)
EMPTY = Progress(0.0, "no limit", None, (), 0, 0, None)
FINDING = Finding(
    id="exception-0123456789ab",
    harness="toy",
    engine="code",
    source=HOSTILE,
    kind="exception",
    signature=(HOSTILE, "toy:decode"),
    threat="disruption",
    severity="high",
    stability="stable",
    bounds="unknown",
    verdict={},
)


class Broken(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"


def use(reporter: Reporter, *wholes: Any) -> None:
    for whole in wholes:
        reporter.progress(whole)
        reporter.finding(FINDING, "new")
        reporter.note(HOSTILE)
    reporter.close()


def terminal(file: io.StringIO, width: int, height: int) -> TerminalReporter:
    return TerminalReporter(Screen(file=file, width=width, height=height, force_terminal=True))


@pytest.mark.parametrize("whole", [FULL, EMPTY, None, "nonsense"])
@pytest.mark.parametrize("file", [io.StringIO, Broken])
def test_reporters_never_raise(whole: Any, file: type[io.StringIO]) -> None:
    use(LinesReporter(file(), every_s=0), whole, FULL)
    for size in ((80, 24), (120, 40), (1, 1), (20, 5)):
        use(terminal(file(), *size), whole, FULL)


def test_closing_twice_or_before_the_start_is_nothing() -> None:
    reporter = terminal(io.StringIO(), 80, 24)
    reporter.close()
    reporter.progress(FULL)
    reporter.close()
    reporter.close()


def test_every_note_stays_on_the_terminal_once() -> None:
    file = io.StringIO()
    reporter = terminal(file, 80, 24)
    reporter.note("before")
    reporter.progress(EMPTY)
    reporter.note("during")
    reporter.close()
    reporter.note("after")
    left = file.getvalue().rpartition("\x1b[?1049l")[2]  # what follows the alternate screen
    assert file.getvalue().startswith("before")
    lines = left.splitlines()
    assert [lines.count(note) for note in ("before", "during", "after")] == [0, 1, 1]


def test_an_ascii_stream_gets_ascii() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict")
    reporter = LinesReporter(stream, every_s=0)
    reporter.note("größer")
    assert raw.getvalue() == b"gr\\xf6\\xdfer\n"
    plain = Console(file=io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert bar(0.5, plain, 4).plain == "##.. 50%"


def test_lines_are_harmless_and_one_each() -> None:
    stream = io.StringIO()
    use(LinesReporter(stream, every_s=0), FULL)
    text = stream.getvalue()
    assert text.count("\n") == 3
    assert all(sign not in text for sign in "\x1b\x07\r\x9b\u202e\udcff")
    assert r"[red]\x1b]0;own\x07[/] \u202e\udcff\x0d\x0a\x9b2J" in text


def test_the_screen_shows_markup_as_text_and_hides_control_characters() -> None:
    console = Console(file=io.StringIO(), width=300, height=40, color_system=None)
    reporter = TerminalReporter(console)
    reporter.finding(FINDING, "new")
    with console.capture() as capture:
        console.print(reporter.picture(FULL, 40))
    text = capture.get()
    assert r"[red]\x1b]0;own\x07[/] \u202e\udcff\x0d\x0a\x9b2J" in text
    assert all(sign not in text for sign in "\x1b\x07\r\x9b\u202e\udcff")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (60, 30)])
def test_the_picture_fits_the_screen(width: int, height: int) -> None:
    console = Console(file=io.StringIO(), width=width, height=height)
    reporter = TerminalReporter(console)
    for i in range(200):
        reporter.finding(with_id(f"hang-{i:012x}"), "nearer")
        reporter.note("a note " * 50)
    lines = console.render_lines(reporter.picture(FULL, height))
    assert len(lines) <= height
    assert all(sum(part.cell_length for part in line) <= width for line in lines)


def with_id(name: str) -> Finding:
    finding = copy.copy(FINDING)
    finding.id = name
    return finding


def test_a_nearer_input_changes_the_row_and_makes_no_line() -> None:
    console = Console(file=io.StringIO(), width=100, height=40, color_system=None)
    stream = io.StringIO()
    screen, lines = TerminalReporter(console), LinesReporter(stream)
    for name, state in (("hang-1", "new"), ("hang-2", "new"), ("hang-1", "nearer")):
        screen.finding(with_id(name), state)
        lines.finding(with_id(name), state)
    with console.capture() as capture:
        console.print(screen.picture(EMPTY, 40))
    rows = [line.split()[1:3] for line in capture.get().splitlines() if "hang-" in line]
    assert rows == [["hang-2", "new"], ["hang-1", "nearer"]]
    assert [line.split()[0] for line in stream.getvalue().splitlines()] == ["new", "new"]


def test_the_line_answers_the_questions() -> None:
    line = progress_line(replace(FULL, code=(replace(ENTRY, name="decode"),)))
    for answer in (
        "0:37 of 60s",
        "model 12.3k at 412/s",
        "neuron 41%",
        "decode restarting 1.2M at 20.3k/s",
        "reach 4.3%",
        "findings 12 (5 new), last 14s ago, new coverage 3s ago",
    ):
        assert answer in line


def test_progress_lines_come_every_few_seconds_and_at_the_end() -> None:
    stream = io.StringIO()
    reporter = LinesReporter(stream, every_s=1000)
    for i in range(3):
        reporter.progress(replace(FULL, findings=i))
    assert stream.getvalue().count("\n") == 1
    reporter.close()
    reporter.close()
    last = stream.getvalue().splitlines()
    assert len(last) == 2 and "findings 2 " in last[1]


def test_numbers_read_well() -> None:
    numbers = (0, 9_999, 10_000, 999_999, 4_500_000, 2e9)
    assert [words.count(n) for n in numbers] == ["0", "9999", "10.0k", "1000.0k", "4.5M", "2.0G"]
    assert [words.clock(s) for s in (7, 750, 11_100)] == ["0:07", "12:30", "3:05:00"]
    times = (None, 3, 119, 720, 9000)
    assert [words.ago(s) for s in times] == ["not yet", "3s ago", "119s ago", "12m ago", "2h ago"]
    shares = (0, 0.004, 0.0995, 0.12, 1)
    assert [words.percent(s) for s in shares] == ["0%", "0.4%", "10%", "12%", "100%"]


def test_criteria_have_short_names_unless_two_would_be_one() -> None:
    assert words.criteria({"NeuronCoverage(0.5)": 0.1, "OutputCells(bins=8)": 0.2, "": 0.3}) == {
        "Neuron": 0.1,
        "OutputCells": 0.2,
        "": 0.3,
    }
    same = {"NeuronCoverage(0.5)": 0.1, "NeuronCoverage(0.9)": 0.2}
    assert words.criteria(same) == same


def test_printable_keeps_what_is_asked_and_all_letters() -> None:
    assert printable("größe 数字 a\tb\n", keep="\n") == "größe 数字 a\\x09b\n"
    assert printable("\U000e0041\u2028\x7f") == "\\ue0041\\u2028\\x7f"
