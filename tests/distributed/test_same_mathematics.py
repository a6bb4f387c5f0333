"""Two processes, or several micro-batches, compute the same as one process with the whole batch, for any recipe."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from shared_steps import CASES, STEPS, everything, far_from_zero, in_parts, recipe_of, trained

from wgan_cli import objectives
from wgan_cli.errors import WganError
from wgan_cli.runs.checkpoint import load_checkpoint

FOLDER = Path(__file__).parent
TOLERANCE = 2e-3  # relative to the distance that the weights moved; summation order changes them by about 1e-5
#: Biases that an instance norm or a difference of scores cancels: Adam amplifies rounding errors of their gradients.
CANCELED = {"cyclegan": (".bias",), "r3gan": ("to_score.bias",)}


@pytest.fixture(scope="module")
def file_of_two(tmp_path_factory, start_ranks) -> Path:
    """Start of the names of the files that two ranks wrote."""
    file = tmp_path_factory.mktemp("two") / "results"
    assert [rank.wait(timeout=300) for rank in start_ranks(FOLDER / "shared_steps.py", file)] == [0, 0]
    return file


@pytest.fixture(scope="module")
def of_two(file_of_two) -> list[dict]:
    """The results of both ranks for every case."""
    return [torch.load(f"{file_of_two}.{rank}") for rank in range(2)]


def distance(one: dict, other: dict, start: dict) -> float:
    """Distance of two sets of weights, relative to the distance from the start."""
    apart = sum((one[name].double() - other[name].double()).square().sum() for name in one)
    moved = sum((one[name].double() - start[name].double()).square().sum() for name in one)
    return float((apart / moved.clamp(min=1e-12)).sqrt())


def kept(name: str, weights: dict) -> dict:
    """The weights of a case without the biases that are canceled."""
    return {key: value for key, value in weights.items() if not key.endswith(CANCELED.get(name, ()))}


@pytest.mark.parametrize("name", CASES)
def test_two_ranks_equal_one_process(name, of_two):
    start, alone = everything(trained(recipe_of(name), steps=0)), everything(trained(recipe_of(name)))
    for ours in (process[name] for process in of_two):
        for role, weights in alone["networks"].items():
            assert distance(kept(name, weights), ours["networks"][role], start["networks"][role]) < TOLERANCE, role
        assert distance(kept(name, alone["average"]), ours["average"], start["average"]) < TOLERANCE
        for buffer, value in alone["memory"].items():
            torch.testing.assert_close(ours["memory"][buffer], value, rtol=5e-3, atol=5e-3)
        assert ours["terms"] == pytest.approx(alone["terms"], rel=5e-3, abs=5e-3)
        assert torch.equal(ours["random"]["cpu"], alone["random"]["cpu"])
        assert ours["feed"] == alone["feed"]
    one, other = (process[name] for process in of_two)
    for role, weights in one["networks"].items():
        assert all(torch.equal(value, other["networks"][role][key]) for key, value in weights.items()), role


def test_two_ranks_resume_exactly(of_two):
    for ours in of_two:
        torch.testing.assert_close(ours["resumed"], ours["wgan_gp"], rtol=0, atol=0)


def test_one_process_resumes_two_ranks(of_two, file_of_two):
    halfway = load_checkpoint(f"{file_of_two}.pth")
    ours, recipe = of_two[0]["wgan_gp"], recipe_of("wgan_gp")
    start, alone = everything(trained(recipe, steps=0)), everything(trained(recipe, start=halfway))
    assert halfway.step == 2 and ours["feed"] == alone["feed"]
    assert torch.equal(ours["random"]["cpu"], alone["random"]["cpu"])
    assert ours["terms"] == pytest.approx(alone["terms"], rel=5e-3, abs=5e-3)
    for role, weights in alone["networks"].items():
        assert distance(weights, ours["networks"][role], start["networks"][role]) < TOLERANCE, role


def test_two_ranks_split_their_shards_into_micro_batches(of_two):
    recipe = recipe_of("wgan_gp", **in_parts("wgan_gp"))
    start, alone = everything(trained(recipe, steps=0)), everything(trained(recipe))
    for ours in (results["in parts"] for results in of_two):
        assert ours["terms"] == pytest.approx(alone["terms"], rel=5e-3, abs=5e-3)
        for role, weights in alone["networks"].items():
            assert distance(weights, ours["networks"][role], start["networks"][role]) < TOLERANCE, role


def test_batch_norm_far_from_zero(of_two):
    expected = torch.nn.BatchNorm1d(3)(far_from_zero())
    for rank, ours in enumerate(of_two):
        torch.testing.assert_close(ours["normalized"], expected[rank::2], rtol=0, atol=0.01)


def test_all_ranks_know_of_one_that_diverged(of_two):
    first, last = (results["diverged"] for results in of_two)
    assert "another rank" in first and "weight of the critic" in last


def test_one_rank_reports_an_error(of_two):
    assert [ours["raised"] for ours in of_two] == ["ZeroDivisionError", "AlreadyReported"]
    assert sorted(ours["claimed"] for ours in of_two) == [False, True]
    assert [ours["first"] for ours in of_two] == [("WganError", 2), ("AlreadyReported", 2)]


def test_different_images_are_refused(of_two):
    assert ["different images" in ours["refused"] for ours in of_two] == [True, True]


def test_cases_cover_every_objective():
    assert {recipe_of(name).objective.name for name in CASES} == set(objectives.OBJECTIVES)


#: Cases that compare the images of a whole batch can't be split into micro-batches.
WHOLE = {
    "cvae_gan", "cyclegan", "around real images", "minibatch spread", "minibatch likeness", "batch norm in the critic",
    "style",
}  # fmt: skip


#: Cases that run by default; the others take long.
FAST = {"wgan_gp", "r3gan", "classes", "flipped labels, noise", "augmented", "spectral norm", "clipped gradients"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in FAST | WHOLE else pytest.mark.slow) for name in CASES]
)
def test_micro_batches_equal_the_whole_batch(name):
    # At most 3 of 8 images at once: four micro-batches of two.
    whole, parts = (recipe_of(name, **in_parts(name), micro_batch_size=size) for size in (None, 3))
    if name in WHOLE:
        with pytest.raises(WganError, match="`micro_batch_size`"):
            trained(parts)
        return
    start, alone, ours = (everything(trained(recipe, n)) for recipe, n in ((whole, 0), (whole, STEPS), (parts, STEPS)))
    # Buffers that each of the four forward passes updates: the mean w, spectral norm's vectors.
    moves_with_each_pass = ("mean.w", "._u", "._v", *CANCELED.get(name, ()))
    for role, weights in alone["networks"].items():
        weights = {key: value for key, value in weights.items() if not key.endswith(moves_with_each_pass)}
        most = 0.2 if name == "spectral norm" else TOLERANCE
        assert distance(weights, ours["networks"][role], start["networks"][role]) < most, role
    assert ours["terms"] == pytest.approx(alone["terms"], rel=5e-2 if name == "spectral norm" else 5e-3, abs=5e-3)


def test_batch_norm_needs_the_whole_batch():
    with pytest.raises(WganError, match="`micro_batch_size` splits it") as refused:
        trained(recipe_of("wgan_gp", micro_batch_size=4))
    assert "sync_batch_norm=false" in refused.value.hint
    trained(recipe_of("wgan_gp", micro_batch_size=4, sync_batch_norm=False), steps=1)


def test_ranks_choose_one_engine_and_precision(of_two):
    """One of them is slow in float32, and in the second trial one can't capture a graph."""
    first, second = (results["autotuned"] for results in of_two)
    assert first == second, "also the number of steps, each of which waits for the other rank"
    assert [found[:2] for found in first] == [("graph", "bf16"), ("eager", "bf16")]
