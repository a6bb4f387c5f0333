"""Weights of other programs."""

from __future__ import annotations

import pickle
import shlex
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from wgan_cli.data import native_shape
from wgan_cli.networks import build_network
from wgan_cli.recipe import load_recipe
from wgan_cli.utils.pixels import to_uint8
from wgan_cli.utils.seeds import latent_vectors

WIDTHS = (128, 256, 512, 1024)
SMALL = ("--set", "model.generator.widths=[12,20]", "--set", "model.latent_dim=6")


class Tutorial(nn.Module):
    """The generator of many a script: linear layers in one Sequential, tanh, and a view."""

    def __init__(self, latent_dim: int, widths: tuple[int, ...], norm: bool, first_norm: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for place, (a, b) in enumerate(zip((latent_dim, *widths), widths, strict=False)):
            layers.append(nn.Linear(a, b))
            if norm and (place or first_norm):
                layers.append(nn.BatchNorm1d(b))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        self.model = nn.Sequential(*layers, nn.Linear(widths[-1], 784), nn.Tanh())
        for module in self.modules():
            if isinstance(module, nn.BatchNorm1d):
                nn.init.normal_(module.running_mean)
                nn.init.uniform_(module.weight)

    def forward(self, z):
        return self.model(z).view(-1, 1, 28, 28)


def own_pixels(generator: nn.Module, latent_dim: int) -> np.ndarray:
    """Return the images of the module itself for seed 0."""
    with torch.no_grad():
        images = generator.eval()(torch.from_numpy(latent_vectors(0, range(4), latent_dim)))
    return to_uint8(images).permute(0, 2, 3, 1).numpy().astype(int)


def sampled(wgan, *words) -> tuple[np.ndarray, str]:
    result = wgan("sample", "--device", "cpu", "-n", 4, "--out", "drawn.npy", "--force", *words)
    assert result.status == 0, result.stderr
    return np.load("drawn.npy").astype(int), result.stderr


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("form", ["pth", "wrapped", "entry", "safetensors"])
def test_tutorial_generator(wgan, norm, form):
    torch.manual_seed(0)
    generator = Tutorial(6, (12, 20), norm)
    weights = generator.state_dict()
    name = "theirs.safetensors" if form == "safetensors" else "theirs.pth"
    if form == "safetensors":
        from safetensors.torch import save_file

        save_file(weights, name)
    elif form == "wrapped":
        torch.save({f"module.{key}": value for key, value in weights.items()}, name)
    else:
        torch.save(weights if form == "pth" else {"generator": weights, "epoch": 3}, name)
    changes = (*SMALL, *(() if norm else ("--set", "model.generator.norm=none")))
    images, said = sampled(wgan, "--ckpt", name, "--recipe", "mnist_mlp", *changes)
    assert np.abs(images - own_pixels(generator, 6)).max() <= 1
    count = len([key for key in weights if not key.endswith("num_batches_tracked")])
    assert f"{count} tensors of {name} fit mnist_mlp by order and shape:" in said
    first = "model.0.weight" if form != "wrapped" else "module.model.0.weight"
    assert [first, "body.0.weight", "12x6"] in [line.split() for line in said.splitlines()]
    assert f"4 images of 28x28x1 from {name} as mnist_mlp" in said


FOLDER = ("--recipe", "folder_dcgan", "--set", "model.generator.channels=[4]", "--set", "model.latent_dim=6")
SHAPE = ("--set", "data.image_size=[16,32]", "--set", "data.channels=3")


def saved_generator(name: str, *settings: str) -> None:
    recipe = load_recipe("folder_dcgan", [*(*FOLDER, *SHAPE)[3::2], *settings])
    torch.manual_seed(0)
    generator = build_network("generator", recipe, native_shape(recipe.data))
    torch.save({f"module.{key}": value for key, value in generator.state_dict().items()}, name)


def test_a_folder_recipe_without_the_folder(wgan):
    saved_generator("theirs.pth")
    images, _ = sampled(wgan, "--ckpt", "theirs.pth", *FOLDER, *SHAPE)
    assert images.shape == (4, 16, 32, 3)
    assert wgan("gif", "theirs.pth", *FOLDER, *SHAPE, "--max-frames", 2).status == 0
    assert "folder_dcgan" in wgan("inspect", "theirs.pth", *FOLDER, *SHAPE).stdout
    assert wgan("export", "theirs.pth", *FOLDER, *SHAPE, "--out", "G.safetensors").status == 0
    np.testing.assert_array_equal(sampled(wgan, "--ckpt", "G.safetensors")[0], images)
    for words, message in (
        (("sample", "theirs.pth", *FOLDER), "`data.path` is not set"),
        (("evaluate", "theirs.pth", *FOLDER, *SHAPE), "`data.path` is not set"),
        (("train", *FOLDER, *SHAPE), "`data.path` is not set"),
        (("train", "--recipe", "folder_cyclegan"), "`data.a.path` is not set"),
    ):
        refused = wgan(*words)
        assert refused.status == 2 and message in refused.error and "path=photos" in refused.hint


def test_classes_of_a_folder_recipe_without_the_folder(wgan):
    classes = ("--set", "model.conditional=true", "--set", "data.classes=[cat, dog, 7]")
    saved_generator("theirs.pth", *classes[1::2])
    common = ("--ckpt", "theirs.pth", *FOLDER, *SHAPE, *classes[:2])
    every, _ = sampled(wgan, *common, *classes[2:], "--class", "cat,dog,7")
    dogs, _ = sampled(wgan, *common, *classes[2:], "--class", "dog")
    np.testing.assert_array_equal(every[4:8], dogs)
    refused = wgan("sample", *common)
    assert refused.status == 2 and "none are known" in refused.error and "data.classes=[cat, dog]" in refused.hint


def test_export_imported_weights(wgan):
    torch.manual_seed(0)
    generator = Tutorial(6, (12, 20), norm=True)
    torch.save(generator.state_dict(), "theirs.pth")
    result = wgan("export", "theirs.pth", "--recipe", "mnist_mlp", *SMALL, "--out", "G.safetensors")
    assert result.status == 0, result.stderr
    images, said = sampled(wgan, "--ckpt", "G.safetensors")
    assert np.abs(images - own_pixels(generator, 6)).max() <= 1
    assert "from theirs.pth as mnist_mlp" in said


def test_match_by_name(wgan, tiny_run):
    content = torch.load(tiny_run.generator_file, weights_only=True)
    torch.save(content["networks"]["generator"], "bare.pth")
    plain, _ = sampled(wgan, "--ckpt", tiny_run.generator_file)
    words = ("--set", "model.latent_dim=16", "--set", "model.generator.channels=[8,4]")
    images, said = sampled(wgan, "--ckpt", "bare.pth", "--recipe", "digits_dcgan", *words)
    assert " by name:" in said
    np.testing.assert_array_equal(images, plain)


def test_mismatch_lists_both_sides(wgan, tmp_path):
    # As PyTorch-GAN's wgan_gp.py has it: batch norm after each layer but the first.
    torch.save(Tutorial(100, WIDTHS, norm=True, first_norm=False).state_dict(), "theirs.pth")
    result = wgan("sample", "--ckpt", "theirs.pth", "--recipe", "mnist_mlp")
    assert (result.status, result.stdout) == (2, "")
    assert result.error.startswith("theirs.pth does not fit the generator of mnist_mlp: 22 tensors")
    assert "none; in the network: `body.1.weight` 128, `body.1.bias` 128, `body.1.running_mean` 128" in result.error
    assert "--set model.generator.norm=none" in result.hint
    assert [path.name for path in tmp_path.iterdir()] == ["theirs.pth"]


def test_file_with_code(wgan):
    class Runs:
        def __reduce__(self):
            return open, ("ran", "w")

    torch.save({"model.0.weight": Runs()}, "theirs.pth")
    result = wgan("sample", "--ckpt", "theirs.pth", "--recipe", "mnist_mlp")
    assert result.status == 2
    assert "theirs.pth is not a wgan checkpoint: its data.pkl asks for" in result.error
    assert "torch.save(model.state_dict()" in result.hint
    assert not Path("ran").exists()


def scripted(generator: nn.Module) -> None:
    with warnings.catch_warnings(action="ignore"):  # TorchScript is deprecated
        torch.jit.script(generator.model[0]).save("theirs.pth")


def pickled(generator: nn.Module) -> None:
    Path("theirs.pth").write_bytes(pickle.dumps({"G_ema": generator.state_dict()}))


FOREIGN = {
    "whole module": lambda generator: torch.save(generator, "theirs.pth"),
    "module in a dict": lambda generator: torch.save({"netG": generator, "epoch": 3}, "theirs.pth"),
    "TorchScript": scripted,
    "before torch 1.6": lambda generator: torch.save(
        generator.state_dict(), "theirs.pth", _use_new_zipfile_serialization=False
    ),
    "pickle": pickled,
}


@pytest.mark.parametrize("form", FOREIGN)
def test_files_with_more_than_tensors(wgan, form):
    FOREIGN[form](Tutorial(6, (12, 20), norm=True))
    for words in (("--recipe", "mnist_mlp", *SMALL), ()):
        result = wgan("sample", "--ckpt", "theirs.pth", *words)
        assert result.status == 2
        assert "torch.save(model.state_dict(), 'weights.pth')" in result.hint


@pytest.mark.parametrize(("plain", "average"), [("netG", "netG_ema"), ("generator", "ema_G"), ("G.", "GE.")])
def test_average_is_used(wgan, plain, average):
    torch.manual_seed(0)
    networks = {name: Tutorial(6, (12, 20), norm=True) for name in (plain, average)}
    states = {name: network.state_dict() for name, network in networks.items()}
    if plain.endswith("."):
        states = {f"{name}{key}": value for name, state in states.items() for key, value in state.items()}
    torch.save(states | {"D.0.weight": torch.zeros(3)}, "theirs.pth")
    if not plain.endswith("."):
        torch.save(states | {"netD": {"0.weight": torch.zeros(3)}, "epoch": 3}, "theirs.pth")
    words = ("--ckpt", "theirs.pth", "--recipe", "mnist_mlp", *SMALL)
    for entry, name in (((), average), (("--entry", plain.rstrip(".")), plain)):
        images, said = sampled(wgan, *words, *entry)
        assert np.abs(images - own_pixels(networks[name], 6)).max() <= 1
        assert (f"using `{average.rstrip('.')}`, an EMA" in said) == (name == average)
    assert "not in the file, so as in mnist_mlp: LeakyReLU(0.2), images in [-1, 1]" in said


def test_every_command_takes_them(wgan):
    """The file may hold several networks; --entry picks one."""
    torch.manual_seed(0)
    generator = Tutorial(6, (12, 20), norm=True)
    torch.save({"first": generator.state_dict(), "second": Tutorial(6, (3,), False).state_dict()}, "theirs.pth")
    words = ("theirs.pth", "--recipe", "mnist_mlp", *SMALL, "--set", "data.source=digits")
    refused = wgan("inspect", *words)
    assert refused.status == 2 and "first, second" in refused.error and "--entry" in refused.hint
    assert wgan("inspect", "theirs.pth", "--entry", "first").status == 2
    words += ("--entry", "first")
    assert wgan("inspect", *words, "--json").status == 0
    assert wgan("gif", *words, "--max-frames", 2, "--out", "walk.gif").status == 0
    assert wgan("export", *words, "--out", "G.safetensors").status == 0


def test_the_next_command_of_a_projection_works(wgan):
    torch.manual_seed(0)
    torch.save({"my net": Tutorial(6, (12, 20), norm=True).state_dict()}, "theirs.pth")
    Image.new("L", (28, 28), 90).save("photo.png")
    words = ("theirs.pth", "--recipe", "mnist_mlp", *SMALL, "--entry", "my net", "--device", "cpu")
    projected = wgan("project", "photo.png", "--ckpt", *words, "--steps", 10, "--starts", 1)
    assert projected.status == 0, projected.stderr
    command = shlex.split(projected.stderr.partition("next: wgan ")[2])
    assert wgan(*command).status == 0


def test_an_entry_needs_a_recipe(wgan):
    for words in (("inspect", "digits_dcgan"), ("sample", "digits_dcgan")):
        assert "--entry needs --recipe" in wgan(*words, "--entry", "first").error
