"""The notes of a MIDI file, as a music model counts them."""

import io

import mido


def target(data: bytes) -> object:
    song = mido.MidiFile(file=io.BytesIO(data))
    return [message.note for track in song.tracks for message in track if message.type == "note_on"]
