"""Images passed in memory."""

import numpy as np
import pytest
import torch

from wgan_cli.data.loading import select_images
from wgan_cli.data.sources.arrays import image_set
from wgan_cli.errors import WganError
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils.pixels import to_16_bits

VALUES = np.random.default_rng(0).integers(0, 65536, (3, 5, 8, 12)).astype(np.uint16)


@pytest.mark.parametrize("given", [VALUES, torch.from_numpy(VALUES)])
def test_sixteen_bits_and_bands_are_kept(given):
    messages: list[str] = []
    images = select_images(image_set(given), DataSettings(source="given"), messages.append)
    assert isinstance(images.images, torch.Tensor) and images.preview_channels == (1, 2, 3) and len(messages) == 1
    assert np.array_equal(to_16_bits(images.images).numpy(), VALUES)


class Elsewhere(torch.Tensor):
    """Tensor that says it is on another device until it is moved."""

    def cpu(self):
        return self.as_subclass(torch.Tensor)


def test_images_are_moved_to_the_cpu():
    pixels, labels = torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 1])
    images = image_set(pixels.as_subclass(Elsewhere), labels.as_subclass(Elsewhere))
    assert type(images.images) is type(images.labels) is torch.Tensor


@pytest.mark.parametrize(
    "images", [VALUES.astype(float), VALUES.astype(np.int32), VALUES[0], np.zeros((2, 17, 8, 8), "u1"), VALUES[..., :3]]
)
def test_others_are_refused(images):
    with pytest.raises(WganError):
        image_set(images)
