"""Labels in networks: where they enter, and that nothing else changes without them."""

from __future__ import annotations

import pytest
import torch
from helpers.families import FAMILIES, ROLES, layer_lists, small_model
from torch import nn
from torch.nn import functional as F

from wgan_cli.errors import WganError
from wgan_cli.networks import build_network
from wgan_cli.networks.conditioning import ConditionalNorm2d
from wgan_cli.networks.layers import norm
from wgan_cli.objectives import Batch, build_objective
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict

CLASSES = 5
SHAPE = ImageShape(8, 8, 1, CLASSES)
WAYS = ("embedding", "projection", "classifier")
LABELS = torch.tensor([0, 4, 2, 2])
SMALL = {
    "mlp": {"generator": {"widths": [6]}, "critic": {"widths": [6]}, "label_dim": 2},
    "dcgan": {"generator": {"channels": [6]}, "critic": {"channels": [6]}, "label_dim": 2},
    "resnet": {"generator": {"channels": [9, 8]}, "critic": {"channels": [8, 9], "halvings": 1}},
    "style": {"generator": {"channels": [9, 8]}, "critic": {"channels": [8, 9], "dense": [8]}, "label_dim": 2},
}


def recipe_of(family: str, way: str, size: int = 8, channels: int = 1, **more: object) -> Recipe:
    model = {"name": family, "latent_dim": 3, "conditional": True, "condition": way}
    model |= {**layer_lists(size, channels), "label_dim": 2} if family == "sequential" else SMALL[family]
    return recipe_from_dict({"model": model, "steps": 1, "batch_size": 4, **more}, "a test")


def networks_of(recipe: Recipe, channels: int = 1, size: int = 8):
    torch.manual_seed(0)
    return {role: build_network(role, recipe, ImageShape(size, size, channels, CLASSES)) for role in ROLES}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("size", "channels"), [(8, 1), (12, 3)])
def test_classes_change_images_and_scores(family, way, size, channels):
    recipe = recipe_of(family, way, size, channels)
    networks = networks_of(recipe, channels, size)
    generator, critic = networks["generator"].eval(), networks["critic"]
    z = torch.randn(1, 3).expand(4, 3)
    for module in generator.modules():  # some start alike for all classes
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight)

    # The class, and nothing else here, makes the image another.
    images = generator(z, LABELS)
    assert images.shape == (4, channels, size, size)
    torch.testing.assert_close(images[2], images[3])
    assert not torch.allclose(images[0], images[1])

    # The same image scores otherwise under another class, unless the score is to know of none.
    scores = critic(images[:1].expand_as(images), LABELS)
    assert scores.shape == (4,)
    torch.testing.assert_close(scores[2], scores[3])
    assert torch.allclose(scores[0], scores[1], atol=0.0) == (way == "classifier")

    # All of it learns from the losses.
    generator.train()
    for phase in build_objective(recipe, SHAPE).phases:
        network = networks[phase.trains].requires_grad_()
        network.zero_grad()
        real = torch.rand(4, channels, size, size) * 2 - 1
        phase.loss(networks, Batch(torch.randn(4, 3), real, LABELS)).total.backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad.isfinite().all() and (parameter.dim() == 1 or parameter.grad.any()), name


def test_auxiliary_classifier():
    recipe = recipe_of("dcgan", "classifier", objective={"ac_weight": 3.0, "generator_ac_weight": 0.5})
    plain = recipe_of("dcgan", "classifier", objective={"ac_weight": 0.0, "generator_ac_weight": 0.0})
    networks = networks_of(recipe)
    real, z = torch.rand(4, 1, 8, 8), torch.randn(4, 3)

    def losses(recipe: Recipe):
        torch.manual_seed(1)
        return [phase.loss(networks, Batch(z, real, LABELS)) for phase in build_objective(recipe, SHAPE).phases]

    (critic, generator), (critic_alone, generator_alone) = losses(recipe), losses(plain)
    # In training mode, as the losses are: batch norm in the generator sees the same batch.
    of_real = F.cross_entropy(networks["critic"](real, LABELS, classify=True)[1], LABELS)
    fake = networks["generator"](z, LABELS)
    of_fake = F.cross_entropy(networks["critic"](fake, LABELS, classify=True)[1], LABELS)
    torch.testing.assert_close(critic.total - critic_alone.total, 3.0 * of_real)
    torch.testing.assert_close(generator.total - generator_alone.total, 0.5 * of_fake)
    torch.testing.assert_close(critic.terms["class_loss"], of_real)
    torch.testing.assert_close(generator.terms["generator_class_loss"], of_fake)
    assert build_objective(recipe, SHAPE).meanings.keys() == critic.terms.keys() | generator.terms.keys()


NORMS = ["none", "batch", "instance", "layer"]


@pytest.mark.parametrize("kind", NORMS)
def test_conditional_norm(kind):
    torch.manual_seed(0)
    layer, plain = ConditionalNorm2d(kind, 3, CLASSES), nn.Sequential(*norm(kind, 3, spatial=True))
    x = torch.randn(4, 3, 6, 6) * torch.arange(1, 5)[:, None, None, None]
    torch.testing.assert_close(layer(x, LABELS), plain(x))  # at first no class changes anything

    for table in (layer.gain, layer.bias):
        nn.init.normal_(table.weight)
    gain, bias = (
        torch.stack([table.weight[y] for y in LABELS])[:, :, None, None] for table in (layer.gain, layer.bias)
    )
    torch.testing.assert_close(layer(x, LABELS), plain(x) * gain + bias)
    torch.testing.assert_close(layer.eval()(x, LABELS), plain.eval()(x) * gain + bias)  # by running statistics


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_conditional_norm_keeps_the_dtype(dtype):
    assert ConditionalNorm2d("batch", 3, CLASSES)(torch.randn(4, 3, 6, 6).to(dtype), LABELS).dtype == dtype


@pytest.mark.parametrize("family", FAMILIES)
def test_unconditional_networks_have_no_class_weights(family):
    recipe = recipe_from_dict({"model": small_model(family, 32, 3), "steps": 1}, "a test")
    with torch.device("meta"):
        networks = {role: build_network(role, recipe, ImageShape(32, 32, 3, CLASSES)) for role in ROLES}
    names = [name for network in networks.values() for name, _ in network.named_parameters()]
    assert not any("embedding" in name or "classes" in name or "gain" in name for name in names)


def test_images_without_classes_are_refused():
    with pytest.raises(WganError, match="no classes") as caught:
        build_network("generator", recipe_of("mlp", "projection"), ImageShape(8, 8, 1, 0))
    assert "conditional=false" in caught.value.hint
