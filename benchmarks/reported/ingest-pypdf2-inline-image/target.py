"""The text of a PDF, as it is gathered for a language model."""

import io
import warnings

import PyPDF2

warnings.simplefilter("ignore")


def target(data: bytes) -> object:
    reader = PyPDF2.PdfFileReader(io.BytesIO(data), strict=False, overwriteWarnings=False)
    return [reader.getPage(number).extractText() for number in range(reader.getNumPages())]
