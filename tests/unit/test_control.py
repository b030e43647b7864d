"""The lift over the control arm, worked out by hand."""

from mlfuzz.model.control import Arm, lift


def arm(executions: int, *met: tuple[int, int, str]) -> Arm:
    """An arm that met (executions, root, fault) in this order."""
    made = Arm(states=None)
    for when, root, fault in met:
        made.executions = when
        made.met(root, (fault,))
    made.executions = executions
    return made


def faults(count: int, when: int = 1) -> list[tuple[int, int, str]]:
    return [(when, number, f"fault {number}") for number in range(count)]


def test_under_five_signatures_in_an_arm_no_number_is_printed() -> None:
    assert lift(arm(100, *faults(9)), arm(100, *faults(4))) == (
        "too few to say (9 guided, 4 control at 100 executions)"
    )


def test_equal_arms_have_a_lift_of_one() -> None:
    assert lift(arm(100, *faults(6)), arm(100, *faults(6))).startswith("1.00 [1.00, 1.00]")


def test_the_guided_arm_is_read_at_the_controls_executions() -> None:
    # 10 of the guided arm's 20 faults came within the control's 100 executions: 10 / 5 = 2.
    late = [(900, 100 + n, f"late {n}") for n in range(10)]
    guided = arm(1000, *faults(10, when=50), *late)
    assert lift(guided, arm(100, *faults(5))).startswith("2.00 [")
    assert "(10 guided, 5 control at 100 executions)" in lift(guided, arm(100, *faults(5)))


def test_one_fault_at_many_roots_counts_once() -> None:
    many = [(1, root, "the same") for root in range(50)]
    assert lift(arm(10, *many), arm(10, *faults(9))).startswith("too few to say (1 guided")


def test_the_first_meeting_counts() -> None:
    twice = arm(10, (1, 0, "fault"), (9, 0, "fault"))
    assert twice.until(5) == [(0, ("fault",))]
