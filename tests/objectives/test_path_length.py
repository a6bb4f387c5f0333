"""Path length regularization against explicit Jacobians, and its place in the losses."""

from __future__ import annotations

import pytest
import torch
from helpers.families import ROLES
from torch import Tensor, nn

from wgan_cli.networks import build_network
from wgan_cli.networks.style_space import StyleSpace
from wgan_cli.objectives import Batch, build_objective
from wgan_cli.objectives.path_length import DECAY, PathLength, path_lengths
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict

LAYERS, STYLE, SIDE = 3, 2, 2


class Linear(StyleSpace):
    """image = M w"""

    style_layers = LAYERS

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.randn(LAYERS * STYLE, SIDE * SIDE, dtype=torch.float64))

    def mapping(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return z

    def synthesis(self, styles: Tensor) -> Tensor:
        return (styles.flatten(1) @ self.matrix).view(-1, 1, SIDE, SIDE)


def recipe_of(family: str = "style", **objective: object) -> Recipe:
    model = {"name": family}
    if family == "style":
        generator = {"channels": [4, 4], "mapping_layers": 1, "style_mixing": 0.0, "noise": False}
        model |= {"latent_dim": 3, "style_dim": 3, "generator": generator, "critic": {"channels": [4, 4], "dense": [4]}}
    return recipe_from_dict({"model": model, "objective": {"name": "gan", **objective}, "steps": 1}, "a test")


def networks_of(recipe: Recipe) -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {role: build_network(role, recipe, ImageShape(8, 8, 1)) for role in ROLES}


def seeded_lengths(generator: StyleSpace, styles: Tensor, seed: int = 1) -> Tensor:
    torch.manual_seed(seed)
    lengths = path_lengths(generator, styles)
    torch.manual_seed(seed)
    return lengths.double()


def test_linear_generator():
    torch.manual_seed(0)
    generator, styles = Linear(), torch.randn(4, LAYERS, STYLE, dtype=torch.float64)
    lengths = seeded_lengths(generator, styles)
    direction = torch.randn(4, SIDE * SIDE, dtype=torch.float64) / SIDE
    moved = (direction @ generator.matrix.T).view(4, LAYERS, STYLE)
    torch.testing.assert_close(lengths, moved.square().sum(2).mean(1).sqrt(), rtol=1e-6, atol=1e-6)


def test_lengths_equal_the_jacobian_of_each_image():
    generator = networks_of(recipe_of())["generator"].double()
    styles = generator.styles(torch.randn(3, 3, dtype=torch.float64)).detach()
    lengths = seeded_lengths(generator, styles.clone())
    directions = torch.randn(3, 1, 8, 8, dtype=torch.float64) / 8
    for length, style, direction in zip(lengths, styles, directions, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda s: generator.synthesis(s[None])[0], style)
        product = torch.einsum("chw,chwld->ld", direction, jacobian)
        torch.testing.assert_close(length, product.square().sum(1).mean().sqrt(), rtol=1e-4, atol=1e-5)


def test_penalty_is_the_variance_around_a_running_mean():
    torch.manual_seed(0)
    generator, paths = Linear(), PathLength()
    z, expected = torch.randn(5, STYLE, dtype=torch.float64), 0.0
    for seed in range(3):
        lengths = seeded_lengths(generator, generator.styles(z), seed).detach()
        loss = paths(generator, z)
        expected = expected + DECAY * (lengths.mean().item() - expected)
        assert paths.mean.item() == pytest.approx(expected, rel=1e-5)
        assert loss.total.item() == pytest.approx((lengths - expected).square().mean().item(), rel=1e-5)
        assert loss.terms["path_length"].item() == pytest.approx(lengths.mean().item())
        loss.total.backward()
    assert generator.matrix.grad.any()


def test_lazy_penalty_is_scaled_by_its_interval():
    recipe = recipe_of(path_length_weight=3.0, path_length_every=5)
    networks, z = networks_of(recipe), torch.randn(6, 3)

    def loss(recipe: Recipe, apply_penalty: bool):
        objective = build_objective(recipe, ImageShape(8, 8, 1))
        phase = objective.phases[1]
        assert phase.penalty_interval == (5 if recipe.objective.path_length_weight else 1)
        torch.manual_seed(4)
        return phase.loss(networks, Batch(z, apply_penalty=apply_penalty)), objective

    penalized, objective = loss(recipe, True)
    plain, _ = loss(recipe_of(), True)
    skipped, unused = loss(recipe, False)
    added = penalized.total - plain.total
    torch.testing.assert_close(added, 15 * penalized.terms["path_penalty"], rtol=1e-4, atol=1e-5)
    assert list(objective.state.state_dict()) == ["mean"] and objective.state.mean > 0
    assert {"path_penalty", "path_length"} < objective.meanings.keys()
    torch.testing.assert_close(skipped.total, plain.total)
    assert "path_penalty" not in skipped.terms and unused.state.mean == 0
    penalized.total.backward()
    assert all(p.grad.isfinite().all() for p in networks["generator"].parameters())
