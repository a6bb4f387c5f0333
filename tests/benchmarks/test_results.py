"""Pages and package data match the committed results."""

from __future__ import annotations

import json

import pytest

from wgan_cli.errors import WganError


@pytest.fixture
def pages(benchmark):
    return benchmark("pages")


def test_pages_match_results(pages, benchmark):
    for name, found in pages.sections(benchmark("common").RESULTS).items():
        text = pages.PAGES[name].read_text(encoding="utf-8")
        assert pages.written(text, name, found) == text, "run python benchmarks/pages.py"


def test_package_data_matches_results(pages, benchmark):
    packaged = json.loads(pages.MEASURED.read_text(encoding="utf-8"))
    assert pages.measured(benchmark("common").RESULTS / "family.json") == packaged, "run python benchmarks/pages.py"


def test_other_pages_match_results(benchmark):
    results, search = benchmark("common").RESULTS, benchmark("search")
    runs = search.Results(results / "search.json").runs
    assert search.search_table.DOC.read_text(encoding="utf-8") == search.search_table.document(runs)
    page = benchmark("time_to_quality").page
    contestants = page.Results(results / "time_to_quality.json").contestants
    assert page.DOC.read_text(encoding="utf-8") == page.document(contestants)
    scaling, measured = benchmark("distributed_page"), json.loads((results / "distributed.json").read_text())
    text = scaling.DOC.read_text(encoding="utf-8")
    assert scaling.measured(measured) in text and scaling.predicted(measured) in text


def test_prediction_holds_where_it_was_measured(benchmark):
    page = benchmark("distributed_page")
    measured = json.loads((benchmark("common").RESULTS / "distributed.json").read_text(encoding="utf-8"))
    for row in page.predictions(measured):
        assert row["predicted"] == pytest.approx(row["measured"], rel=0.15), row


def test_only_text_between_marks_changes(pages):
    begin, end = pages.MARKS["speed"]
    marked = f"before\n{begin}\nold\n{end}\nafter"
    assert pages.written(marked, "speed", r"new \1") == f"before\n{begin}\nnew \\1\n{end}\nafter"
    for wrong in ("no marks", marked + marked):
        with pytest.raises(WganError):
            pages.written(wrong, "speed", "new")


def test_generated_text_fits_the_page(pages, benchmark):
    lines = [line for line in pages.section(benchmark("common").RESULTS).splitlines() if not line.startswith("|")]
    assert max(map(len, lines), default=0) <= 120
