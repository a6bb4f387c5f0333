"""Looping walks through latent space."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from wgan_cli.errors import WganError
from wgan_cli.outputs.grid import grid_tensor
from wgan_cli.outputs.latent_space.walk import ends_of_seeds, random_ends, walk_frames
from wgan_cli.outputs.sampling import open_generator
from wgan_cli.utils.pixels import to_uint8
from wgan_cli.utils.seeds import latent_vectors


def test_latent_walk_loops_smoothly(tiny_run):
    generator, checkpoint = open_generator(tiny_run.path, torch.device("cpu"))
    frames = walk_frames(generator, checkpoint, random_ends(16, 0, 16, 40), 40, columns=4)
    assert len(frames) == 40
    assert {frame.picture.size for frame in frames} == {(4 * 30 + 2, 4 * 30 + 2)}
    on_samples = np.stack([np.asarray(frame.picture, dtype=np.float64) for frame in frames])
    moves = np.abs(on_samples - np.roll(on_samples, -1, axis=0)).mean((1, 2, 3))  # the last one leads back to the first
    far = np.abs(on_samples[0] - on_samples[20]).mean()
    assert moves.min() > 0
    assert moves.max() < far
    again = walk_frames(generator, checkpoint, random_ends(16, 0, 16, 40), 40, columns=4)
    assert all(one.picture.tobytes() == other.picture.tobytes() for one, other in zip(frames, again, strict=True))


class Clear(torch.nn.Linear):
    """Generator of black images hidden by alpha."""

    def forward(self, z, labels=None):
        return -torch.ones(len(z), 4, 28, 28)


def test_latent_walk_of_transparent_images_is_on_white(tiny_run):
    _, checkpoint = open_generator(tiny_run.path, torch.device("cpu"))
    for frame in walk_frames(Clear(1, 1), checkpoint, random_ends(16, 0, 4, 8), 8, columns=2):
        assert frame.picture.mode == "RGB" and np.asarray(frame.picture).min() == 255


@pytest.mark.parametrize("classes", [None, [7, 3]])
def test_passes_the_images_of_seeds(tiny_run, classes):
    generator, checkpoint = open_generator(tiny_run.path, torch.device("cpu"))
    network = ByClass(generator)
    recipe = checkpoint.recipe.replaced(model=checkpoint.recipe.model.model_copy(update={"conditional": True}))
    checkpoint = replace(checkpoint, recipe=recipe)
    frames = walk_frames(network, checkpoint, ends_of_seeds(16, [3, 8], 3), 8, columns=3, classes=classes)
    assert len(frames) == 8
    for seed, number in ((3, 0), (8, 4)):
        labels = torch.tensor([0, 1, 2] if classes is None else [7, 3, 7])
        z = torch.from_numpy(latent_vectors(seed, range(3), 16))
        wanted = grid_tensor(to_uint8(network(z, labels)), columns=3)
        shown = np.asarray(frames[number].picture, dtype=int).transpose(2, 0, 1)
        assert np.abs(shown - wanted.numpy()).max() <= 1  # a batch of another size may round otherwise


class ByClass(torch.nn.Module):
    """A generator whose images are brighter the higher the class is."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, z, labels=None):
        return self.inner(z) * 0.5 + 0.05 * labels[:, None, None, None]


def test_frames_must_fit_into_memory(tiny_run, monkeypatch):
    _, checkpoint = open_generator(tiny_run.path, torch.device("cpu"))
    monkeypatch.setattr("wgan_cli.utils.machine.free_memory", lambda device: 150_000)  # enough for the latent vectors
    with pytest.raises(WganError, match="40 frames of 4 images need"):
        walk_frames(Clear(1, 1), checkpoint, random_ends(16, 0, 4, 40), 40, columns=2)
