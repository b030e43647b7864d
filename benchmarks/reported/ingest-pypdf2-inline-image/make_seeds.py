"""Write the seeds and the witness beside this file."""

import pathlib

here = pathlib.Path(__file__).resolve().parent
(here / "seeds").mkdir(exist_ok=True)


def pdf(content):
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents 4 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(out)
    return out + b"xref\n0 5\n0000000000 65535 f \n" + table + end


IMAGE = b"q\nBI /W 2 /H 2 /BPC 8 /CS /G\nID abcd\n"
(here / "seeds" / "words.pdf").write_bytes(pdf(b"BT /F1 12 Tf (good day) Tj ET"))
(here / "seeds" / "picture.pdf").write_bytes(pdf(IMAGE + b"EI\nQ\nBT (seen) Tj ET"))
(here / "witness.pdf").write_bytes(pdf(IMAGE))
