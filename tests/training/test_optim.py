"""Optimizers: each role's own settings, and learning rates in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from wgan_cli.recipe import Recipe, recipe_from_dict
from wgan_cli.training.optim import make_optimizers, set_learning_rates

STEPS = 40
CLOSED_FORMS = {
    "none": lambda t: 1.0,
    "linear": lambda t: 1 - t,
    "cosine": lambda t: math.cos(math.pi * t / 2) ** 2,  # (1 + cos(pi t)) / 2
}


def recipe_of(decay: str = "none") -> Recipe:
    optim = {
        "generator": {"lr": 0.01, "betas": [0.5, 0.9]},
        "critic": {"lr": 0.04, "betas": [0.0, 0.99]},
        "decay": decay,
    }
    return recipe_from_dict({"model": "mlp", "optim": optim, "steps": STEPS}, "a test")


def networks() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {"critic": nn.Linear(4, 3), "generator": nn.Linear(4, 3)}


def rates(recipe: Recipe, step: int) -> dict[str, float]:
    optimizers = make_optimizers(recipe, networks())
    set_learning_rates(recipe, optimizers, step)
    return {role: optimizer.param_groups[0]["lr"] for role, optimizer in optimizers.items()}


@pytest.mark.parametrize("decay", CLOSED_FORMS)
@pytest.mark.parametrize("step", [0, 1, 10, 20, 39, 40, 100])
def test_rates_follow_the_closed_form(decay, step):
    factor = CLOSED_FORMS[decay](min(1.0, step / STEPS))
    assert rates(recipe_of(decay), step) == pytest.approx({"critic": 0.04 * factor, "generator": 0.01 * factor})


@pytest.mark.parametrize("decay", ["linear", "cosine"])
def test_rates_start_whole_end_at_zero_and_only_fall(decay):
    recipe = recipe_of(decay)
    every = [rates(recipe, step)["critic"] for step in range(STEPS + 1)]
    assert every[0] == 0.04 and every[-1] == pytest.approx(0.0, abs=1e-12)
    assert every == sorted(every, reverse=True)
    assert every[STEPS - 1] > 0, "the last step still learns"


def test_rates_depend_on_the_step_alone():
    """So a run that continues needs no state of theirs."""
    recipe = recipe_of("cosine")
    optimizers = make_optimizers(recipe, networks())
    for step in (0, 30, 5):
        set_learning_rates(recipe, optimizers, step)
    assert optimizers["critic"].param_groups[0]["lr"] == rates(recipe, 5)["critic"]


def test_each_role_has_its_own_settings():
    optimizers = make_optimizers(recipe_of(), networks())
    settings = {role: (o.param_groups[0]["lr"], o.param_groups[0]["betas"]) for role, o in optimizers.items()}
    assert settings == {"critic": (0.04, (0.0, 0.99)), "generator": (0.01, (0.5, 0.9))}


def test_the_optimizer_is_adam():
    """Five steps equal the formulas of Kingma and Ba 2015, algorithm 1."""
    network = networks()["critic"]
    optimizer = make_optimizers(recipe_of(), {"generator": network})["generator"]
    weight = network.weight.detach().double().clone()
    m = v = torch.zeros_like(weight)
    for t in range(1, 6):
        gradient = torch.randn(3, 4, generator=torch.Generator().manual_seed(t))
        network.weight.grad = gradient
        optimizer.step()
        m = 0.5 * m + 0.5 * gradient
        v = 0.9 * v + 0.1 * gradient.double() ** 2
        weight = weight - 0.01 * (m / (1 - 0.5**t)) / ((v / (1 - 0.9**t)).sqrt() + 1e-8)
    torch.testing.assert_close(network.weight.detach().double(), weight, rtol=0, atol=1e-6)


def test_a_rate_of_zero_moves_nothing():
    recipe, both = recipe_of("linear"), networks()
    before = both["critic"].weight.detach().clone()
    optimizers = make_optimizers(recipe, both)
    set_learning_rates(recipe, optimizers, STEPS)
    both["critic"](torch.ones(2, 4)).sum().backward()
    optimizers["critic"].step()
    assert torch.equal(both["critic"].weight, before)


def test_a_rate_in_memory_is_changed_there():
    """A captured step looks at one place for ever."""
    recipe = recipe_of("linear")
    optimizers = make_optimizers(recipe, networks())
    places = {}
    for role, optimizer in optimizers.items():
        places[role] = optimizer.param_groups[0]["lr"] = torch.tensor(9.0)
    set_learning_rates(recipe, optimizers, 10)
    for role, lr in {"critic": 0.04, "generator": 0.01}.items():
        assert optimizers[role].param_groups[0]["lr"] is places[role]
        assert places[role].item() == pytest.approx(0.75 * lr)


@pytest.mark.gpu
def test_on_a_gpu_the_rate_lies_in_memory_and_the_step_can_be_captured():
    moved = {role: network.cuda() for role, network in networks().items()}
    for role, optimizer in make_optimizers(recipe_of(), moved).items():
        (group,) = optimizer.param_groups
        assert group["lr"].device.type == "cuda" and group["capturable"] and group["fused"]
        assert group["lr"].item() == pytest.approx({"critic": 0.04, "generator": 0.01}[role])
