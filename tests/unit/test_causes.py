"""Which findings share a cause: by kind, source and place, whatever else tells them apart."""

from __future__ import annotations

import pytest

from mlfuzz.store import Finding
from mlfuzz.triage.causes import causes

READ = ("_harness:wav", "scipy.io.wavfile:read")
SCIPY = [
    ("UnboundLocalError", *READ, "return (fs, data)"),
    ("struct.error", *READ, "scipy.io.wavfile:_read_riff_chunk", "size = f(4)[0] + 8"),
    ("struct.error", *READ, "scipy.io.wavfile:_read_riff_chunk", "size = f('<Q', 8)[0]"),
    ("struct.error", *READ, "scipy.io.wavfile:_read_fmt_chunk", "size = f(fmt + 'I')[0]"),
    ("struct.error", *READ, "scipy.io.wavfile:_read_fmt_chunk", "res = f(fmt + 'HHIIHH')"),
    ("struct.error", *READ, "scipy.io.wavfile:_read_data_chunk", "size = f(fmt + 'I')[0]"),
    ("TypeError", *READ, "scipy.io.wavfile:_read_data_chunk", "data = np.fromfile(fid)"),
    ("ZeroDivisionError", *READ, "scipy.io.wavfile:_read_data_chunk", "n = size // 0"),
    ("struct.error", *READ, "scipy.io.wavfile:_skip_unknown_chunk", "size = f(fmt, data)[0]"),
]


def finding(
    *signature: str,
    kind: str = "exception",
    source: str = "wav",
    stability: str = "stable",
    severity: str = "medium",
) -> Finding:
    return Finding(
        harness="h", engine="code", source=source, kind=kind, signature=signature,
        threat="disruption", severity=severity, stability=stability, bounds="unknown", verdict={},
    )  # fmt: skip


def test_the_stacks_of_scipys_reader_are_one_cause_a_function() -> None:
    grouped = causes(finding(*signature) for signature in SCIPY)
    assert [(each.place, len(each.findings), each.faults) for each in grouped] == [
        ("scipy.io.wavfile:_read_data_chunk", 3, "3 types"),
        ("scipy.io.wavfile:_read_fmt_chunk", 2, "struct.error"),
        ("scipy.io.wavfile:_read_riff_chunk", 2, "struct.error"),
        ("scipy.io.wavfile:_skip_unknown_chunk", 1, "struct.error"),
        ("scipy.io.wavfile:read", 1, "UnboundLocalError"),
    ]


def test_no_finding_is_lost_and_the_order_of_the_store_does_not_matter() -> None:
    findings = [finding(*signature) for signature in SCIPY]
    assert causes(findings) == causes(reversed(findings))
    assert sum(len(each.findings) for each in causes(findings)) == len(findings)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (finding("E", "io:f", "x = 1"), finding("E", "io:g", "x = 1")),
        (finding("E", "io:f"), finding("E", "io:f", source="other")),
        (finding("E", "io:f"), finding("hang", "io:f", kind="hang")),
        (finding("wav", "finite", kind="contract"), finding("wav", "shape", kind="contract")),
        (finding("dense", kind="non-finite"), finding("conv", kind="non-finite")),
        (finding("prepare", kind="slow"), finding("model", kind="slow")),
    ],
    ids=["function", "entry point", "kind", "rule", "layer", "stage"],
)
def test_what_tells_causes_apart(one: Finding, other: Finding) -> None:
    assert len(causes([one, other])) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (finding("E", "io:f", "x = 1"), finding("F", "io:f", "y = 1")),
        (finding("E", "io:f", "x = 1"), finding("E", "io:f")),
        (finding("E", "a:b", "io:f", "x"), finding("E", "c:d", "io:f", "x")),
        (finding("E", "io:f", "x"), finding("E", "io:f", "y", stability="flaky")),
        (finding("E", "io:f", "x"), finding("E", "io:f", "y", severity="high")),
        (finding("hang", "io:f", kind="hang"), finding("hard hang", "io:f", kind="hang")),
        (finding("E", "io:f.<locals>.<lambda>", "a[b:c]"), finding("E", "io:f.<locals>.<lambda>")),
        (
            finding("WrongAnswer", "1 -> 4", kind="misclassified"),
            finding("WrongAnswer", "0 -> 7", kind="misclassified"),
        ),
        (
            finding("Disagreement(least=0.0)", "1 -> 4", kind="differential"),
            finding("Disagreement(least=0.0)", "not finite", kind="differential"),
        ),
    ],
    ids=[
        "type",
        "no source",
        "caller",
        "stability",
        "severity",
        "manner",
        "slice",
        "label",
        "pair",
    ],
)
def test_what_does_not(one: Finding, other: Finding) -> None:
    assert len(causes([one, other])) == 1


@pytest.mark.parametrize(
    "statement",
    ["a[b:c]", "x: int", "'http://x'", "f(lambda: 0)", "{a: b}", "for i in x:", "{a:b}"],
)
def test_a_statement_is_no_place(statement: str) -> None:
    [cause] = causes([finding("E", "io:f", statement)])
    assert cause.place == "io:f"


def test_the_worst_finding_stands_for_its_cause_and_what_differs_is_named() -> None:
    flaky, stable = finding("E", "io:f", "x", stability="flaky"), finding("E", "io:f", "y")
    [cause] = causes([flaky, stable])
    assert cause.worst == stable and cause.stabilities == "stable, flaky"


@pytest.mark.parametrize("kind", ["exception", "contract", "non-finite", "misclassified"])
def test_a_finding_without_a_signature_has_a_cause_too(kind: str) -> None:
    [cause] = causes([finding(kind=kind)])
    assert (cause.place, cause.faults) == ("", "")
