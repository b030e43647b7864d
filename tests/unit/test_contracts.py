"""A contract tells what is wrong, where first, and with which values; it never crashes itself."""

from __future__ import annotations

import importlib.util
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlfuzz.contracts import (
    Agrees,
    Channels,
    Dtype,
    Finite,
    Length,
    Metamorphic,
    Range,
    Repeatable,
    RoundTrip,
    Shape,
    Survives,
)
from mlfuzz.contracts.difference import Closeness, differences
from mlfuzz.entry_point import EntryPoint
from mlfuzz.errors import HarnessError
from mlfuzz.harness import Harness, load
from mlfuzz.isolate import SoftTimeout
from mlfuzz.outcome import execute
from mlfuzz.outcome.breaches import check_of

REPORTED = [parent / "shared" / "reported" for parent in Path(__file__).resolve().parents]
NAN = math.nan


def broken(
    contract: Any, value: Any = None, data: bytes = b"", function: Callable[[bytes], Any] = len
) -> tuple[str, str] | None:
    check = check_of(contract, function)
    assert check
    return check(data, value)


def fail(*_: object) -> Any:
    raise ValueError("no idea")


class Panic(BaseException):
    """What extensions in Rust raise."""


def panic(*_: object) -> Any:
    raise Panic("index out of bounds")


# --- one value ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contract", "good", "bad", "expected"),
    [
        (Finite(), np.ones(3), np.array([1, NAN]), ("finite", "at [1]: nan. Expected a number.")),
        (Finite(), {"a": (1.5, 2)}, {"a": (1, -math.inf)},
         ("finite", "at ['a'][1]: -inf. Expected a number.")),
        (Finite(), np.ones(3, "U1"), (np.zeros((2, 2)), np.array(NAN)),
         ("finite", "at [1]: nan. Expected a number.")),
        (Range(0, 1), np.eye(2), np.array([[0, 1], [2.5, 0]]),
         ("range", "at [1, 0]: 2.5. Expected 0 to 1.")),
        (Range(0, 1), np.zeros(0), [0.5, NAN], ("range", "at [1]: nan. Expected 0 to 1.")),
        (Range(0, 1, at="x"), {"x": 1, "y": 9}, {"x": np.array([3])},
         ("range", "at ['x'][0]: 3. Expected 0 to 1.")),
        (Range(0, 1, at=1), (9, 1), (0.5,), ("range", "nothing at [1]. Expected numbers there.")),
        (Shape((None, 2)), (np.zeros((7, 2)), 8000), (np.zeros(7), 8000),
         ("shape", "at [0]: (7,). Expected (any, 2).")),
        (Shape((2,), at=1), (0, np.zeros(2)), (0, 1), ("shape", "no array at [1].")),
        (Shape(()), np.array(1), "abc", ("shape", "no array in what was returned (str).")),
        (Dtype("float32"), np.zeros(1, "f4"), np.zeros(1),
         ("dtype", "the value: float64. Expected float32.")),
        (Channels((1, 3), axis=2), np.zeros((4, 4)), np.zeros((4, 4, 2)),
         ("channels", "the value: 2. Expected 1 or 3.")),
        (Length(3), np.zeros((3, 2)), np.zeros((2, 2)), ("length", "the value: 2. Expected 3.")),
        (Length(3, slack=1), "ab", "a", ("length", "the value: 1. Expected 3 within 1.")),
        (Length(3, at="x"), {"x": [1, 2, 3]}, {"x": 5},
         ("length", "at ['x']: 5 has no length. Expected 3.")),
    ],
)  # fmt: skip
def test_a_value_is_allowed_or_the_first_wrong_place_is_named(
    contract: Any, good: Any, bad: Any, expected: tuple[str, str]
) -> None:
    assert broken(contract, good) is None
    assert broken(contract, bad) == expected


def test_a_number_beyond_every_type_is_finite_and_out_of_range() -> None:
    for value in ([10**400], 10**400, [0.5] * 9 + [10**30]):
        assert broken(Finite(), value) is None
        found = broken(Range(0, 1), value)
        assert found and found[0] == "range"


def test_a_long_list_is_looked_at_as_quickly_as_an_array() -> None:
    value, start_s = [0.5] * 1_000_000, time.process_time()
    assert broken([Finite(), Range(0, 1)], value) is None
    assert time.process_time() - start_s < 2.0


def test_the_header_says_how_long_and_of_how_many_channels() -> None:
    length, channels = Length(lambda data: data[0]), Channels(lambda data: data[0], axis=1)
    assert broken(length, np.zeros(7), b"\x07") is None
    assert broken(length, np.zeros(6), b"\x07") == ("length", "the value: 6. Expected 7.")
    assert broken(channels, np.zeros((5, 2)), b"\x02") is None
    assert broken(channels, np.zeros(5), b"\x02") == ("channels", "the value: 1. Expected 2.")


@pytest.mark.parametrize("unclear", [fail, panic, lambda data: None])
def test_a_header_that_cannot_be_read_is_no_opinion(unclear: Any) -> None:
    assert broken(Length(unclear), np.zeros(7)) is None
    assert broken(Channels(unclear, axis=1), np.zeros(7)) is None


# --- differences ----------------------------------------------------------------------------------


@dataclass
class Clip:
    rate: int
    samples: np.ndarray


def first(left: Any, right: Any, **how: Any) -> str:
    return str(next(differences(left, right, Closeness(**how)), "equal"))


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (np.array([1, NAN]), np.array([1, NAN]), "equal"),
        (NAN, NAN, "equal"),
        (np.array([[1, 2], [3, 4]]), np.array([[1, 2], [3, 5]]), "at [1, 1]: 4 and 5"),
        ((1, {"a": b"ab"}), (1, {"a": b"ac"}), "at [1]['a'][1]: b'b' and b'c'"),
        ({"a": 1}, {"a": 1, "b": 2}, "at ['b']: nothing and 2 (int)"),
        ([1, 2], (1, 2), "equal"),
        ([1, 2], [1], "the value: length 2 and length 1"),
        (np.zeros(2), np.zeros(3), "the value: shape (2,) and shape (3,)"),
        (np.uint8(3), 3, "equal"),
        (None, 0, "the value: None (NoneType) and 0 (int)"),
        ("a", b"a", "the value: 'a' (str) and b'a' (bytes)"),
        (Clip(8000, np.zeros(3)), Clip(8000, np.array([0, 0, 1.0])), "at .samples[2]: 0.0 and 1.0"),
        (SimpleNamespace(a=1), SimpleNamespace(a=1), "equal"),
        (np.array(["a", "b"]), np.array(["a", "c"]), "at [1]: 'b' and 'c'"),
        (2**70, 2**70 + 1, f"the value: {2**70} and {2**70 + 1}"),
        (np.array([2**62]), np.array([2**62 + 1]), f"at [0]: {2**62} and {2**62 + 1}"),
        (np.array(True), np.array(False), "the value: True and False"),
    ],
)
def test_the_first_place_that_differs(left: Any, right: Any, expected: str) -> None:
    assert first(left, right) == expected


def test_unsigned_numbers_do_not_wrap() -> None:
    dark, light = np.array([0], np.uint8), np.array([255], np.uint8)
    assert first(dark, light, tolerance=2.0).startswith("at [0]: 0 and 255")


def test_the_mean_lets_one_far_number_pass_and_the_maximum_does_not() -> None:
    left, right = np.zeros(100), np.eye(1, 100, 3)[0]  # the mean gap is 1/100
    assert first(left, right, tolerance=0.1, compare="mean") == "equal"
    assert first(left, right, tolerance=0.1) == "at [3]: 0.0 and 1.0 (largest gap 1, mean 0.01)"


def test_not_a_number_on_one_side_differs_whatever_the_tolerance() -> None:
    left, right = np.array([0.0, NAN]), np.array([0.0, 1.0])
    assert first(left, right, tolerance=5.0).startswith("at [1]: nan and 1.0")
    assert first(NAN, 1.0, tolerance=5.0) == "the value: nan and 1.0"


def test_a_value_that_holds_itself_has_an_end() -> None:
    left: list[Any] = []
    right: list[Any] = []
    left.append(left)
    right.append(right)
    assert first(left, right) == "equal"


# --- two values -----------------------------------------------------------------------------------


def test_another_answer_the_second_time_is_a_breach() -> None:
    answers = iter([3, 4])
    contract = Repeatable()
    assert broken(contract, 3, b"abc") is None
    found = broken(contract, 3, function=lambda data: next(answers) + 1)
    assert found == ("repeatable", "first and second answer, the value: 3 and 4")
    found = broken(contract, 3, function=fail)
    assert found == ("repeatable", "the second time fail raised ValueError: no idea")
    found = broken(contract, np.zeros(1, "f4"), function=lambda data: np.zeros(1))
    assert found and found[1].endswith("dtype float32 and dtype float64")


def encode(value: int) -> bytes:
    return bytes(min(value, 9))


def test_a_round_trip_gives_the_value_back() -> None:
    assert broken(RoundTrip(encode), 9) is None
    found = broken(RoundTrip(encode), 12)
    assert found == ("round-trip: encode", "before and after, the value: 12 and 9")
    assert broken(RoundTrip(encode, tolerance=3), 12) is None
    assert broken(RoundTrip(lambda value: None), 12) is None
    found = broken(RoundTrip(fail), 1)
    assert found == (
        "round-trip: fail",
        "fail raised ValueError: no idea. Expected the value back.",
    )
    found = broken(RoundTrip(encode, decode=panic), 1)
    assert found and found[1].startswith("panic raised Panic: index out of bounds")


def test_a_second_decoder_without_an_opinion_is_no_breach() -> None:
    for second in (fail, panic, lambda data: None, lambda data: NAN, lambda data: [1, 2]):
        assert broken(Agrees(second), [1]) is None


def test_a_second_decoder_that_gives_something_else_is() -> None:
    def second(data: bytes) -> tuple[np.ndarray, int]:
        return np.array([0.5, -3.0]), 8000

    rule = "agrees: test_a_second_decoder_that_gives_something_else_is.second"
    value = (np.array([0.5, -1.0]), 8000)
    assert broken(Agrees(second), value) == (rule, "this and the second, at [0][1]: -1.0 and -3.0")
    assert broken(Agrees(second, clip=(-1, 1)), value) is None
    assert broken(Agrees(second, tolerance=1.0, compare="mean"), value) is None
    wider = (np.zeros(3), 8000)
    found = broken(Agrees(second, shapes=True), wider)
    assert found == (f"{rule} (shape)", "this and the second, at [0]: shape (3,) and shape (2,)")
    assert broken(Agrees(lambda data: NAN, non_finite=True), 1.0)


def test_an_id_that_is_lost_is_a_breach() -> None:
    contract = Survives(before=bytes.decode, after=lambda value: value["id"])
    assert broken(contract, {"id": "x"}, b"x") is None
    found = broken(contract, {"id": "X"}, b"x")
    assert found and found[1] == "before and after, at [0]: 'x' and 'X'"
    found = broken(contract, {}, b"x")
    assert found and "raised KeyError: 'id'. Expected 'x'." in found[1]
    assert broken(contract, {}, b"\xff") is None, "what is not in the input cannot be lost"


def backwards(data: bytes) -> bytes:
    return data[::-1]


def test_changed_bytes_must_change_the_value_so() -> None:
    contract = Metamorphic(backwards, expect=lambda value: value[::-1])
    assert broken(contract, [1, 2], b"\x01\x02", list) is None
    found = broken(contract, [1, 2], b"\x01\x02", lambda data: [1, 2])
    assert found == ("metamorphic: backwards", "expected and came, at [0]: 2 and 1")
    found = broken(contract, [1, 2], b"\x01\x02", fail)
    assert found and found[1] == "on the changed bytes fail raised ValueError: no idea"
    assert broken(Metamorphic(fail), 1) is None
    found = broken(Metamorphic(backwards, expect=fail), 1)
    assert found and found[1] == "fail raised ValueError: no idea"


@pytest.mark.parametrize("contract", [Agrees(panic), RoundTrip(panic), Survives(len, panic)])
def test_what_is_no_exception_does_not_escape_from_a_contract(contract: Any) -> None:
    broken(contract, 1)


def test_a_time_out_inside_a_contract_is_a_hang() -> None:
    def second(data: bytes) -> None:
        raise SoftTimeout

    entry = EntryPoint(len, name="entry")
    verdict = execute(entry, Agrees(second), b"").verdict
    assert verdict and verdict.kind == "hang"


def test_a_value_that_cannot_be_compared_is_a_breach_and_no_crash() -> None:
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError("cannot compare")

    assert broken(Repeatable(), Odd(), function=lambda data: Odd()) == (
        "raise RuntimeError('cannot compare')",
        "cannot compare",
    )


# --- in a harness ---------------------------------------------------------------------------------


def test_of_several_contracts_the_first_that_is_broken_counts() -> None:
    several = [Finite(), Range(0, 1), lambda value: False]
    found = [broken(several, value) for value in (NAN, 2.0, 1.0)]
    assert [each and each[0] for each in found][:2] == ["finite", "range"]
    assert found[2] and found[2][1] == "the contract returned False"


def test_a_breach_is_named_by_stage_and_rule() -> None:
    entry = EntryPoint(len, name="entry", contract=(Finite(), Repeatable(), Range(0, 2)))
    assert execute(entry, entry.contract, b"ab").state == "answered"
    verdict = execute(entry, entry.contract, b"abc").verdict
    assert verdict and (verdict.kind, verdict.signature) == ("contract", ("entry", "range"))


def test_every_skips_while_fuzzing_and_never_in_a_confirmation() -> None:
    seen: list[bytes] = []

    def second(data: bytes) -> int:
        seen.append(data)
        return len(data)

    inputs = [i.to_bytes(2, "big") for i in range(3000)]
    for is_sampled, low, high in ((True, 900, 1100), (False, 3000, 3000)):
        check = check_of([Agrees(second, every=3)], len, is_sampled=is_sampled)
        assert check
        seen.clear()
        assert not any(check(data, 2) for data in inputs)
        assert low <= len(seen) <= high


def test_the_child_saves_what_breaks_any_of_them(child: Callable[..., Any]) -> None:
    announced: list[dict[str, Any]] = []
    entry = EntryPoint(len, name="entry", contract=[Range(0, 2), Agrees(lambda data: 1)])
    with child(Harness(name="toy", code=(entry,)), announced) as session:
        for data in (b"a", b"abc", b"ab", b"abcd"):
            session.run(data)
    assert len({each["id"] for each in announced}) == len(announced) == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("Finite", r"contract= holds the class Finite\. Expected a value, such as Finite\(\)"),
        ("[Finite(), Range]", "contract= holds the class Range"),
        ("3", r"contract= holds 3\. Expected contracts"),
        ("['finite']", "contract= holds 'finite'"),
        ("Repeatable(every=0)", r"every=0\. Expected a whole number"),
        ("Agrees(len, compare='median')", r"compare='median'\. Expected 'max' or 'mean'"),
        ("Agrees(len, tolerance=-1)", r"tolerance=-1\. Expected 0 or more"),
    ],
)
def test_a_mistake_is_named_in_one_line(tmp_path: Path, given: str, words: str) -> None:
    path = tmp_path / "toy.py"
    path.write_text(
        "from mlfuzz import EntryPoint, Harness\nfrom mlfuzz.contracts import *\n"
        f"harness = Harness(code=[EntryPoint(len, contract={given})])\n"
    )
    with pytest.raises(HarnessError, match=words) as error:
        load(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("contract", [Finite(), Range(0.0, 1.0, at="x"), Shape((1, None))])
def test_the_repr_of_a_contract_gives_it_back(contract: Any) -> None:
    assert eval(repr(contract)) == contract


# --- reported faults ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "needs", "options"),
    [
        ("audio-pydub-float-as-int", ("pydub", "soundfile"),
         {"tolerance": 1 / 64, "clip": (-1, 1)}),
        ("image-pillow-16bit-clip", ("PIL", "cv2"), {"tolerance": 0.1, "compare": "mean"}),
    ],
)  # fmt: skip
def test_a_second_decoder_notices_a_reported_fault(
    name: str, needs: tuple[str, ...], options: dict[str, Any]
) -> None:
    folder = next((each / name for each in REPORTED if (each / name).is_dir()), None)
    if folder is None or not all(importlib.util.find_spec(each) for each in needs):
        pytest.skip(f"needs shared/reported/{name} and {', '.join(needs)}")
    spec = importlib.util.spec_from_file_location("reported_target", folder / "target.py")
    assert spec and spec.loader
    target = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(target)
    entry = EntryPoint(target.plain, name="plain", contract=Agrees(target.second, **options))
    [witness] = folder.glob("witness.*")
    verdict = execute(entry, entry.contract, witness.read_bytes()).verdict
    assert verdict and verdict.signature == ("plain", "agrees: second")
    for seed in (folder / "seeds").iterdir():
        assert execute(entry, entry.contract, seed.read_bytes()).state == "answered", seed
