"""Write the seeds and the witness beside this file."""

import pathlib

here = pathlib.Path(__file__).resolve().parent
(here / "seeds").mkdir(exist_ok=True)
seeds = {
    "plain.yaml": "rate: 0.1\nlayers: [64, 32]\nnames: {train: a.csv, test: b.csv}\n",
    "tagged.yaml": "shape: !!python/tuple [28, 28]\nkind: !!python/name:float\nseed: 7\n",
    "object.yaml": "start: !!python/object/new:complex [1.0, 2.0]\n",
}
for name, text in seeds.items():
    (here / "seeds" / name).write_bytes(text.encode())
witness = (
    "!!python/object/new:type\n"
    "args: [z, !!python/tuple [], {extend: !!python/name:exec }]\n"
    "listitems: 'x = 1 + 1'\n"
)
(here / "witness.yaml").write_bytes(witness.encode())
