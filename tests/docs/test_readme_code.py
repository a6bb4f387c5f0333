"""The code of README.md runs."""

from helpers.doc_pages import README


def test_code_runs(reader):
    reader.read_page(README)
