"""Detection of NaN and Inf, and the advice for a diverged run."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from wgan_cli.errors import ExitStatus
from wgan_cli.objectives import build_objective
from wgan_cli.recipe import ImageShape, load_recipe
from wgan_cli.training.divergence import diverged_error, nonfinite


def networks() -> dict[str, nn.Module]:
    return {"critic": nn.Linear(3, 2), "generator": nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))}


def optimizers(both: dict[str, nn.Module]) -> dict[str, torch.optim.Optimizer]:
    """Adam optimizers after one step, so that they have moments."""
    made = {role: torch.optim.Adam(network.parameters()) for role, network in both.items()}
    for role, network in both.items():
        for parameter in network.parameters():
            parameter.grad = torch.ones_like(parameter)
        made[role].step()
    return made


def test_finite():
    both = networks()
    terms = {"critic_loss": torch.tensor(-1e30), "wasserstein": torch.tensor(0.0)}
    assert nonfinite(terms, both, optimizers(both)) is None
    assert nonfinite({}, {}, {}) is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(
    ("find", "name"),
    [
        (lambda terms, both, made: terms["gradient_penalty"], "gradient_penalty"),
        (lambda terms, both, made: both["critic"].weight, "a weight of the critic"),
        (lambda terms, both, made: both["critic"].bias, "a weight of the critic"),
        (lambda terms, both, made: both["generator"][1].weight, "a weight of the generator"),
        (lambda terms, both, made: both["generator"][1].running_var, "a weight of the generator"),
        (
            lambda terms, both, made: made["critic"].state[both["critic"].weight]["exp_avg_sq"],
            "an optimizer moment of the critic",
        ),
    ],
)
def test_nonfinite(find, name, bad):
    terms, both = {name: torch.tensor([1.0]) for name in ("a", "gradient_penalty", "b")}, networks()
    made = optimizers(both)
    with torch.no_grad():
        find(terms, both, made).view(-1)[-1] = bad
    assert nonfinite(terms, both, made) == f"{name} is not finite"


@pytest.mark.gpu
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("place", [0, 31, 65_535, 65_536, 200_000, -1])
def test_gpu_nonfinite(bad, place):
    """The kernel reads tensors in chunks of 65,536 values."""
    values = torch.randn(300_001, device="cuda")
    terms = {"a": torch.ones(5, device="cuda"), "b": values, "c": torch.ones((), device="cuda")}
    assert nonfinite(terms, {}, {}) is None
    values[place] = bad
    assert nonfinite(terms, {}, {}) == "b is not finite"


@pytest.mark.parametrize(
    ("changes", "hints"),
    [
        (["amp=bf16", "objective.gp_weight=10"], ["gp_weight=1)", "n_critic=5)", "--amp off"]),
        (["amp=off", "objective.n_critic=5", "objective.gp_weight=10"], ["gp_weight=1)", "n_critic=10)"]),
        (["amp=off", "objective.gp_weight=0.5"], ["n_critic=5)"]),
    ],
)
def test_hints_are_ordered(changes, hints):
    recipe, hints = load_recipe("digits_dcgan", changes), ["optim.critic.lr=", *hints]
    error = diverged_error(recipe, build_objective(recipe, ImageShape(28, 28, 1)), 350, "wasserstein is not finite")
    assert "before step 350: wasserstein is not finite" in error.message
    assert error.status == ExitStatus.FAILED
    places = [error.hint.index(hint) for hint in hints]
    assert places == sorted(places)
    assert error.hint.count(", then ") == len(hints) - 1
    lower = re.findall(r"optim\.\w+\.lr=([\d.e-]+)", error.hint)
    assert len(lower) == 2
    assert all(0 < float(lr) < recipe.optim.critic.lr for lr in lower)
