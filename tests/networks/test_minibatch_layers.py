"""Layers that show a critic the batch around an image, against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wgan_cli.networks import build_network
from wgan_cli.networks.minibatch_layers import KERNEL_DIM, MinibatchDiscrimination, minibatch_std
from wgan_cli.recipe import ImageShape, recipe_from_dict


def test_minibatch_discrimination():
    torch.manual_seed(0)
    layer, x = MinibatchDiscrimination(4, 3), torch.randn(5, 4)
    rows = (x.numpy() @ layer.to_rows.weight.detach().numpy().T).reshape(5, 3, KERNEL_DIM)
    expected = np.array(
        [[sum(np.exp(-np.abs(rows[i, b] - rows[j, b]).sum()) for j in range(5)) for b in range(3)] for i in range(5)]
    )
    torch.testing.assert_close(layer(x).detach().double(), torch.tensor(expected).double(), rtol=1e-5, atol=1e-6)


def test_range_of_minibatch_discrimination():
    torch.manual_seed(0)
    layer = MinibatchDiscrimination(4, 3)
    assert torch.equal(layer(torch.ones(6, 4)), torch.full((6, 3), 6.0))
    far = 1e4 * torch.eye(4)
    torch.testing.assert_close(layer(far), torch.ones(4, 3))


def test_minibatch_std():
    x = torch.tensor([[0.0, 5.0], [2.0, 5.0]])
    assert minibatch_std(x).item() == pytest.approx((1.0 + 0.0) / 2, abs=1e-3)
    same = torch.ones(3, 2, requires_grad=True)
    minibatch_std(same).backward()
    assert same.grad.isfinite().all(), "a collapsed batch still has a gradient"


@pytest.mark.parametrize("family", ["mlp", "dcgan", "style"])
@pytest.mark.parametrize("critic", [{"minibatch_std": True}, {"minibatch_features": 2}])
def test_score_depends_on_the_batch(family, critic):
    model = {"name": family, "init": "he", "critic": critic}
    recipe = recipe_from_dict({"model": model, "objective": "gan", "steps": 1}, "a test")
    torch.manual_seed(0)
    network = build_network("critic", recipe, ImageShape(8, 8, 1))
    images = torch.rand(4, 1, 8, 8)
    together, alone = network(images), torch.cat([network(image) for image in images.split(1)])
    assert not torch.allclose(together, alone, atol=1e-4)
    last = (
        network.head.batch_score.to_score.weight
        if network.head.batch_score is not None
        else network.body.finish[0].weight[:, -1]
    )
    with torch.no_grad():
        last.zero_()
    alone = torch.cat([network(image) for image in images.split(1)])
    torch.testing.assert_close(network(images), alone, rtol=1e-4, atol=1e-5)
