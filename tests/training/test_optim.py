"""Optimizers: each role's own settings, and learning rates in closed form."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

from wgan_cli.recipe import Recipe, recipe_from_dict
from wgan_cli.training.optim import clip_functions, load_optimizer_states, make_optimizers, set_learning_rates

STEPS = 40
CLOSED_FORMS = {
    "none": lambda t: 1.0,
    "linear": lambda t: 1 - t,
    "cosine": lambda t: math.cos(math.pi * t / 2) ** 2,  # (1 + cos(pi t)) / 2
}


def recipe_of(decay: str = "none", **more: float) -> Recipe:
    optim = {
        **more,
        "generator": {"lr": 0.01, "betas": [0.5, 0.9]},
        "critic": {"lr": 0.04, "betas": [0.0, 0.99]},
        "lr_schedule": decay,
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
def test_schedules_have_closed_forms(decay, step):
    factor = CLOSED_FORMS[decay](min(1.0, step / STEPS))
    assert rates(recipe_of(decay), step) == pytest.approx({"critic": 0.04 * factor, "generator": 0.01 * factor})


@pytest.mark.parametrize("decay", ["linear", "cosine"])
@pytest.mark.parametrize("start", [0.25, 0.5])
def test_schedule_may_start_late(decay, start):
    recipe = recipe_of(decay, lr_decay_start=start)
    every = [rates(recipe, step)["critic"] for step in range(STEPS + 1)]
    whole = int(start * STEPS)
    assert every[: whole + 1] == [0.04] * (whole + 1)
    for step in range(whole, STEPS + 1):
        factor = CLOSED_FORMS[decay]((step - whole) / (STEPS - whole))
        assert every[step] == pytest.approx(0.04 * factor, abs=1e-12)


def test_each_role_has_its_own_settings():
    optimizers = make_optimizers(recipe_of(), networks())
    settings = {role: (o.param_groups[0]["lr"], o.param_groups[0]["betas"]) for role, o in optimizers.items()}
    assert settings == {"critic": (0.04, (0.0, 0.99)), "generator": (0.01, (0.5, 0.9))}


def recipe_with(**generator: object) -> Recipe:
    return recipe_from_dict({"model": "mlp", "optim": {"generator": generator}, "steps": STEPS}, "a test")


@pytest.mark.parametrize(
    ("name", "settings", "kind"),
    [
        ("adam", {"betas": (0.5, 0.9), "weight_decay": 0.0}, torch.optim.AdamW),
        ("adam", {"betas": (0.5, 0.9), "weight_decay": 0.3}, torch.optim.AdamW),
        ("adamw", {"betas": (0.5, 0.9), "weight_decay": 0.2}, torch.optim.AdamW),
        ("rmsprop", {"lr": 0.1, "alpha": 0.9}, torch.optim.RMSprop),
        ("sgd", {"momentum": 0.9, "nesterov": True}, torch.optim.SGD),
    ],
    ids=["adam", "adam with decay", "adamw", "rmsprop", "sgd"],
)
def test_optimizers_get_their_settings(name, settings, kind):
    optimizer = make_optimizers(recipe_with(name=name, **settings), networks())["generator"]
    (group,) = optimizer.param_groups
    assert isinstance(optimizer, kind) and settings.items() <= group.items()
    group["params"][0].grad = torch.ones(3, 4)
    optimizer.step()


def clipped(*gradients: list[float], **settings: float) -> list[list[float]]:
    network = nn.ParameterList(torch.zeros(len(gradient)) for gradient in gradients)
    for parameter, gradient in zip(network, gradients, strict=True):
        parameter.grad = torch.tensor(gradient)
    clip_functions(recipe_with(**settings), {"generator": network})["generator"]()
    return [parameter.grad.tolist() for parameter in network]


def test_clipping():
    (first, second) = clipped([3.0, 0.0], [0.0, 4.0], clip_norm=2.5)
    assert first == pytest.approx([1.5, 0.0], abs=1e-5) and second == pytest.approx([0.0, 2.0], abs=1e-5)
    assert clipped([3.0, -0.25], [-4.0], clip_grad_value=0.5) == [[0.5, -0.25], [-0.5]]
    assert clip_functions(recipe_of(), networks()) == {}
    assert list(clip_functions(recipe_with(clip_norm=1.0), networks())) == ["generator"]


@pytest.mark.parametrize("settings", [{"name": "adam"}, {"name": "rmsprop"}, {"name": "sgd", "momentum": 0.9}])
def test_moments_are_restored_or_refused(settings):
    recipe = recipe_with(**settings)

    def optimizer() -> torch.optim.Optimizer:
        return make_optimizers(recipe, {"generator": networks()["generator"]})["generator"]

    trained, fresh = optimizer(), optimizer()
    for parameter in trained.param_groups[0]["params"]:
        parameter.grad = torch.ones_like(parameter)
    trained.step()
    saved = copy.deepcopy(trained.state_dict())
    load_optimizer_states({"generator": fresh}, {"generator": saved})
    torch.testing.assert_close(fresh.state_dict()["state"], saved["state"])
    moment = next(key for key, value in saved["state"][0].items() if value.ndim)
    saved["state"][0][moment] = torch.ones(5)
    with pytest.raises(ValueError, match=f"{moment} of the generator"):
        load_optimizer_states({"generator": optimizer()}, {"generator": saved})


def test_rate_tensor_is_updated_in_place():
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
def test_gpu_optimizer_is_capturable():
    moved = {role: network.cuda() for role, network in networks().items()}
    for role, optimizer in make_optimizers(recipe_of(), moved).items():
        (group,) = optimizer.param_groups
        assert group["lr"].device.type == "cuda" and group["capturable"] and group["fused"]
        assert group["lr"].item() == pytest.approx({"critic": 0.04, "generator": 0.01}[role])
