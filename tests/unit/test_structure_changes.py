"""Each change really happens: golden cases, worked out by hand."""

from __future__ import annotations

import doctest
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from itertools import groupby
from random import Random
from struct import pack, unpack_from
from types import ModuleType
from typing import NoReturn

import pytest
from files import CLEAN, chunk, form, jpeg, png, png_chunk, tiff, wav

from mlfuzz.errors import HarnessError
from mlfuzz.structure import (
    FORMATS,
    Chunked,
    Field,
    Text,
    Walk,
    begins,
    by_kind,
    chunked,
    mutator_for,
    text,
)
from mlfuzz.structure.chunk import join
from mlfuzz.structure.draw import Draw
from mlfuzz.structure.formats.gguf import _list_size
from mlfuzz.structure.formats.png import inflated
from mlfuzz.structure.formats.tiff import TIFF
from mlfuzz.structure.number import LE16, LE32, octal, odd_number, packed, read_varint, varint
from mlfuzz.structure.repeat import repeat

BY_NAME = {format.name: format for format in FORMATS}
WAV = wav(form(), chunk(b"data", bytes(20)))


def changed(
    name: str, operation: str, data: bytes | None = None, other: bytes = b"", count: int = 600
) -> Iterator[bytes]:
    """Mutants of one operation, with all lengths and checksums mended."""
    rng, draw, format = Random(5), Draw(FORMATS, [b"token"]), BY_NAME[name]
    for _ in range(count):
        draw.start(rng, other, 4096)
        draw.is_mended = draw.is_sealed = True
        yield format.mutate(CLEAN[name] if data is None else data, operation, draw)


def longest_run(data: bytes) -> int:
    return max((len(list(run)) for _, run in groupby(data)), default=0)


# numbers


def test_an_odd_number_fits_into_its_bits() -> None:
    rng = Random(2)
    found = {odd_number(20, 8, rng) for _ in range(500)}
    assert {0, 1, 255, 127, 128, 21, 19, 40, 10} <= found
    assert max(odd_number(255, 8, rng) for _ in range(500)) == 255
    assert min(odd_number(0, 8, rng) for _ in range(500)) == 0


def test_numbers_are_written_as_files_write_them() -> None:
    assert varint(300) == b"\xac\x02" and read_varint(b"\xac\x02", 0) == 300
    assert octal(8).write(bytes(8), 0, 0o644) == b"0000644\0"
    assert octal(8).read(b" 644 \0\0\0", 0) == 0o644
    # sixteen bits 0b1010_1111_0000_0101; the four bits from 8 on are 0b1111
    bits = packed(">H", 8, 4)
    assert bits.read(b"\xaf\x05", 0) == 15
    assert bits.write(b"\xaf\x05", 0, 2) == b"\xa2\x05"


# fields, lengths, offsets


def test_a_length_becomes_zero_and_survives_the_mending() -> None:
    # "data" begins at 12 + 8 + 16, its length four bytes later
    sizes = {unpack_from("<I", data, 40)[0] for data in changed("riff", "length", WAV)}
    assert {0, 1, 19, 21, 40, 10, 0xFFFFFFFF, 0x80000000} <= sizes


def test_a_code_becomes_another_that_is_known() -> None:
    depths = {data[24] for data in changed("png", "field")}
    assert {1, 2, 4, 8, 16} <= depths


def test_a_code_becomes_one_that_a_seed_has() -> None:
    other = b"RIFF" + pack("<I", 40) + b"WAVE" + chunk(b"fmt ", pack("<HHIIHH", 777, 1, 8, 8, 1, 8))
    rng, mutator = Random(1), mutator_for([WAV, other])
    made = [mutator.mutate(WAV, b"", rng, 1000) for _ in range(3000)]
    assert any(data[20:22] == pack("<H", 777) and data[24:28] == WAV[24:28] for data in made)


def test_an_offset_points_back_at_itself_and_at_others() -> None:
    # the first directory lies at 8, its third entry (EXIF) at 34, that entry's value at 42
    values = {unpack_from("<I", data, 42)[0] for data in changed("tiff", "length")}
    assert {8, 34, 42, 0} <= values


def test_offsets_follow_what_moved() -> None:
    data = tiff()
    chunks = TIFF.parse(data)
    del chunks[2]  # the first entry, 12 bytes
    TIFF.total(chunks, len(chunks) + 1)
    made = join(chunks)
    assert unpack_from("<H", made, 8)[0] == 2
    assert unpack_from("<I", made, 42 - 12)[0] == 50 - 12  # EXIF
    assert made[unpack_from("<I", made, 30 - 12)[0] :].startswith(b"a text")


def test_content_gets_floats_that_are_none() -> None:
    made = list(changed("gguf", "content"))
    for special in (float("inf"), float("nan"), 1e20):
        assert any(pack("<f", special) in data for data in made)


# chunks


def test_a_chunk_is_repeated_two_to_the_k_times() -> None:
    words = png_chunk(b"tEXt", b"Comment\0a few words")
    counts = {data.count(words) for data in changed("png", "repeat")}
    assert {2, 4, 8, 16, 32} <= counts


def test_chunks_are_dropped_swapped_inserted_renamed() -> None:
    def kinds(data: bytes) -> list[bytes]:
        return [part.kind for part in BY_NAME["png"].parse(data)[1:]]

    before = kinds(png())
    assert any(len(kinds(data)) == 3 for data in changed("png", "drop"))
    swapped = [kinds(data) for data in changed("png", "swap")]
    assert any(found != before and sorted(found) == sorted(before) for found in swapped)
    assert any(b"PLTE" in kinds(data) for data in changed("png", "insert"))
    renamed = [kinds(data) for data in changed("png", "rename")]
    assert any(len(found) == 4 and b"iCCP" in found for found in renamed)


def test_chunks_of_another_input_are_taken_over() -> None:
    extra = png_chunk(b"teSt", b"extra")
    other = png()[:33] + extra + png()[33:]
    assert any(extra in data for data in changed("png", "take", other=other))
    assert not any(extra in data for data in changed("png", "take"))


def test_a_compressed_picture_is_changed_uncompressed() -> None:
    rows = {
        inflated(part.content)
        for data in changed("png", "content")
        for part in BY_NAME["png"].parse(data)
        if part.kind == b"IDAT"
    }
    assert len(rows - {None}) > 20


def test_exif_is_changed_inside_a_jpeg_and_the_length_mended() -> None:
    exif = tiff(">")
    made = [data for data in changed("jpeg", "inside") if b"Exif\0\0" in data and exif not in data]
    assert len(made) > 30
    for data in made:
        part = BY_NAME["jpeg"].parse(data)[2]
        if part.kind == b"\xff\xe1":
            assert unpack_from(">H", part.head, 2)[0] == len(part.content) + 2
    assert jpeg()[:2] == made[0][:2]


def test_a_member_of_an_archive_is_changed_as_what_it_is() -> None:
    members = set()
    for data in changed("zip", "inside", count=4000):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members.add(archive.read("words.json"))
    assert any(b"[[[[" in member for member in members)
    assert any(b"NaN" in member for member in members)


# archives


def members_of(data: bytes) -> list[tarfile.TarInfo]:
    try:
        with tarfile.open(fileobj=io.BytesIO(data), errors="replace") as archive:
            return archive.getmembers()
    except tarfile.TarError:
        return []


def test_members_get_names_outside_and_links_that_point_there() -> None:
    names, links = set(), set()
    for operation in ("name", "insert", "field"):
        for data in changed("tar", operation):
            for member in members_of(data):
                if member.issym() or member.islnk():
                    links.add(member.linkname)
                else:
                    names.add(member.name)
    assert {"../x", "/x", "/tmp/x"} <= names
    assert {"../..", "/", "../../x"} <= links


def test_zip_members_get_names_outside_in_both_places() -> None:
    names = set()
    for data in changed("zip", "name"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names |= set(archive.namelist())
    assert {"../x", "/x", "x/../../y"} <= names


@pytest.mark.parametrize("operation", ["content", "take", "insert", "swap", "repeat", "spread"])
def test_mended_archives_pass_their_checksums(operation: str) -> None:
    def is_whole(data: bytes) -> bool:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                return archive.testzip() is None
        # NotImplementedError: the mutation put another method of compression in
        except (zipfile.BadZipFile, zlib.error, NotImplementedError):
            return False

    assert sum(map(is_whole, changed("zip", operation, other=CLEAN["zip"]))) > 600 * 0.7


# repetition


def test_a_token_is_repeated_two_to_the_k_times_inside_valid_text() -> None:
    rng, draw = Random(4), Draw()
    draw.start(rng, b"", 4096)
    made = [repeat(b'{"name": "word", "x": 1}', draw) for _ in range(2000)]
    inside = [data for data in made if data.startswith(b'{"name": "') and data.endswith(b"}")]
    assert max(map(len, made)) <= 4096
    assert {1 << k for k in range(1, 10)} <= {data.count(b"word") for data in inside}
    assert any(longest_run(data) > 1000 for data in inside)  # one character, in a name
    assert any(data.count(b"a ") > 500 for data in inside)  # many short words


def test_a_json_element_is_repeated_and_nested() -> None:
    assert any(data.count(b"2.5,") >= 64 for data in changed("json", "repeat"))
    assert any(b"[" * 256 in data and b"]" * 256 in data for data in changed("json", "nest"))
    assert any(data.count(b"<a>") >= 256 for data in changed("xml", "nest"))


def test_content_of_a_chunk_is_repeated_and_its_length_mended() -> None:
    made = [data for data in changed("png", "spread") if len(data) > 1000]
    assert made
    for data in made[:50]:
        for part in BY_NAME["png"].parse(data)[1:]:
            assert unpack_from(">I", part.head)[0] == len(part.content)


# text


def test_json_values_change_their_types_keys_go_and_come_twice() -> None:
    clean = b'{"a": 1, "b": [2]}'
    assert b'{"a": null, "b": [2]}' in set(changed("json", "value", clean))
    assert b'{"a": 1, "b": []}' in set(changed("json", "value", clean))
    assert b'{ "b": [2]}' in set(changed("json", "drop", clean))
    assert b'{"a": 1,"a": 1, "b": [2]}' in set(changed("json", "repeat", clean))
    assert b'{"a": NaN, "b": [2]}' in set(changed("json", "number", clean))
    assert b'{"a": 1e400, "b": [2]}' in set(changed("json", "number", clean))
    assert b'{"": 1, "b": [2]}' in set(changed("json", "string", clean))


def test_xml_elements_go_whole() -> None:
    clean = b"<a><b>x</b><c/></a>"
    assert {b"<a><c/></a>", b"<a><b>x</b></a>"} <= set(changed("xml", "drop", clean))


def test_cells_of_a_table_change() -> None:
    made = set(changed("table", "value", b"a,b\n1,2\n"))
    assert {b"a,b\n1,NaN\n", b"a,b\n-1,2\n"} <= made


# a user's own


@pytest.mark.parametrize("module", [chunked, text], ids=["chunked", "text"])
def test_the_example_of_a_format_of_ones_own_works(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 5 and result.failed == 0


def test_a_format_of_ones_own_that_raises_is_mutated_as_bytes() -> None:
    def raises(data: bytes) -> bool:
        raise KeyError(data)

    mutator = mutator_for([b"seed"], extra=[Text(name="own", matches=raises)])
    assert any(mutator.mutate(b"seed", b"", Random(seed), 100) != b"seed" for seed in range(9))
    assert mutator.broken["matches"] > 0


def test_an_empty_list_hides_nothing_that_comes_after_it() -> None:
    key = pack("<Q", 1) + b"a"
    for code in (4, 8):  # of numbers, of texts
        data = pack("<IQ", code, 0) + key
        assert _list_size(data, 0) == 0


def test_a_format_of_ones_own_is_mutated_like_any_other() -> None:
    walk = Walk(start=4, head=3, kind_size=1, size_at=1, size=LE16)
    toy = Chunked(
        name="toy", matches=begins(b"TOY1"), parse=walk.parse, make=walk.make, mend=walk.mend,
        lengths=walk.lengths, kinds=(b"r", b"d"),
        fields=by_kind({b"r": (Field(0, LE32), Field(4, LE16, "code", (1, 2, 7)))}),
    )  # fmt: skip
    seed = b"TOY1r\6\0\x40\x1f\0\0\1\0d\2\0hi"
    rng, mutator = Random(1), mutator_for([seed], extra=[toy])
    made = [mutator.mutate(seed, seed, rng, 200) for _ in range(2000)]
    assert mutator.broken == {}
    assert any(data[7:11] == b"\xff\xff\xff\xff" for data in made)
    assert any(data[11:13] == b"\7\0" for data in made)
    assert any(data.count(b"d\2\0hi") == 8 for data in made)


def test_a_format_that_raises_is_counted_and_its_input_changed_as_bytes() -> None:
    def raises(data: bytes) -> NoReturn:
        raise ValueError("a fault of the user's")

    walk, data = Walk(), b"BAD bytes"
    bad = Chunked(name="bad", matches=begins(b"BAD"), parse=raises, make=walk.make)
    mutator = mutator_for([], extra=[bad])
    assert mutator.mutate(data, b"", Random(1), 10) != data
    assert mutator.broken["bad"] > 0
    worse = Chunked(name="worse", matches=raises, parse=walk.parse, make=walk.make)
    mutator = mutator_for([], extra=[worse])
    assert mutator.mutate(data, b"", Random(1), 10) != data
    assert mutator.broken["matches"] > 0


def test_two_formats_of_one_name_are_refused() -> None:
    with pytest.raises(HarnessError, match="two formats are named 'png'"):
        mutator_for([], extra=[BY_NAME["png"]])
