"""Changes of a file of chunks; each knows the description of a format, and no format."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mlfuzz.structure.chunk import (
    HEAD,
    RAW,
    Chunk,
    Chunks,
    Field,
    Part,
    has,
    join,
    position,
    read,
    write,
)
from mlfuzz.structure.number import SPECIALS, odd_number
from mlfuzz.structure.repeat import repeat, times

if TYPE_CHECKING:
    from mlfuzz.structure.chunked import Chunked
    from mlfuzz.structure.draw import Draw

SHORT = 64
"""Bytes left of a content that is shortened at once."""
_LATE = ("length", "offset")
UNWRAPPED = 0.9
"""Share of changes that compressed data are uncompressed for."""
MAX_DEPTH = 3
"""Formats inside formats."""
HEAD_SHARE = 0.1
"""Magic numbers are rarely changed where other chunks have fields: readers refuse at once."""

STAYS = 0.9
"""Share of moves that leave the first chunk where it is."""

NAMES = (
    b"../x", b"../../../../tmp/x", b"/x", b"/tmp/x", b"x/../../y", b"./x", b"..", b".", b"", b"/",
    b"..\\x", b"C:\\x", b"\\\\x\\y", b"~/x", b"x\0y", b"\xff\xfe", b"con", b"x/", b"a" * 300,
    b"\xe2\x80\xae", b"%s", b"x\ny", b"a/" * 100,
)  # fmt: skip
"""Names of members of an archive that a careless reader writes outside its folder."""


class Draft:
    """A file while it is changed.

    ``late``: numbers to be written after the mending, which would undo them.
    """

    __slots__ = ("chunks", "draw", "format", "late")

    def __init__(self, format: Chunked, chunks: Chunks, draw: Draw) -> None:
        self.format, self.chunks, self.draw = format, chunks, draw
        self.late: list[tuple[Chunk, Field, int]] = []

    @property
    def first(self) -> int:
        """Index of the first chunk that may move; the head of the file stays."""
        return 1 if self.chunks and self.chunks[0].kind == HEAD else 0

    def index(self) -> int:
        """A chunk that may change; -1 if there is none."""
        count = len(self.chunks) - self.first
        return self.first + self.draw.below(count) if count else -1

    def filled(self) -> int:
        """A chunk that may change, with a content if a few draws find one."""
        index = self.index()
        for _ in range(3):
            if index < 0 or self.chunks[index].content:
                break
            index = self.index()
        return index

    def moving(self) -> int:
        """A chunk that may move or go; -1 if there is none."""
        begin = self._begin()
        count = len(self.chunks) - begin
        return begin + self.draw.below(count) if count > 0 else -1

    def place(self) -> int:
        """Where a chunk may come in."""
        begin = self._begin()
        return begin + self.draw.below(max(0, len(self.chunks) - begin) + 1)

    def _begin(self) -> int:
        """Behind the first chunk, mostly: often it has the magic number."""
        return 1 if self.chunks and self.draw.random() < STAYS else self.first

    def room(self) -> int:
        return self.draw.max_size - sum([chunk.size for chunk in self.chunks])


def change_field(draft: Draft) -> None:
    """Write an odd number, or another code, into a field."""
    found = _field(draft, late=False)
    if found is None:
        change_content(draft)
        return
    chunk, field = found
    value = odd_number(read(chunk, field), field.number.bits, draft.draw.rng)
    if field.role == "code" and draft.draw.random() < 0.8:
        value = _code(draft, chunk, field, value)
    write(chunk, field, value)


def change_length(draft: Draft) -> None:
    """Let a length lie, or an offset point at itself or at another chunk."""
    found = _field(draft, late=True)
    if found is None:
        change_field(draft)
        return
    chunk, field = found
    value = odd_number(read(chunk, field), field.number.bits, draft.draw.rng)
    if field.role == "offset" and draft.draw.random() < 0.7:
        value = _target(draft, chunk, field)
    draft.late.append((chunk, field, value))


def _field(draft: Draft, *, late: bool) -> tuple[Chunk, Field] | None:
    """A field of the first chunk that has one, from a chance place on."""
    for chunk in _order(draft):
        fields = [
            field
            for field in draft.format.fields_of(chunk)
            if (field.role in _LATE) == late and has(chunk, field)
        ]
        if fields:
            return chunk, draft.draw.pick(fields)
    return None


def _order(draft: Draft) -> Chunks:
    """All chunks, from a chance place on; the head of the file mostly comes last."""
    chunks, first, begin = draft.chunks, draft.first, draft.index()
    if begin < 0 or draft.draw.random() < HEAD_SHARE:
        return chunks
    return chunks[begin:] + chunks[first:begin] + chunks[:first]


def _code(draft: Draft, chunk: Chunk, field: Field, value: int) -> int:
    key = (draft.format.name, chunk.kind, field.part, field.offset)
    codes = (*field.codes, *draft.draw.codes.get(key, ()))
    return draft.draw.pick(codes) if codes else value


def _target(draft: Draft, chunk: Chunk, field: Field) -> int:
    """Where the field itself lies, its chunk, another chunk, the end."""
    chunks, choice = draft.chunks, draft.draw.random()
    here = position(chunks, chunks.index(chunk))
    if choice < 0.3:
        return here
    if choice < 0.5:
        before = {"head": 0, "content": len(chunk.head), "tail": len(chunk.head + chunk.content)}
        return here + before[field.part] + field.offset
    return position(chunks, draft.draw.below(len(chunks) + 1))


def change_content(draft: Draft) -> None:
    """Put odd samples, numbers or words into a chunk's content, or cut it."""
    _edit(draft, _changed)


def spread(draft: Draft) -> None:
    """Repeat a word, a few bytes, a filler 2^k times inside a chunk's content."""
    _edit(draft, _repeated)


def _edit(draft: Draft, edit: Callable[[bytes, Draft], bytes]) -> None:
    """Change what lies inside a chunk; at times what is compressed, as bytes."""
    index = draft.filled()
    if index < 0:
        insert(draft)
        return
    chunk, format = draft.chunks[index], draft.format
    chunk.is_touched = True
    body = format.unwrap(chunk) if draft.draw.random() < UNWRAPPED else None
    if body is None:
        chunk.content = edit(chunk.content, draft)
    else:
        format.wrap(chunk, edit(body, draft))


def _changed(content: bytes, draft: Draft) -> bytes:
    draw = draft.draw
    choice = draw.random()
    if not content:
        return draw.rng.randbytes(1 + draw.below(18))
    if choice < 0.3:
        return content[: draw.below(min(len(content), SHORT) + 1)]
    if choice < 0.65:
        new = draw.pick(SPECIALS)
        at = draw.below(len(content) // len(new) + 1) * len(new)
    elif choice < 0.8 and draw.tokens:
        new, at = draw.pick(draw.tokens), draw.below(len(content))
    else:
        new = bytes((draw.pick((0, 1, 127, 128, 255, draw.below(256))),))
        at = draw.below(len(content))
    return content[:at] + new + content[at + len(new) :]


def _repeated(content: bytes, draft: Draft) -> bytes:
    draw = draft.draw
    whole, draw.max_size = draw.max_size, draft.room() + len(content)
    content = repeat(content, draw)
    draw.max_size = whole
    return content


def insert(draft: Draft) -> None:
    """Insert an empty, a tiny, a typical chunk, or one of a kind that a seed has."""
    format, draw = draft.format, draft.draw
    pool, choice = draw.pool.get(format.name), draw.random()
    if pool and choice < 0.4:
        chunk = draw.pick(pool).copy()
    elif format.samples and choice < 0.7:
        chunk = format.make(*draw.pick(format.samples))
    else:
        kinds = format.kinds or tuple(c.kind for c in draft.chunks[draft.first :]) or (b"",)
        content = draw.rng.randbytes(draw.below(18)) if choice < 0.9 else b""
        chunk = format.make(draw.pick(kinds), content)
    chunk.is_touched = True
    at = draft.place()
    draft.chunks.insert(at, chunk)


def repeat_chunk(draft: Draft) -> None:
    """Put a chunk in again, elsewhere, or 2^k times in its place."""
    index, draw = draft.index(), draft.draw
    if index < 0:
        insert(draft)
        return
    chunk = draft.chunks[index]
    if draw.random() < 0.5:
        at = draft.place()
        draft.chunks.insert(at, chunk.copy())
    elif chunk.size:
        count = times(chunk.size, min(draft.room(), 1 << 16) + chunk.size, draw)
        draft.chunks[index:index] = _copies(chunk, count - 1)


def _copies(chunk: Chunk, count: int) -> Chunks:
    """A few as chunks, which a total counts; many as the bytes of one, which cost nothing more."""
    if count < 8:
        return [chunk.copy() for _ in range(count)]
    return [Chunk(RAW, b"", join([chunk]) * count, b"", -1)]


def drop(draft: Draft) -> None:
    index = draft.moving()
    if index >= 0:
        del draft.chunks[index]


def swap(draft: Draft) -> None:
    """Move a chunk to another place."""
    index = draft.moving()
    if index >= 0:
        chunk = draft.chunks.pop(index)
        at = draft.place()
        draft.chunks.insert(at if at != index else len(draft.chunks), chunk)


def rename(draft: Draft) -> None:
    """Give the content of a chunk another kind."""
    index, format = draft.moving(), draft.format
    if index < 0 or not format.kinds:
        insert(draft)
        return
    new = format.make(draft.draw.pick(format.kinds), draft.chunks[index].content)
    new.is_touched = True
    draft.chunks[index] = new


def take(draft: Draft) -> None:
    """Put a chunk of another input in place of one here, or beside it."""
    format, draw = draft.format, draft.draw
    given = format.parse(draw.other) if format.matches(draw.other) else []
    if given and given[0].kind == HEAD:
        del given[0]
    given = given or draw.pool.get(format.name, [])
    if given:
        at = draft.place()
        draft.chunks[at : at + draw.below(2)] = [draw.pick(given).copy()]


def shorten(draft: Draft) -> None:
    """Leave a beginning of a chunk's content, its length mended."""
    _edit(draft, _cut)


def _cut(content: bytes, draft: Draft) -> bytes:
    return content[: draft.draw.below(min(len(content), 256))]


def shorten_all(chunks: Chunks) -> None:
    """Leave little of long contents: most faults sit in the heads, and short files run faster."""
    for chunk in chunks:
        if len(chunk.content) > SHORT and chunk.head:
            chunk.content = chunk.content[:SHORT]
            chunk.is_touched = True


def change_name(draft: Draft) -> None:
    """Give a member of an archive, or its link, a name outside, odd, or already taken."""
    index = draft.index()
    spans = draft.format.names(draft.chunks[index]) if index >= 0 else ()
    if not spans:
        change_field(draft)
        return
    chunk, draw = draft.chunks[index], draft.draw
    part, start, stop, is_padded = draw.pick(spans)
    name = draw.pick(NAMES)
    if draw.random() < 0.2:
        name = repeat(getattr(chunk, part)[start:stop].rstrip(b"\0"), draw)[:4096]
    _write_name(chunk, part, start, stop, name, is_padded)


def _write_name(
    chunk: Chunk, part: Part, start: int, stop: int, name: bytes, is_padded: bool
) -> None:
    if is_padded:
        name = name[: stop - start].ljust(stop - start, b"\0")
    whole = getattr(chunk, part)
    setattr(chunk, part, whole[:start] + name + whole[stop:])
    chunk.is_touched = True


def change_inside(draft: Draft) -> None:
    """Change a chunk's content as the file that it is: an image's EXIF, an archive's member."""
    draw, index = draft.draw, draft.filled()
    body = draft.format.unwrap(draft.chunks[index]) if index >= 0 else None
    format = draw.format_of(body) if body and draw.depth < MAX_DEPTH else None
    if body is None or format is None:
        change_content(draft)
        return
    outer, draw.max_size = draw.max_size, max(0, draft.room()) + len(body)
    draw.depth += 1
    body = format.mutate(body, draw.pick(format.operations), draw)[: draw.max_size]
    draw.depth -= 1
    draw.max_size = outer
    draft.format.wrap(draft.chunks[index], body)
    draft.chunks[index].is_touched = True


CHANGES: dict[str, Callable[[Draft], None]] = {
    "field": change_field,
    "length": change_length,
    "content": change_content,
    "spread": spread,
    "insert": insert,
    "repeat": repeat_chunk,
    "drop": drop,
    "swap": swap,
    "rename": rename,
    "take": take,
    "shorten": shorten,
    "inside": change_inside,
    "name": change_name,
}
"""What can be done to a file of chunks."""
