"""libFuzzer's log is read while it grows, piece by piece."""

from __future__ import annotations

from pathlib import Path

from mlfuzz.code_loop.log import Log

INITED = b"#3\tINITED cov: 12 ft: 15 corp: 2/9b exec/s: 0 rss: 90Mb\n"
NEW = b"#40\tNEW    cov: 14 ft: 18 corp: 3/20b lim: 4 exec/s: 0 rss: 90Mb L: 11/11 MS: 1 Copy-\n"
REDUCE = b"#50\tREDUCE cov: 14 ft: 18 corp: 3/18b lim: 4 exec/s: 0 rss: 90Mb L: 9/11 MS: 1 Era-\n"


def log(tmp_path: Path, text: bytes = b"") -> Log:
    path = tmp_path / "log"
    path.write_bytes(text)
    return Log(path)


def add(read: Log, text: bytes) -> bool:
    with open(read.path, "ab") as file:
        file.write(text)
    return read.read()


def state(read: Log) -> tuple[int, int, bool, int]:
    return read.coverage, read.corpus, read.is_inited, read.news


def test_a_missing_log_says_nothing(tmp_path: Path) -> None:
    read = Log(tmp_path / "none")
    assert not read.read()
    assert state(read) == (0, 0, False, 0)


def test_edges_and_corpus_are_read(tmp_path: Path) -> None:
    read = log(tmp_path, INITED)
    assert not read.read()
    assert state(read) == (12, 2, True, 0)


def test_words_that_led_to_something_new_are_kept(tmp_path: Path) -> None:
    read = log(tmp_path, INITED)
    words = rb' DE: "VP8 "-"\001\000\242"-"a\"b\\"-'
    add(read, NEW.rstrip() + words + b"\n")
    assert list(read.words) == [b"VP8 ", b"\x01\x00\xa2", b'a"b\\']
    add(read, NEW.rstrip() + b' DE: "VP8 "-\n' + REDUCE.rstrip() + b' DE: "other"-\n')
    assert list(read.words) == [b"VP8 ", b"\x01\x00\xa2", b'a"b\\']


def test_only_new_inputs_are_news(tmp_path: Path) -> None:
    read = log(tmp_path, INITED)
    assert not read.read()
    assert add(read, NEW)
    assert not add(read, REDUCE)
    assert state(read) == (14, 3, True, 1)


def test_a_line_may_come_in_pieces(tmp_path: Path) -> None:
    read = log(tmp_path)
    news = [add(read, (INITED + NEW)[at : at + 1]) for at in range(len(INITED + NEW))]
    assert news.count(True) == 1 and news[-1]
    assert state(read) == (14, 3, True, 1)


def test_what_the_target_prints_is_no_news(tmp_path: Path) -> None:
    false = NEW.rstrip() + rb' DE: "\N{no such"-"\u20"-"\u20ac"-' + b"\n"
    fooled = log(tmp_path, INITED + false)
    assert fooled.read() and not fooled.words
    read = log(tmp_path, b"NEW cov: 9\n#x NEW\n# 1 NEW cov: 8\n  #1 NEW cov: 7\n\xff\0\n")
    assert not read.read()
    assert state(read) == (0, 0, False, 0)


def test_an_endless_line_is_not_kept(tmp_path: Path) -> None:
    read = log(tmp_path, b"x" * 100_000)
    read.read()
    assert len(read._rest) <= 4096
    assert add(read, b"\n" + INITED + NEW)


def test_an_emptied_log_is_read_from_its_beginning(tmp_path: Path) -> None:
    read = log(tmp_path, INITED + REDUCE)
    read.read()
    read.path.write_bytes(NEW)
    assert read.read()
    assert state(read) == (14, 3, True, 1)


def test_half_a_line_before_the_cut_spoils_nothing_after_it(tmp_path: Path) -> None:
    read = log(tmp_path, INITED + REDUCE + b"half a line")
    read.read()
    read.path.write_bytes(NEW)
    assert read.read()
