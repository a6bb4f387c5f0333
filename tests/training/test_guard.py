"""The guard: it lets a healthy run pass, and names what is ill in any other."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.training.guard import check_terms, check_weights

BAD = [float("nan"), float("inf"), float("-inf")]


def networks() -> dict[str, nn.Module]:
    return {"critic": nn.Linear(3, 2), "generator": nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))}


def test_a_healthy_run_passes():
    check_terms({"critic_loss": -1e30, "wasserstein": 0.0}, 5)
    check_terms({}, 5)
    check_weights(networks(), 5)


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_term_is_named_with_its_step_and_a_repair(bad):
    with pytest.raises(WganError) as stopped:
        check_terms({"wasserstein": 1.0, "gradient_penalty": bad, "critic_loss": 2.0}, 350)
    assert "gradient_penalty" in stopped.value.message and str(bad) in stopped.value.message
    assert "step 350" in stopped.value.message
    assert "wasserstein" not in stopped.value.message
    assert stopped.value.status == ExitStatus.FAILED
    assert "optim.critic.lr" in stopped.value.hint and "--amp off" in stopped.value.hint


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(("role", "name"), [("critic", "bias"), ("critic", "weight"), ("generator", "1.weight")])
def test_one_bad_weight_anywhere_names_its_network(role, name, bad):
    both = networks()
    with torch.no_grad():
        both[role].get_parameter(name).view(-1)[-1] = bad
    with pytest.raises(WganError) as stopped:
        check_weights(both, 7)
    assert role in stopped.value.message and "step 7" in stopped.value.message
    assert {"critic", "generator"} - {role} not in stopped.value.message.split()
    assert stopped.value.status == ExitStatus.FAILED
    assert "checkpoint" in stopped.value.hint


def test_a_bad_running_statistic_is_no_better_than_a_bad_weight():
    network = nn.BatchNorm1d(3)
    network.running_var[1] = float("nan")
    with pytest.raises(WganError, match="generator"):
        check_weights({"generator": network}, step=7)
