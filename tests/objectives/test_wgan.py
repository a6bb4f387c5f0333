"""WGAN-GP: what its losses are made of, and whom each of them teaches."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from wgan_cli.data import ImageSet
from wgan_cli.networks import build_network
from wgan_cli.objectives import Batch, Loss, Objective, Phase, build_objective
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict
from wgan_cli.training.build_state import build_state

IMAGE = ImageShape(8, 1)
SMALL = {
    "mlp": {"name": "mlp", "latent_dim": 6, "generator": {"widths": [16]}, "critic": {"widths": [16]}},
    "dcgan": {"name": "dcgan", "latent_dim": 6, "generator": {"channels": [8]}, "critic": {"channels": [8]}},
}


def recipe_of(family: str = "dcgan", **objective: float) -> Recipe:
    values = {"model": SMALL[family], "objective": {"name": "wgan_gp", **objective}, "batch_size": 4, "amp": "off"}
    return recipe_from_dict({**values, "steps": 10}, "a test")


def networks_of(recipe: Recipe) -> dict[str, nn.Module]:
    torch.manual_seed(2)
    return {role: build_network(role, recipe, IMAGE) for role in ("critic", "generator")}


def batch(apply_penalty: bool = True) -> Batch:
    torch.manual_seed(5)
    return Batch(torch.randn(4, 6), torch.rand(4, 1, 8, 8) * 2 - 1, torch.arange(4), apply_penalty)


def losses(objective: Objective, networks: dict[str, nn.Module], apply_penalty: bool = True) -> tuple[Loss, Loss]:
    """The critic's and the generator's loss on one batch, with the same noise each time."""
    critic, generator = objective.phases
    return critic.loss(networks, batch(apply_penalty)), generator.loss(networks, batch(apply_penalty))


def plain(loss: Loss) -> dict[str, float]:
    return {name: value.item() for name, value in loss.terms.items()}


def test_phases_are_the_papers_algorithm():
    objective = build_objective(recipe_of(n_critic=3), IMAGE)
    assert [(p.trains, p.repeats, p.uses_real) for p in objective.phases] == [
        ("critic", 3, True),
        ("generator", 1, False),
    ]
    assert objective.roles == ("critic", "generator")
    assert objective.images_per_iteration(64) == 3 * 64


@pytest.mark.parametrize("family", SMALL)
@pytest.mark.parametrize("gp_weight", [0.0, 10.0])
def test_the_terms_add_up(family, gp_weight):
    recipe = recipe_of(family, gp_weight=gp_weight)
    critic_loss, generator_loss = losses(build_objective(recipe, IMAGE), networks_of(recipe))
    terms = plain(critic_loss)
    assert list(terms) == ["critic_loss", "wasserstein", *["gradient_penalty"] * (gp_weight > 0)]
    expected = gp_weight * terms.get("gradient_penalty", 0.0) - terms["wasserstein"]
    assert critic_loss.total.item() == pytest.approx(expected, abs=1e-6)
    assert terms["critic_loss"] == critic_loss.total.item()
    assert plain(generator_loss) == {"generator_loss": generator_loss.total.item()}


def test_every_term_has_a_meaning():
    recipe = recipe_of()
    objective = build_objective(recipe, IMAGE)
    critic_loss, generator_loss = losses(objective, networks_of(recipe))
    assert objective.meanings.keys() == critic_loss.terms.keys() | generator_loss.terms.keys()


def test_one_forward_over_both_gives_the_difference_of_the_two_means():
    recipe = recipe_of()
    networks = networks_of(recipe)
    critic_loss, generator_loss = losses(build_objective(recipe, IMAGE), networks)
    critic, generator = networks["critic"], networks["generator"]
    real, fake = batch().real, generator(batch().z)  # the generator is in training mode, as it was in the loss
    torch.testing.assert_close(critic_loss.terms["wasserstein"], critic(real).mean() - critic(fake).mean())
    torch.testing.assert_close(generator_loss.total, -critic(fake).mean())


def test_a_constant_critic_sees_no_distance_and_pays_the_whole_penalty():
    recipe = recipe_of(gp_weight=10.0)
    networks = networks_of(recipe)
    for parameter in networks["critic"].parameters():
        nn.init.zeros_(parameter)
    nn.init.constant_(networks["critic"].head.to_score.bias, 0.7)
    critic_loss, generator_loss = losses(build_objective(recipe, IMAGE), networks)
    assert plain(critic_loss) == pytest.approx(
        {"critic_loss": 10.0, "wasserstein": 0.0, "gradient_penalty": 1.0}, abs=1e-4
    )
    assert generator_loss.total.item() == pytest.approx(-0.7)


def test_labels_go_with_their_images():
    told = []

    class Network(nn.Module):
        def __init__(self, answer) -> None:
            super().__init__()
            self.weight, self.answer = nn.Parameter(torch.ones(())), answer

        def forward(self, x: Tensor, labels: Tensor) -> Tensor:
            told.append((len(x), labels.tolist()))
            return self.answer(x) * self.weight

    networks = {
        "generator": Network(lambda z: z.new_zeros(len(z), 1, 8, 8)),
        "critic": Network(lambda x: x.flatten(1).sum(1)),
    }
    losses(build_objective(recipe_of(), IMAGE), networks)
    once = [0, 1, 2, 3]
    # generator, critic on real and fake, critic between them; then the generator's own phase
    assert told == [(4, once), (8, once * 2), (4, once), (4, once), (4, once)]


def test_gp_every_skips_and_makes_up_for_it():
    recipe = recipe_of(gp_weight=5.0)
    networks = networks_of(recipe)
    always, _ = losses(build_objective(recipe, IMAGE), networks)
    penalty, wasserstein = always.terms["gradient_penalty"], always.terms["wasserstein"]

    objective = build_objective(recipe_of(gp_weight=5.0, gp_every=3), IMAGE)
    assert objective.phases[0].penalty_interval == 3
    rounds = [losses(objective, networks, apply_penalty)[0] for apply_penalty in (True, False, False)]
    assert ["gradient_penalty" in loss.terms for loss in rounds] == [True, False, False]
    torch.testing.assert_close(rounds[0].total, 15.0 * penalty - wasserstein)
    for skipped in rounds[1:3]:
        torch.testing.assert_close(skipped.total, -wasserstein)
        assert skipped.terms["critic_loss"] == skipped.total
    # On the same batch, three steps pull exactly as hard as three steps that each have the penalty.
    torch.testing.assert_close(sum(loss.total for loss in rounds[:3]), 3 * always.total)


def snapshot(networks: dict[str, nn.Module]) -> dict[str, list[Tensor | None]]:
    """Weights and gradients of each network, as they are now."""
    tensors = {role: [t for p in network.parameters() for t in (p, p.grad)] for role, network in networks.items()}
    return {role: [None if t is None else t.detach().clone() for t in both] for role, both in tensors.items()}


def same(some: list[Tensor | None], others: list[Tensor | None]) -> bool:
    return all(a is b if a is None or b is None else torch.equal(a, b) for a, b in zip(some, others, strict=True))


@pytest.mark.parametrize("family", SMALL)
def test_each_phase_teaches_its_own_network_alone(family):
    """A phase leaves the weights of the other network, and the gradients that lie there, exactly as they were."""
    pixels = torch.randint(0, 256, (16, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    dataset = ImageSet(pixels, torch.zeros(16, dtype=torch.long), ("a",), "made up")
    state = build_state(recipe_of(family, n_critic=2), dataset, torch.device("cpu"))
    trained, snapshots = [], [snapshot(state.networks)]

    def looked_at(phase: Phase) -> Phase:
        def after_step(networks) -> None:
            trained.append(phase.trains)
            snapshots.append(snapshot(networks))

        return replace(phase, after_step=after_step)

    state.training_step.objective = replace(state.objective, phases=tuple(map(looked_at, state.objective.phases)))
    state.engine(0)
    assert trained == ["critic", "critic", "generator"]
    for role, (before, after) in zip(trained, pairwise(snapshots), strict=True):
        unchanged = {name for name in state.networks if same(before[name], after[name])}
        assert unchanged == set(state.networks) - {role}


def test_the_critics_loss_detaches_its_fakes():
    """So it leaves the generator alone even where nobody has frozen it."""
    recipe = recipe_of()
    networks = networks_of(recipe)
    losses(build_objective(recipe, IMAGE), networks)[0].total.backward()
    assert all(p.grad is None for p in networks["generator"].parameters())
    assert all(p.grad is not None for p in networks["critic"].parameters())


def test_losses_are_float32_under_bf16():
    recipe = recipe_of()
    with torch.autocast("cpu", torch.bfloat16):
        both = losses(build_objective(recipe, IMAGE), networks_of(recipe))
    assert {value.dtype for loss in both for value in (loss.total, *loss.terms.values())} == {torch.float32}
