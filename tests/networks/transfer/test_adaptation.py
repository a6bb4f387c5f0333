"""Weights of a network for other images: what it computes stays the same where that is possible."""

from __future__ import annotations

import pytest
import torch
from helpers.families import small_model

from wgan_cli.networks import build_network
from wgan_cli.networks.transfer import ImageKind, Transfer, transfer
from wgan_cli.recipe import ImageShape, recipe_from_dict

SIZE, COUNT = 8, 3
FAMILIES = ("mlp", "dcgan", "resnet", "style")


def kind(model: dict, channels: int = 1, classes: tuple[str, ...] = (), size: int = SIZE, **more) -> ImageKind:
    values = {"model": {**model, "conditional": bool(classes)} if classes else model, "steps": 5, **more}
    return ImageKind(recipe_from_dict(values, "a test"), ImageShape(size, size, channels, len(classes)), classes)


def network(role: str, of: ImageKind, seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    made = build_network(role, of.recipe, of.image)
    for tensor in [*made.parameters(), *made.buffers()]:  # no zeros or ones, such as biases and gains, to hide behind
        if tensor.is_floating_point():
            tensor.data += 0.1 * torch.rand_like(tensor)
    return made.eval()


def moved(role: str, given: ImageKind, wanted: ImageKind) -> tuple[torch.nn.Module, torch.nn.Module, Transfer]:
    """The source, the network with its weights, and what was done."""
    source, target = network(role, given, 1), network(role, wanted, 2)
    done = transfer(role, source, given, target, wanted)
    return source, target, done


def assert_close(a, b) -> None:
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("critic", [{}, {"weight_norm": True}], ids=["plain", "weight norm"])
@pytest.mark.parametrize("family", FAMILIES)
def test_critics_see_gray_images_as_before(family, critic):
    if family == "style" and critic:
        pytest.skip("rejected: equalised weights are scaled already")
    model = small_model(family, SIZE, critic=critic)
    gray = torch.rand(COUNT, 1, SIZE, SIZE) * 2 - 1
    color, alpha = gray.expand(-1, 3, -1, -1), torch.rand(COUNT, 1, SIZE, SIZE)
    images = {1: gray, 3: color, 4: torch.cat([color, alpha], 1)}
    for given, wanted in ((1, 3), (3, 1), (1, 4), (3, 4)):
        source, target, done = moved("critic", kind(model, given), kind(model, wanted))
        assert done.adapted and not done.skipped
        assert_close(target(images[wanted]), source(images[given]))


@pytest.mark.parametrize("family", FAMILIES)
def test_generators_make_the_same_images(family):
    model, z = small_model(family, SIZE, latent_dim=4), torch.randn(COUNT, 4)
    gray, color, done = moved("generator", kind(model, 1), kind(model, 3))
    assert done.adapted and not done.skipped
    assert_close(color(z), gray(z).expand(-1, 3, -1, -1))
    color, transparent, _ = moved("generator", kind(model, 3), kind(model, 4))
    assert_close(transparent(z)[:, :3], color(z))
    color, gray, _ = moved("generator", kind(model, 3), kind(model, 1))
    colors = color(z)
    precise = colors.abs().amax(1, keepdim=True) < 0.9
    assert_close(gray(z).atanh()[precise], colors.atanh().mean(1, keepdim=True)[precise])


@pytest.mark.parametrize("condition", ["embedding", "projection", "classifier"])
@pytest.mark.parametrize("family", FAMILIES)
def test_classes_keep_their_vectors_by_name(family, condition):
    model = small_model(family, SIZE, condition=condition, latent_dim=4)
    given, wanted = kind(model, 1, ("cat", "dog", "owl")), kind(model, 3, ("bee", "owl", "cat"))
    images, z = torch.rand(COUNT, 1, SIZE, SIZE), torch.randn(COUNT, 4)
    owl, bee = torch.full((COUNT,), 2), torch.zeros(COUNT, dtype=torch.long)
    source, target, done = moved("critic", given, wanted)
    assert done.adapted and not done.skipped
    assert_close(target(images.expand(-1, 3, -1, -1), owl - 1), source(images, owl))
    if condition == "projection":
        mean = torch.stack([source(images, owl - label) for label in range(3)]).mean(0)
        assert_close(target(images.expand(-1, 3, -1, -1), bee), mean)
    source, target, done = moved("generator", given, wanted)
    assert done.adapted and not done.skipped
    assert_close(target(z, owl - 1), source(z, owl).expand(-1, 3, -1, -1))


def test_one_hot_classes():
    model = small_model("mlp", SIZE, label_encoding="one_hot", latent_dim=4)
    source, target, _ = moved("generator", kind(model, 1, ("cat", "dog")), kind(model, 1, ("dog", "owl", "bee", "cat")))
    z = torch.randn(COUNT, 4)
    assert_close(target(z, torch.full((COUNT,), 3)), source(z, torch.zeros(COUNT, dtype=torch.long)))


def test_labels_become_new_inputs():
    """Weights of z and of the image are kept, those of a class beside them are new."""
    model = small_model("dcgan", SIZE, condition="embedding", latent_dim=4)
    for role, layer in (("generator", "project"), ("critic", "body.down.0")):
        source, target, done = moved(role, kind(model), kind(model, 1, ("cat", "dog")))
        assert [name.partition(" ")[0] for name in done.adapted] == [layer]
        mine, theirs = target.get_submodule(layer).weight, source.get_submodule(layer).weight
        assert torch.equal(mine[:, : theirs.shape[1]], theirs)
        assert not mine[:, theirs.shape[1] :].eq(0).any()


def test_other_sizes_keep_what_fits():
    model = small_model("dcgan", SIZE)
    source, target, done = moved("critic", kind(model), kind(model, size=16))
    assert done.loaded == ("body.down.0", "body.down.2") and done.skipped == ("head.to_score",)
    assert torch.equal(target.body.down[2].weight, source.body.down[2].weight)
    assert not torch.equal(target.head.to_score.bias, source.head.to_score.bias)


@pytest.mark.parametrize("name", ["spectral_norm", "weight_norm"])
def test_equal_networks_are_equal_bit_for_bit(name):
    of = kind(small_model("dcgan", SIZE, critic={name: True}))
    source, target, done = moved("critic", of, of)
    assert not done.adapted and not done.skipped
    assert all(map(torch.equal, target.state_dict().values(), source.state_dict().values()))


def test_adapted_weights_have_spectral_norm_1():
    model = small_model("dcgan", SIZE, critic={"spectral_norm": True})
    _, target, _ = moved("critic", kind(model, 1), kind(model, 3))
    assert torch.linalg.matrix_norm(target.body.down[0].weight.flatten(1), 2).item() == pytest.approx(1, rel=0.01)


def test_scales_of_another_initialization_cancel():
    given, wanted = (kind(small_model("dcgan", SIZE, init=init)) for init in ("normal", "equalised"))
    source, target, done = moved("critic", given, wanted)
    images = torch.rand(COUNT, 1, SIZE, SIZE)
    assert not done.skipped
    assert_close(target(images), source(images))


def test_bands_without_colors_are_not_guessed():
    model = small_model("dcgan", SIZE)
    _, _, done = moved("critic", kind(model, 3), kind(model, 5))
    assert done.skipped == ("body.down.0",)


@pytest.mark.parametrize("family", ["mlp", "dcgan", "resnet"])
def test_encoders_and_classifiers(family):
    model = small_model(family, SIZE, latent_dim=4)
    given, wanted = kind(model, 1, ("cat", "dog", "owl")), kind(model, 3, ("owl", "bee"))
    gray, owl = torch.rand(COUNT, 1, SIZE, SIZE), torch.full((COUNT,), 2)
    color = gray.expand(-1, 3, -1, -1)
    source, target, done = moved("encoder", given, wanted)
    assert not done.skipped
    for mine, theirs in zip(target(color, owl - 2), source(gray, owl), strict=True):
        assert_close(mine, theirs)
    source, target, done = moved("classifier", given, wanted)
    logits = source(gray)
    assert not done.skipped
    assert_close(target(color), torch.stack([logits[:, 2], logits.mean(1)], 1))
    assert_close(target.real_centers.centers[0], source.real_centers.centers[2])


def test_translators():
    model = {"name": "translation", "generator": {"channels": 4, "blocks": 1}, "critic": {"channels": [4, 8]}}
    more = {"objective": "cyclegan", "data": {"a": "mnist", "b": "fashion_mnist"}}
    given, wanted = (kind(model, channels, size=32, **more) for channels in (1, 3))
    a, b = torch.rand(2, COUNT, 1, 32, 32)
    for role in ("generator", "critic"):
        source, target, done = moved(role, given, wanted)
        assert not done.skipped
        results = zip(target(a.expand(-1, 3, -1, -1), b.expand(-1, 3, -1, -1)), source(a, b), strict=True)
        for mine, theirs in results:
            assert_close(mine, theirs.expand_as(mine))


def test_lists_of_layers_have_their_own_channels():
    """The critic's first layer takes any number of channels; the generator's last one names it."""
    given, wanted = (kind(small_model("sequential", SIZE, channels), channels) for channels in (1, 3))
    gray = torch.rand(COUNT, 1, SIZE, SIZE)
    source, target, _ = moved("critic", given, wanted)
    assert_close(target(gray.expand(-1, 3, -1, -1)), source(gray))
    _, _, done = moved("generator", given, wanted)
    assert done.skipped == ("layers.4",)
