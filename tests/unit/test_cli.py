"""The command line reads times and counts, answers at once, and fails in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from mlfuzz import cli

HEAVY = ("keras", "tensorflow", "jax", "torch", "atheris", "scipy", "PIL")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("90s", 90), ("10m", 600), ("1.5h", 5400), (" 2 m ", 120), ("0.5s", 0.5)],
)
def test_times_are_read(text: str, expected: float) -> None:
    assert cli.seconds(text) == expected


@pytest.mark.parametrize("text", ["", "m", "0", "0s", "-5s", "5d", "1e3", "nan", "10m5s", "٣s x"])
def test_what_is_no_time_is_named(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"is no time\. Expected such as 90s"):
        cli.seconds(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("500", 500), ("100k", 100_000), ("2M", 2_000_000), ("1.5k", 1500)]
)
def test_counts_are_read(text: str, expected: int) -> None:
    assert cli.count(text) == expected


@pytest.mark.parametrize("text", ["", "k", "0", "0.1", "-5", "5m", "5 G", "inf"])
def test_what_is_no_count_is_named(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"is no count\. Expected such as 500"):
        cli.count(text)


@pytest.mark.parametrize("number", [0, 4, 12, -8])
def test_a_batch_is_eight_equal_groups(number: int) -> None:
    with pytest.raises(typer.BadParameter, match="no multiple of 8"):
        cli.rows(number)
    assert cli.rows(64) == 64


def mlfuzz(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    code = "import sys; sys.argv[0] = 'mlfuzz'; from mlfuzz.cli import main; main()"
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "--help"], ["replay", "--help"], ["shrink", "--help"], []],
)
def test_help_loads_no_framework(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom mlfuzz.cli import app\n"
        f"try: app({arguments!r}, prog_name='mlfuzz')\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "Usage: mlfuzz" in done.stdout + done.stderr
    assert done.stdout.endswith("[]\n")


def test_the_version_is_printed(tmp_path: Path) -> None:
    assert mlfuzz("--version", folder=tmp_path).stdout.startswith("mlfuzz ")


def test_triage_of_nothing_says_so(tmp_path: Path) -> None:
    done = mlfuzz("triage", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "no findings in corpora/crashes\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "nothing"], "no finding 'nothing' in corpora/crashes"),
        (["show", "a\x1b[2Jb"], "no finding 'a\\x1b[2Jb'"),
        (
            ["triage", "--corpora", "file"],
            "file/crashes: cannot list this folder (Not a directory)",
        ),
        (["replay", "nothing"], "no finding 'nothing'"),
        (["shrink", "nothing", "--time", "1s"], "no finding 'nothing'"),
        (["run", "nothing.py", "--time", "1s"], "nothing.py: no such file"),
        (["run", "x.py", "--time", "soon"], "'soon' is no time. Expected such as 90s"),
        (["run"], "Missing argument 'HARNESS'. See mlfuzz run --help."),
        (["nonsense"], "No such command 'nonsense'. See mlfuzz --help."),
    ],
)
def test_what_cannot_run_is_one_line_and_exit_2(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    done = mlfuzz(*arguments, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mlfuzz: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


def test_ctrl_c_is_exit_130(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mlfuzz.triage.listing.print_table", interrupted)
    monkeypatch.setattr(sys, "argv", ["mlfuzz", "triage"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 130
