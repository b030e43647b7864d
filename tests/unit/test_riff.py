"""Mutants of a WAV file: small enough, repeatable, and mostly still WAV files."""

from __future__ import annotations

from collections import Counter
from random import Random
from struct import pack, unpack_from

from mlfuzz.structure import mutation_for
from mlfuzz.structure.riff import MAGICS, join, mutate, odd_number, split

COUNT = 3000


def chunk(name: bytes, content: bytes) -> bytes:
    return name + pack("<I", len(content)) + content + bytes(len(content) & 1)


def wav(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + pack("<I", len(body)) + body


FORMAT = chunk(b"fmt ", pack("<HHIIHH", 1, 1, 16000, 32000, 2, 16))
DATA = chunk(b"data", bytes(range(200)))
WAV = wav(FORMAT, DATA)
OTHER = wav(chunk(b"odd!", b"abc"), FORMAT, chunk(b"LIST", b"INFO"), DATA)


def mutants(
    data: bytes = WAV, other: bytes = OTHER, count: int = COUNT, max_size: int = 4096
) -> list[bytes]:
    rng = Random(7)
    return [mutate(data, other, rng, max_size) for _ in range(count)]


def names(data: bytes) -> list[bytes]:
    return [part[0] for part in split(data)]


def test_the_mutation_is_chosen_where_a_seed_is_riff() -> None:
    assert mutation_for([b"text", WAV]) is mutate
    assert mutation_for([b"text", b"RIFF"]) is None
    assert mutation_for([]) is None


def test_a_file_is_split_into_chunks_with_their_padding() -> None:
    assert [part[0::2] for part in split(OTHER)] == [
        [b"odd!", b"abc\0"],
        [b"fmt ", FORMAT[8:]],
        [b"LIST", b"INFO"],
        [b"data", DATA[8:]],
    ]


def test_what_was_split_is_joined_as_it_was() -> None:
    rng = Random(1)
    for data in (WAV, OTHER, WAV + b"tail", WAV[:50], *mutants(count=300)):
        damaged = data[: rng.randrange(12, len(data))] if len(data) > 12 else data
        assert join(damaged[:12], split(damaged)) == damaged


def test_mending_writes_the_size_that_the_file_has() -> None:
    broken = WAV[:4] + b"\xff\xff\xff\xff" + WAV[8:]
    assert join(broken[:12], split(broken), mend=True) == WAV


def test_no_mutant_is_longer_than_allowed() -> None:
    for size in (0, 1, 7, 12, 44, 100, len(WAV)):
        assert max(map(len, mutants(count=500, max_size=size))) <= size


def test_equal_generators_make_equal_mutants() -> None:
    assert mutants(count=500) == mutants(count=500)
    assert len(set(mutants(count=500))) > 250


def test_no_input_raises_whatever_it_is() -> None:
    rng = Random(3)
    for _ in range(COUNT):
        data = rng.randbytes(rng.randrange(60))
        if rng.random() < 0.5:
            data = rng.choice(MAGICS) + data
        size = rng.randrange(80)
        assert len(mutate(data, rng.randbytes(rng.randrange(40)), rng, size)) <= size


def test_damaged_files_raise_nothing() -> None:
    rng = Random(4)
    data = bytearray(OTHER)
    for _ in range(COUNT):
        damaged = data[: rng.randrange(len(data))]
        for _ in range(rng.randrange(8)):
            if damaged:
                damaged[rng.randrange(len(damaged))] = rng.choice((0, 1, 127, 128, 255))
        assert len(mutate(bytes(damaged), bytes(damaged[5:]), rng, 300)) <= 300


def test_mutants_of_mutants_raise_nothing() -> None:
    rng, data = Random(5), WAV
    for _ in range(COUNT):
        data = mutate(data, OTHER, rng, 2000)
        assert len(data) <= 2000


def test_what_is_no_riff_file_gets_a_head_or_another_byte() -> None:
    text = b"neither a magic number nor chunks"
    made = mutants(text, count=200)
    headed = [data for data in made if data == b"RIFF" + pack("<I", 33) + b"WAVE" + text[12:]]
    changed = [data for data in made if data[:4] != b"RIFF"]
    assert len(headed) + len(changed) == 200
    assert len(headed) > 50 and len(changed) > 50
    assert all(sum(map(int.__ne__, data, text)) <= 1 for data in changed)


def test_an_empty_input_becomes_something() -> None:
    assert set(mutants(b"", count=50)) == {b"RIFF", b"RIFF\0\0\0\0WAVE"}


def test_most_mutants_begin_with_riff() -> None:
    made = mutants()
    assert sum(data[:4] == b"RIFF" and data[8:12] == b"WAVE" for data in made) > 0.9 * COUNT


def test_the_size_in_the_head_is_right_most_of_the_time() -> None:
    whole = sum(unpack_from("<I", data, 4)[0] == len(data) - 8 for data in mutants())
    assert 0.75 * COUNT < whole < COUNT


def test_most_mutants_parse_as_chunks_to_their_end() -> None:
    def is_whole(data: bytes) -> bool:
        parts = split(data)
        return all(
            len(part[1]) == 4 and unpack_from("<I", part[1])[0] in (len(part[2]), len(part[2]) - 1)
            for part in parts
        )

    assert sum(map(is_whole, mutants())) > 0.6 * COUNT


def test_fields_of_the_format_get_the_numbers_that_programs_forget() -> None:
    seen: dict[str, set[int]] = {"format": set(), "channels": set(), "rate": set(), "bits": set()}
    for data in mutants():
        for name, _, content in split(data):
            if name == b"fmt " and len(content) >= 16:
                code, channels, rate, _, _, bits = unpack_from("<HHIIHH", content)
                for key, value in zip(seen, (code, channels, rate, bits), strict=True):
                    seen[key].add(value)
    assert {0, 1, 3, 0xFFFE, 0xFFFF} <= seen["format"]
    assert {0, 1, 2, 0x7FFF, 0x8000, 0xFFFF} <= seen["channels"]
    assert {0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF} <= seen["rate"]
    assert {0, 1, 7, 8, 16, 24, 32, 64, 65} <= seen["bits"]


def test_declared_sizes_get_the_same_numbers() -> None:
    sizes = {unpack_from("<I", data, 40)[0] for data in mutants() if data[36:40] == b"data"}
    assert {0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF} <= sizes


def test_chunks_are_inserted_repeated_and_dropped() -> None:
    made = Counter(tuple(names(data)) for data in mutants())
    assert made[(b"fmt ", b"data")] > made.total() // 3
    assert made[(b"fmt ", b"data", b"data")] and made[(b"fmt ", b"fmt ", b"data")]  # repeated
    assert made[(b"fmt ",)] and made[(b"data",)]  # dropped
    assert made[(b"data", b"fmt ")]  # swapped
    assert any(b"cue " in found and len(found) == 3 for found in made)  # inserted


def test_chunks_of_another_file_are_taken_over() -> None:
    assert any(b"odd!" in names(data) for data in mutants())
    assert not any(b"odd!" in names(data) for data in mutants(other=WAV))
    assert not any(b"odd!" in names(data) for data in mutants(other=b"odd!"))


def test_sizes_of_a_big_endian_file_are_mended_in_its_order() -> None:
    body = b"WAVEdata" + pack(">I", 4) + b"abcd"
    made = mutants(b"RIFX" + pack(">I", len(body)) + body, b"", count=500)
    whole = sum(unpack_from(">I", data, 4)[0] == len(data) - 8 for data in made)
    assert whole > 0.75 * 500


def test_an_odd_number_fits_into_its_bits() -> None:
    rng = Random(2)
    found = {odd_number(20, 8, rng) for _ in range(500)}
    assert {0, 1, 255, 127, 128, 21, 19, 40, 10} <= found
    assert max(odd_number(255, 8, rng) for _ in range(500)) == 255
    assert min(odd_number(0, 8, rng) for _ in range(500)) == 0
