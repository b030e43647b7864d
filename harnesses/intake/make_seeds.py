"""Make the seeds of ``harnesses/ingest.py``; the same bytes each time.

python harnesses/intake/make_seeds.py [corpora/ingest/seeds]
"""

import io
import sys
import zipfile
from pathlib import Path

JSON = {
    "seven": b'{"name": "7_theo_0", "speaker": "theo", "duration_s": 0.42}',
    "whole": b'{\n  "name": "0_lucas_1",\n  "duration_s": 1,\n  "rate_hz": 8000\n}\n',
    "unicode": '{"name": "3_žofie_2", "speaker": "Žofie", "duration_s": 5.5e-1}'.encode(),
}
XML = {
    "seven": b'<recording name="7_theo_1" speaker="theo"><duration_s>0.4</duration_s></recording>',
    "whole": (
        b'<?xml version="1.0" encoding="utf-8"?>\n<!-- made by hand -->\n'
        b'<recording name="1_nicolas_3">\n  <duration_s>1</duration_s>\n  <rate_hz>8000</rate_hz>\n'
        b"</recording>\n"
    ),
    "entities": (
        b"<recording name='2 &amp; 3' speaker='&#x17d;ofie'>"
        b"<duration_s><![CDATA[0.5]]></duration_s></recording>"
    ),
}
LABELS = {
    "two": b"name,label\n7_theo_0,seven\n0_lucas_1,zero\n",
    "quoted": b'name,label\r\n"2 & 3",two\r\n"a, b",nine\r\n',
    "none": b"name,label\n",
}


def seeds() -> dict[str, dict[str, bytes]]:
    """Content of each seed, by entry point and file name."""
    json = {f"{name}.json": content for name, content in JSON.items()}
    xml = {f"{name}.xml": content for name, content in XML.items()}
    labels = {f"{name}.csv": content for name, content in LABELS.items()}
    one = {"records/seven.json": JSON["seven"], "labels.csv": LABELS["two"]}
    records = {f"records/{name}": content for name, content in {**json, **xml}.items()}
    archives = {
        "one.zip": _zip(one, zipfile.ZIP_STORED),
        "all.zip": _zip({**records, "labels.csv": LABELS["quoted"]}, zipfile.ZIP_DEFLATED),
        "xml_only.zip": _zip({"records/": b"", "records/a.xml": XML["seven"]}, zipfile.ZIP_STORED),
        "empty.zip": _zip({}, zipfile.ZIP_STORED),
    }
    return {"archive": archives, "json": json, "xml": xml, "labels": labels}


def _zip(members: dict[str, bytes], method: int) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return memory.getvalue()


def main() -> None:
    default = Path(__file__).parents[2] / "corpora" / "ingest" / "seeds"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    for entry, files in seeds().items():
        (folder / entry).mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / entry / name).write_bytes(content)


if __name__ == "__main__":
    main()
