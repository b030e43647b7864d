"""Laws of the mutator over every format; a format that is added is tested by being in the list."""

from __future__ import annotations

import io
import tarfile
import time
import zipfile
import zlib
from collections import Counter
from random import Random
from struct import unpack_from

import pytest
from files import CLEAN

from mlfuzz.structure import FORMATS, Chunked, Format, mutator_for
from mlfuzz.structure.chunk import join
from mlfuzz.structure.draw import Draw

BINARY = [format for format in FORMATS if isinstance(format, Chunked)]
SIZES = (0, 1, 7, 44, 100, 1000, 5000)
every_format = pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.name)
every_binary = pytest.mark.parametrize("format", BINARY, ids=lambda format: format.name)


def damaged(data: bytes, rng: Random) -> bytes:
    """Truncated, and up to eight bytes replaced."""
    bad = bytearray(data[: rng.randrange(len(data) + 1)] if rng.random() < 0.7 else data)
    for _ in range(rng.randrange(8)):
        if bad:
            bad[rng.randrange(len(bad))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
    return bytes(bad)


def mutants(data: bytes, count: int, max_size: int = 5000, seed: int = 7) -> list[bytes]:
    rng, mutator = Random(seed), mutator_for(CLEAN.values(), tokens=[b"token"])
    return [mutator.mutate(data, data, rng, max_size) for _ in range(count)]


def test_every_format_has_a_clean_file() -> None:
    assert [format.name for format in FORMATS if format.name not in CLEAN] == []
    assert len({format.name for format in FORMATS}) == len(FORMATS)


@every_format
def test_a_clean_file_is_known_by_its_format(format: Format) -> None:
    assert Draw(FORMATS).format_of(CLEAN[format.name]) is format


@every_binary
def test_what_was_parsed_is_joined_as_it_was(format: Chunked) -> None:
    rng, data = Random(1), CLEAN[format.name]
    assert join(format.parse(data)) == data
    assert len(format.parse(data)) > 1
    for _ in range(1000):
        bad = damaged(data, rng)
        assert join(format.parse(bad)) == bad
        noise = rng.randbytes(rng.randrange(80))
        assert join(format.parse(data[:8] + noise)) == data[:8] + noise


@every_binary
def test_mending_a_clean_file_changes_nothing(format: Chunked) -> None:
    data = CLEAN[format.name]
    chunks = format.parse(data)
    for chunk in chunks:
        format.mend(chunk)
        format.seal(chunk)
    format.total(chunks, len(chunks))
    assert join(chunks) == data


@every_format
def test_no_operation_raises_whatever_the_bytes_are(format: Format) -> None:
    rng, draw, data = Random(2), Draw(FORMATS, [b"token"]), CLEAN[format.name]
    for operation in format.operations:
        for _ in range(250):
            draw.start(rng, damaged(data, rng), rng.choice(SIZES))
            format.mutate(damaged(data, rng), operation, draw)
            format.mutate(data[:9] + rng.randbytes(rng.randrange(60)), operation, draw)


@every_format
def test_no_mutant_is_longer_than_allowed_and_none_raises(format: Format) -> None:
    rng, mutator, data = Random(3), mutator_for([CLEAN[format.name]]), CLEAN[format.name]
    mutant = data
    for index in range(2000):
        size = rng.choice(SIZES)
        other = rng.choice((data, mutant, rng.randbytes(rng.randrange(40))))
        mutant = mutator.mutate(damaged(mutant, rng), other, rng, size)
        assert len(mutant) <= size
        mutant = data if index % 9 == 0 else mutant
    assert mutator.broken == {}


@every_format
def test_mutants_of_mutants_raise_nothing(format: Format) -> None:
    rng, mutator, mutant = Random(4), mutator_for(CLEAN.values()), CLEAN[format.name]
    for index in range(1500):
        mutant = mutator.mutate(mutant, CLEAN[format.name], rng, 2000)
        assert len(mutant) <= 2000
        mutant = CLEAN[format.name] if index % 40 == 0 else mutant
    assert mutator.broken == {}


def test_random_bytes_raise_nothing() -> None:
    rng, mutator = Random(5), mutator_for(CLEAN.values())
    for _ in range(5000):
        data, size = rng.randbytes(rng.randrange(80)), rng.randrange(100)
        assert len(mutator.mutate(data, rng.randbytes(9), rng, size)) <= size
    assert mutator.broken == {}


@every_format
def test_a_megabyte_costs_little(format: Format) -> None:
    """A chunk repeated to a megabyte, and noise or one letter behind a valid beginning."""
    rng, data, mega = Random(6), CLEAN[format.name], 1 << 20
    mutator = mutator_for([data])
    for large in (data * (mega // len(data)), data + rng.randbytes(mega), data + b"a" * mega):
        began = time.process_time()
        for _ in range(40):
            assert len(mutator.mutate(large, data, rng, 1 << 21)) <= 1 << 21
        assert time.process_time() - began < 40 * 0.03
    assert mutator.broken == {}


@every_format
def test_equal_generators_make_equal_mutants(format: Format) -> None:
    data = CLEAN[format.name]
    assert mutants(data, 300) == mutants(data, 300)
    assert mutants(data, 50) != mutants(data, 50, seed=8)
    assert len(set(mutants(data, 300))) > 180


@every_format
def test_most_mutants_are_still_of_the_format(format: Format) -> None:
    made = mutants(CLEAN[format.name], 600)
    kept = sum(Draw(FORMATS).format_of(data) is format for data in made)
    # text is what JSON, XML and tables become where their first byte goes
    assert kept > 600 * (0.85 if isinstance(format, Chunked) and format.name != "protobuf" else 0.4)


@every_format
def test_every_operation_is_used_and_named(format: Format) -> None:
    rng, mutator = Random(8), mutator_for([])
    used = Counter[str]()
    for _ in range(1000):
        mutator.mutate(CLEAN[format.name], b"", rng, 3000)
        used[mutator.last] += 1
    names = {f"{format.name}: {operation}" for operation in format.operations}
    assert set(used) == names


def has_right_sums(data: bytes) -> bool:
    """Whether all chunks of a PNG are whole and pass their checksums."""
    at = 8
    while at + 12 <= len(data):
        (size,) = unpack_from(">I", data, at)
        stop = at + 8 + size
        if stop + 4 > len(data) or unpack_from(">I", data, stop)[0] != zlib.crc32(
            data[at + 4 : stop]
        ):
            return False
        at = stop + 4
    return at == len(data)


def opens_as_zip(data: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.testzip() is None
    except Exception:
        return False


def opens_as_tar(data: bytes) -> bool:
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            archive.getmembers()
        return True
    except Exception:
        return False


CHECKED = [("png", has_right_sums), ("zip", opens_as_zip), ("tar", opens_as_tar)]


@pytest.mark.parametrize(("name", "accepts"), CHECKED)
def test_a_changed_byte_is_sealed_behind_a_right_checksum(name, accepts) -> None:
    clean, rng, mutator = CLEAN[name], Random(5), mutator_for([CLEAN[name]])
    assert mutator.is_checked
    assert mutator.sealed(clean) == clean
    bare = sealed = 0
    for _ in range(300):
        changed = bytearray(clean)
        changed[rng.randrange(len(clean))] ^= 1 << rng.randrange(8)
        bare += accepts(bytes(changed))
        sealed += accepts(mutator.sealed(bytes(changed)))
    assert sealed > bare
    assert sealed > 150


@every_format
def test_a_format_is_native_where_a_seed_has_it(format: Format) -> None:
    mutator = mutator_for([CLEAN[format.name]])
    assert mutator.is_native(CLEAN[format.name])
    assert not mutator.is_native(b"\xff\xfe\x00nothing that is known")
    assert mutator.seed(Random(3)) == CLEAN[format.name]
    assert mutator_for([]).seed(Random(3)) is None


@pytest.mark.parametrize(
    ("name", "accepts", "least"),
    [("png", has_right_sums, 0.7), ("zip", opens_as_zip, 0.6), ("tar", opens_as_tar, 0.7)],
)
def test_most_mutants_pass_the_checksums_and_some_do_not(name, accepts, least) -> None:
    assert accepts(CLEAN[name])
    made = mutants(CLEAN[name], 2000)
    passed = sum(accepts(data) for data in made)
    assert 2000 * least < passed < 2000 * 0.97
