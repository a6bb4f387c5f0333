"""The code of docs/*.md runs, page by page and in order, in one folder per page."""

import pytest
from helpers.doc_pages import DOCS


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.stem)
def test_code_runs(page, reader):
    reader.read_page(page)
