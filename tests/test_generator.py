"""`from wgan_cli import load_generator`: the images of `wgan sample`, in Python."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import TINY

import wgan_cli
from wgan_cli import load_generator
from wgan_cli.errors import WganError
from wgan_cli.networks import build_network
from wgan_cli.recipe import ImageShape, load_recipe
from wgan_cli.runs.checkpoint import Checkpoint, load_checkpoint
from wgan_cli.runs.pretrained import pretrained_names
from wgan_cli.utils.pixels import to_uint8

CLASSES = tuple("abc")


def made(path, base: str, *settings: str):
    """A file of a generator with its first weights."""
    recipe, image = load_recipe(base, ["name=made", "eval_every=null", *settings]), ImageShape(16, 16, 1, 3)
    torch.manual_seed(1)
    weights = build_network("generator", recipe, image).state_dict()
    Checkpoint(recipe, image, CLASSES, 5, {"generator": weights}).save(path)
    return path


@pytest.fixture
def conditional(tmp_path):
    return made(tmp_path / "G.pth", "mnist_mlp", "model.conditional=true", "model.generator.widths=[8]")


def on_samples(wgan, path, *words) -> np.ndarray:
    result = wgan("sample", "--ckpt", path, "--device", "cpu", "--out", "drawn.npy", "--force", *words)
    assert result.status == 0, result.stderr
    return np.load("drawn.npy")


def pixels(images: torch.Tensor) -> np.ndarray:
    return to_uint8(images).permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("form", ["run", "G.pth", "checkpoint", "safetensors"])
def test_same_samples_as_the_command(wgan, tiny_run, tmp_path, form):
    load_checkpoint(tiny_run.generator_file).save(tmp_path / "G.safetensors")
    path = {
        "run": tiny_run.path,
        "G.pth": str(tiny_run.generator_file),
        "checkpoint": tiny_run.checkpoint_file(12),
        "safetensors": tmp_path / "G.safetensors",
    }[form]
    generator = load_generator(path)
    images = generator.sample(5, seed=3)
    assert (images.shape, images.dtype, images.requires_grad) == ((5, 1, 28, 28), torch.float32, False)
    assert images.abs().max() <= 1
    np.testing.assert_array_equal(pixels(images), on_samples(wgan, path, "-n", 5, "--seed", 3))
    assert torch.equal(generator.sample(70, seed=3)[:5], images)


def test_it_says_what_it_is(tiny_run):
    generator = load_generator(tiny_run.path)
    assert isinstance(generator, torch.nn.Module) and not generator.training
    assert (generator.latent_dim, generator.step, generator.recipe.name) == (16, 12, "tiny")
    assert (generator.image.size, generator.image.channels, len(generator.class_names)) == ((28, 28), 1, 10)
    assert not any(parameter.requires_grad for parameter in generator.parameters())
    assert generator(torch.randn(2, 16)).shape == (2, 1, 28, 28)


def test_module_that_trains_does_not_change_the_samples(conditional):
    generator = load_generator(conditional)
    images = generator.sample(3)
    torch.nn.Sequential(generator).train()
    assert torch.equal(generator.sample(3), images)


@pytest.mark.parametrize(("labels", "words"), [(2, ("--class", "2")), ([0, 2, 1, 1], ()), (None, ())])
def test_labels(wgan, conditional, labels, words):
    generator = load_generator(conditional)
    images = generator.sample(4, labels=labels)
    if labels is None or isinstance(labels, int):
        np.testing.assert_array_equal(pixels(images), on_samples(wgan, conditional, "-n", 4, *words))
    in_turn = [generator.sample(4, labels=each) for each in range(3)]
    expected = [0, 1, 2, 0] if labels is None else [2] * 4 if labels == 2 else labels
    for number, label in enumerate(expected):
        assert torch.equal(images[number], in_turn[label][number])
    assert torch.equal(generator.sample(4, labels=torch.tensor(expected)), images)


def test_truncation(wgan, tmp_path):
    small = ("model.generator.channels=[4,2]", "model.critic.channels=[2,4]", "model.generator.mapping_layers=1")
    path = made(tmp_path / "style.pth", "mnist_style", *small)
    generator = load_generator(path)
    images = generator.sample(3, truncation_psi=0.5)
    np.testing.assert_array_equal(pixels(images), on_samples(wgan, path, "-n", 3, "--truncation", 0.5))
    mean = generator.sample(2, truncation_psi=0.0)
    assert torch.equal(mean[0], mean[1])


def test_translation(tmp_path, monkeypatch):
    from wgan_cli.outputs.translate import translator_to

    path = made(tmp_path / "T.pth", "mnist_cyclegan", "model.generator.channels=4", "model.generator.blocks=1")
    generator, images = load_generator(path), torch.rand(2, 1, 16, 16) * 2 - 1
    for side in ("a", "b"):
        assert torch.equal(generator.translate(images, to=side), translator_to(generator.network, side)(images))
        assert generator.translate(images[..., :13, :9], to=side).shape == (2, 1, 13, 9)
    whole = generator.translate(images)
    monkeypatch.setattr("wgan_cli.generator.images_at_once", lambda image: 1)
    torch.testing.assert_close(generator.translate(images), whole)
    with pytest.raises(WganError, match="translates images"):
        generator.sample(3)
    with pytest.raises(WganError, match="unknown side 'c'"):
        generator.translate(images, to="c")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n is 0"),
        ({"n": 1, "seed": -1}, "seed is -1"),
        ({"n": 1, "batch": -1}, "batch is -1"),
        ({"n": 2, "labels": 3}, "labels range from 3 to 3"),
        ({"n": 2, "labels": [0, 1, 2]}, r"labels have shape \(3,\)"),
        ({"n": 2, "truncation_psi": 0.5}, "needs a style space"),
    ],
)
def test_invalid_arguments(conditional, arguments, message):
    with pytest.raises(WganError, match=message) as caught:
        load_generator(conditional).sample(**arguments)
    assert caught.value.hint


def test_unsupported_arguments(tiny_run):
    generator = load_generator(tiny_run.path)
    with pytest.raises(WganError, match="labels need a conditional"):
        generator.sample(2, labels=1)
    with pytest.raises(WganError, match="samples from noise"):
        generator.translate(torch.zeros(1, 1, 28, 28))


def test_unknown_attribute():
    with pytest.raises(AttributeError, match="'wgan_cli' has no attribute 'load_generators'"):
        wgan_cli.load_generators  # noqa: B018


def test_large_packages_are_imported_when_they_are_needed(wgan_process):
    """Torch with the first function; for first images and steps not its compiler, which takes as long once more."""
    optimizers = [f"optim.critic.name={name}" for name in ("adam", "rmsprop", "sgd")]
    code = (
        "import sys, wgan_cli\n"
        "print('torch' in sys.modules)\n"
        "wgan_cli.load_generator\n"
        "print('torch' in sys.modules)\n"
        f"for name in {sorted(pretrained_names())}: wgan_cli.load_generator(name)\n"
        f"for setting in {optimizers}: wgan_cli.train(settings=[*{TINY}, 'steps=1', setting])\n"
        "print(name, {'torch._dynamo', 'sympy'} & set(sys.modules))"
    )
    result = wgan_process(python=("-c", code))
    assert result.status == 0, result.stderr
    before, after, _, compiler = result.stdout.split()
    assert (before, after, compiler) == ("False", "True", "set()"), result.stdout
