"""Workers of one queue are counted together."""

from __future__ import annotations

from dataclasses import replace

from mlfuzz.progress import EntryProgress, combined

ONE = EntryProgress(
    name="decode",
    executions=300,
    executions_per_s=30.0,
    corpus=7,
    coverage=40,
    reach=0.5,
    findings=2,
    restarts=1,
    state="restarting",
    last_new_s=None,
    yields=(("png: field", 10, 1), ("png: drop", 5, 0)),
)
TWO = EntryProgress(
    name="decode",
    executions=100,
    executions_per_s=10.0,
    corpus=9,
    coverage=38,
    reach=0.1,
    findings=1,
    restarts=0,
    state="running",
    last_new_s=3.0,
    yields=(("png: field", 2, 2),),
)


def test_two_workers_are_added_up() -> None:
    assert combined([ONE, TWO]) == EntryProgress(
        name="decode",
        executions=400,
        executions_per_s=40.0,
        corpus=9,
        coverage=40,
        reach=0.4,  # 150 and 10 of 400
        findings=3,
        restarts=1,
        state="running",
        last_new_s=3.0,
        yields=(("png: field", 12, 3), ("png: drop", 5, 0)),
    )


def test_one_is_itself_and_none_at_work_is_said() -> None:
    assert combined([ONE]) is ONE
    idle = replace(ONE, executions=0, reach=0.0)
    assert combined([idle, idle]).state == "restarting"
    assert combined([idle, idle]).reach == 0.0
