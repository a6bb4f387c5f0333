"""The benchmark of training runs, and writes figures for both sides; how fast either is, is no test's business."""

from __future__ import annotations

import json
import sys

import pytest
import torch

from wgan_cli.data import ImageSet
from wgan_cli.recipe import load_recipe


@pytest.fixture
def train_speed(benchmark):
    return benchmark("train_speed")


def test_a_tiny_run_writes_figures_of_both_sides(train_speed, monkeypatch, tmp_path, capsys):
    small = ["steps=1000000", "batch_size=4", "model.latent_dim=4"]
    small += ["model.generator.channels=[4]", "model.critic.channels=[4]", "objective.n_critic=2"]
    monkeypatch.setattr(train_speed, "recipes", lambda: {"digits_dcgan": load_recipe("digits_dcgan", small)})
    out = tmp_path / "new" / "speed.json"
    options = ["--cases", "digits_dcgan", "--rounds", "2", "--seconds", "0.02", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["train_speed.py", *options])
    train_speed.main()

    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["settings"] == {"device": "cpu", "rounds": 2, "seconds": 0.02}
    assert result["machine"]["processor"] and result["versions"]["torch"] and result["date"]
    (case,) = result["cases"]
    assert case["images"] == 7000 and "digits" in case["data"]
    assert {"wgan off", "textbook off", "script off"} <= case["sides"].keys()
    for side in case["sides"].values():
        critic, generator = side["critic_iterations_per_second"], side["generator_steps_per_second"]
        assert 0 < generator["min"] <= generator["median"] <= generator["max"]
        assert critic["median"] == pytest.approx(2 * generator["median"], rel=1e-2)
    for ratio in case["ratios"]:
        assert 0 < ratio["min"] <= ratio["median"] <= ratio["max"]
    assert "times faster" in capsys.readouterr().out


def test_both_sides_start_from_the_same_weights(train_speed, monkeypatch):
    pixels = torch.randint(0, 256, (8, 1, 28, 28), dtype=torch.uint8)
    images = ImageSet(pixels, torch.zeros(8, dtype=torch.long), ("a",), "made up")
    recipe = load_recipe("digits_dcgan", ["batch_size=4", "model.generator.channels=[4]", "model.critic.channels=[4]"])
    started = []
    build = train_speed.build_state

    def watched(*arguments, **words):
        state = build(*arguments, **words)
        started.append(torch.cat([p.detach().flatten() for n in state.networks.values() for p in n.parameters()]))
        return state

    monkeypatch.setattr(train_speed, "build_state", watched)
    sides = train_speed.make_sides(recipe, images, torch.device("cpu"))
    assert len(started) == len(sides) >= 3
    assert all(torch.equal(weights, started[0]) for weights in started)
