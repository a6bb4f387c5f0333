"""Pages and package data match the committed results."""

from __future__ import annotations

import json

import pytest
import torch

from wgan_cli import load_generator
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.pretrained import pretrained_file, pretrained_names


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


def test_what_the_package_holds(benchmark):
    script, names = benchmark("pretrained"), pretrained_names()
    assert set(names) <= set(script.NAMES) and len(names) >= 6
    assert sum(pretrained_file(name).stat().st_size for name in names) < 8e6
    for name in names:
        card, checkpoint = script.current_card(name), load_checkpoint(pretrained_file(name))
        assert card is not None, f"the recipe {name} has changed: run python benchmarks/pretrained.py --only {name}"
        assert checkpoint.recipe.name == name and "critic" in checkpoint.networks
        assert f"--seed {checkpoint.recipe.seed}" in card.command
        assert card.value == card.by_seed[str(checkpoint.recipe.seed)]


@pytest.mark.parametrize("name", pretrained_names())
def test_bundled_generators_draw_images(name):
    generator = load_generator(name)
    if generator.recipe.translates:
        given = torch.rand(2, 1, 28, 28) * 2 - 1
        images = torch.stack([generator.translate(given, to=side) for side in ("a", "b")])
        assert images[0].std() > 0.01 and not images[0].allclose(images[1], atol=0.1)
    else:
        images = generator.sample(2)
    assert images.std() > 0.01
