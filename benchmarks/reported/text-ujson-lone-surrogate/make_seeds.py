"""Write the seeds and the witness beside this file."""

import pathlib

here = pathlib.Path(__file__).resolve().parent
(here / "seeds").mkdir(exist_ok=True)
seeds = {
    "plain.json": b'{"text": "a good film", "label": 1}',
    "escaped.json": b'{"label": 0, "text": "caf\\u00e9 \\ud83d\\ude00 closed\\n"}',
}
for name, data in seeds.items():
    (here / "seeds" / name).write_bytes(data)
(here / "witness.json").write_bytes(b'{"text": "caf\\u00e9 \\ud83d closed", "label": 0}')
