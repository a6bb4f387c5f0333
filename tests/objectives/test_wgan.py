"""WGAN-GP: its phases, the terms of its losses, and the network that each trains."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from wgan_cli.networks import build_network
from wgan_cli.objectives import Batch, Loss, build_objective
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict

IMAGE = ImageShape(8, 8, 1)
MODEL = {"name": "dcgan", "latent_dim": 6, "generator": {"channels": [8]}, "critic": {"channels": [8]}}


def recipe_of(**objective: float) -> Recipe:
    values = {"model": MODEL, "objective": {"name": "wgan_gp", **objective}, "batch_size": 4, "amp": "off"}
    return recipe_from_dict({**values, "steps": 10}, "a test")


def networks_of(recipe: Recipe) -> dict[str, nn.Module]:
    torch.manual_seed(2)
    return {role: build_network(role, recipe, IMAGE) for role in ("critic", "generator")}


def batch(apply_penalty: bool = True) -> Batch:
    torch.manual_seed(5)
    return Batch(torch.randn(4, 6), torch.rand(4, 1, 8, 8) * 2 - 1, torch.arange(4), apply_penalty)


def losses(recipe: Recipe, networks: dict[str, nn.Module], apply_penalty: bool = True) -> tuple[Loss, Loss]:
    """Return the losses of critic and generator on one batch, with the same noise each time."""
    critic, generator = build_objective(recipe, IMAGE).phases
    return critic.loss(networks, batch(apply_penalty)), generator.loss(networks, batch(apply_penalty))


def values(loss: Loss) -> dict[str, float]:
    return {name: value.item() for name, value in loss.terms.items()}


def test_phases():
    objective = build_objective(recipe_of(n_critic=3), IMAGE)
    assert [(p.trains, p.repeats, p.uses_real) for p in objective.phases] == [
        ("critic", 3, True),
        ("generator", 1, False),
    ]
    assert objective.roles == ("critic", "generator")
    assert objective.images_per_iteration(64) == 3 * 64


def test_constant_critic():
    recipe = recipe_of(gp_weight=10.0)
    networks = networks_of(recipe)
    for parameter in networks["critic"].parameters():
        nn.init.zeros_(parameter)
    nn.init.constant_(networks["critic"].head.to_score.bias, 0.7)
    critic_loss, generator_loss = losses(recipe, networks)
    expected = {"critic_loss": 10.0, "wasserstein": 0.0, "gradient_penalty": 1.0}
    found = values(critic_loss)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-4)
    assert generator_loss.total.item() == pytest.approx(-0.7)


def test_labels_match_their_images():
    seen = []

    class Network(nn.Module):
        def __init__(self, answer) -> None:
            super().__init__()
            self.weight, self.answer = nn.Parameter(torch.ones(())), answer

        def forward(self, x: Tensor, labels: Tensor) -> Tensor:
            seen.append((len(x), labels.tolist()))
            return self.answer(x) * self.weight

    generator, critic = Network(lambda z: z.new_zeros(len(z), 1, 8, 8)), Network(lambda x: x.flatten(1).sum(1))
    losses(recipe_of(), {"generator": generator, "critic": critic})
    once = [0, 1, 2, 3]
    # The critic's phase: generator, critic on real and fake, critic on the interpolation; then the generator's phase.
    assert seen == [(4, once), (8, once * 2), (4, once), (4, once), (4, once)]


def test_lazy_penalty_has_the_same_total():
    recipe, lazy = recipe_of(gp_weight=5.0), recipe_of(gp_weight=5.0, gp_every=3)
    networks = networks_of(recipe)
    always, _ = losses(recipe, networks)
    penalty, wasserstein = always.terms["gradient_penalty"], always.terms["wasserstein"]
    assert build_objective(lazy, IMAGE).phases[0].penalty_interval == 3
    first, *skipped = (losses(lazy, networks, apply_penalty)[0] for apply_penalty in (True, False, False))
    torch.testing.assert_close(first.total, 15.0 * penalty - wasserstein)
    for loss in skipped:
        assert "gradient_penalty" not in loss.terms and loss.terms["critic_loss"] == loss.total
        torch.testing.assert_close(loss.total, -wasserstein)
    torch.testing.assert_close(first.total + skipped[0].total + skipped[1].total, 3 * always.total)


def test_critic_loss_detaches_its_fakes():
    recipe = recipe_of()
    networks = networks_of(recipe)
    losses(recipe, networks)[0].total.backward()
    assert all(p.grad is None for p in networks["generator"].parameters())
    assert all(p.grad is not None for p in networks["critic"].parameters())


def test_losses_are_float32_under_bf16():
    recipe = recipe_of()
    with torch.autocast("cpu", torch.bfloat16):
        both = losses(recipe, networks_of(recipe))
    assert {value.dtype for loss in both for value in (loss.total, *loss.terms.values())} == {torch.float32}
