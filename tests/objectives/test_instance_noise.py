"""Instance noise: what the critic sees, and how it fades."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from wgan_cli.objectives.diff_augment import with_diff_augment
from wgan_cli.objectives.instance_noise import InstanceNoise, make_noise
from wgan_cli.recipe import recipe_from_dict

CPU = torch.device("cpu")


@pytest.mark.parametrize(("step", "sigma"), [(0, 0.4), (5, 0.2), (9, 0.04), (10, 0.0), (1000, 0.0)])
def test_it_falls_linearly_to_nothing(step, sigma):
    noise = InstanceNoise(0.4, 10, CPU)
    noise.schedule(3)
    noise.schedule(step)
    changed = noise(torch.zeros(50, 1, 20, 20))
    assert changed.std().item() == pytest.approx(sigma, rel=0.03, abs=1e-9)
    assert changed.mean().item() == pytest.approx(0, abs=0.02)


def test_it_changes_a_place_in_memory():
    """A captured iteration looks at one place for ever."""
    noise = InstanceNoise(0.4, 10, CPU)
    place = noise.sigma.data_ptr()
    noise.schedule(5)
    assert noise.sigma.data_ptr() == place
    assert not noise.state_dict(), "the step says it all"


def test_all_that_the_critic_sees_is_noisy_and_the_generator_learns_through_it():
    seen = []

    class Critic(nn.Module):
        def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
            seen.append(x)
            return x.flatten(1).sum(1)

    networks = {"critic": Critic(), "generator": nn.Identity()}
    noise = InstanceNoise(1.0, 10, CPU)
    shown = with_diff_augment(networks, (), noise)
    images = torch.zeros(4, 1, 8, 8, requires_grad=True)
    shown["critic"](images).sum().backward()
    assert seen[0].std() > 0.8 and shown["generator"] is networks["generator"]
    assert torch.equal(images.grad, torch.ones_like(images))
    assert with_diff_augment(networks, (), None) is networks


def test_a_recipe_without_it_has_none():
    settings = recipe_from_dict({"model": "mlp", "steps": 1}, "a test").objective
    assert make_noise(settings, CPU) is None
