"""Every objective's two losses against their formulas, written with NumPy as the papers write them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.families import OBJECTIVES
from torch import Tensor, nn

from wgan_cli.networks import build_network
from wgan_cli.objectives import Batch, Loss, build_objective
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict

SHAPE = ImageShape(8, 1)
REAL = np.array([2.0, -0.5, 0.3, 4.0, -3.0])  # scores that the critic gives
FAKE = np.array([-1.5, 0.7, -4.0, 2.5, 0.2])


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def cross_entropy(scores: np.ndarray, target: float) -> float:
    return -(target * np.log(sigmoid(scores)) + (1 - target) * np.log(1 - sigmoid(scores))).mean()


GAN_TERMS = {"real_probability": sigmoid(REAL).mean(), "fake_probability": sigmoid(FAKE).mean()}
MEAN_SCORES = {"real_score": REAL.mean(), "fake_score": FAKE.mean()}
NON_SATURATING = -np.log(sigmoid(FAKE)).mean()
#: Settings, the critic's loss, the generator's, and the critic's other terms.
FORMULAS = {
    "gan": (
        {},
        -np.log(sigmoid(REAL)).mean() - np.log(1 - sigmoid(FAKE)).mean(),
        NON_SATURATING,
        GAN_TERMS,
    ),
    "gan, saturating": (
        {"saturating": True},
        -np.log(sigmoid(REAL)).mean() - np.log(1 - sigmoid(FAKE)).mean(),
        np.log(1 - sigmoid(FAKE)).mean(),
        GAN_TERMS,
    ),
    "gan, one-sided targets": (
        {"label_smoothing": 0.1},
        cross_entropy(REAL, 0.9) + cross_entropy(FAKE, 0.0),
        NON_SATURATING,
        GAN_TERMS,
    ),
    "gan, soft targets": (
        {"label_smoothing": 0.2, "fake_smoothing": 0.1},
        cross_entropy(REAL, 0.8) + cross_entropy(FAKE, 0.1),
        NON_SATURATING,
        GAN_TERMS,
    ),
    "lsgan": (
        {},
        0.5 * ((REAL - 1) ** 2).mean() + 0.5 * (FAKE**2).mean(),
        0.5 * ((FAKE - 1) ** 2).mean(),
        MEAN_SCORES,
    ),
    "lsgan, soft targets": (
        {"label_smoothing": 0.1, "fake_smoothing": 0.2},
        0.5 * ((REAL - 0.9) ** 2).mean() + 0.5 * ((FAKE - 0.2) ** 2).mean(),
        0.5 * ((FAKE - 1) ** 2).mean(),
        MEAN_SCORES,
    ),
    "hinge": (
        {},
        -np.minimum(0, REAL - 1).mean() - np.minimum(0, -1 - FAKE).mean(),
        -FAKE.mean(),
        MEAN_SCORES,
    ),
    "wgan": ({}, FAKE.mean() - REAL.mean(), -FAKE.mean(), {"wasserstein": REAL.mean() - FAKE.mean()}),
    "wgan_gp": ({"gp_weight": 0}, FAKE.mean() - REAL.mean(), -FAKE.mean(), {"wasserstein": REAL.mean() - FAKE.mean()}),
    "r3gan": (
        {"r1_weight": 0, "r2_weight": 0},
        np.log(1 + np.exp(-(REAL - FAKE))).mean(),
        np.log(1 + np.exp(-(FAKE - REAL))).mean(),
        {"pair_probability": sigmoid(REAL - FAKE).mean()},
    ),
}


GAMES = [name for name in OBJECTIVES if name != "cvae_gan"]  # of one critic and one generator


def recipe_of(name: str, **settings: float) -> Recipe:
    return recipe_from_dict({"model": "mlp", "objective": {"name": name, **settings}, "steps": 1}, "a test")


class Repeats(nn.Module):
    """A generator that gives z as images of one pixel, and a critic that gives an image's sum as its score."""

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        return x.view(-1, 1, 1, 1) if x.ndim == 2 else x.flatten(1).sum(1)


def losses(name: str, **settings: float) -> tuple[Loss, Loss]:
    """Of the critic and of the generator, where the scores are REAL and FAKE."""
    objective = build_objective(recipe_of(name, **settings), SHAPE)
    batch = Batch(torch.tensor(FAKE).float()[:, None], torch.tensor(REAL).float().view(-1, 1, 1, 1))
    both = {"generator": Repeats(), "critic": Repeats()}
    return tuple(phase.loss(both, batch) for phase in objective.phases)


@pytest.mark.parametrize("case", FORMULAS)
def test_both_losses_are_the_papers(case):
    settings, of_critic, of_generator, terms = FORMULAS[case]
    critic, generator = losses(case.partition(",")[0], **settings)
    assert critic.total.item() == pytest.approx(of_critic, rel=1e-5)
    assert generator.total.item() == pytest.approx(of_generator, rel=1e-5)
    on_log = {name: value.item() for name, value in critic.terms.items()}
    assert on_log == pytest.approx({"critic_loss": of_critic, **terms}, rel=1e-5)


@pytest.mark.parametrize("name", GAMES)
def test_every_objective_is_checked(name):
    assert name in {case.partition(",")[0] for case in FORMULAS}, f"FORMULAS has no case of {name}: add its two losses"


@pytest.mark.parametrize("name", GAMES)
def test_every_term_has_a_meaning(name):
    settings = {"gp_weight": 1.0, "r1_weight": 1.0, "r2_weight": 1.0}
    critic, generator = losses(name, **settings)
    assert (
        build_objective(recipe_of(name, **settings), SHAPE).meanings.keys()
        == critic.terms.keys() | generator.terms.keys()
    )


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("saturating", [False, True])
def test_the_generator_wants_higher_scores(name, saturating):
    """Whatever the form, the loss falls as any sample's score rises; the saturating one hardly, where it is worst."""
    objective = build_objective(recipe_of(name, **({"saturating": saturating} if name == "gan" else {})), SHAPE)
    z = torch.tensor([[-6.0], [0.5]], requires_grad=True)
    loss = objective.phases[1].loss({"generator": Repeats(), "critic": Repeats()}, Batch(z, torch.zeros(2, 1, 1, 1)))
    (slope,) = torch.autograd.grad(loss.total, z)
    assert (slope < 0).all()
    if name == "gan":
        assert (slope[0].abs() < 0.01 * slope[1].abs()) == saturating


def test_only_paired_objectives_show_the_generators_phase_real_images():
    phases = {name: build_objective(recipe_of(name), SHAPE).phases for name in GAMES}
    assert all(critic.uses_real for critic, _ in phases.values())
    assert [name for name, (_, generator) in phases.items() if generator.uses_real] == ["r3gan"]


def test_pairs_leave_the_real_side_alone():
    """The generator's loss sends nothing through the critic's view of real images."""
    real = torch.randn(3, 1, 1, 1, requires_grad=True)
    generator = build_objective(recipe_of("r3gan"), SHAPE).phases[1]
    loss = generator.loss({"generator": Repeats(), "critic": Repeats()}, Batch(torch.randn(3, 1), real))
    assert not loss.total.requires_grad


@pytest.mark.parametrize("name", ["gan", "lsgan"])
def test_a_share_of_targets_is_flipped_anew_each_time(name):
    """Each image costs one of two values, one for each target, and the mean tells the share of them."""
    networks = {"generator": lambda z, labels: z.new_zeros(len(z), 1, 1, 1), "critic": Repeats()}
    objective = build_objective(recipe_of(name, label_flip=0.25), SHAPE)
    torch.manual_seed(0)
    totals = [
        objective.phases[0].loss(networks, Batch(torch.randn(4000, 1), torch.ones(4000, 1, 1, 1))).total
        for _ in range(2)
    ]
    assert totals[0] != totals[1]
    if name == "lsgan":  # the right target costs 0, the wrong one 1/2, for real and fake
        assert totals[0].item() == pytest.approx(0.25, abs=0.02)
    else:
        right, wrong = np.log(1 + np.exp(-1)), np.log(1 + np.exp(1))
        assert totals[0].item() == pytest.approx(np.log(2) + 0.75 * right + 0.25 * wrong, abs=0.02)


@pytest.mark.parametrize("clip_value", [0.01, 0.3])
def test_clipping_bounds_every_weight_and_changes_no_other(clip_value):
    critic, generator = nn.Linear(30, 20), nn.Linear(30, 20)
    before = [p.detach().clone() for p in (*critic.parameters(), *generator.parameters())]
    for p in critic.parameters():
        nn.init.normal_(p, 0, 0.3)
    free = [p.detach().clone() for p in critic.parameters()]
    critic_phase, generator_phase = build_objective(recipe_of("wgan", clip_value=clip_value), SHAPE).phases
    critic_phase.after_step({"critic": critic, "generator": generator})
    for p, old in zip(critic.parameters(), free, strict=True):
        assert torch.equal(p, old.clamp(-clip_value, clip_value)) and p.requires_grad
    assert all(torch.equal(p, old) for p, old in zip(generator.parameters(), before[2:], strict=True))
    assert generator_phase.after_step is None


@pytest.mark.parametrize("critic", [{"norm": "batch"}, {"minibatch_std": True}, {"minibatch_features": 4}])
def test_a_critic_that_mixes_images_sees_real_and_fake_apart(critic):
    model = {"name": "mlp", "latent_dim": 4, "generator": {"widths": [8]}, "critic": {"widths": [8], **critic}}
    recipe = recipe_from_dict({"model": model, "objective": "lsgan", "steps": 1}, "a test")
    torch.manual_seed(0)
    networks = {role: build_network(role, recipe, ImageShape(8, 1)) for role in ("generator", "critic")}
    batch = Batch(torch.randn(6, 4), torch.rand(6, 1, 8, 8))
    terms = build_objective(recipe, SHAPE).phases[0].loss(networks, batch).terms
    fake = networks["generator"](batch.z)
    for name, images in (("real_score", batch.real), ("fake_score", fake)):
        torch.testing.assert_close(terms[name], networks["critic"](images).mean())
    both = networks["critic"](torch.cat([batch.real, fake]))[:6].mean()
    assert (both - terms["real_score"]).abs() > 1e-3, "mixed, they would have other scores"
