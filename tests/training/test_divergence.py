"""Detection of NaN and Inf, and the advice for a diverged run."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from wgan_cli.distributed import process_group
from wgan_cli.errors import ExitStatus
from wgan_cli.objectives import build_objective
from wgan_cli.recipe import ImageShape, load_recipe
from wgan_cli.training import divergence
from wgan_cli.training.divergence import diverged_error, nonfinite
from wgan_cli.training.running_means import RunningMeans


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


def sums_of(**terms: float) -> RunningMeans:
    """Terms after two steps."""
    metrics = RunningMeans()
    for _ in range(2):
        metrics.add({name: torch.tensor(value) for name, value in terms.items()})
    return metrics


def test_finite():
    both = networks()
    metrics = sums_of(critic_loss=-(2.0**100), wasserstein=0.0)
    assert nonfinite(metrics, both, optimizers(both)) == ({"critic_loss": -(2.0**100), "wasserstein": 0.0}, None)
    assert nonfinite(RunningMeans(), both, {}) == nonfinite(RunningMeans(), {}, {}) == ({}, None)


def test_one_synchronization(monkeypatch):
    both, waits = networks(), []
    metrics, made = sums_of(critic_loss=1.0, wasserstein=2.0), optimizers(both)
    for name in ("tolist", "item", "__bool__", "__float__", "cpu"):
        method = getattr(torch.Tensor, name)
        monkeypatch.setattr(torch.Tensor, name, lambda tensor, method=method: (waits.append(1), method(tensor))[1])
    nonfinite(metrics, both, made)
    assert len(waits) == 1


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(
    ("find", "name"),
    [
        (lambda sums, both, made: sums["gradient_penalty"], "gradient_penalty"),
        (lambda sums, both, made: both["critic"].weight, "a weight of the critic"),
        (lambda sums, both, made: both["critic"].bias, "a weight of the critic"),
        (lambda sums, both, made: both["generator"][1].weight, "a weight of the generator"),
        (lambda sums, both, made: both["generator"][1].running_var, "a weight of the generator"),
        (
            lambda sums, both, made: made["critic"].state[both["critic"].weight]["exp_avg_sq"],
            "an optimizer moment of the critic",
        ),
    ],
)
def test_nonfinite(find, name, bad):
    metrics, both = sums_of(a=1.0, gradient_penalty=2.0, b=3.0), networks()
    made = optimizers(both)
    with torch.no_grad():
        find(metrics.sums, both, made).view(-1)[-1] = bad
    means, problem = nonfinite(metrics, both, made)
    assert problem == f"{name} is not finite"
    assert (means["a"], means["b"]) == (1.0, 3.0)


@pytest.mark.gpu
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("place", [0, 31, 65_535, 65_536, 200_000, -1])
def test_gpu_nonfinite(bad, place):
    """The kernel reads tensors in chunks of 65,536 values."""
    sizes = {"a": 5, "b": 300_001, "c": 1}
    both = {role: nn.ParameterList([torch.randn(size, device="cuda")]) for role, size in sizes.items()}
    assert nonfinite(RunningMeans(), both, {}) == ({}, None)
    with torch.no_grad():
        both["b"][0][place] = bad
    assert nonfinite(RunningMeans(), both, {}) == ({}, "a weight of the b is not finite")


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


def test_a_missing_rank_is_noticed_while_the_check_waits_for_the_gpu(small, monkeypatch):
    state, waiting = small.state(), []

    def wait(*arguments: object) -> tuple[dict[str, float], None]:
        waiting.append((process_group._Waiting.collective, process_group._Waiting.deadline < float("inf")))
        return {}, None

    monkeypatch.setattr(divergence, "nonfinite", wait)
    assert divergence.checked_means(state) == ({}, None)
    assert waiting == [("the check for NaN", True)]
    assert (process_group._Waiting.collective, process_group._Waiting.deadline) == ("", float("inf"))
