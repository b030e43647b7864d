"""A small clean file of every format, built by hand: what the laws of structure run over."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
import zlib
from struct import pack


def chunk(name: bytes, content: bytes, order: str = "<") -> bytes:
    return name + pack(order + "I", len(content)) + content + bytes(len(content) & 1)


def wav(*chunks: bytes, order: str = "<", magic: bytes = b"RIFF") -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return magic + pack(order + "I", len(body)) + body


def form(order: str = "<") -> bytes:
    return chunk(b"fmt ", pack(order + "HHIIHH", 1, 1, 16000, 32000, 2, 16), order)


def aiff() -> bytes:
    common = chunk(b"COMM", pack(">HIHHQ", 1, 4, 16, 0x400C, 0xFA << 56), ">")
    body = b"AIFF" + common + chunk(b"SSND", bytes(8) + pack(">4h", 1, -1, 2, -2), ">")
    return b"FORM" + pack(">I", len(body)) + body


def png_chunk(name: bytes, content: bytes) -> bytes:
    return pack(">I", len(content)) + name + content + pack(">I", zlib.crc32(name + content))


def png() -> bytes:
    """Four by four grey pixels, a comment."""
    rows = b"".join(b"\0" + bytes((16 * row, 1, 2, 3)) for row in range(4))
    return b"\x89PNG\r\n\x1a\n" + b"".join((
        png_chunk(b"IHDR", pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0)),
        png_chunk(b"tEXt", b"Comment\0a few words"),
        png_chunk(b"IDAT", zlib.compress(rows)),
        png_chunk(b"IEND", b""),
    ))  # fmt: skip


def tiff(order: str = "<") -> bytes:
    """Two directories, one reached by an entry; a text and a fraction outside the entries."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    first = pack(
        order + "H" + "HHII" * 3 + "I",
        3, 0x0112, 3, 1, 1, 0x010E, 2, 8, 68, 0x8769, 4, 1, 50, 0,
    )  # fmt: skip
    second = pack(order + "HHHIII", 1, 0x9000, 7, 4, 0x30323330, 0)
    return mark + pack(order + "I", 8) + first + second + b"a text\0\0" + bytes(8)


def segment(code: int, content: bytes) -> bytes:
    return pack(">BBH", 0xFF, code, len(content) + 2) + content


def jpeg() -> bytes:
    frame = pack(">BHHB3B", 8, 8, 8, 1, 1, 0x11, 0)
    return b"\xff\xd8" + b"".join((
        segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
        segment(0xE1, b"Exif\0\0" + tiff(">")),
        segment(0xDB, bytes(1) + bytes(range(1, 65))),
        segment(0xC0, frame),
        segment(0xC4, b"\0\1" + bytes(15) + b"\5"),
        segment(0xDA, b"\1\1\0\0\x3f\0") + b"\x12\xff\0\x34",
    )) + b"\xff\xd9"  # fmt: skip


def flac() -> bytes:
    info = pack(">HH6xQ16x", 4096, 4096, 16000 << 44 | 15 << 36 | 100)
    tags = pack("<I1sI", 1, b"x", 1) + pack("<I", 3) + b"A=b"
    blocks = b"\0" + len(info).to_bytes(3, "big") + info
    return b"fLaC" + blocks + b"\x84" + len(tags).to_bytes(3, "big") + tags + b"\xff\xf8frames"


def midi() -> bytes:
    head = chunk(b"MThd", pack(">HHH", 1, 2, 96), ">")
    track = chunk(b"MTrk", b"\0\x90\x40\x40\x60\x80\x40\0\0\xff\x2f\0", ">")
    return head + track + track


def gguf() -> bytes:
    def text(value: bytes) -> bytes:
        return pack("<Q", len(value)) + value

    keys = (
        text(b"general.name") + pack("<I", 8) + text(b"tiny"),
        text(b"x.count") + pack("<II", 4, 7),
        text(b"tokens") + pack("<IIQ", 9, 8, 2) + text(b"a") + text(b"bc"),
        text(b"scores") + pack("<IIQ2f", 9, 6, 2, 0.5, 1.0),
    )
    tensor = text(b"weight") + pack("<IQQIQ", 2, 2, 2, 0, 0)
    head = b"GGUF" + pack("<IQQ", 3, 1, len(keys)) + b"".join(keys) + tensor
    return head + bytes(-len(head) % 32) + pack("<4f", 1, 2, 3, 4)


def protobuf() -> bytes:
    inner = b"\x08\x96\x01\x12\x03abc"
    return b"\x08\x07\x12" + bytes((len(inner),)) + inner + b"\x1d\0\0\x80\x3f\x22\x02\xff\xfe"


def npy() -> bytes:
    text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }"
    text = text.ljust(117) + b"\n"
    return b"\x93NUMPY\1\0" + pack("<H", len(text)) + text + pack("<4f", 1, 2, 3, 4)


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("words.json"), '{"a": [1, 2, 3]}')
        info = zipfile.ZipInfo("packed.txt")
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, "a few words " * 20)
    return stream.getvalue()


def tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in (("a.txt", b"some words"), ("b/c.json", b'{"a": 1}' * 70)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()[:3072]


CLEAN = {
    "riff": wav(form(), chunk(b"LIST", b"INFO" + chunk(b"ISFT", b"a")), chunk(b"data", bytes(10))),
    "rifx": wav(form(">"), chunk(b"data", bytes(20), ">"), order=">", magic=b"RIFX"),
    "iff": aiff(),
    "png": png(),
    "jpeg": jpeg(),
    "tiff": tiff(),
    "flac": flac(),
    "midi": midi(),
    "gguf": gguf(),
    "npy": npy(),
    "zip": zipped(),
    "tar": tar(),
    "json": json.dumps({"id": 7, "text": "a word", "list": [1, 2.5, None, {"b": [True]}]}).encode(),
    "xml": b'<?xml version="1.0"?>\n<a b="1"><c>some words</c><c d="2"/><e><f>3</f></e></a>\n',
    "table": b'id,text,score\n1,"a, b",0.5\n2,word,1e3\n',
    "text": b"Plain words, a number 12.5 and a line.\nAnother line: with (marks) and more.\n",
    "protobuf": protobuf(),
}  # fmt: skip
"""By the name of the format."""
