"""Projection into the latent spaces of generators whose images are known."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest
import torch

from wgan_cli.networks import build_network
from wgan_cli.outputs.latent_space.projection import Projector, are_far, image_distance
from wgan_cli.outputs.latent_space.styles import FromStyles
from wgan_cli.outputs.sampling import open_generator
from wgan_cli.recipe import ImageShape, load_recipe
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.utils.pixels import to_uint8
from wgan_cli.utils.seeds import latent_vectors

Z = latent_vectors(5, range(1), 16)


def error(network: torch.nn.Module, target: torch.Tensor, *inputs: torch.Tensor) -> float:
    return (to_uint8(network(*inputs))[0].float() - target.float()).square().mean().sqrt().item()


def test_distance():
    images = torch.randn(3, 2, 20, 16)
    assert image_distance(images, images[:1])[0] == 0
    shifted = images + torch.tensor([0.0, 0.5, 1.0])[:, None, None, None]
    levels = 2  # of 16 pixels and 8
    torch.testing.assert_close(image_distance(shifted, images)[1:], levels * torch.tensor([0.25, 1.0]))


def test_distance_prefers_what_is_near():
    target, near, far = (torch.zeros(1, 1, 32, 32) for _ in range(3))
    for image, column in ((target, 5), (near, 6), (far, 20)):
        image[..., column] = 1
    near_and_far = image_distance(torch.cat([near, far]), target)
    assert near_and_far[0] < 0.95 * near_and_far[1]


def test_far_is_no_nearer_than_a_plain_image():
    images = torch.zeros(4, 3, 4, 4)
    images[:3, :, :2] = 1
    images[:3] += torch.tensor([0.0, 0.1, 0.2])[:, None, None]  # of the channels, which a plain image can have
    errors = np.array([0.24, 0.26, 0.9, 0.09])  # the deviation is 0.25; a plain image is near with any small error
    assert are_far(errors, images).tolist() == [False, True, True, False]


def test_finds_z_of_a_sample(tiny_run):
    generator, checkpoint = open_generator(tiny_run.path, torch.device("cpu"))
    target = to_uint8(generator(torch.from_numpy(Z)))[0]
    projector = Projector(generator, checkpoint, steps=60, starts=3)
    nearest = (projector.candidates.images.float() - target).square().mean((1, 2, 3)).sqrt().min()
    found = projector.project(target, count())
    assert found.label is None and found.point.shape == (16,)
    assert np.square(found.point).mean() < 1.3
    assert error(generator, target, torch.from_numpy(found.point)[None]) < 0.3 * nearest


@pytest.mark.parametrize("per_layer", [False, True])
def test_finds_w_and_its_class(per_layer):
    settings = "model={name: style, latent_dim: 16, style_dim: 8, conditional: true, generator: {channels: [8, 4]}}"
    recipe, image = load_recipe("digits_dcgan", [settings, "objective=gan"]), ImageShape(8, 8, 1, 3)
    torch.manual_seed(0)
    generator = build_network("generator", recipe, image).eval().requires_grad_(False)
    checkpoint = Checkpoint(recipe, image, ("a", "b", "c"), step=1, networks={})
    target = to_uint8(generator(torch.from_numpy(Z), torch.tensor([2])))[0]
    projector = Projector(generator, checkpoint, steps=60, starts=2, classes=[2, 1], per_layer=per_layer)
    nearest = (projector.candidates.images.float() - target).square().mean((1, 2, 3)).sqrt().min()
    found = projector.project(target, count())
    assert found.label in (1, 2) and found.point.shape == ((3, 8) if per_layer else (8,))
    assert error(FromStyles(generator), target, torch.from_numpy(found.point)[None]) < 0.3 * nearest
