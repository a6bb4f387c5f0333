"""The losses of every objective against their formulas, written with NumPy as in the papers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.families import OBJECTIVES
from torch import Tensor, nn

from wgan_cli.networks import build_network
from wgan_cli.objectives import Batch, Loss, build_objective
from wgan_cli.objectives.label_smoothing import guessing_loss
from wgan_cli.recipe import ImageShape, Recipe, load_recipe, recipe_from_dict
from wgan_cli.recipe.objective_settings import GanSettings

SHAPE = ImageShape(8, 8, 1)
REAL = np.array([2.0, -0.5, 0.3, 4.0, -3.0])  # scores
FAKE = np.array([-1.5, 0.7, -4.0, 2.5, 0.2])


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def cross_entropy(scores: np.ndarray, target: float) -> float:
    return -(target * np.log(sigmoid(scores)) + (1 - target) * np.log(1 - sigmoid(scores))).mean()


def squared(scores: np.ndarray, target: float) -> float:
    return 0.5 * ((scores - target) ** 2).mean()


PROBABILITIES = {"real_probability": sigmoid(REAL).mean(), "fake_probability": sigmoid(FAKE).mean()}
SCORES = {"real_score": REAL.mean(), "fake_score": FAKE.mean()}
DISTANCE = REAL.mean() - FAKE.mean()
HINGE = -np.minimum(0, REAL - 1).mean() - np.minimum(0, -1 - FAKE).mean()
NON_SATURATING, SATURATING = -np.log(sigmoid(FAKE)).mean(), np.log(1 - sigmoid(FAKE)).mean()
#: Objective, settings, the critic's loss, the generator's loss, and the critic's other terms.
FORMULAS = [
    ("gan", {}, cross_entropy(REAL, 1) + cross_entropy(FAKE, 0), NON_SATURATING, PROBABILITIES),
    ("gan", {"saturating": True}, cross_entropy(REAL, 1) + cross_entropy(FAKE, 0), SATURATING, PROBABILITIES),
    (
        "gan",
        {"label_smoothing": 0.1},
        cross_entropy(REAL, 0.9) + cross_entropy(FAKE, 0),
        NON_SATURATING,
        PROBABILITIES,
    ),
    (
        "gan",
        {"label_smoothing": 0.2, "fake_smoothing": 0.1},
        cross_entropy(REAL, 0.8) + cross_entropy(FAKE, 0.1),
        NON_SATURATING,
        PROBABILITIES,
    ),
    ("lsgan", {}, squared(REAL, 1) + squared(FAKE, 0), squared(FAKE, 1), SCORES),
    (
        "lsgan",
        {"label_smoothing": 0.1, "fake_smoothing": 0.2},
        squared(REAL, 0.9) + squared(FAKE, 0.2),
        squared(FAKE, 1),
        SCORES,
    ),
    ("hinge", {}, HINGE, -FAKE.mean(), SCORES),
    ("wgan", {}, -DISTANCE, -FAKE.mean(), {"wasserstein": DISTANCE}),
    ("wgan_gp", {"gp_weight": 0}, -DISTANCE, -FAKE.mean(), {"wasserstein": DISTANCE}),
    (
        "r3gan",
        {"r1_weight": 0, "r2_weight": 0},
        np.log(1 + np.exp(FAKE - REAL)).mean(),
        np.log(1 + np.exp(REAL - FAKE)).mean(),
        {"pair_probability": sigmoid(REAL - FAKE).mean()},
    ),
]
ADVERSARIAL = [name for name in OBJECTIVES if name != "cvae_gan"]


def recipe_of(name: str, **settings: float) -> Recipe:
    return recipe_from_dict({"model": "mlp", "objective": {"name": name, **settings}, "steps": 1}, "a test")


class Sum(nn.Module):
    """A generator that returns z as images of one pixel, and a critic that scores an image by its sum."""

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        return x.view(-1, 1, 1, 1) if x.ndim == 2 else x.flatten(1).sum(1)


NETWORKS = {"generator": Sum(), "critic": Sum()}


def losses(name: str, **settings: float) -> tuple[Loss, Loss]:
    """Return the losses of critic and generator for the scores REAL and FAKE."""
    critic, generator = build_objective(recipe_of(name, **settings), SHAPE).phases
    batch = Batch(torch.tensor(FAKE).float()[:, None], torch.tensor(REAL).float().view(-1, 1, 1, 1))
    return critic.loss(NETWORKS, batch), generator.loss(NETWORKS, batch)


@pytest.mark.parametrize(("name", "settings", "critic_loss", "generator_loss", "terms"), FORMULAS)
def test_losses(name, settings, critic_loss, generator_loss, terms):
    critic, generator = losses(name, **settings)
    assert critic.total.item() == pytest.approx(critic_loss, rel=1e-5)
    assert generator.total.item() == pytest.approx(generator_loss, rel=1e-5)
    logged = {name: value.item() for name, value in critic.terms.items()}
    assert logged == pytest.approx({"critic_loss": critic_loss, **terms}, rel=1e-5)


def test_formulas_cover_every_objective():
    assert {name for name, *_ in FORMULAS} == set(ADVERSARIAL)


@pytest.mark.parametrize(("name", "settings"), [*((name, {}) for name in ADVERSARIAL), ("gan", {"saturating": True})])
def test_generator_loss_falls_with_the_score(name, settings):
    objective = build_objective(recipe_of(name, **settings), SHAPE)
    z = torch.tensor([[-6.0], [0.5]], requires_grad=True)
    loss = objective.phases[1].loss(NETWORKS, Batch(z, torch.zeros(2, 1, 1, 1)))
    (slope,) = torch.autograd.grad(loss.total, z)
    assert (slope < 0).all()
    if name == "gan":  # the saturating loss is nearly flat where the samples are worst
        assert (slope[0].abs() < 0.01 * slope[1].abs()) == bool(settings)


def test_only_relativistic_generators_use_real_images():
    phases = {name: build_objective(recipe_of(name), SHAPE).phases for name in ADVERSARIAL}
    assert all(critic.uses_real for critic, _ in phases.values())
    assert [name for name, (_, generator) in phases.items() if generator.uses_real] == ["r3gan"]


def test_relativistic_generator_loss_detaches_real_images():
    real = torch.randn(3, 1, 1, 1, requires_grad=True)
    generator = build_objective(recipe_of("r3gan"), SHAPE).phases[1]
    assert not generator.loss(NETWORKS, Batch(torch.randn(3, 1), real)).total.requires_grad


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lsgan", 2 * 0.25 * 0.5),  # the right target costs 0, the wrong one 1/2
        ("gan", np.log(2) + 0.75 * np.log(1 + np.exp(-1)) + 0.25 * np.log(1 + np.exp(1))),
    ],
)
def test_label_flip(name, expected):
    networks = {"generator": lambda z, labels: z.new_zeros(len(z), 1, 1, 1), "critic": Sum()}
    critic = build_objective(recipe_of(name, label_flip=0.25), SHAPE).phases[0]
    torch.manual_seed(0)
    first, second = (critic.loss(networks, Batch(torch.randn(4000, 1), torch.ones(4000, 1, 1, 1))) for _ in range(2))
    assert first.total != second.total
    assert first.total.item() == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("fakes", [1, 2])
@pytest.mark.parametrize("settings", [{}, {"label_smoothing": 0.1}, {"label_smoothing": 0.2, "fake_smoothing": 0.3}])
def test_loss_of_a_critic_that_only_guesses(settings, fakes):
    own = GanSettings(**settings)
    targets = (1 - own.label_smoothing, *[own.fake_smoothing] * fakes)
    every = [sum(cross_entropy(np.array([score]), target) for target in targets) for score in np.linspace(-3, 3, 2001)]
    assert guessing_loss(own, fakes) == pytest.approx(min(every), rel=1e-5)


def test_the_logged_loss_is_explained():
    cvae_gan = load_recipe("mnist_cvae_gan", ["objective=cvae_gan"])
    said = [build_objective(recipe, ImageShape(28, 28, 1, 10)).meanings for recipe in (recipe_of("gan"), cvae_gan)]
    assert "1.39" in said[0]["critic_loss"] and "1.91" in said[1]["critic_loss"]
    flipped = build_objective(recipe_of("gan", label_flip=0.1), SHAPE).meanings["critic_loss"]
    assert "guesses" not in flipped


@pytest.mark.parametrize("clip_value", [0.01, 0.3])
def test_weight_clipping(clip_value):
    critic, generator = nn.Linear(30, 20), nn.Linear(30, 20)
    for p in (*critic.parameters(), *generator.parameters()):
        nn.init.normal_(p, 0, 0.3)
    before = {network: [p.detach().clone() for p in network.parameters()] for network in (critic, generator)}
    critic_phase, generator_phase = build_objective(recipe_of("wgan", clip_value=clip_value), SHAPE).phases
    critic_phase.after_step({"critic": critic, "generator": generator})
    for p, old in zip(critic.parameters(), before[critic], strict=True):
        assert torch.equal(p, old.clamp(-clip_value, clip_value)) and p.requires_grad
    assert all(torch.equal(p, old) for p, old in zip(generator.parameters(), before[generator], strict=True))
    assert generator_phase.after_step is None


@pytest.mark.parametrize("critic", [{"norm": "batch"}, {"minibatch_std": True}, {"minibatch_features": 4}])
def test_batch_dependent_critic_sees_real_and_fake_separately(critic):
    model = {"name": "mlp", "latent_dim": 4, "generator": {"widths": [8]}, "critic": {"widths": [8], **critic}}
    recipe = recipe_from_dict({"model": model, "objective": "lsgan", "steps": 1}, "a test")
    torch.manual_seed(0)
    networks = {role: build_network(role, recipe, SHAPE) for role in ("generator", "critic")}
    batch = Batch(torch.randn(6, 4), torch.rand(6, 1, 8, 8))
    terms = build_objective(recipe, SHAPE).phases[0].loss(networks, batch).terms
    fake = networks["generator"](batch.z)
    torch.testing.assert_close(terms["real_score"], networks["critic"](batch.real).mean())
    torch.testing.assert_close(terms["fake_score"], networks["critic"](fake).mean())
    mixed = networks["critic"](torch.cat([batch.real, fake]))[:6].mean()
    assert (mixed - terms["real_score"]).abs() > 1e-3
