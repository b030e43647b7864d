"""The orientation of an uploaded picture, read before the model sees it."""

import piexif


def target(data: bytes) -> object:
    if data[:2] not in (b"II", b"MM"):
        raise ValueError("no TIFF header")
    return piexif.load(data)["0th"].get(piexif.ImageIFD.Orientation, 1)
