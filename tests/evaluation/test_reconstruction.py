"""Reconstruction error in closed form, and class accuracy."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from wgan_cli.data.dataset import ImageSet
from wgan_cli.evaluation.classifier import fixed_network
from wgan_cli.evaluation.features import Features
from wgan_cli.evaluation.real_images import RealImages, Selection
from wgan_cli.evaluation.reconstruction import measure_reconstruction
from wgan_cli.outputs.reconstruct import Autoencoder
from wgan_cli.recipe import ImageShape

SIDE = 8


class Identity(nn.Module):
    """Encodes as pixels, or decodes those, `brighter` by so many grey levels."""

    def __init__(self, brighter: float = 0.0) -> None:
        super().__init__()
        self.brighter = nn.Parameter(torch.tensor(brighter / 127.5))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return (x.flatten(1), x.flatten(1)) if x.ndim == 4 else x.unflatten(1, (1, SIDE, SIDE)) + self.brighter


@pytest.fixture
def real() -> RealImages:
    pixels = torch.randint(0, 200, (30, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    found = Selection(ImageSet(pixels, torch.arange(30) % 3, ("a", "b", "c"), "made up"), torch.arange(30), "made up")
    return RealImages(found, found, found, found, seen=True)


@pytest.fixture
def features() -> Features:
    network = fixed_network(ImageShape(SIDE, SIDE, 1, 3), 3).requires_grad_(False)
    return Features(network, "random", "random weights", ("a", "b", "c"))


@pytest.mark.parametrize("brighter", [0, 51])
def test_error_is_rms(real, features, brighter):
    networks = Autoencoder(Identity(brighter), Identity(), None)
    found = measure_reconstruction(networks, real, features)
    assert (found.count, found.error) == (30, pytest.approx(brighter / 255, abs=1e-7))
    if brighter == 0:
        assert found.kept == found.recognized, "perfect copies are seen as their originals are"


def test_count(real, features):
    assert measure_reconstruction(Autoencoder(Identity(), Identity(), None), real, features, 12).count == 12


def test_features_without_classes(real):
    network = fixed_network(ImageShape(SIDE, SIDE, 1, 3)).requires_grad_(False)
    found = measure_reconstruction(Autoencoder(Identity(), Identity(), None), real, Features(network, "random", ""))
    assert (found.kept, found.recognized) == (None, None)
