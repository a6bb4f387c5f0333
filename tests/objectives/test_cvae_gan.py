"""The losses of CVAE-GAN against the formulas of the paper's Algorithm 1, written with NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from wgan_cli.networks import build_network
from wgan_cli.objectives import Batch, Loss, build_objective
from wgan_cli.objectives.cvae_gan import kl_to_normal, mean_distance, pair_distance, sample_posterior
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict

N, CLASSES, LATENT = 6, 3, 4
LABELS = torch.tensor([0, 2, 1, 1, 2, 0])
IMAGE = ImageShape(8, 1, CLASSES)
WEIGHTS = {
    "kl_weight": 0.7, "pixel_weight": 0.3, "critic_pair_weight": 2.0, "class_pair_weight": 1.5,
    "critic_mean_weight": 0.9, "class_mean_weight": 0.4,
}  # fmt: skip


def recipe_of(**objective: Any) -> Recipe:
    model = {
        "name": "dcgan", "latent_dim": LATENT, "conditional": True, "label_dim": 2, "init": "he",
        "generator": {"channels": [6], "norm": "layer"}, "critic": {"channels": [6], "dense": [5]},
    }  # fmt: skip
    values = {"model": model, "objective": {"name": "cvae_gan", **WEIGHTS, **objective}, "steps": 1, "batch_size": N}
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
def loss_of(networks, batch) -> Callable[..., Loss]:
    """Return the loss of a phase, with the random numbers of the reference."""

    def loss(phase: str, **objective: Any) -> Loss:
        torch.manual_seed(2)
        phases = {each.name: each for each in build_objective(recipe_of(**objective), IMAGE).phases}
        return phases[phase].loss(networks, batch)

    return loss


def logged(loss: Loss) -> dict[str, float]:
    return {name: value.item() for name, value in loss.terms.items()}


class Reference:
    """The outputs of the networks for the batch, as float64 arrays."""

    @torch.no_grad()
    def __init__(self, networks: dict[str, nn.Module], batch: Batch) -> None:
        torch.manual_seed(2)
        mean, log_variance = networks["encoder"](batch.real, LABELS)
        z = mean + torch.exp(log_variance / 2) * torch.randn(N, LATENT)
        self.mean, self.log_variance = mean.double().numpy(), log_variance.double().numpy()
        generator = networks["generator"]
        images = {"real": batch.real, "copy": generator(z, LABELS), "sample": generator(batch.z, LABELS)}
        self.pixels, self.scores, self.by_critic, self.by_classifier, self.logits = {}, {}, {}, {}, {}
        for name, x in images.items():
            outputs = (x.flatten(1), *networks["critic"](x, LABELS, features=True))
            outputs += networks["classifier"](x, features=True)
            kept = (self.pixels, self.scores, self.by_critic, self.logits, self.by_classifier)
            for values, output in zip(kept, outputs, strict=True):
                values[name] = output.double().numpy()

    def pairs(self) -> tuple[float, ...]:
        """Return distances of pixels, of the critic's and of the classifier's features."""
        features = (self.pixels, self.by_critic, self.by_classifier)
        return tuple(0.5 * ((of["real"] - of["copy"]) ** 2).sum(1).mean() for of in features)

    def critic_means(self) -> float:
        return 0.5 * ((self.by_critic["real"].mean(0) - self.by_critic["sample"].mean(0)) ** 2).sum()

    def class_means(self) -> float:
        """Return the distance for a first batch, whose means are the moving averages."""
        real, sample = self.by_classifier["real"], self.by_classifier["sample"]
        classes = (LABELS.numpy() == label for label in range(CLASSES))
        return 0.5 * sum(((real[of].mean(0) - sample[of].mean(0)) ** 2).sum() for of in classes)

    def kl(self) -> float:
        variance = np.exp(self.log_variance)
        return 0.5 * (self.mean**2 + variance - np.log(variance) - 1).sum(1).mean()


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_critic_loss(networks, batch, loss_of):
    found = loss_of("critic")
    scores = Reference(networks, batch).scores
    expected = -np.log(sigmoid(scores["real"])).mean()
    expected -= sum(np.log(1 - sigmoid(scores[name])).mean() for name in ("copy", "sample"))
    assert found.total.item() == pytest.approx(expected, rel=1e-5)
    names = {"real_probability": "real", "copy_probability": "copy", "fake_probability": "sample"}
    shares = {name: sigmoid(scores[of]).mean() for name, of in names.items()}
    assert logged(found) == pytest.approx({"critic_loss": expected, **shares}, rel=1e-5)


def test_constant_critic(networks, loss_of):
    for parameter in networks["critic"].parameters():
        nn.init.zeros_(parameter)
    assert loss_of("critic").total.item() == pytest.approx(3 * np.log(2))


def test_label_smoothing_and_r1(networks, batch, loss_of):
    scores = Reference(networks, batch).scores
    real = sigmoid(scores["real"])
    expected = -(0.8 * np.log(real) + 0.2 * np.log(1 - real)).mean()
    expected -= sum(np.log(1 - sigmoid(scores[name])).mean() for name in ("copy", "sample"))
    assert loss_of("critic", label_smoothing=0.2).total.item() == pytest.approx(expected, rel=1e-5)
    penalty = loss_of("critic", r1_weight=4).total - loss_of("critic", r1_weight=0).total
    images = batch.real.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(networks["critic"](images, LABELS).sum(), images)
    torch.testing.assert_close(penalty, 0.5 * 4 * gradient.flatten(1).square().sum(1).mean())


def test_classifier_loss(networks, batch, loss_of):
    found = loss_of("classifier")
    logits = Reference(networks, batch).logits["real"]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert found.total.item() == pytest.approx(-np.log(probabilities[np.arange(N), LABELS]).mean(), rel=1e-5)


def test_generator_loss(networks, batch, loss_of):
    found = loss_of("generator")
    expected = Reference(networks, batch)
    parts = (*expected.pairs(), expected.critic_means(), expected.class_means())
    total = np.dot((0.3, 2.0, 1.5, 0.9, 0.4), parts)
    assert found.total.item() == pytest.approx(total, rel=1e-5)
    names = ("pixel_pairs", "critic_pairs", "class_pairs", "critic_means", "class_means")
    assert logged(found) == pytest.approx({"generator_loss": total, **dict(zip(names, parts, strict=True))}, rel=1e-5)


def test_encoder_loss(networks, batch, loss_of):
    found = loss_of("encoder")
    expected = Reference(networks, batch)
    total = 0.7 * expected.kl() + np.dot((0.3, 2.0, 1.5), expected.pairs())
    assert logged(found) == pytest.approx({"encoder_loss": total, "kl": expected.kl()}, rel=1e-5)
    assert found.total.item() == logged(found)["encoder_loss"]


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
    objective = build_objective(recipe_of(r1_weight=1.0, gp_weight=1.0), IMAGE)
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
