"""Images for a trained generator are read as its training images were."""

from __future__ import annotations

import pytest

from wgan_cli.cli.sampling.given_images import like_training
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape, load_recipe
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.runs.checkpoint import Checkpoint

FOLDER, SHARDS = (DataSettings(source=source, path="others") for source in ("folder", "shards"))


def trained(*settings: str) -> Checkpoint:
    recipe = load_recipe("folder_dcgan", ["data.path=photos", *settings])
    return Checkpoint(recipe, ImageShape(24, 32, 3, 2), ("a", "b"), step=1, networks={})


def test_settings_of_the_training_images():
    own = trained("data.fit=pad", "data.frames=first", "data.background=black", "data.range=[0,4095]")
    found = like_training(FOLDER, own)
    assert (found.fit, found.frames, found.background, found.range) == ("pad", "first", "black", (0, 4095))
    assert (found.path, found.image_size, found.channels) == ("others", (24, 32), 3)
    assert like_training(DataSettings(source="mnist"), own).channels is None


def test_transforms():
    assert like_training(FOLDER, trained("data.transform=thicken")).transform == "thicken"
    assert like_training(FOLDER, trained("data.transform=colour")).channels == 1, "they are colored afterwards"
    assert like_training(SHARDS, trained()).transform is None
    with pytest.raises(WganError, match="doesn't apply to shards"):
        like_training(SHARDS, trained("data.transform=invert"))
