"""Two processes with half a batch each compute what one computes with the whole, whatever the recipe."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from shared_steps import CASES, everything, recipe_of, trained

import wgan_cli
from wgan_cli import objectives
from wgan_cli.errors import WganError

FOLDER = Path(__file__).parent
TOLERANCE = 2e-3  # of how far the weights moved in ten steps; float32 sums in another order move them by some 1e-5


@pytest.fixture(scope="module")
def of_two(tmp_path_factory) -> list[dict]:
    """What each of two processes had after ten steps of every case."""
    file = tmp_path_factory.mktemp("two") / "results"
    base = {
        **os.environ,
        "PYTHONPATH": f"{Path(wgan_cli.__file__).parents[1]}:{FOLDER}:{FOLDER.parent}",
        "OMP_NUM_THREADS": "1",
    }
    base |= {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    started = [
        subprocess.Popen([sys.executable, FOLDER / "shared_steps.py", file], env={**base, "RANK": str(rank)})
        for rank in range(2)
    ]
    assert [process.wait(timeout=300) for process in started] == [0, 0]
    return [torch.load(f"{file}.{rank}") for rank in range(2)]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


#: Biases before an instance norm, which takes them out: their gradients are rounding alone, and Adam magnifies it.
UNFELT = {"cyclegan": ".bias"}


def unfelt(case: str, parameter: str) -> bool:
    """Whether nothing depends on a parameter."""
    return case in UNFELT and parameter.endswith(UNFELT[case])


def distance(one: dict, other: dict, start: dict) -> float:
    """How far two sets of weights are apart, beside how far they moved."""
    apart = sum((one[name].double() - other[name].double()).square().sum() for name in one)
    moved = sum((one[name].double() - start[name].double()).square().sum() for name in one)
    return float((apart / moved.clamp(min=1e-12)).sqrt())


@pytest.mark.parametrize("name", CASES)
def test_two_processes_equal_one(name, of_two):
    start, alone = everything(trained(recipe_of(name), steps=0)), everything(trained(recipe_of(name)))
    for ours in (process[name] for process in of_two):
        for role, weights in alone["networks"].items():
            felt = {key: value for key, value in weights.items() if not unfelt(name, key)}
            assert distance(felt, ours["networks"][role], start["networks"][role]) < TOLERANCE, role
        assert name in UNFELT or distance(alone["average"], ours["average"], start["average"]) < TOLERANCE
        for buffer, value in alone["memory"].items():
            torch.testing.assert_close(ours["memory"][buffer], value, rtol=5e-3, atol=5e-3)
        assert ours["terms"] == pytest.approx(alone["terms"], rel=5e-3, abs=5e-3)
        assert torch.equal(ours["random"]["cpu"], alone["random"]["cpu"])
        assert ours["feed"] == alone["feed"]


@pytest.mark.parametrize("name", CASES)
def test_processes_hold_the_same_weights(name, of_two):
    one, other = (process[name] for process in of_two)
    for role, weights in one["networks"].items():
        assert all(torch.equal(value, other["networks"][role][key]) for key, value in weights.items()), role


def test_every_objective_is_here():
    assert {recipe_of(name).objective.name for name in CASES} == set(objectives.OBJECTIVES)


#: What looks at a whole batch cannot be computed in parts.
WHOLE = {
    "cvae_gan", "cyclegan", "around real images", "minibatch spread", "minibatch likeness", "batch norm in the critic",
    "style",
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_parts_of_a_batch_one_after_the_other_equal_the_whole(name):
    """Three images at most on a device: four parts of two, of a batch of eight."""
    normed = {"model": {**CASES[name]["model"]}}
    if normed["model"]["generator"].get("norm") == "batch":
        normed["model"]["generator"] = {**normed["model"]["generator"], "norm": "layer"}
    whole, parts = recipe_of(name, **normed), recipe_of(name, **normed, micro_batch_size=3)
    if name in WHOLE:
        with pytest.raises(WganError, match="`micro_batch_size`"):
            trained(parts)
        return
    start, alone, ours = (everything(trained(recipe, n)) for recipe, n in ((whole, 0), (whole, 10), (parts, 10)))
    # What a network remembers of its passes, of which there are four for one: the mean w, spectral norm's vectors.
    moves_with_each_pass = ("mean.w", "._u", "._v")
    for role, weights in alone["networks"].items():
        weights = {key: value for key, value in weights.items() if not key.endswith(moves_with_each_pass)}
        most = 0.2 if name == "spectral norm" else TOLERANCE
        assert distance(weights, ours["networks"][role], start["networks"][role]) < most, role
    assert ours["terms"] == pytest.approx(alone["terms"], rel=5e-2 if name == "spectral norm" else 5e-3, abs=5e-3)


def test_batch_norm_sees_a_part_alone_only_if_told():
    with pytest.raises(WganError, match="batch norm must see the whole batch") as refused:
        trained(recipe_of("wgan_gp", micro_batch_size=4))
    assert "sync_batch_norm=false" in refused.value.hint
    trained(recipe_of("wgan_gp", micro_batch_size=4, sync_batch_norm=False), steps=1)
