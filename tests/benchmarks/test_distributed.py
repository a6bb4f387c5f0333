"""The small calculation behind docs/scaling.md: closed forms, what a step sends, and what was measured."""

from __future__ import annotations

import json
from types import ModuleType

import pytest
import torch

from wgan_cli.networks import build_network
from wgan_cli.recipe import ImageShape, load_recipe

PLAIN = ["amp=off", "engine=eager", "threads=1", "batch_size=2"]


@pytest.fixture
def traffic(benchmark) -> ModuleType:
    return benchmark("traffic")


@pytest.fixture
def page(benchmark) -> ModuleType:
    return benchmark("distributed_page")


@pytest.fixture
def measured(benchmark) -> dict:
    return json.loads((benchmark("common").RESULTS / "distributed.json").read_text(encoding="utf-8"))


def test_a_ring_sends_all_but_one_share_twice(traffic):
    wires = traffic.Wires(bandwidth=1e9, latency=1e-5)
    assert wires.seconds(3, 1e6, 1) == 0
    assert wires.seconds(3, 1e6, 2) == pytest.approx(3e-5 + 1e-3)
    assert wires.seconds(3, 1e6, 4) == pytest.approx(3e-5 + 1.5e-3)
    assert traffic.efficiency(3.0, 1.0) == 0.75


@pytest.mark.parametrize("processes", [2, 8])
def test_wires_are_found_from_what_they_took(traffic, processes):
    true = traffic.Wires(bandwidth=2e9, latency=5e-5)
    took = {str(size): true.seconds(1, size, processes) for size in (2**12, 2**18, 2**22)}
    found = traffic.fitted_wires(took, processes)
    assert (found.bandwidth, found.latency) == (pytest.approx(true.bandwidth), pytest.approx(true.latency))


def test_a_step_sends_each_gradient_once_for_each_update(traffic):
    recipe = load_recipe("mnist_mlp", [*PLAIN, "sync_batch_norm=false"])
    sizes = {
        role: sum(p.numel() for p in build_network(role, recipe, ImageShape(28, 1, 10)).parameters())
        for role in ("critic", "generator")
    }
    found = traffic.count_traffic(recipe)
    updates = recipe.objective.n_critic
    assert found.bytes == 4 * (updates * sizes["critic"] + sizes["generator"])
    assert found.messages == updates + 1
    assert found.flops > 0
    assert not torch.distributed.is_initialized()


def test_batch_norm_sends_its_statistics_and_their_slopes(traffic):
    shared, alone = (
        traffic.count_traffic(load_recipe("mnist_mlp", [*PLAIN, "model.generator.norm=batch", f"sync_batch_norm={on}"]))
        for on in ("true", "false")
    )
    assert shared.messages > alone.messages
    assert shared.bytes > alone.bytes
    assert shared.flops == alone.flops


def test_the_prediction_holds_where_it_was_measured(page, measured):
    for row in page.predictions(measured):
        assert row["predicted"] == pytest.approx(row["measured"], rel=0.15), row


def test_a_process_alone_pays_nothing_for_the_others(measured):
    for timed in measured["steps"].values():
        assert timed["averaging_alone"] < 0.01 * timed["together"]["1"]


def test_the_page_shows_the_results(page, measured):
    text = page.DOC.read_text(encoding="utf-8")
    assert page.measured(measured) in text
    assert page.predicted(measured) in text
