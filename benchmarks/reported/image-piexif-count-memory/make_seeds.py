"""Write the seeds and the witness beside this file (needs piexif)."""

import pathlib
import struct

import piexif

here = pathlib.Path(__file__).resolve().parent
(here / "seeds").mkdir(exist_ok=True)
turned = {"0th": {piexif.ImageIFD.Orientation: 6, piexif.ImageIFD.Make: b"camera"}}
placed = {
    "0th": {piexif.ImageIFD.XResolution: (72, 1), piexif.ImageIFD.Software: b"made for a test"},
    "GPS": {piexif.GPSIFD.GPSVersionID: (2, 0, 0, 0), piexif.GPSIFD.GPSAltitude: (90, 1)},
}
for name, tags in {"turned.tif": turned, "placed.tif": placed}.items():
    (here / "seeds" / name).write_bytes(piexif.dump(tags)[6:])
entry = struct.pack(">HHII", 700, 1, 0xF0000000, 26)
(here / "witness.tif").write_bytes(b"MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(8))
