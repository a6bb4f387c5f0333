"""Resuming with other images or settings: refused, or allowed and recorded."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from wgan_cli.cli import app
from wgan_cli.data.sources.arrays import image_set
from wgan_cli.errors import WganError
from wgan_cli.recipe import flat_settings, load_recipe
from wgan_cli.runs.checkpoint import BestScore, load_checkpoint
from wgan_cli.runs.continuation import continued_recipe
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training import setup
from wgan_cli.training.best_generator import Best
from wgan_cli.training.build_state import build_state
from wgan_cli.training.setup import Start, resolve_start
from wgan_cli.training.trainer import Trainer


def photos(folder: str, seed: int, count: int = 20) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 8, 8), np.uint8)
    for number, image in enumerate(pixels):
        path = Path(folder, "ab"[number % 2], f"{number:02d}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_options) -> Path:
    """A folder with a run of 4 steps on photos/, and other images. Read-only."""
    words = ("--recipe", "folder32_dcgan", "--data", "photos", *tiny_options, "--set", "data.image_size=8")
    small = ("--set", "model.generator.channels=[4]", "--set", "model.critic.channels=[4]")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("trained"))
        photos("photos", seed=0)
        photos("same", seed=0)
        photos("others", seed=1)
        photos("more", seed=0, count=30)
        assert app.run(["train", *words, *small, "--quiet", "--steps", "4", "--out", "mine"]) == 0
        return Path.cwd()


@pytest.fixture
def resumed(wgan, trained):
    """A copy of `trained` to work in; the function resumes the run for 4 more steps."""
    shutil.copytree(trained, ".", dirs_exist_ok=True)
    return lambda *words: wgan("train", "--resume", "mine", "--steps", 8, *words)


@pytest.mark.parametrize("folder", ["others", "more"])
def test_other_images_must_be_allowed(resumed, wgan, folder):
    refused = resumed("--data", folder)
    assert refused.status == 2 and "images" in refused.error and "--allow data" in refused.hint
    assert resumed("--data", folder, "--allow", "data").status == 0
    facts = json.loads(wgan("inspect", "mine", "--json").stdout)
    assert facts["step"] == 8 and facts["changed"] == ["data at step 4"]
    assert "not one exact run" in wgan("inspect", "mine").stdout
    assert wgan("train", "--resume", "mine", "--steps", 10).status == 0  # the new images are the run's own now


@pytest.mark.parametrize(("images", "is_kept"), [(40, True), (30, False)])
def test_the_best_of_other_images_starts_over(small, images, is_kept):
    state = small.state()
    state.best = Best(0, BestScore("fd", 1.0, "these"), state.exported_weights())
    resumed = small.state(images=images)
    resumed.allowed = frozenset({"data"})
    resumed.restore(small.checkpoint(state))
    assert (resumed.best is not None) == is_kept


def test_the_same_images_elsewhere_are_the_same(resumed, wgan):
    assert resumed("--data", "same").status == 0
    assert json.loads(wgan("inspect", "mine", "--json").stdout)["changed"] == []


@pytest.mark.parametrize(
    ("words", "change", "setting"),
    [
        (("--batch-size", 5), "batch_size", "batch_size"),
        (("--lr", 0.01), "optim", "optim.critic.lr"),
        (("--n-critic", 3), "n_critic", "objective.n_critic"),
    ],
)
def test_other_settings_must_be_allowed(resumed, wgan, words, change, setting):
    def value() -> object:
        return flat_settings(RunDir(Path("mine")).read_recipe().as_dict())[setting]

    before = value()
    refused = resumed(*words)
    assert refused.status == 2 and f"--allow {change}" in refused.hint
    assert resumed(*words, "--allow", change, "--set", "keep=all").status == 0
    assert value() == words[1] != before
    assert wgan("train", "--resume", "mine", "--steps", 9).status == 0 and value() == words[1]
    assert json.loads(wgan("inspect", "mine", "--json").stdout)["changed"] == [f"{change} at step 4"]
    earlier = wgan("train", "--resume", "mine/checkpoints/step_00000000.pth", "--stop-after", 1)
    assert earlier.status == 0 and f"{setting} is {before}" in earlier.stderr
    assert value() == before and RunDir(Path("mine")).read_recipe().steps == 9
    assert json.loads(wgan("inspect", "mine", "--json").stdout)["changed"] == []


def test_a_recipe_that_has_changed_since(resumed, wgan):
    refused = wgan("train", "folder32_dcgan", "--data", "photos", "--resume", "auto", "--out", "mine")
    assert refused.status == 2 and "wgan train --resume mine, without a recipe" in refused.hint
    assert "without a recipe" not in resumed("--batch-size", 5).hint  # the run's own recipe
    assert resumed().status == 0


def test_fp16_continues_without_a_gpu(resumed):
    file = RunDir(Path("mine")).checkpoint_files()[-1]
    saved = load_checkpoint(file)
    scale = {
        "scale": 65536.0,
        "growth_factor": 2.0,
        "backoff_factor": 0.5,
        "growth_interval": 2000,
        "_growth_tracker": 3,
    }
    training = {**(saved.training or {}), "precision": scale}
    replace(saved, recipe=saved.recipe.replaced(amp="fp16"), training=training).save(file)
    refused = resumed("--device", "cpu")
    assert refused.status == 2 and "fp16" in refused.error and "--allow amp" in refused.hint
    assert resumed("--device", "cpu", "--amp", "off").status == 2
    assert resumed("--device", "cpu", "--amp", "off", "--allow", "amp").status == 0
    assert load_checkpoint(RunDir(Path("mine")).checkpoint_files()[-1]).recipe.amp == "off"


def test_what_cannot_be_allowed(resumed, wgan):
    unknown = resumed("--allow", "optm")
    assert unknown.status == 2 and "'optm'" in unknown.error and "optim" in unknown.hint
    sizes = resumed("--allow", "data", "--set", "data.image_size=16")
    assert sizes.status == 2 and "data.image_size" in sizes.error and "--allow" not in sizes.hint


def test_other_channels_are_no_damaged_checkpoint(resumed):
    for path in Path("others").rglob("*.png"):
        Image.open(path).convert("RGB").save(path)
    result = resumed("--data", "others", "--allow", "data")
    assert result.status == 2 and "8x8x1" in result.error and "8x8x3" in result.error and "delete" not in result.hint


def test_counted_images_and_the_checkpoint_to_roll_back_to_follow_a_change(resumed):
    assert resumed("--batch-size", 2, "--allow", "batch_size", "--set", "log_every=1", "--set", "keep=all").status == 0
    run = RunDir(Path("mine"))
    kimg = [record["kimg"] for record in read_metrics(run.metrics_file)]
    assert kimg == sorted(kimg) and kimg[-1] - kimg[-2] == pytest.approx((kimg[-1] - kimg[-4]) / 3)
    (changed,) = (file for file in run.checkpoint_files() if file.stem.endswith("4"))
    assert load_checkpoint(changed).recipe.batch_size == 2


@pytest.mark.parametrize("batch_size", [2, 4, 8])
def test_epochs_include_those_of_another_batch_size(small, batch_size):
    images = small.images()
    half = small.checkpoint(small.run(small.state(), 10))  # two epochs: ten steps of two times 4 of 40 images
    state = build_state(
        small.recipe(batch_size=batch_size, epochs=6, steps=None), images, torch.device("cpu"), resumed=half
    )
    state.restore(half)
    assert state.recipe.steps == 10 + 4 * 40 // (2 * batch_size)
    state.step = state.recipe.steps
    assert state.kimg == 6 * 40 / 1000


def test_epochs_that_another_batch_size_has_done(resumed, wgan):
    words = ("--batch-size", 4, "--allow", "batch_size", "--epochs", 1)  # four steps of 8 of 20 images are more
    assert "finished" in wgan("train", "--resume", "mine", *words).stderr
    assert RunDir(Path("mine")).newest_step() == 4


ALONE = ("batch_size=8", "sync_batch_norm=false", "model.generator.norm=batch")


@pytest.mark.parametrize(
    ("before", "after", "hint"),  # processes and micro_batch_size
    [
        ((1, "null"), (1, "8"), ""), ((1, "null"), (1, "4"), "micro_batch_size=8"),
        ((2, "null"), (1, "4"), ""), ((2, "null"), (1, "null"), "micro_batch_size=4"),
        ((1, "3"), (4, "null"), ""), ((1, "3"), (2, "2"), ""), ((1, "4"), (4, "null"), "--gpus 2"),
        ((1, "null"), (3, "null"), ""),  # cannot share the batch equally
    ],
)  # fmt: skip
def test_batch_norm_of_parts_of_a_batch(trainer, before, after, hint):
    saved, wanted = (trainer.recipe(*ALONE, f"micro_batch_size={size}") for _, size in (before, after))
    processes = before[0], after[0]
    if not hint:
        assert continued_recipe(saved, wanted, processes=processes) == wanted
        return
    with pytest.raises(WganError, match="`sync_batch_norm`") as refused:
        continued_recipe(saved, wanted, processes=processes)
    assert hint in refused.value.hint


def test_parts_of_a_batch_without_effect_on_batch_norm(trainer):
    for free in ("model.generator.norm=layer", "sync_batch_norm=true"):
        saved, wanted = (trainer.recipe(*ALONE, free, f"micro_batch_size={size}") for size in ("null", "4"))
        assert continued_recipe(saved, wanted, processes=(1, 2)) == wanted
    saved, wanted = (trainer.recipe(*ALONE, f"batch_size={size}") for size in (8, 4))
    assert continued_recipe(saved, wanted, {"batch_size"}, processes=(1, 2)) == wanted


def test_another_number_of_processes_chooses_threads_anew(tiny_run, monkeypatch):
    def resumed(*settings: str) -> Start:
        return resolve_start(None, ("steps=20", *settings), tiny_run.path, None, False, lambda text: None)

    assert (resumed().recipe.threads, resumed().open_threads) == (1, False)
    monkeypatch.setattr(setup, "world_size", lambda: 2)
    assert (resumed().recipe.threads, resumed().open_threads) == (None, True)
    assert resumed("threads=3").recipe.threads == 3


def test_translation_continues_with_another_batch_size(trainer, tmp_path):
    settings = ["data.a={source: digits, limit: 9}", "data.b={source: digits, limit: 9, transform: invert}"]
    recipe = load_recipe("mnist_cyclegan", [*settings, "amp=off", "engine=eager", "batch_size=2", "steps=2"])
    run = Trainer(recipe, tmp_path / "run", settings=["eval_every=null"], device="cpu").fit()
    changed = {"settings": ["batch_size=3", "steps=3"], "resume": run.path, "device": "cpu"}
    with pytest.raises(WganError, match="batch_size"):
        Trainer(**changed)
    assert Trainer(**changed, allow=["batch_size"]).fit().checkpoint_file(3).is_file()


def test_checkpoints_without_a_fingerprint_resume(trainer, tmp_path):
    recipe = trainer.recipe("steps=4")
    run = trainer.run(recipe, tmp_path / "run", stop_after=2)
    checkpoint = load_checkpoint(RunDir(run.path).checkpoint_files()[-1])
    assert checkpoint.training is not None and checkpoint.training.pop("fingerprint")
    trainer.prepared(recipe).restore(checkpoint)


def test_fingerprints():
    images = np.random.default_rng(0).integers(0, 256, (300, 1, 8, 8), np.uint8)
    labels = np.arange(300) % 3
    changed = images.copy()
    changed[0] ^= 1
    sets = [
        image_set(images, labels),
        image_set(images, labels[::-1].copy()),
        image_set(images, labels, ["a", "b", "c"]),
        image_set(images[:-1], labels[:-1]),
        image_set(changed, labels),
    ]
    assert len({each.fingerprint for each in sets}) == len(sets)
    assert image_set(images.copy(), labels.copy(), origin="elsewhere").fingerprint == sets[0].fingerprint


def test_allow_needs_a_resumed_run(tmp_path):
    with pytest.raises(WganError, match="`allow`"):
        Trainer("digits_dcgan", tmp_path / "run", allow=["data"], dry_run=True)
