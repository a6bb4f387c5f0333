"""Each loss of CVAE-GAN against its formula, written with NumPy as the paper's Algorithm 1 has it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from wgan_cli.networks import build_network
from wgan_cli.objectives import Batch, Loss, Objective, build_objective
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
    settings = {"name": "cvae_gan", **WEIGHTS, **objective}
    return recipe_from_dict(
        {"model": model, "objective": settings, "steps": 1, "batch_size": N, "amp": "off"}, "a test"
    )


@pytest.fixture
def networks() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {role: build_network(role, recipe_of(), IMAGE) for role in recipe_of().objective.roles}


@pytest.fixture
def batch() -> Batch:
    torch.manual_seed(1)
    return Batch(torch.randn(N, LATENT), torch.rand(N, 1, 8, 8) * 2 - 1, LABELS)


def loss_of(objective: Objective, phase: str, networks: dict[str, nn.Module], batch: Batch) -> Loss:
    """Under random numbers that the reference draws again."""
    torch.manual_seed(2)
    return next(each for each in objective.phases if each.name == phase).loss(networks, batch)


class Reference:
    """The same batch through the same networks, as arrays of float64 features."""

    @torch.no_grad()
    def __init__(self, networks: dict[str, nn.Module], batch: Batch) -> None:
        torch.manual_seed(2)
        mean, log_variance = networks["encoder"](batch.real, LABELS)
        z = mean + torch.exp(log_variance / 2) * torch.randn(N, LATENT)
        self.mean, self.log_variance = mean.double().numpy(), log_variance.double().numpy()
        self.images = {
            "real": batch.real,
            "copy": networks["generator"](z, LABELS),
            "sample": networks["generator"](batch.z, LABELS),
        }
        self.scores, self.by_critic, self.by_classifier, self.logits = {}, {}, {}, {}
        for name, images in self.images.items():
            scores, by_critic = networks["critic"](images, LABELS, features=True)
            logits, by_classifier = networks["classifier"](images, features=True)
            self.scores[name], self.logits[name] = scores.double().numpy(), logits.double().numpy()
            self.by_critic[name], self.by_classifier[name] = by_critic.double().numpy(), by_classifier.double().numpy()

    def pairs(self) -> tuple[float, float, float]:
        """Of pixels, of the critic's and of the classifier's features."""
        pixels = {name: images.flatten(1).double().numpy() for name, images in self.images.items()}
        return tuple(
            0.5 * ((of["real"] - of["copy"]) ** 2).sum(1).mean() for of in (pixels, self.by_critic, self.by_classifier)
        )

    def critic_means(self) -> float:
        return 0.5 * ((self.by_critic["real"].mean(0) - self.by_critic["sample"].mean(0)) ** 2).sum()

    def class_means(self) -> float:
        """Of a first batch, whose means are the centres."""
        real, sample = self.by_classifier["real"], self.by_classifier["sample"]
        classes = (LABELS.numpy() == label for label in range(CLASSES))
        return 0.5 * sum(((real[of].mean(0) - sample[of].mean(0)) ** 2).sum() for of in classes)

    def kl(self) -> float:
        variance = np.exp(self.log_variance)
        return 0.5 * (self.mean**2 + variance - np.log(variance) - 1).sum(1).mean()


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_the_critics_loss(networks, batch):
    found = loss_of(build_objective(recipe_of(), IMAGE), "critic", networks, batch)
    scores = Reference(networks, batch).scores
    expected = -np.log(sigmoid(scores["real"])).mean()
    expected -= sum(np.log(1 - sigmoid(scores[name])).mean() for name in ("copy", "sample"))
    assert found.total.item() == pytest.approx(expected, rel=1e-5)
    names = {"real_probability": "real", "copy_probability": "copy", "fake_probability": "sample"}
    shares = {name: sigmoid(scores[of]).mean() for name, of in names.items()}
    on_log = {name: value.item() for name, value in found.terms.items()}
    assert on_log == pytest.approx({"critic_loss": expected, **shares}, rel=1e-5)


def test_a_critic_that_only_guesses_loses_what_its_meaning_says(networks, batch):
    for parameter in networks["critic"].parameters():
        nn.init.zeros_(parameter)
    found = loss_of(build_objective(recipe_of(), IMAGE), "critic", networks, batch)
    assert found.total.item() == pytest.approx(3 * np.log(2)) == pytest.approx(2.08, abs=0.01)


def test_soft_targets_and_penalties_are_those_of_the_other_objectives(networks, batch):
    scores = Reference(networks, batch).scores
    soft = loss_of(build_objective(recipe_of(label_smoothing=0.2), IMAGE), "critic", networks, batch)
    real = sigmoid(scores["real"])
    expected = -(0.8 * np.log(real) + 0.2 * np.log(1 - real)).mean()
    expected -= sum(np.log(1 - sigmoid(scores[name])).mean() for name in ("copy", "sample"))
    assert soft.total.item() == pytest.approx(expected, rel=1e-5)
    plain, smooth = (
        loss_of(build_objective(recipe_of(r1_weight=w), IMAGE), "critic", networks, batch).total for w in (0, 4)
    )
    images = batch.real.clone().requires_grad_()
    (slope,) = torch.autograd.grad(networks["critic"](images, LABELS).sum(), images)
    torch.testing.assert_close(smooth - plain, 0.5 * 4 * slope.flatten(1).square().sum(1).mean())


def test_the_classifiers_loss(networks, batch):
    found = loss_of(build_objective(recipe_of(), IMAGE), "classifier", networks, batch)
    logits = Reference(networks, batch).logits["real"]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert found.total.item() == pytest.approx(-np.log(probabilities[np.arange(N), LABELS]).mean(), rel=1e-5)


def test_the_generators_loss(networks, batch):
    found = loss_of(build_objective(recipe_of(), IMAGE), "generator", networks, batch)
    expected = Reference(networks, batch)
    parts = (*expected.pairs(), expected.critic_means(), expected.class_means())
    total = np.dot((0.3, 2.0, 1.5, 0.9, 0.4), parts)
    assert found.total.item() == pytest.approx(total, rel=1e-5)
    names = ("pixel_pairs", "critic_pairs", "class_pairs", "critic_means", "class_means")
    on_log = {name: value.item() for name, value in found.terms.items()}
    assert on_log == pytest.approx({"generator_loss": total, **dict(zip(names, parts, strict=True))}, rel=1e-5)


def test_the_encoders_loss(networks, batch):
    found = loss_of(build_objective(recipe_of(), IMAGE), "encoder", networks, batch)
    expected = Reference(networks, batch)
    total = 0.7 * expected.kl() + np.dot((0.3, 2.0, 1.5), expected.pairs())
    on_log = {name: value.item() for name, value in found.terms.items()}
    assert on_log == pytest.approx({"encoder_loss": total, "kl": expected.kl()}, rel=1e-5)
    assert found.total.item() == on_log["encoder_loss"]


def test_class_means_are_moving_ones_over_classes_that_have_come(networks, batch):
    """A class of an earlier batch still counts; one that never came does not."""
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
    terms = [loss_of(objective, phase.name, networks, batch).terms.keys() for phase in objective.phases]
    assert objective.meanings.keys() == set().union(*terms)
    assert sum(map(len, terms)) == len(objective.meanings), "each is of one phase, so that means are of one thing"


def test_each_phase_teaches_its_own_network_alone(networks, batch):
    objective = build_objective(recipe_of(), IMAGE)
    assert [(phase.name, phase.trains) for phase in objective.phases] == [
        (role, role) for role in ("critic", "classifier", "generator", "encoder")
    ]
    for phase in objective.phases:
        for role, network in networks.items():
            network.zero_grad()
            network.requires_grad_(role == phase.trains)
        loss_of(objective, phase.name, networks, batch).total.backward()
        taught = {role for role, net in networks.items() for p in net.parameters() if p.grad is not None}
        assert taught == {phase.trains}
        idle = [name for name, p in networks[phase.trains].named_parameters() if p.dim() > 1 and not p.grad.any()]
        assert not idle


def test_kl_is_that_of_gaussians():
    torch.manual_seed(0)
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    q = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    expected = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
    torch.testing.assert_close(kl_to_normal(mean, log_variance), expected)
    assert kl_to_normal(torch.zeros(4, 2), torch.zeros(4, 2)) == 0


def test_z_are_drawn_with_that_mean_and_variance():
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
