"""CycleGAN as a run: every recipe trains, grids show the same images, and a resumed run equals one without a stop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.fake_cuda import FakeCuda
from helpers.same_run import assert_same_run
from PIL import Image

from wgan_cli.data import load_data
from wgan_cli.errors import WganError
from wgan_cli.evaluation.translation import make_translation_reference
from wgan_cli.recipe import Recipe, apply_settings, load_recipe
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.environment import describe_environment
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.runs.run_dir import RunDir, create_run
from wgan_cli.training.build_state import build_state
from wgan_cli.training.state import TrainingState

CPU = torch.device("cpu")
TINY = (
    "model.generator.channels=2", "model.generator.blocks=1", "model.critic.channels=[2,3]", "amp=off", "engine=eager",
    "eval_every=null", "name=tiny", "data.a={source: digits, limit: 30}",
    "data.b={source: digits, limit: 30, transform: invert}", "objective.pool_size=5", "objective.identity_weight=5",
    "batch_size=2", "log_every=3", "sample_every=4", "save_every=5", "sample_grid=3",
)  # fmt: skip


def tiny(*changes: str) -> Recipe:
    return load_recipe("mnist_cyclegan", [*TINY, *changes])


def prepared(recipe: Recipe) -> TrainingState:
    return build_state(recipe, load_data(recipe.data, Path("nowhere"), lambda text: None), CPU)


def started(recipe: Recipe, folder: Path) -> tuple[TrainingState, RunDir]:
    state, run = prepared(recipe), create_run(folder, recipe.name)
    run.write_description(state.recipe, describe_environment(CPU, "wgan train"))
    return state, run


def test_resume_is_exact(trainer, tmp_path):
    """Pools, the images that critics are yet to see, both sides' orders, grids and records; stopped between saves."""
    recipe = tiny("steps=8", "data.a.augment.mirror=true", "optim.lr_schedule=linear")
    state, whole = started(recipe, tmp_path / "whole")
    trainer.go_on(state, whole)
    state, stopped = started(recipe, tmp_path / "stopped")
    trainer.go_on(state, stopped, stop_after=7)
    resumed = prepared(recipe)
    resumed.restore(load_checkpoint(stopped.checkpoint_files()[-1]))
    assert resumed.objective.state.pool_a.seen == 14
    trainer.go_on(resumed, stopped)
    for run in (whole, stopped):  # the stop itself left one more
        for file in run.checkpoint_files()[:-1]:
            file.unlink()
    assert_same_run(whole, stopped)


def test_grids_show_the_same_images(trainer, tmp_path):
    state, run = started(tiny("steps=8"), tmp_path / "run")
    trainer.go_on(state, run)
    with Image.open(run.sample_file(0)) as first, Image.open(run.sample_file(8)) as last:
        assert first.size == last.size == (6 * 30 + 2, 3 * 30 + 2)
        pictures = [torch.from_numpy(np.array(picture.convert("L"))) for picture in (first, last)]
    tiles = [[grid[2:, 2 + 30 * n : 30 + 30 * n] for n in range(6)] for grid in pictures]
    for column in (0, 3):
        assert torch.equal(tiles[0][column], tiles[1][column]), "the inputs stay"
    for column in (1, 2, 4, 5):
        assert not torch.equal(tiles[0][column], tiles[1][column]), "what becomes of them does not"
    pair = load_data(tiny().data, Path("nowhere"), lambda text: None)
    shown, _ = state.sample_grid.draw(state.ema.network)
    assert any(torch.equal(shown[0], image) for image in pair.a.images)
    assert any(torch.equal(shown[3], image) for image in pair.b.images)


def test_best_generator(trainer, tmp_path):
    recipe = tiny("steps=6", "eval_every=2", "eval_count=10", "best_by=paired_l1")
    reference = make_translation_reference(recipe.data, tmp_path, CPU, lambda text: None, 10)
    state, run = started(recipe, tmp_path / "run")
    trainer.go_on(state, run, reference=reference)
    errors = {r["step"]: r["paired_l1"] for r in read_metrics(run.metrics_file) if "paired_l1" in r}
    assert list(errors) == [2, 4, 6]
    best = load_checkpoint(run.best_file)
    assert best.score.value == min(errors.values()) == errors[best.step]
    assert best.score.measured == "20 translations"


def test_graph_equals_eager(monkeypatch):
    """Pools and both feeds too: what Python decides is decided the same in every iteration."""
    recipe = tiny("steps=30", "data.a.limit=100", "data.b.limit=100")
    plain, captured = prepared(recipe), prepared(recipe)
    cuda = FakeCuda(monkeypatch)
    cuda.use_graph(captured)
    for state in (plain, captured):
        torch.manual_seed(5)
        for number in range(12):
            state.engine(number)
    assert sum(graph.replays for graph in cuda.graphs) > 5
    for role, network in plain.networks.items():
        torch.testing.assert_close(captured.networks[role].state_dict(), network.state_dict(), rtol=0, atol=0)
    remembered = [state.objective.state.state_dict() for state in (captured, plain)]
    torch.testing.assert_close(*remembered, rtol=0, atol=0)
    assert captured.loader.state_dict() == plain.loader.state_dict()


@pytest.mark.parametrize("objective", ["cvae_gan", "wgan_gp"])
def test_other_objectives_do_not_translate(objective):
    with pytest.raises(WganError, match=f"{objective} generates .*`model.name` translation") as caught:
        load_recipe("mnist_cyclegan", [f"objective={objective}"])
    assert "objective=cyclegan" in caught.value.hint


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        (["data={a: mnist, b: fashion_mnist}"], "one set of images", "cyclegan"),
        (["data={a: mnist}"], "`data.b` is not set", "schema"),
        (["data={a: mnist, c: mnist}"], "unknown setting `data.c`", "data has: a, b"),
        (["data={a: mnist, b: mnist}"], "are the same images", "`transform`"),
        (["data={a: mnist, b: {source: mnist, diff_augment: [color]}}"], "`data.b.diff_augment`", "augment"),
    ],
)
def test_conflicting_settings_are_refused(changes, message, hint):
    with pytest.raises(WganError) as caught:
        load_recipe("mnist_dcgan", [*changes, "eval_every=null"])
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("data", "by", "fits"),
    [
        ("{a: digits, b: {source: digits, transform: invert}}", "paired_l1", True),
        ("{a: digits, b: {source: digits, transform: invert}}", "fd", False),
        ("{a: digits, b: {source: digits, classes: [1]}}", "paired_l1", False),
        ("{a: digits, b: {source: digits, classes: [1]}}", "fd", True),
    ],
)
def test_best_by(data, by, fits):
    settings = [f"data={data}", "eval_every=5", f"best_by={by}"]
    if fits:
        assert tiny(*settings).best_by == by
        return
    with pytest.raises(WganError, match=f"`best_by` is {by}") as caught:
        tiny(*settings)
    assert "set `best_by` to" in caught.value.hint


def test_side_given_by_its_source():
    values = {**tiny().as_dict(), "data": {"a": "digits", "b": "mnist"}}
    recipe = apply_settings(values, ["data.a.limit=7"], "a test")
    assert (recipe.data.a.source, recipe.data.a.limit, recipe.data.b.source) == ("digits", 7, "mnist")
