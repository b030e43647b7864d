"""The command line: read the arguments, then one call each.

Nothing heavy is imported before a command runs: ``mlfuzz --help`` must answer at once.
"""

from __future__ import annotations

import os
import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlfuzz import __version__
from mlfuzz.errors import MlfuzzError
from mlfuzz.progress import printable

if TYPE_CHECKING:
    from rich.console import Console

    from mlfuzz.progress import Reporter

# The base of typer's complaints about arguments has no public name.
_UsageError: Any = typer.BadParameter.__base__
COULD_NOT_RUN = 2
INTERRUPTED = 130
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_TIMES = {"": 1, "k": 1_000, "M": 1_000_000}

app = typer.Typer(
    name="mlfuzz",
    help="Coverage-guided fuzzing of ML programs: the model and the code before it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class Engine(StrEnum):
    """The engine that runs alone."""

    MODEL = "model"
    CODE = "code"


class FailOn(StrEnum):
    """The findings that make ``run`` exit with 1."""

    NEW = "new"
    ANY = "any"
    NONE = "none"


def seconds(text: str) -> float:
    """``90``, ``90s``, ``1.5m`` or ``2h`` in seconds.

    Raises
    ------
    typer.BadParameter
        For anything else, and for no time at all.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if not match or not float(match[1]):
        raise typer.BadParameter(f"{text!r} is no time. Expected such as 90s, 10m or 1.5h.")
    return float(match[1]) * _SECONDS[match[2]]


def count(text: str) -> int:
    """``500``, ``100k`` or ``1.5M`` as a whole number of executions.

    Raises
    ------
    typer.BadParameter
        For anything else, and for less than one.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kM]?)", text.strip())
    number = round(float(match[1]) * _TIMES[match[2]]) if match else 0
    if number < 1:
        raise typer.BadParameter(f"{text!r} is no count. Expected such as 500, 100k or 2M.")
    return number


def rows(number: int | None) -> int | None:
    """A batch size as it came.

    Raises
    ------
    typer.BadParameter
        If it is no multiple of 8: a batch is made of eight equal groups.
    """
    if number is not None and (number < 8 or number % 8):
        raise typer.BadParameter(f"{number} is no multiple of 8. Expected such as 64 or 256.")
    return number


Corpora = Annotated[
    Path, typer.Option("--corpora", metavar="DIR", help="The folder of corpora and findings.")
]
HarnessFile = Annotated[
    Path | None,
    typer.Option("--harness", metavar="FILE", help="Default: harnesses/<name>.py."),
]


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"mlfuzz {__version__}")
        raise typer.Exit


@app.command()
def run(
    harness: Annotated[Path, typer.Argument(metavar="HARNESS", help="A file, harnesses/x.py.")],
    time: Annotated[
        float | None,
        typer.Option("--time", parser=seconds, metavar="TIME", help="Stop after 90s, 10m, 2h."),
    ] = None,
    executions: Annotated[
        int | None,
        typer.Option("--executions", parser=count, metavar="N", help="Stop after 500, 100k, 2M."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of all random choices.")] = 0,
    only: Annotated[Engine | None, typer.Option(help="Run one engine alone.")] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(callback=rows, metavar="ROWS", help="Of a batch; default: found at start."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Code children at once; default: cores less one."),
    ] = None,
    corpora: Corpora = Path("corpora"),
    fail_on: Annotated[FailOn, typer.Option(help="What makes exit status 1.")] = FailOn.NEW,
) -> None:
    """Fuzz a harness until the budget is spent or Ctrl-C."""
    from mlfuzz import campaign

    reporter = _reporter()
    try:
        status = campaign.run(
            harness,
            corpora=corpora,
            time_s=time,
            executions=executions,
            seed=seed,
            only=only.value if only else None,
            batch_size=batch_size,
            workers=workers,
            fail_on=fail_on.value,
            reporter=reporter,
        )
    finally:
        # An error must not be printed on a screen that is about to vanish.
        reporter.close()
    raise typer.Exit(status)


@app.command()
def triage(
    opened: Annotated[
        str | None,
        typer.Option("--open", metavar="ID|all", help="Show each finding of this one's cause."),
    ] = None,
    corpora: Corpora = Path("corpora"),
) -> None:
    """List all findings by their causes, worst first."""
    from mlfuzz.triage import listing

    listing.print_table(corpora, _console(), opened)


@app.command()
def show(
    finding: Annotated[str, typer.Argument(metavar="ID", help="An id, its start, or a folder.")],
    corpora: Corpora = Path("corpora"),
) -> None:
    """Show everything about one finding."""
    from mlfuzz.triage import show

    show.print_finding(finding, corpora, _console())


@app.command()
def replay(
    wanted: Annotated[str, typer.Argument(metavar="ID|DIR|all", help="What to run again.")],
    harness: HarnessFile = None,
    corpora: Corpora = Path("corpora"),
) -> None:
    """Run saved findings again and compare."""
    from mlfuzz.triage import replay

    raise typer.Exit(replay.replay(wanted, corpora, harness, _console()))


@app.command()
def shrink(
    wanted: Annotated[str, typer.Argument(metavar="ID|DIR|all", help="What to make smaller.")],
    harness: HarnessFile = None,
    time: Annotated[
        float | None,
        typer.Option(
            "--time", parser=seconds, metavar="TIME", help="For each finding; default: 60s."
        ),
    ] = None,
    corpora: Corpora = Path("corpora"),
) -> None:
    """Make the inputs of code findings smaller, and the recipes of model findings simpler."""
    from mlfuzz.triage import shrink

    time_s = shrink.DEFAULT_TIME_S if time is None else time
    raise typer.Exit(shrink.shrink(wanted, corpora, harness, _console(), time_s))


@app.command()
def coverage(
    harness: Annotated[Path, typer.Argument(metavar="HARNESS", help="A file, harnesses/x.py.")],
    corpora: Corpora = Path("corpora"),
) -> None:
    """Show which lines of the target no seed and no input of the corpus reaches."""
    from mlfuzz.triage import line_coverage

    line_coverage.print_coverage(harness, corpora, _console())


def _console() -> Console:
    from rich.console import Console

    # A pipe has no width of its own: tables get one that cuts little.
    is_known = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, width=None if is_known else 160)


def _reporter() -> Reporter:
    if sys.stdout.isatty():
        from mlfuzz.reporters.terminal import TerminalReporter

        return TerminalReporter()
    from mlfuzz.reporters.lines import LinesReporter

    return LinesReporter()


def main() -> None:
    """The console script: exit status 0, 1, 2 or 130 as the README says."""
    try:
        status = app(standalone_mode=False)
    except MlfuzzError as error:
        status = _refused(str(error))
    except _UsageError as error:
        if sys.argv[1:]:
            said = error.format_message().rstrip(".")
            status = _refused(f"{said}. See {error.ctx.command_path} --help.")
        else:
            error.show()
            status = COULD_NOT_RUN
    except KeyboardInterrupt:
        status = INTERRUPTED
    raise SystemExit(status)


def _refused(why: str) -> int:
    print(f"mlfuzz: {printable(' '.join(why.split()))}", file=sys.stderr)
    return COULD_NOT_RUN


if __name__ == "__main__":
    main()
