"""CycleGAN as a run: every recipe trains, grids show the same images, and a resumed run equals one without a stop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.fake_cuda import FakeCuda
from helpers.same_run import assert_same_run
from PIL import Image

from wgan_cli.data import ImagePair, load_data
from wgan_cli.errors import WganError
from wgan_cli.evaluation.translation import make_translation_reference
from wgan_cli.objectives import OBJECTIVES
from wgan_cli.recipe import Recipe, apply_settings, load_recipe, recipe_names
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.environment import describe_environment
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.runs.run_dir import RunDir, create_run
from wgan_cli.training.build_state import build_state
from wgan_cli.training.state import TrainingState

CPU = torch.device("cpu")
RECIPES = [name for name in recipe_names() if name.endswith("cyclegan")]
NARROW = (
    "model.generator.channels=4",
    "model.generator.blocks=1",
    "model.critic.channels=[4,5]",
    "amp=off",
    "engine=eager",
    "eval_every=null",
)
TINY = (
    *NARROW, "name=tiny", "data.a={source: digits, limit: 30}",
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


def made_up(channels: int, size: int) -> ImagePair:
    pair = load_data(tiny().data, Path("nowhere"), lambda text: None)
    sides = (side.resized(size) for side in (pair.a, pair.b))
    return ImagePair(*(replace(side, images=side.images.expand(-1, channels, -1, -1)) for side in sides))


@pytest.mark.parametrize("name", RECIPES)
def test_two_steps_of_every_recipe(name):
    paths = ["data.a.path=photos", "data.b.path=paintings"] if name.startswith("folder") else []
    recipe = load_recipe(name, [*paths, *NARROW, "steps=2"])
    images = made_up(*{"cifar10": (3, 32), "folder": (3, 64)}.get(name.partition("_")[0], (1, 28)))
    state = build_state(recipe, images, CPU)
    before = {f"{role}.{key}": p.clone() for role, net in state.networks.items() for key, p in net.state_dict().items()}
    for step in range(2):
        state.engine(step)
    terms = state.training_step.metrics.pop_means()
    assert terms.keys() == state.objective.meanings.keys()
    assert all(value == value and abs(value) < 1e3 for value in terms.values())
    after = {f"{role}.{key}": p for role, net in state.networks.items() for key, p in net.state_dict().items()}
    moved = {key.split(".")[1] for key in before if not torch.equal(before[key], after[key])}
    assert moved == {"to_a", "to_b", "of_a", "of_b"}
    assert all(tensor.isfinite().all() for tensor in after.values())


def test_a_resumed_run_equals_one_that_never_stopped(trainer, tmp_path):
    """Pools, the images that critics are yet to see, both sides' orders, grids and records; stopped between saves."""
    recipe = tiny("steps=12", "data.a.augment.mirror=true", "optim.lr_schedule=linear")
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


def test_grids_show_the_same_images_there_and_back(trainer, tmp_path):
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
    shown = state.sample_grid.draw(state.ema.network).shown
    assert any(torch.equal(shown[0], image) for image in pair.a.images)
    assert any(torch.equal(shown[3], image) for image in pair.b.images)


def test_a_run_keeps_the_translators_nearest_to_the_right_answer(trainer, tmp_path):
    recipe = tiny("steps=6", "eval_every=2", "eval_count=10", "best_by=paired_l1")
    reference = make_translation_reference(recipe.data, tmp_path, CPU, lambda text: None, 10)
    state, run = started(recipe, tmp_path / "run")
    trainer.go_on(state, run, reference=reference)
    errors = {r["step"]: r["paired_l1"] for r in read_metrics(run.metrics_file) if "paired_l1" in r}
    assert list(errors) == [2, 4, 6]
    best = load_checkpoint(run.best_file)
    assert best.score.value == min(errors.values()) == errors[best.step]
    assert best.score.measured == "20 translations"


def test_a_captured_iteration_computes_the_same(monkeypatch):
    """Pools and both feeds too: what Python decides is decided the same in every iteration."""
    recipe = tiny("steps=30", "data.a.limit=100", "data.b.limit=100")
    plain, captured = prepared(recipe), prepared(recipe)
    cuda = FakeCuda(monkeypatch)
    cuda.use_graph(captured)
    for state in (plain, captured):
        torch.manual_seed(5)
        for number in range(20):
            state.engine(number)
    assert sum(graph.replays for graph in cuda.graphs) > 10
    for role, network in plain.networks.items():
        torch.testing.assert_close(captured.networks[role].state_dict(), network.state_dict(), rtol=0, atol=0)
    remembered = [state.objective.state.state_dict() for state in (captured, plain)]
    torch.testing.assert_close(*remembered, rtol=0, atol=0)
    assert captured.loader.state_dict() == plain.loader.state_dict()


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("objective", [name for name in OBJECTIVES if name != "cyclegan"])
def test_no_other_objective_trains_translators(name, objective):
    paths = ["data.a.path=photos", "data.b.path=paintings"] if name.startswith("folder") else []
    with pytest.raises(WganError, match="makes images from noise, and `model.name` is translation") as caught:
        load_recipe(name, [*paths, f"objective={objective}"])
    assert "objective=cyclegan" in caught.value.hint


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        (
            ["objective=cyclegan"],
            "cyclegan, for a generator that translates images, and `model.name` is dcgan",
            "--set",
        ),
        (["objective=cyclegan", "model=translation"], "learns from two sides, `a` and `b`, and `data` is one", "--set"),
        (["data={a: mnist, b: fashion_mnist}"], "learns from one set of images, and `data` is two sides", "cyclegan"),
        (["data={a: mnist}"], "does not set `data.b`", "schema"),
        (["data={a: mnist, c: mnist}"], "unknown setting `data.c`", "data has: a, b"),
        (["data={a: mnist, b: mnist}"], "are the same images", "`transform`"),
        (["data={a: mnist, b: folder}"], "`data.b.path` is not set", "--set data.b.path=photos"),
        (["data={a: mnist, b: {source: mnist, diff_augment: [color]}}"], "`data.b.diff_augment` is for", "augment"),
    ],
)
def test_what_cannot_be_crossed_is_refused(changes, message, hint):
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
def test_the_best_is_told_by_what_can_be_measured(data, by, fits):
    settings = [f"data={data}", "eval_every=5", f"best_by={by}"]
    if fits:
        assert tiny(*settings).best_by == by
        return
    with pytest.raises(WganError, match=f"`best_by` is {by}") as caught:
        tiny(*settings)
    assert "set `best_by` to" in caught.value.hint


def test_a_side_may_be_one_word_and_still_be_changed():
    values = {**tiny().as_dict(), "data": {"a": "digits", "b": "mnist"}}
    recipe = apply_settings(values, ["data.a.limit=7"], "a test")
    assert (recipe.data.a.source, recipe.data.a.limit, recipe.data.b.source) == ("digits", 7, "mnist")
