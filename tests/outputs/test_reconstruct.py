"""Reconstruction and interpolation of real images, and changes of class."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.outputs.reconstruct import Autoencoder, interpolations, open_autoencoder, reconstructions

SIDE = 4


class Flat(nn.Module):
    """An encoder whose z are the pixels, a little brighter by class."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Parameter(torch.tensor(2 / 255))

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        z = images.flatten(1) + self.step * labels[:, None]
        return z, torch.zeros_like(z)


class Unflat(Flat):
    """The generator that undoes it: the same class gives the same pixels, another one others."""

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return (z - self.step * labels[:, None]).unflatten(1, (1, SIDE, SIDE))


class Brightest(nn.Module):
    """Sees in an image the class of its brightest pixel."""

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)


@pytest.fixture
def networks() -> Autoencoder:
    return Autoencoder(Unflat(), Flat(), Brightest(), batch=3)


@pytest.fixture
def images() -> Tensor:
    return torch.randint(50, 200, (5, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


LABELS = np.array([0, 1, 2, 7, 0])


def test_reconstructions(networks, images):
    rows = reconstructions(networks, images, LABELS)
    assert (rows.shape, rows.dtype) == ((5, 2, 1, SIDE, SIDE), torch.uint8)
    assert torch.equal(rows[:, 0], images) and torch.equal(rows[:, 1], images)
    assert networks.classes_of(images).tolist() == images.flatten(1).argmax(1).tolist()


def test_other_classes_keep_z(networks, images):
    rows = reconstructions(networks, images, LABELS, classes=[7, 0])
    assert torch.equal(rows[:, 0], images)
    for place, label in ((1, 7), (2, 0)):
        expected = images.int() + torch.from_numpy(LABELS - label).view(5, 1, 1, 1)
        assert torch.equal(rows[:, place].int(), expected.int())


def test_interpolation_is_linear(networks, images):
    rows = interpolations(networks, images, np.zeros(5, np.int64), frames=5)
    assert rows.shape == (4, 7, 1, SIDE, SIDE)
    for row, (a, b) in zip(rows, zip(images[:-1], images[1:], strict=True), strict=True):
        assert torch.equal(row[0], a) and torch.equal(row[1], a) and torch.equal(row[5], b) and torch.equal(row[6], b)
        middle = (a.float() + b.float()) / 2
        assert (row[3].float() - middle).abs().max() <= 0.51  # of a grey level: rounding


def test_interpolation_classes(networks, images):
    two = images[:1].repeat(2, 1, 1, 1)  # so that classes alone make a difference
    rows = interpolations(networks, two, np.array([3, 3]), frames=4, classes=[0, 9])
    assert rows.shape == (2, 6, 1, SIDE, SIDE)
    for row, label in zip(rows, (0, 9), strict=True):
        expected = two[0].int() + 3 - label
        assert all(torch.equal(frame.int(), expected) for frame in row[1:5])
    (row,) = interpolations(networks, two, np.array([3, 9]), frames=4)
    z_of_class = torch.linspace(3, 9, 4)
    for frame, z, own in zip(row[1:5], z_of_class, (3, 3, 9, 9), strict=True):
        assert (frame.float() - (two[0].float() + z - own)).abs().max() <= 0.51


def test_run_without_encoder(tiny_run):
    with pytest.raises(WganError, match="tiny has no encoder") as caught:
        open_autoencoder(tiny_run.path, torch.device("cpu"))
    assert "mnist_cvae_gan" in caught.value.hint
