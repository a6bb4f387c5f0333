"""Classes of the generated images that are compared with training images."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wgan_cli.data.dataset import ImageSet
from wgan_cli.evaluation.generated_images import images_to_evaluate, labels_like
from wgan_cli.evaluation.real_images import Selection
from wgan_cli.recipe import load_recipe


def training_images(counts) -> Selection:
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    images = torch.zeros(len(labels), 1, 8, 8, dtype=torch.uint8)
    return Selection(ImageSet(images, labels, tuple("abcd"[: len(counts)]), "made up"), torch.arange(len(labels)), "")


@pytest.mark.parametrize("counts", [(7, 7, 7), (797, 601, 700), (9, 6, 8)])
def test_nearly_equal_classes_are_in_turn(counts):
    assert labels_like(training_images(counts), 8).tolist() == [0, 1, 2, 0, 1, 2, 0, 1]


@pytest.mark.parametrize("counts", [(6, 2, 4), (10, 6, 8), (1, 400, 30, 569), (5, 0, 5), (10, 0, 0)])
def test_other_classes_have_their_share(counts):
    training, total = training_images(counts), sum(counts)
    labels = labels_like(training, 3 * total)
    assert labels.dtype == np.int64
    assert np.bincount(labels, minlength=len(counts)).tolist() == [3 * count for count in counts]
    some = np.bincount(labels[: total // 2], minlength=len(counts))  # also the first ones
    assert abs(some - np.array(counts) / 2).max() <= 1
    assert np.array_equal(labels_like(training, 5), labels[:5])


class _Labels(torch.nn.Module):
    """Paint each image in its label."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, z, labels=None):
        return (labels.view(-1, 1, 1, 1) / 127.5 - 1 + self.weight).expand(-1, 1, 8, 8)


def test_images_have_their_labels():
    z = np.zeros((12, 4), np.float32)
    recipe = load_recipe("mnist_cdcgan_gp")
    images, labels = images_to_evaluate(_Labels(), recipe, training_images((6, 2, 4)), z, batch_size=5)
    assert labels is not None and labels.bincount().tolist() == [6, 2, 4]
    assert torch.equal(images[:, 0, 0, 0].long(), labels)
