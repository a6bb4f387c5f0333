"""A resumed run equals an uninterrupted one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import MLP
from helpers.families import small_model
from helpers.same_run import assert_same_run
from PIL import Image

from wgan_cli.errors import WganError
from wgan_cli.recipe import Recipe
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.continuation import continued_recipe
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.runs.run_dir import RunDir, step_of

HALF = 5
#: Noise, style mixing, the mean w and the mean path length are part of the state.
STYLE = (
    "model={name: style, latent_dim: 16, style_dim: 8, generator: {channels: [8, 4]}, "
    "critic: {channels: [4, 8], dense: [8], minibatch_std: true}}",
    "objective.path_length_weight=2",
    "objective.path_length_every=3",
)
#: A layer list with spectral norm inside a layer.
ATTENTIVE = small_model("sequential", 28)
ATTENTIVE["generator"].insert(4, {"spectral_norm": "SelfAttention"})
#: Two critic steps of 8 images out of 20, so that epochs end in the middle; a record that spans the stop; a penalty
#: every second critic step.
HARD = ("steps=10", "data.limit=20", "objective.n_critic=2", "objective.gp_every=3", "log_every=3", "save_every=4")


def resume(trainer, run: RunDir, recipe: Recipe) -> None:
    """Continue a run from its folder alone, like a new process."""
    torch.manual_seed(12345)
    state = trainer.prepared(recipe)
    checkpoint = load_checkpoint(run.checkpoint_files()[-1])
    continued_recipe(checkpoint.recipe, state.recipe)
    state.restore(checkpoint)
    torch.randn(7)
    state.restore(checkpoint)
    trainer.go_on(state, run)


@pytest.mark.parametrize(
    ("model", "amp", "decay"),
    [
        ((), "off", "none"),
        ((), "bf16", "linear"),
        ((MLP,), "off", "cosine"),
        (STYLE, "bf16", "linear"),
        ((f"model={json.dumps(ATTENTIVE)}",), "off", "none"),
        ((MLP, "data.memory_limit=1KB"), "off", "none"),  # streamed
        ((MLP, "data.augment={mirror: true, random_crop: 2}", "data.diff_augment=[color, cutout]"), "off", "none"),
    ],
)
def test_resume_is_exact(trainer, tmp_path, model, amp, decay):
    recipe = trainer.recipe(*model, *HARD, f"amp={amp}", f"optim.lr_schedule={decay}")
    whole = trainer.run(recipe, tmp_path / "whole")
    halves = trainer.run(recipe, tmp_path / "halves", stop_after=HALF)
    assert halves.checkpoint_files()[-1] == halves.checkpoint_file(HALF)
    resume(trainer, halves, recipe)
    assert_same_run(whole, halves)
    assert not halves.set_aside.exists()


@pytest.fixture(scope="module")
def killed(trainer, tmp_path_factory) -> tuple[Recipe, RunDir, RunDir]:
    """An uninterrupted run, and a run killed after step 7 with its last checkpoint at step 4."""
    folder = tmp_path_factory.mktemp("killed")
    recipe = trainer.recipe(MLP, *HARD)
    whole = trainer.run(recipe, folder / "whole")
    run = trainer.run(recipe, folder / "killed", stop_after=7)
    run.checkpoint_file(7).unlink()  # written because of the stop; a kill leaves no time for it
    with open(run.metrics_file, "a") as file:
        file.write('{"step": 8, "kim')
    return recipe, whole, run


def test_killed_run(trainer, killed, tmp_path):
    recipe, whole, run = killed
    run = RunDir(shutil.copytree(run.path, tmp_path / "copy"))
    resume(trainer, run, recipe)
    assert_same_run(whole, run)
    assert [record["step"] for record in read_metrics(run.set_aside / "metrics.jsonl")] == [6]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("seed=1", "seed"),
        ("objective.n_critic=3", "objective.n_critic"),
        ("optim.critic.lr=0.5", "optim.critic.lr"),
        ("data.limit=21", "data.limit"),
        ("optim.lr_schedule=linear", "optim.lr_schedule"),
    ],
)
def test_different_recipe_is_refused(trainer, killed, wgan, change, named):
    recipe, _, run = killed
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    result = wgan("train", "--resume", run.path, "--device", "cpu", "--set", change)
    assert result.status == 2
    assert f"with {named}=" in result.error
    assert f"`{named}`" in result.hint
    assert before == {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}


def test_settings_may_change_that_change_no_computation(trainer, killed):
    recipe, _, _ = killed
    evaluated = recipe.replaced(eval_every=2)
    for change in ({"eval_every": 3}, {"eval_count": 50}, {"best_by": "recall"}, {"patience": 3}):
        assert continued_recipe(evaluated, evaluated.replaced(**change)) == evaluated.replaced(**change)
    for change in ({"log_every": 1}, {"sample_every": 3}, {"save_every": 2}, {"steps": 20}, {"name": "other"}):
        assert continued_recipe(recipe, recipe.replaced(**change)) == recipe.replaced(**change)


def test_generator_file_does_not_resume(trainer, tiny_run):
    state = trainer.prepared(trainer.recipe("steps=12"))
    with pytest.raises(WganError, match="holds only a generator"):
        state.restore(load_checkpoint(tiny_run.generator_file))


@pytest.mark.parametrize(
    "words", [("--resume", "RUN"), ("RUN", "--resume", "auto", "--out", "RUN"), ("--resume", "RUN", "--epochs", 0.01)]
)
def test_finished_run(wgan, tiny_run, words):
    """A job that starts again after the end has nothing to do, and says what to do next."""
    before = tiny_run.recipe_file.read_bytes()
    words = [tiny_run.path if word == "RUN" else word for word in words]
    result = wgan("train", *words, "--device", "cpu")
    assert (result.status, result.stdout) == (0, ""), result.stderr
    assert f"{tiny_run.path} is finished: 12 " in result.stderr
    assert f"wgan train --resume {tiny_run.path} --steps 24" in result.stderr
    assert f"next: wgan sample {tiny_run.path} -n 64" in result.stderr
    assert tiny_run.recipe_file.read_bytes() == before


def test_fewer_steps_than_a_run_has(wgan, tiny_run):
    result = wgan("train", "--resume", tiny_run.path, "--steps", 10, "--device", "cpu")
    assert result.status == 0 and "12 steps are more than 10" in result.stderr


def test_auto_finds_only_the_run_of_its_name(wgan, tiny_options):
    Path("runs/tiny").mkdir(parents=True)
    words = ("train", *tiny_options, "--resume", "auto", "--device", "cpu", "--dry-run")
    Path("runs/tiny/notes.txt").touch()  # runs/tiny-2 would not be found again
    refused = wgan(*words)
    assert refused.status == 2 and "runs/tiny is not a run" in refused.error and "--out runs/tiny-2" in refused.hint
    assert wgan(*words, "--out", "runs/tiny-2").status == 0


def test_lost_folders_are_created_again(wgan, tiny_options):
    options = ("--device", "cpu", "--quiet")
    assert wgan("train", *tiny_options, "--steps", 4, "--out", "mine", *options).status == 0
    run = RunDir(Path("mine"))
    shutil.rmtree(run.samples)
    assert wgan("train", "--resume", "mine", "--steps", 6, *options).stderr == ""
    assert [step_of(file) for file in run.sample_files()] == [6]
    shutil.rmtree(run.checkpoints)
    assert wgan("train", "--resume", "mine", "--steps", 6, *options).status == 0
    assert run.newest_step() == 6


def test_finished_run_needs_no_images(wgan, tmp_path, tiny_options):
    (tmp_path / "photos").mkdir()
    for number in range(9):
        Image.new("L", (28, 28), number).save(tmp_path / f"photos/{number}.png")
    words = ("--recipe", "digits_dcgan", *tiny_options, "--data", "photos", "--out", "run", "--steps", 1, "--quiet")
    again = ("train", *words, "--resume", "auto", "--data-root", "root", "--device", "cpu")
    assert wgan(*again).status == 0
    shutil.rmtree("photos")
    result = wgan(*again)
    assert (result.status, result.stderr) == (0, "")


def test_range_of_values_is_part_of_the_recipe(wgan, tmp_path, tiny_options):
    """The range found automatically is stored, so that a resumed run and evaluation use it whatever is added."""
    (tmp_path / "scans").mkdir()
    for number in range(60):
        values = np.full((28, 28), 60 * number, np.uint16)
        values[:14] = 20 * number
        Image.fromarray(values).save(tmp_path / f"scans/{number:02}.png")
    words = ("--recipe", "digits_dcgan", *tiny_options, "--set", "data={source: folder, path: scans, image_size: 28}")
    made = wgan("train", *words, "--steps", 6, "--out", "run", "--data-root", "root", "--device", "cpu")
    assert made.status == 0 and "4095 white" in made.stderr, made.stderr
    run = RunDir(Path("run"))
    for recipe in (run.read_recipe(), load_checkpoint(run.generator_file).recipe):
        assert recipe.data.range == (0, 4095)
    entries = len(list(Path("root/.packs").iterdir()))
    for more in (("--resume", "run"), (*words, "--resume", "run")):
        steps = 2 * load_checkpoint(run.checkpoint_files()[-1]).step
        resumed = wgan("train", *more, "--steps", steps, "--data-root", "root", "--device", "cpu")
        assert resumed.status == 0, resumed.stderr
    assert len(list(Path("root/.packs").iterdir())) == entries, "decoded once"
    changed = wgan("train", "--resume", "run", "--steps", 99, "--set", "data.range=[0, 99]", "--data-root", "root")
    assert changed.status == 2 and "data.range=[0.0, 4095.0]" in changed.error
