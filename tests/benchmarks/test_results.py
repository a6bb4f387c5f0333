"""Pages and package data match the committed results."""

from __future__ import annotations

import json

import pytest


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
    results = benchmark("common").RESULTS
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
