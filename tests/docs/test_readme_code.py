"""The code of README.md runs."""

from helpers.doc_pages import README


def test_code_runs(reader, quick_onnx):
    reader.read_page(README)
