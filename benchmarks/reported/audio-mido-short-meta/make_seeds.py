"""Write the seeds and the witness beside this file."""

import pathlib
import struct

here = pathlib.Path(__file__).resolve().parent
(here / "seeds").mkdir(exist_ok=True)


def song(events):
    track = b"".join(b"\x10" + event for event in [*events, b"\xff\x2f\0"])
    return (
        b"MThd"
        + struct.pack(">IHHH", 6, 0, 1, 96)
        + b"MTrk"
        + struct.pack(">I", len(track))
        + track
    )


NOTES = [b"\x90\x3c\x40", b"\x80\x3c\x40", b"\x90\x40\x40", b"\x80\x40\x40"]
KEY, TEMPO, NAME = b"\xff\x59\x02\x02\0", b"\xff\x51\x03\x07\xa1\x20", b"\xff\x03\x04tune"
(here / "seeds" / "plain.mid").write_bytes(song(NOTES))
(here / "seeds" / "headed.mid").write_bytes(song([NAME, KEY, TEMPO, *NOTES]))
(here / "witness.mid").write_bytes(song([NAME, b"\xff\x59\0", *NOTES]))
