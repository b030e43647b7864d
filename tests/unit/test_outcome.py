"""What an input did has one name: in every process, and however the source is laid out."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from itertools import count
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

from mlfuzz.entry_point import EntryPoint
from mlfuzz.harness import Harness
from mlfuzz.isolate import SoftTimeout
from mlfuzz.outcome import MAX_TEXT, Outcome, chain_key, death_verdict, execute
from mlfuzz.outcome.breaches import check_of
from mlfuzz.outcome.record import code_finding
from mlfuzz.outcome.stacks import is_ours, scope_of

Load = Callable[..., ModuleType]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Make a module of a text; each text is its own file, as sources are read once only."""
    numbers = count()

    def load(source: str, name: str = "toy") -> ModuleType:
        path = tmp_path / str(next(numbers)) / f"{name}.py"
        path.parent.mkdir()
        path.write_text(dedent(source))
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def run(function: Callable[[bytes], object], data: bytes = b"", **fields: Any) -> Outcome:
    return execute(EntryPoint(function, name="entry", **fields), None, data)


def signature(outcome: Outcome) -> tuple[str, ...]:
    assert outcome.state == "fault" and outcome.verdict
    return outcome.verdict.signature


def raiser(error: BaseException) -> Callable[[bytes], object]:
    def function(data: bytes) -> object:
        raise error

    return function


def caught(function: Callable[[bytes], object], data: bytes) -> BaseException:
    """The exception as the child sees it: its traceback begins at the caller."""
    try:
        function(data)
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


# --- states -------------------------------------------------------------------------------------


def test_a_returned_value_is_an_answer() -> None:
    outcome = run(len, b"abc")
    assert (outcome.state, outcome.value, outcome.verdict) == ("answered", 3, None)


def test_only_a_documented_exception_is_a_refusal() -> None:
    assert run(raiser(KeyError()), refuses=(LookupError,)).state == "refused"
    assert run(raiser(ValueError()), refuses=(LookupError,)).state == "fault"


def test_what_then_raises_is_a_fault_and_what_it_refuses_a_refusal() -> None:
    then = raiser(ValueError())
    assert run(len, then=then).state == "fault"
    assert run(len, then=then, refuses=(ValueError,)).state == "refused"


def test_then_does_not_run_on_a_value_that_breaks_the_contract() -> None:
    seen: list[int] = []
    entry = EntryPoint(len, name="entry", then=seen.append)
    execute(entry, never, b"a")
    execute(entry, None, b"ab")
    assert seen == [2]


class Hostile(BaseException):
    pass


@pytest.mark.parametrize("error", [SystemExit(0), GeneratorExit(), Hostile(), StopIteration()])
def test_whatever_else_is_raised_is_a_fault(error: BaseException) -> None:
    outcome = run(raiser(error))
    assert signature(outcome)[0].rpartition(".")[2] == type(error).__name__
    assert outcome.verdict and outcome.verdict.kind == "exception"


def test_a_keyboard_interrupt_passes_whatever_is_refused() -> None:
    with pytest.raises(KeyboardInterrupt):
        run(raiser(KeyboardInterrupt()), refuses=(BaseException,))


def test_a_soft_timeout_is_a_hang_whatever_is_refused() -> None:
    outcome = run(raiser(SoftTimeout()), refuses=(BaseException,))
    assert outcome.verdict and outcome.verdict.kind == "hang"
    assert signature(outcome)[0] == "hang"


def test_a_memory_error_is_out_of_memory_and_high() -> None:
    verdict = run(raiser(MemoryError())).verdict
    assert verdict and (verdict.kind, verdict.severity) == ("out-of-memory", "high")


# --- signatures ---------------------------------------------------------------------------------

DEEP = """
    class Reader:
        def read(self, data):
            raise ValueError("bad " + repr(data))

    def third(data):
        Reader().read(data)

    def second(data):
        third(data)

    def parse(data):
        second(data)
    """


def test_a_signature_is_the_type_three_frames_and_the_statement(load: Load) -> None:
    assert signature(run(load(DEEP).parse)) == (
        "ValueError",
        "toy:second",
        "toy:third",
        "toy:Reader.read",
        "raise ValueError('bad ' + repr(data))",
    )


def test_the_input_is_not_in_the_signature(load: Load) -> None:
    parse = load(DEEP).parse
    first, second = run(parse, b"one"), run(parse, b"three")
    assert signature(first) == signature(second)
    assert first.verdict and first.verdict.values == {
        "entry": "entry",
        "message": "bad b'one'",
        "size_bytes": 3,
    }


def test_an_exception_of_the_target_is_named_with_its_module(load: Load) -> None:
    module = load("class Odd(Exception): pass\ndef parse(data):\n    raise Odd\n")
    assert signature(run(module.parse)) == ("toy.Odd", "toy:parse", "raise Odd")


def test_frames_of_the_library_are_left_out(load: Load) -> None:
    module = load("import json\ndef parse(data):\n    return json.loads(data)\n")
    assert signature(run(module.parse, b"{")) == (
        "json.decoder.JSONDecodeError",
        "toy:parse",
        "return json.loads(data)",
    )


def test_another_module_is_the_targets_own_where_it_is_instrumented(load: Load) -> None:
    helper = load("def fail(data):\n    return data[9]\n", "helper")
    module = load("def parse(data):\n    return fail(data)\n")
    module.__dict__["fail"] = helper.fail
    assert signature(run(module.parse))[1:] == ("toy:parse", "return fail(data)")
    assert signature(run(module.parse, instrument=("helper",)))[1:] == (
        "toy:parse",
        "helper:fail",
        "return data[9]",
    )


def test_reformatting_the_source_renews_no_signature(load: Load) -> None:
    reformatted = """
        # A comment.
        class Reader:

            def read(self, data):
                # Another comment.
                raise ValueError(
                    'bad '  # a third
                    + repr(data),
                )


        def third(data): Reader().read(data)

        def second(data):

            third( data )

        def parse(data):
            second(data)
        """
    assert signature(run(load(DEEP).parse)) == signature(run(load(reformatted).parse))


def test_two_faults_in_one_function_stay_two(load: Load) -> None:
    module = load(
        """
        def parse(data):
            if data:
                raise ValueError("long")
            raise ValueError("short")
        """
    )
    assert signature(run(module.parse, b"a")) == (
        "ValueError",
        "toy:parse",
        "raise ValueError('long')",
    )
    assert signature(run(module.parse))[-1] == "raise ValueError('short')"


def test_of_a_compound_statement_only_the_head_is_named(load: Load) -> None:
    module = load("def parse(data):\n    if data[0]:\n        return 1\n    return 2\n")
    assert signature(run(module.parse)) == ("IndexError", "toy:parse", "if data[0]:")


def test_endless_recursion_has_one_short_signature_however_deep_it_began(load: Load) -> None:
    module = load(
        """
        def even(data):
            return odd(data) + 1

        def odd(data):
            return even(data) + 1

        def parse(data):
            return deeper(len(data), data)

        def deeper(steps, data):
            return deeper(steps - 1, data) if steps else even(data)
        """
    )
    for data in (b"", b"a"):
        assert signature(run(module.parse, data)) == ("RecursionError", "toy:even", "toy:odd")


def test_a_function_that_calls_itself_counts_once(load: Load) -> None:
    module = load(
        """
        def down(steps):
            if not steps:
                raise ValueError
            down(steps - 1)

        def parse(data):
            down(len(data))
        """
    )
    for size in (0, 1, 30):
        assert signature(run(module.parse, bytes(size))) == (
            "ValueError",
            "toy:parse",
            "toy:down",
            "raise ValueError",
        )


def test_code_without_a_source_has_no_statement() -> None:
    space: dict[str, Any] = {"__name__": "made"}
    exec(compile("def parse(data):\n    raise ValueError\n", "<nowhere>", "exec"), space)
    assert signature(run(space["parse"])) == ("ValueError", "made:parse")


def test_a_soft_hang_names_the_functions_without_the_statement(load: Load) -> None:
    module = load("def parse(data):\n    raise stop\n")
    module.__dict__["stop"] = SoftTimeout()
    assert signature(run(module.parse)) == ("hang", "toy:parse")


def test_a_death_is_named_by_the_last_dump_of_the_stack(load: Load) -> None:
    module = load("def inner(data):\n    crash(data)\n\ndef parse(data):\n    inner(data)\n")
    file = module.__file__
    dump = (
        "Fatal Python error: Aborted\n\nCurrent thread 0x1 (most recent call first):\n"
        '  File "/other.py", line 1 in other\n'
        "Fatal Python error: Segmentation fault\n\nCurrent thread 0x1 (most recent call first):\n"
        f'  File "{file}", line 2 in inner\n  File "{file}", line 5 in parse\n'
    )
    scope = scope_of(EntryPoint(module.parse, name="entry"))
    verdict = death_verdict("native", "SIGSEGV", dump, scope, b"ab")
    assert verdict.signature == ("SIGSEGV", "toy:parse", "toy:inner", "crash(data)")
    assert death_verdict("hang", "SIGKILL", "", scope, b"").signature == ("hang", "entry")
    hard = death_verdict("hard hang", "SIGKILL", "", scope, b"")
    assert (hard.kind, hard.signature) == ("hang", ("hard hang", "entry"))


# --- contracts ----------------------------------------------------------------------------------


def breach_of(contract: Any, value: object) -> tuple[str, str] | None:
    check = check_of(contract, len)
    return None if check is None else check(b"", value)


class Positive:
    """A contract by object."""

    def breach(self, value: int) -> tuple[str, str] | None:
        return None if value > 0 else ("sign", f"{value} is not positive")


def positive(value: int) -> None:
    if value <= 0:
        raise ValueError(f"{value} is not positive")


def never(value: object) -> None:
    raise AssertionError


def test_a_contract_that_holds_lets_the_value_through() -> None:
    for contract in (None, Positive(), positive):
        assert breach_of(contract, 1) is None
        assert execute(EntryPoint(len, name="entry"), contract, b"a").value == 1


def test_a_contract_object_names_the_rule() -> None:
    verdict = execute(EntryPoint(len, name="entry"), Positive(), b"").verdict
    assert verdict and verdict.kind == "contract"
    assert verdict.signature == ("entry", "sign")
    assert verdict.values["message"] == "0 is not positive"


def test_a_contract_function_names_the_rule_by_what_it_raises_from() -> None:
    rule = "raise ValueError(f'{value} is not positive')"
    assert breach_of(positive, 0) == (rule, "0 is not positive")
    assert breach_of(never, 0) == ("raise AssertionError", "raise AssertionError")


def test_a_contract_function_that_returns_false_is_broken_and_names_itself() -> None:
    def short(value: int) -> bool:
        return value < 2

    assert breach_of(short, 1) is None
    broken = breach_of(short, 2)
    assert broken and broken[0].endswith("short")


def test_a_breach_is_not_a_refusal() -> None:
    entry = EntryPoint(len, name="entry", refuses=(ValueError,))
    assert execute(entry, positive, b"").state == "fault"


def test_a_value_that_is_not_finite_is_high() -> None:
    class Finite:
        def breach(self, value: int) -> tuple[str, str]:
            return "finite", "NaN"

    verdicts = [
        execute(EntryPoint(len, name="entry"), contract, b"").verdict
        for contract in (Finite(), Positive())
    ]
    assert [verdict and verdict.severity for verdict in verdicts] == ["high", "medium"]


# --- keys ---------------------------------------------------------------------------------------

TWO_LINES = """
    def parse(data):
        if data == b"a":
            raise ValueError
        raise ValueError
    """


def test_the_same_place_has_an_equal_key_and_another_line_a_different_one(load: Load) -> None:
    parse = load(TWO_LINES).parse
    first, again, other = (chain_key(caught(parse, data)) for data in (b"a", b"a", b"b"))
    assert first == again
    assert first != other


def test_the_same_line_with_another_type_has_another_key(load: Load) -> None:
    parse = load("def parse(data):\n    return 10 // data[0]\n").parse
    assert chain_key(caught(parse, b"")) != chain_key(caught(parse, b"\0"))


def test_a_key_of_endless_recursion_is_short(load: Load) -> None:
    parse = load("def parse(data):\n    return parse(data) + 1\n").parse
    assert len(chain_key(caught(parse, b""))) < 200


def test_callers_at_equal_offsets_have_keys_of_their_own() -> None:
    def need(data: bytes) -> bytes:
        raise ValueError(data)

    def png(data: bytes) -> bytes:
        return need(data)

    def gif(data: bytes) -> bytes:
        return need(data)

    readers = {b"p": png, b"g": gif}
    keys = [chain_key(caught(lambda data: readers[data](data), data)) for data in (b"p", b"g")]
    assert keys[0] != keys[1]


# --- texts --------------------------------------------------------------------------------------


def test_lone_surrogates_in_a_message_are_harmless() -> None:
    verdict = run(raiser(ValueError("a\ud800b"))).verdict
    assert verdict and verdict.values["message"] == "a\\ud800b"


def test_lone_surrogates_in_the_message_of_a_breach_are_harmless() -> None:
    def contract(value: object) -> None:
        raise ValueError("\udcff")

    verdict = execute(EntryPoint(len, name="entry"), contract, b"").verdict
    assert verdict and verdict.values["message"] == "\\udcff"


def test_a_long_message_is_cut() -> None:
    verdict = run(raiser(ValueError("x" * 10_000))).verdict
    assert verdict and verdict.values["message"] == "x" * MAX_TEXT + "..."


def test_an_exception_that_cannot_be_written_is_still_a_fault() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise SystemExit

    outcome = run(raiser(Mute()))
    assert outcome.verdict and outcome.verdict.values["message"] == "<no text: SystemExit>"
    assert outcome.traceback and "Mute" in outcome.traceback


def test_the_traceback_begins_at_the_entry_point(load: Load) -> None:
    text = run(load(DEEP).parse).traceback
    assert text
    assert text.splitlines()[1].endswith("in parse")
    assert text.endswith("ValueError: bad b''\n")


def test_a_statement_on_the_line_of_its_condition_is_named_itself(load: Load) -> None:
    one = load("def parse(data):\n    if not data: raise ValueError\n")
    two = load("def parse(data):\n    if not data:\n        raise ValueError\n")
    assert signature(run(one.parse)) == ("ValueError", "toy:parse", "raise ValueError")
    assert signature(run(one.parse)) == signature(run(two.parse))


def test_two_places_that_end_deep_in_the_same_library_have_two_keys(load: Load) -> None:
    library = load(
        """
        def down(steps):
            if not steps:
                raise ValueError
            down(steps - 1)
        """,
        "library",
    )
    module = load("def parse(data):\n    if data:\n        down(40)\n    else:\n        down(40)\n")
    module.__dict__["down"] = library.down
    assert chain_key(caught(module.parse, b"")) != chain_key(caught(module.parse, b"a"))


def test_a_contract_that_asserts_through_a_library_names_its_own_line(load: Load) -> None:
    module = load(
        """
        import numpy as np

        def contract(value):
            np.testing.assert_equal(value, 1)
        """
    )
    found = breach_of(module.contract, 2)
    assert found and found[0] == "np.testing.assert_equal(value, 1)"


def test_a_folder_whose_name_begins_like_ours_is_not_ours() -> None:
    folder = Path(str(importlib.util.find_spec("mlfuzz").origin)).parent
    assert is_ours(f"{folder}/core.py")
    assert not is_ours(f"{folder}_harnesses/toy.py")


def test_a_function_without_a_module_has_a_finding_too() -> None:
    entry = EntryPoint(bytes.decode, name="text")
    outcome = execute(entry, None, b"\xff")
    assert outcome.verdict
    made = code_finding(outcome.verdict, Harness(name="toy"), entry, executions=1, origin="seed")
    assert "python" in made.versions
