"""Checkpoints of earlier versions of the program: files that they wrote, kept here, sample as they did then.

tests/runs/old holds, by name: the version of the format and the day's commit that wrote it, and the first images of
seed 0 as that program drew them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from wgan_cli.errors import WganError
from wgan_cli.outputs.sampling import generate, load_generator, sample_latents
from wgan_cli.runs import migration
from wgan_cli.runs.checkpoint import load_checkpoint

OLD = sorted((Path(__file__).parent / "old").glob("*.pth"))


def test_files_of_every_earlier_version_are_kept():
    versions = {torch.load(path, weights_only=True)["version"] for path in OLD}
    assert versions == set(range(1, migration.VERSION))


@pytest.mark.parametrize("path", OLD, ids=[path.stem for path in OLD])
def test_an_old_file_gives_the_images_that_it_gave(path):
    generator, checkpoint = load_generator(path, torch.device("cpu"))
    assert (checkpoint.step, checkpoint.recipe.name, checkpoint.image.size) == (300, "tiny", 28)
    (images,) = generate(generator, sample_latents(checkpoint.recipe.model.latent_dim, 4, seed=0))
    then = np.load(path.with_suffix(".npy"))
    assert then.std() > 20  # digits, not a grey plane
    assert np.abs(images.permute(0, 2, 3, 1).numpy().astype(int) - then).max() <= 1


@pytest.mark.parametrize("path", OLD, ids=[path.stem for path in OLD])
def test_an_old_file_is_saved_in_the_newest_form(path, tmp_path):
    load_checkpoint(path).save(tmp_path / "new.pth")
    assert torch.load(tmp_path / "new.pth", weights_only=True)["version"] == migration.VERSION
    assert load_checkpoint(tmp_path / "new.pth").recipe == load_checkpoint(path).recipe


def test_steps_are_taken_one_after_the_other(monkeypatch):
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


def test_a_renamed_setting_is_a_step(monkeypatch, tmp_path):
    def renames(content):
        recipe = dict(content["recipe"])
        recipe["ema_decay"] = recipe.pop("average_decay")
        return {**content, "recipe": recipe}

    content = torch.load(OLD[0], weights_only=True)
    content["recipe"]["average_decay"] = content["recipe"].pop("ema_decay")
    torch.save(content, tmp_path / "older.pth")
    with pytest.raises(WganError, match="sets `average_decay`"):
        load_checkpoint(tmp_path / "older.pth")
    monkeypatch.setattr(migration, "STEPS", migration.STEPS | {1: renames})
    assert load_checkpoint(tmp_path / "older.pth").recipe.ema_decay == 0.5


def test_every_version_has_its_step_and_later_ones_are_refused(tmp_path):
    assert set(migration.STEPS) == set(range(1, migration.VERSION))
    content = torch.load(OLD[0], weights_only=True)
    torch.save({**content, "version": migration.VERSION + 1}, tmp_path / "newer.pth")
    with pytest.raises(WganError, match=f"has checkpoint format {migration.VERSION + 1}") as caught:
        load_checkpoint(tmp_path / "newer.pth")
    assert "upgrade" in caught.value.hint
