"""Which networks an objective trains, which a family has, and how they must know of classes."""

from __future__ import annotations

import pytest

from wgan_cli.errors import WganError
from wgan_cli.recipe import load_recipe
from wgan_cli.recipe.model_settings import MlpSettings

CVAE = ("objective=cvae_gan", "model.conditional=true")


def refused(name: str, *settings: str) -> WganError:
    with pytest.raises(WganError) as caught:
        load_recipe(name, settings)
    return caught.value


@pytest.mark.parametrize(
    ("settings", "message", "hint"),
    [
        (("objective=cvae_gan",), "which learns classes, and `model.conditional` is false", "model.conditional"),
        ((*CVAE, "model.condition=classifier"), "does not train its critic for that", "embedding or projection"),
        ((*CVAE, "model.critic.norm=batch"), "mixes the images of a batch", "layer, instance or none"),
        ((*CVAE, "model.critic.minibatch_std=true"), "mixes the images of a batch", "leave out `minibatch_std`"),
        ((*CVAE, "data.diff_augment=[color]"), "by chance", "leave out `data.diff_augment`"),
        ((*CVAE, "objective.instance_noise=0.1"), "by chance", "leave out `objective.instance_noise`"),
        ((*CVAE, "model.critic.dropout=0.1"), "by chance", "leave out `model.critic.dropout`"),
        ((*CVAE, "objective.ac_weight=2"), "a classifier of its own", "leave it out"),
        ((*CVAE, "objective.kl_wieght=2"), "not a setting of cvae_gan", "did you mean `kl_weight`"),
        ((*CVAE, "objective.kl_weight=-1"), "greater than or equal to 0", "at least 0"),
        (("optim.encoder.lr=0.1",), "`optim.encoder` is set, and wgan_gp trains no encoder", "leave out `optim.encod"),
        (("optim.classifier=rmsprop",), "trains no classifier", "wgan_gp trains generator and critic"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_repair(settings, message, hint):
    error = refused("mnist_dcgan", *settings)
    assert message in error.message
    assert hint in error.hint


def test_a_family_without_the_networks_is_refused(monkeypatch):
    monkeypatch.setattr(MlpSettings, "roles", ("generator", "critic"))
    error = refused("mnist_mlp", *CVAE)
    assert "which trains an encoder, and `model.name` mlp has none" in error.message
    assert "set `model.name` to dcgan or resnet" in error.hint


def test_what_fits_is_taken():
    recipe = load_recipe("mnist_dcgan", [*CVAE, "data.augment={mirror: true}", "optim.encoder.lr=0.1"])
    assert (recipe.optim.of("encoder").lr, recipe.optim.of("classifier")) == (0.1, recipe.optim.critic)
    assert recipe.objective.roles == ("generator", "critic", "encoder", "classifier")
