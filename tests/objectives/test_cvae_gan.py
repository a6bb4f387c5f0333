"""The parts of CVAE-GAN's losses; tests/training/test_cvae_gan.py compares the whole with the paper's Algorithm 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wgan_cli.networks import build_network
from wgan_cli.objectives import Batch, Loss, build_objective
from wgan_cli.objectives.cvae_gan import (
    kl_to_normal,
    mean_distance,
    pair_distance,
    pixel_cross_entropy,
    sample_posterior,
)
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict

N, CLASSES, LATENT = 6, 3, 4
LABELS = torch.tensor([0, 2, 1, 1, 2, 0])
IMAGE = ImageShape(8, 8, 1, CLASSES)


def recipe_of(**objective: Any) -> Recipe:
    model = {
        "name": "dcgan", "latent_dim": LATENT, "conditional": True, "label_dim": 2, "init": "he",
        "generator": {"channels": [6], "norm": "layer"}, "critic": {"channels": [6], "dense": [5]},
    }  # fmt: skip
    values = {"model": model, "objective": {"name": "cvae_gan", **objective}, "steps": 1, "batch_size": N}
    return recipe_from_dict({**values, "amp": "off"}, "a test")


@pytest.fixture
def networks() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {role: build_network(role, recipe_of(), IMAGE) for role in recipe_of().objective.roles}


@pytest.fixture
def batch() -> Batch:
    torch.manual_seed(1)
    return Batch(torch.randn(N, LATENT), torch.rand(N, 1, 8, 8) * 2 - 1, LABELS)


@pytest.fixture
def critic_loss(networks, batch) -> Callable[..., Tensor]:
    """Return the critic's loss, with the same random numbers each time."""

    def loss(**objective: Any) -> Tensor:
        torch.manual_seed(2)
        return build_objective(recipe_of(**objective), IMAGE).phases[0].loss(networks, batch).total

    return loss


def test_constant_critic(networks, critic_loss):
    for parameter in networks["critic"].parameters():
        nn.init.zeros_(parameter)
    assert critic_loss().item() == pytest.approx(3 * np.log(2))


def test_r1(networks, batch, critic_loss):
    penalty = critic_loss(r1_weight=4) - critic_loss(r1_weight=0)
    images = batch.real.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(networks["critic"](images, LABELS).sum(), images)
    torch.testing.assert_close(penalty, 0.5 * 4 * gradient.flatten(1).square().sum(1).mean())


@torch.no_grad()
def test_adversarial_and_class_loss(networks, batch):
    """-log D and -log C of generated images: of both kinds for the generator, of reconstructions for the encoder."""
    torch.manual_seed(2)
    z = sample_posterior(*networks["encoder"](batch.real, LABELS))
    copies, samples = (networks["generator"](each, LABELS) for each in (z, batch.z))
    both = {"adversarial_weight": 0.5, "classifier_weight": 3.0}

    def loss_of(phase: str, **objective: Any) -> Loss:
        torch.manual_seed(2)
        phases = {each.name: each for each in build_objective(recipe_of(**objective), IMAGE).phases}
        return phases[phase].loss(networks, batch)

    for phase, fakes in (("generator", (copies, samples)), ("encoder", (copies,))):
        images, labels = torch.cat(fakes), LABELS.repeat(len(fakes))
        adversarial = -networks["critic"](images, labels).sigmoid().log().mean()
        of_class = -networks["classifier"](images).softmax(1)[range(len(labels)), labels].log().mean()
        found = loss_of(phase, **both)
        torch.testing.assert_close(found.total - loss_of(phase).total, 0.5 * adversarial + 3 * of_class)
        if phase == "generator":
            torch.testing.assert_close(found.terms["adversarial_loss"], adversarial)
            torch.testing.assert_close(found.terms["fake_class_loss"], of_class)


def test_pixel_cross_entropy():
    torch.manual_seed(0)
    real, fake = torch.rand(2, 3, 1, 4, 4) * 1.8 - 0.9
    expected = nn.functional.binary_cross_entropy((fake + 1) / 2, (real + 1) / 2, reduction="sum") / 3
    torch.testing.assert_close(pixel_cross_entropy(real, fake), expected)
    black = torch.full((2, 1, 2, 2), -1.0, requires_grad=True)
    pixel_cross_entropy(-black.detach(), black).backward()
    assert black.grad is not None and black.grad.isfinite().all()


def test_class_means_are_moving_averages_of_seen_classes(networks, batch):
    generator = build_objective(recipe_of(), IMAGE).phases[2]
    torch.manual_seed(2)
    first = generator.loss(networks, Batch(batch.z, batch.real, LABELS.clamp(max=1))).terms["class_means"]
    second = generator.loss(networks, Batch(batch.z, batch.real, torch.ones_like(LABELS))).terms["class_means"]
    real, fake = (getattr(networks["classifier"], f"{of}_centers") for of in ("real", "fake"))
    assert real.batches.tolist() == fake.batches.tolist() == [1, 2, 0]
    torch.testing.assert_close(second, 0.5 * (real.centers - fake.centers).square().sum())
    assert (real.centers[0] - fake.centers[0]).any() and not (real.centers[2] - fake.centers[2]).any()
    assert first != second


def test_every_term_has_a_meaning(networks, batch):
    more = {"r1_weight": 1.0, "gp_weight": 1.0, "adversarial_weight": 1.0, "classifier_weight": 1.0}
    objective = build_objective(recipe_of(**more), IMAGE)
    terms = [name for phase in objective.phases for name in phase.loss(networks, batch).terms]
    assert sorted(objective.meanings) == sorted(terms)  # each term belongs to one phase


def test_phase_trains_only_its_network(networks, batch):
    objective = build_objective(recipe_of(), IMAGE)
    assert [(phase.name, phase.trains) for phase in objective.phases] == [
        (role, role) for role in ("critic", "classifier", "generator", "encoder")
    ]
    for phase in objective.phases:
        for role, network in networks.items():
            network.zero_grad()
            network.requires_grad_(role == phase.trains)
        phase.loss(networks, batch).total.backward()
        trained = {role for role, net in networks.items() for p in net.parameters() if p.grad is not None}
        assert trained == {phase.trains}
        idle = [name for name, p in networks[phase.trains].named_parameters() if p.dim() > 1 and not p.grad.any()]
        assert not idle


def test_kl():
    torch.manual_seed(0)
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    q = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    expected = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
    torch.testing.assert_close(kl_to_normal(mean, log_variance), expected)
    assert kl_to_normal(torch.zeros(4, 2), torch.zeros(4, 2)) == 0


def test_posterior_samples():
    torch.manual_seed(0)
    mean, log_variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, 2.0]])
    z = sample_posterior(mean.expand(40_000, 2), log_variance.expand(40_000, 2))
    torch.testing.assert_close(z.mean(0), mean[0], rtol=0, atol=0.04)
    torch.testing.assert_close(z.var(0), log_variance[0].exp(), rtol=0.03, atol=0)


def test_distances():
    a, b = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    assert pair_distance(a, b).item() == pytest.approx(0.5 * (4 + 25) / 2)
    assert mean_distance(a, b).item() == pytest.approx(0.5 * (1.5**2 + 3**2))
    assert mean_distance(a, a.flip(0)) == 0 != pair_distance(a, a.flip(0))
