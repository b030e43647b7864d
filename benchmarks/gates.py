"""Gates that bytes alone hardly pass: a token that only a dict or a set holds, and checksums.

For the tokens: executions until the code behind is reached, over five runs.  For the checksums:
the share of executions that pass, with and without the mending of mutants.  Run from the
repository:

    python benchmarks/gates.py [--json FILE]
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from struct import pack

from measuring import Measured, machine, measured, report

from mlfuzz.code_loop import CodeEngine
from mlfuzz.harness import load

START_S = 120.0
MOST = 100_000
"""Executions within which a token has to be found."""

TOKENS = """
class Refused(Exception):
    pass

HANDLERS = {"resample-linear": 1, "normalise-peak": 2, "remove-silence": 3}
CODECS = frozenset({b"mulaw-8k", b"alaw-16k", b"adpcm-ima"})

def dict_gate(data):
    name, _, rest = data.partition(b":")
    try:
        handler = HANDLERS.get(name.decode())
    except UnicodeDecodeError:
        return 0
    if handler is not None:
        raise KeyError(handler)
    return 1

def set_gate(data):
    if bytes(data[4:12]) in CODECS or bytes(data[4:13]) in CODECS:
        raise KeyError("codec")
    return 1
"""
CHECKS = """
import io
import zipfile
import zlib

class Refused(Exception):
    pass

def png(data):
    if data[:8] != b"\\x89PNG\\r\\n\\x1a\\n":
        raise Refused("magic")
    place, kinds = 8, []
    while place < len(data):
        size = int.from_bytes(data[place:place + 4], "big")
        kind, content = data[place + 4:place + 8], data[place + 8:place + 8 + size]
        check = data[place + 8 + size:place + 12 + size]
        if len(check) < 4 or zlib.crc32(kind + content) != int.from_bytes(check, "big"):
            raise Refused("checksum")
        kinds.append(kind)
        place += 12 + size
    return len(kinds)

def archive(data):
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            return sum(len(file.read(name)) for name in file.namelist())
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError,
            NotImplementedError, RuntimeError, OverflowError) as error:
        raise Refused(str(error)) from error
"""
HARNESS = """
import sys
sys.path.insert(0, {folder!r})
import {module}
from mlfuzz import EntryPoint, Harness
from mlfuzz.structure import StructureMutator, draw
if not {is_mended}:
    draw.MENDED = draw.SEALED = 0.0
    StructureMutator.sealed = lambda self, data: data
entry = EntryPoint({module}.{function}, refuses=[{module}.Refused], name="gate")
harness = Harness(name="gates", timeout_s=5.0, code=[entry])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="for each share")
    parser.add_argument("--json", default="", help="write the rows to this file")
    options = parser.parse_args()
    rows: list[Measured] = []
    for gate in ("dict_gate", "set_gate"):
        needed = [_needed(gate, seed + 1) for seed in range(options.runs)]
        print(f"{gate}: found after", *(f"{count:,}" for count in needed), "executions", flush=True)
        found = [float(count <= MOST) for count in needed]
        rows.append(measured(f"gates/{gate}/executions", needed))
        rows.append(_share(f"gates/{gate}/found_share", found))
    for check, seed_of in (("png", _png), ("archive", _zip)):
        for word, is_mended in (("mended", True), ("not_mended", False)):
            shares = [
                _reach(check, seed_of(), seed + 1, is_mended, options.seconds)
                for seed in range(options.runs)
            ]
            rows.append(measured(f"gates/{check}/passing/{word}", shares))
    units = {row.name: "executions" for row in rows if row.name.endswith("/executions")}
    report("gates", rows, machine(["atheris"]), units, options.json)


def _share(name: str, found: list[float]) -> Measured:
    value = sum(found) / len(found)
    return Measured(name, value, value, value, len(found))


def _needed(gate: str, seed: int) -> int:
    """Executions until the finding; more than ``MOST`` where it is not found."""

    def is_done(engine: CodeEngine, found: list[int]) -> bool:
        return bool(found) or engine.progress()[0].executions > MOST

    executions, found = _run(TOKENS, gate, b"peak:0123", seed, is_done)
    return found[0] if found else max(executions, MOST + 1)


def _reach(check: str, data: bytes, seed: int, is_mended: bool, seconds: float) -> float:
    """Share of all executions that pass the check."""
    end = [0.0]
    reach = [0.0]

    def is_done(engine: CodeEngine, found: list[int]) -> bool:
        end[0] = end[0] or time.monotonic() + seconds
        reach[0] = engine.progress()[0].reach
        return time.monotonic() > end[0]

    _run(CHECKS, check, data, seed, is_done, is_mended)
    return reach[0]


def _run(
    source: str,
    function: str,
    data: bytes,
    seed: int,
    is_done: Callable[[CodeEngine, list[int]], bool],
    is_mended: bool = True,
) -> tuple[int, list[int]]:
    """Executions in all, and at each finding."""
    with tempfile.TemporaryDirectory() as name:
        folder, module = Path(name), f"gates_{function}_{seed}_{int(is_mended)}"
        (folder / f"{module}.py").write_text(source)
        path = folder / "harness.py"
        path.write_text(
            HARNESS.format(folder=name, module=module, function=function, is_mended=is_mended)
        )
        seeds = folder / "corpora" / "gates" / "seeds" / "gate"
        seeds.mkdir(parents=True)
        (seeds / "seed").write_bytes(data)
        found: list[int] = []
        engine = CodeEngine(
            load(path),
            folder / "corpora",
            seed=seed,
            on_finding=lambda finding, _: found.append(int(finding.found["executions"])),
        )
        engine.start()
        try:
            deadline = time.monotonic() + START_S
            while not engine.ready() and time.monotonic() < deadline:
                time.sleep(0.02)
            while not is_done(engine, found):
                engine.check()
                time.sleep(0.02)
            executions = engine.progress()[0].executions
        finally:
            engine.stop()
            sys.path[:] = [each for each in sys.path if each != name]
    return executions, found


def _png() -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(content, zlib.crc32(kind))
        return pack(">I", len(content)) + kind + content + pack(">I", check)

    header = pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0abcd" * 4)
    chunks = ((b"IHDR", header), (b"tEXt", b"Title\0digits"), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def _zip() -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as file:
        file.writestr(zipfile.ZipInfo("label.json"), '{"label": 7}')
        file.writestr(zipfile.ZipInfo("a.txt"), "seven", zipfile.ZIP_DEFLATED)
    return memory.getvalue()


if __name__ == "__main__":
    main()
