"""Mutants of a WAV file: small enough, repeatable, and mostly still WAV files."""

from __future__ import annotations

from collections import Counter
from random import Random
from struct import pack, unpack_from

from files import chunk, form, wav

from mlfuzz.structure import mutator_for
from mlfuzz.structure.chunk import Chunks, join
from mlfuzz.structure.formats.riff import RIFF

COUNT = 4000
FORMAT = form()
DATA = chunk(b"data", bytes(range(200)))
WAV = wav(FORMAT, DATA)
OTHER = wav(chunk(b"odd!", b"abc"), FORMAT, chunk(b"LIST", b"INFO"), DATA)


def mutants(
    data: bytes = WAV, other: bytes = OTHER, count: int = COUNT, max_size: int = 4096
) -> list[bytes]:
    rng, mutator = Random(7), mutator_for([WAV])
    return [mutator.mutate(data, other, rng, max_size) for _ in range(count)]


def split(data: bytes) -> Chunks:
    return RIFF.parse(data)[1:]


def names(data: bytes) -> list[bytes]:
    return [part.kind for part in split(data)]


def test_a_file_is_split_into_chunks_with_their_padding() -> None:
    assert [(part.kind, part.content, part.tail) for part in split(OTHER)] == [
        (b"odd!", b"abc", b"\0"),
        (b"fmt ", FORMAT[8:], b""),
        (b"LIST", b"INFO", b""),
        (b"data", DATA[8:], b""),
    ]


def test_mending_writes_the_size_that_the_file_has() -> None:
    chunks = RIFF.parse(WAV[:4] + b"\xff\xff\xff\xff" + WAV[8:])
    RIFF.total(chunks, len(chunks))
    assert join(chunks) == WAV


def test_most_mutants_begin_with_riff() -> None:
    made = mutants()
    assert sum(data[:4] == b"RIFF" and data[8:12] == b"WAVE" for data in made) > 0.9 * COUNT


def test_the_size_in_the_head_is_right_most_of_the_time() -> None:
    whole = sum(unpack_from("<I", data, 4)[0] == len(data) - 8 for data in mutants())
    assert 0.7 * COUNT < whole < COUNT


def test_most_mutants_parse_as_chunks_to_their_end() -> None:
    def is_whole(data: bytes) -> bool:
        return all(
            len(part.head) == 8 and unpack_from("<I", part.head, 4)[0] == len(part.content)
            for part in split(data)
        )

    assert sum(map(is_whole, mutants())) > 0.6 * COUNT


def test_fields_of_the_format_get_the_numbers_that_programs_forget() -> None:
    seen: dict[str, set[int]] = {"format": set(), "channels": set(), "rate": set(), "bits": set()}
    for data in mutants(count=8000):
        for part in split(data):
            if part.kind == b"fmt " and len(part.content) >= 16:
                code, channels, rate, _, _, bits = unpack_from("<HHIIHH", part.content)
                for key, value in zip(seen, (code, channels, rate, bits), strict=True):
                    seen[key].add(value)
    assert {0, 1, 3, 0xFFFE, 0xFFFF} <= seen["format"]
    assert {0, 1, 2, 0x7FFF, 0x8000, 0xFFFF} <= seen["channels"]
    assert {0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF} <= seen["rate"]
    assert {0, 1, 7, 8, 16, 24, 32, 64, 65} <= seen["bits"]


def test_bytes_a_second_fit_most_formats_that_changed() -> None:
    fits = changed = 0
    for data in mutants():
        if data[12:16] == b"fmt " and data[20:36] != WAV[20:36] and len(data) >= 36:
            channels, rate_hz, bytes_s, align, bits = unpack_from("<HIIHH", data, 22)
            changed += 1
            fits += (
                align == (channels * ((bits + 7) // 8)) & 0xFFFF
                and bytes_s == rate_hz * align & 0xFFFFFFFF
            )
    assert 0.4 * changed < fits < changed


def test_declared_sizes_get_the_same_numbers() -> None:
    made = [data for data in mutants() if data[36:40] == b"data" and len(data) > 43]
    sizes = {unpack_from("<I", data, 40)[0] for data in made}
    assert {0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF} <= sizes


def test_chunks_are_inserted_repeated_and_dropped() -> None:
    made = Counter(tuple(names(data)) for data in mutants())
    assert made[(b"fmt ", b"data")] > made.total() // 4
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
    whole = sum(unpack_from(">I", data.ljust(8), 4)[0] == len(data) - 8 for data in made)
    assert whole > 0.7 * 500


def test_long_contents_are_cut_in_half_of_the_mutants() -> None:
    short = sum(len(data) < 120 for data in mutants())
    assert 0.35 * COUNT < short < 0.8 * COUNT


def test_what_is_no_riff_file_may_get_the_head_of_a_seed() -> None:
    made = mutants(b"\0\1 neither a magic number nor chunks", count=300)
    assert sum(data[:4] == b"RIFF" for data in made) > 10


def test_an_empty_input_becomes_something() -> None:
    assert sum(map(bool, mutants(b"", count=100))) > 90
