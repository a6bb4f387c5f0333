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

BAD = [float("nan"), float("inf"), float("-inf")]


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


@pytest.mark.parametrize("bad", BAD)
def test_nonfinite_term(bad):
    terms = {name: torch.tensor(value) for name, value in (("a", 1.0), ("gradient_penalty", bad), ("b", 2.0))}
    assert nonfinite(terms, networks(), {}) == "gradient_penalty is not finite"


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(("role", "name"), [("critic", "bias"), ("critic", "weight"), ("generator", "1.weight")])
def test_nonfinite_weight(role, name, bad):
    both = networks()
    with torch.no_grad():
        both[role].get_parameter(name).view(-1)[-1] = bad
    assert nonfinite({}, both, {}) == f"a weight of the {role} is not finite"


def test_nonfinite_batch_norm_statistic():
    network = nn.BatchNorm1d(3)
    network.running_var[1] = float("nan")
    assert "generator" in nonfinite({}, {"generator": network}, {})


def test_infinite_optimizer_moment():
    both = networks()
    made = optimizers(both)
    next(iter(made["critic"].state.values()))["exp_avg_sq"].view(-1)[0] = float("inf")
    assert nonfinite({}, both, made) == "an optimizer moment of the critic is not finite"


@pytest.mark.parametrize(
    ("changes", "hints"),
    [
        (["amp=bf16", "objective.gp_weight=10"], ["optim.critic.lr=", "gp_weight=1)", "n_critic=5)", "--amp off"]),
        (
            ["amp=off", "objective.n_critic=5", "objective.gp_weight=10"],
            ["optim.critic.lr=", "gp_weight=1)", "n_critic=10)"],
        ),
        (["amp=off", "objective.gp_weight=0.5"], ["optim.critic.lr=", "n_critic=5)"]),
    ],
)
def test_hints_are_ordered(changes, hints):
    recipe = load_recipe("digits_dcgan", changes)
    error = diverged_error(recipe, build_objective(recipe, ImageShape(28, 1)), 350, "wasserstein is not finite")
    assert "before step 350: wasserstein is not finite" in error.message
    assert error.status == ExitStatus.FAILED
    places = [error.hint.index(hint) for hint in hints]
    assert places == sorted(places)
    assert error.hint.count(", then ") == len(hints) - 1
    lower = re.findall(r"optim\.\w+\.lr=([\d.e-]+)", error.hint)
    assert len(lower) == 2
    assert all(0 < float(lr) < recipe.optim.critic.lr for lr in lower)
