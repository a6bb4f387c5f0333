"""Checkpoints and runs of earlier versions load, sample and resume.

tests/runs/old contains files by format version and commit: generators with the first images of seed 0 as that version
drew them, and a run folder whose settings have former names.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from wgan_cli.errors import WganError
from wgan_cli.outputs.sampling import generate, open_generator, sample_latents
from wgan_cli.recipe import Recipe, load_recipe
from wgan_cli.runs import migration
from wgan_cli.runs.checkpoint import Checkpoint, load_checkpoint
from wgan_cli.runs.run_dir import RunDir

FOLDER = Path(__file__).parent / "old"
OLD = sorted(FOLDER.glob("*.pth"))
OLD_RUN = FOLDER / "2-4e7b247"


def test_every_version_has_a_step_and_a_file():
    earlier = set(range(1, migration.VERSION))
    assert set(migration.STEPS) == earlier
    assert {torch.load(path, weights_only=True)["version"] for path in OLD} == earlier


@pytest.mark.parametrize("path", OLD, ids=[path.stem for path in OLD])
def test_old_generator(path, tmp_path):
    generator, checkpoint = open_generator(path, torch.device("cpu"))
    assert (checkpoint.step, checkpoint.recipe.name, checkpoint.image.size) == (300, "tiny", (28, 28))
    (images,) = generate(generator, sample_latents(checkpoint.recipe.model.latent_dim, 4, seed=0))
    expected = np.load(path.with_suffix(".npy"))
    assert expected.std() > 20  # digits, not a grey plane
    assert np.abs(images.permute(0, 2, 3, 1).numpy().astype(int) - expected).max() <= 1

    assert (checkpoint.checksum is None) == (path.stem.startswith("1"))  # later versions have one
    load_checkpoint(path).save(tmp_path / "new.pth")
    assert torch.load(tmp_path / "new.pth", weights_only=True)["version"] == migration.VERSION
    assert load_checkpoint(tmp_path / "new.pth").recipe == load_checkpoint(path).recipe


def test_steps_are_taken_in_order(monkeypatch):
    def adds(word: str):
        return lambda content: {**content, "words": [*content["words"], word]}

    monkeypatch.setattr(migration, "STEPS", {1: adds("one"), 2: adds("two"), 3: adds("three")})
    monkeypatch.setattr(migration, "VERSION", 4)
    content = {"words": []}
    assert migration.migrated(content, 2)["words"] == ["two", "three"]
    assert migration.migrated(content, 4)["words"] == []
    assert content == {"words": []}


@pytest.mark.parametrize(
    ("role", "names"),
    [
        (
            "critic",
            {
                "enter.embedding.weight": "stem.embedding.weight",
                "down.0.weight": "body.down.0.weight",
                "body.2.bias": "body.layers.2.bias",
                "to_score.bias": "head.to_score.bias",
                "to_classes.bias": "head.to_classes.bias",
                "of_batch.to_score.weight": "head.batch_score.to_score.weight",
            },
        ),
        ("critic", {"of_a.layers.0.weight": "of_a.layers.0.weight", "of_b.to_scores.bias": "of_b.to_scores.bias"}),
        ("encoder", {"enter.embedding.weight": "stem.embedding.weight", "to_moments.weight": "head.weight"}),
        ("classifier", {"to_classes.weight": "head.weight", "real_centres.centres": "real_centers.centers"}),
        ("generator", {"enter.embedding.weight": "enter.embedding.weight", "up.0.weight": "up.0.weight"}),
    ],
)
def test_weights_have_their_current_names(role, names):
    tensors = {name: torch.tensor(number) for number, name in enumerate(names)}
    content = {"networks": {role: tensors}, "training": {"best": {"others": {role: tensors}}}}
    renamed = migration.rename_modules(content)
    expected = dict(zip(names.values(), tensors.values(), strict=True))
    assert renamed == {"networks": {role: expected}, "training": {"best": {"others": {role: expected}}}}
    assert migration.rename_modules(renamed) == renamed


DECODED_BEFORE = {"frames": "first", "background": "black", "range": "dtype"}


@pytest.mark.parametrize(("source", "labels"), [("folder", "folders"), ("shards", "cls"), ("mnist", "")])
def test_reading_stays_as_it_was(source, labels):
    before = {**DECODED_BEFORE, "labels": labels} if labels else {}
    data = {"source": source, "image_size": 8}
    for recipe, expected in (
        ({"data": data}, {"data": {**data, **before}}),
        ({"data": {"a": data, "b": data}}, {"data": {"a": {**data, **before}, "b": {**data, **before}}}),
    ):
        assert migration.migrated({"recipe": recipe, "image": {"size": 8}}, 3)["recipe"] == expected


@pytest.mark.parametrize(("source", "chosen"), [("folder", 64), ("shards", 64), ("mnist", None)])
def test_size_of_image_files_stays_as_it_was(source, chosen):
    """Images of 48x64 pixels were cropped to the default size, unless the recipe set one."""
    content = {"recipe": {"data": {"source": source}}, "image": {"size": 64, "channels": 3, "num_classes": 0}}
    found = migration.migrated(content, 4)
    assert found["image"] == {"height": 64, "width": 64, "channels": 3, "num_classes": 0}
    assert found["recipe"]["data"].get("image_size") == chosen
    content = {**content, "recipe": {"data": {"source": source, "image_size": 32}}}
    assert migration.migrated(content, 4)["recipe"]["data"]["image_size"] == 32


def test_old_run_on_transparent_images_resumes_on_black(tmp_path, trainer, wgan, monkeypatch):
    """A run written without the settings continues as if it had them with the values of its time."""
    (tmp_path / "drawings").mkdir()
    for number in range(9):
        Image.new("RGBA", (28, 28), (9 * number, 0, 0, 100)).save(tmp_path / f"drawings/{number}.png")
    monkeypatch.setenv("WGAN_DATA", str(tmp_path / "root"))
    folder = {"source": "folder", "path": str(tmp_path / "drawings"), "image_size": 28, "channels": 1}
    recipe = trainer.recipe("steps=8", f"data={folder | DECODED_BEFORE}", "save_every=4")
    whole = load_checkpoint(trainer.run(recipe, tmp_path / "whole").generator_file).networks["generator"]
    as_dict = Recipe.as_dict

    def without_decoding(self) -> dict:
        values = as_dict(self)
        return {**values, "data": {name: value for name, value in values["data"].items() if name not in DECODED_BEFORE}}

    facts = Checkpoint.facts.fget
    image = {"size": 28, "channels": 1, "num_classes": 0}
    with monkeypatch.context() as earlier:
        earlier.setattr(Recipe, "as_dict", without_decoding)
        earlier.setattr(Checkpoint, "facts", property(lambda self: {**facts(self), "version": 3, "image": image}))
        run = trainer.run(recipe, tmp_path / "run", stop_after=4)
    assert "background" not in run.recipe_file.read_text() and run.read_recipe().data.background == "black"
    result = wgan("train", "--resume", run.path, "--device", "cpu", "--quiet")
    assert result.status == 0, result.stderr
    resumed = load_checkpoint(run.generator_file)
    assert resumed.step == 8 and resumed.recipe == recipe == run.read_recipe()
    for name, tensor in resumed.networks["generator"].items():
        assert torch.equal(tensor, whole[name]), name
    changed = wgan("train", "--resume", run.path, "--steps", 9, "--set", "data.background=white", "--device", "cpu")
    assert changed.status == 2 and "data.background=black" in changed.error


def test_later_versions_are_rejected(tmp_path):
    content = torch.load(OLD[0], weights_only=True)
    torch.save({**content, "version": migration.VERSION + 1}, tmp_path / "newer.pth")
    with pytest.raises(WganError, match=f"has checkpoint format {migration.VERSION + 1}") as caught:
        load_checkpoint(tmp_path / "newer.pth")
    assert "upgrade" in caught.value.hint


@pytest.fixture
def old_run(tmp_path) -> RunDir:
    """A run that the program stopped half-way before settings were renamed; G.pth is the generator at its end."""
    return RunDir(Path(shutil.copytree(OLD_RUN, tmp_path / "old")))


def test_old_run_has_current_names(old_run):
    half = load_checkpoint(old_run.checkpoint_file(8))
    for recipe in (old_run.read_recipe(), half.recipe, load_checkpoint(old_run.generator_file).recipe):
        assert recipe == half.recipe
        assert (recipe.micro_batch_size, recipe.optim.lr_schedule, recipe.optim.lr_decay_start) == (4, "linear", 0.25)
        objective = recipe.objective
        assert (objective.ac_weight, objective.generator_ac_weight, objective.gp_points) == (2, 0.5, "interpolates")


@pytest.mark.parametrize(("source", "labels"), [("folder", "folders"), ("shards", "cls"), ("cifar10", "auto")])
def test_recipe_of_an_old_run_reads_images_as_before(old_run, source, labels):
    path = "" if source == "cifar10" else "\n  path: images.tar"
    text = old_run.recipe_file.read_text(encoding="utf-8").replace("source: digits", f"source: {source}{path}")
    old_run.recipe_file.write_text(text.replace("split: all", "split: train"), encoding="utf-8")
    data = load_recipe(str(old_run.path)).data
    assert (data.frames, data.background, data.range, data.labels) == (*DECODED_BEFORE.values(), labels)
    assert load_recipe(str(old_run.recipe_file), ["data.background=white"]).data.background == "white"
    written_by_hand = old_run.recipe_file.read_text(encoding="utf-8").replace("  on_bad_file: stop\n", "")
    old_run.recipe_file.write_text(written_by_hand, encoding="utf-8")
    assert load_recipe(str(old_run.path)).data.background == "white"


def test_old_run_samples_and_is_inspected(old_run, wgan):
    assert wgan("sample", "--ckpt", old_run.path, "-n", 4, "--device", "cpu", "--class", 3).status == 0
    assert wgan("inspect", old_run.path).status == 0


def test_old_run_resumes_exactly(old_run, wgan):
    expected = load_checkpoint(old_run.generator_file).networks["generator"]
    started = load_checkpoint(old_run.checkpoint_file(8)).networks["generator"]
    words = ("--resume", old_run.checkpoint_file(8), "--device", "cpu", "--quiet", "--set", "eval_every=null")
    result = wgan("train", *words)
    assert result.status == 0, result.stderr
    resumed = load_checkpoint(old_run.generator_file)
    assert resumed.step == 16
    for name, tensor in resumed.networks["generator"].items():
        # Equal on one machine; other processors round otherwise.
        torch.testing.assert_close(tensor, expected[name], rtol=1e-4, atol=1e-5)
        assert not torch.allclose(tensor, started[name], rtol=1e-3, atol=1e-4)
    assert "lr_schedule: linear" in old_run.recipe_file.read_text(encoding="utf-8")
