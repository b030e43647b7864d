"""Write the seeds and the witness beside this file."""

import pathlib

here = pathlib.Path(__file__).resolve().parent
(here / "seeds").mkdir(exist_ok=True)
seeds = {
    "select.sql": "SELECT name FROM files WHERE (size > 10 AND kind IN ('a', 'b')) ORDER BY size;",
    "array.sql": "SELECT tags[1][2] FROM notes; UPDATE notes SET tags = ARRAY[[1, 2], [3, 4]];",
}
for name, text in seeds.items():
    (here / "seeds" / name).write_bytes(text.encode())
(here / "witness.sql").write_bytes(b"[" * 10000 + b"]" * 10000)
