"""The number of micro-batches, and batches that can't be split into them."""

from __future__ import annotations

import re

import pytest

from wgan_cli.distributed.batch_shard import BatchShard, use_shard
from wgan_cli.errors import WganError
from wgan_cli.objectives import build_objective
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.training.grad_accumulation import accumulation_steps

BATCH_NORMED = {"name": "mlp", "generator": {"widths": [8], "norm": "batch"}, "critic": {"widths": [8]}}
ALONE = {"model": BATCH_NORMED, "sync_batch_norm": False}
PATHS = {"name": "gan", "path_length_weight": 1.0}


def steps(recipe: Recipe, processes: int = 1) -> int:
    with use_shard(BatchShard(0, processes)):
        return accumulation_steps(recipe, build_objective(recipe, ImageShape(8, 8, 1)))


def refusal(recipe: Recipe, processes: int = 1) -> WganError:
    """The error, after a check that its first `--set` works."""
    with pytest.raises(WganError) as caught:
        steps(recipe, processes)
    name, value = re.search(r"--set (\w+)=(\d+)", caught.value.hint).groups()
    steps(recipe.replaced(**{name: int(value)}), processes)
    return caught.value


@pytest.mark.parametrize(("batch", "limit", "expected"), [(64, 64, 1), (64, 32, 2), (8, 3, 4), (61, 1, 61)])
def test_fewest_equal_parts(small, batch, limit, expected):
    assert steps(small.recipe(batch_size=batch, micro_batch_size=limit)) == expected
    assert steps(small.recipe(batch_size=2 * batch, micro_batch_size=limit), processes=2) == expected


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize(("local", "limit", "suggested"), [(61, 32, 60), (35, 32, 34), (7, 6, 6), (17, 5, 16)])
def test_much_smaller_parts_are_refused(small, local, limit, suggested, processes):
    error = refusal(small.recipe(batch_size=processes * local, micro_batch_size=limit), processes)
    assert f"micro_batch_size` is {limit}" in error.message
    assert f"--set batch_size={processes * suggested}," in error.hint


@pytest.mark.parametrize(
    ("batch", "limit", "processes", "setting"),
    [(4, 1, 1, "micro_batch_size=2"), (9, 1, 1, "micro_batch_size=3"), (5, 2, 1, "micro_batch_size=5"),
     (4, None, 4, "batch_size=8"), (4, 2, 4, "batch_size=8")],
)  # fmt: skip
def test_batch_norm_of_one_image_is_refused(small, batch, limit, processes, setting):
    recipe = small.recipe(batch_size=batch, micro_batch_size=limit, **ALONE)
    error = refusal(recipe, processes)
    assert "`model.generator.norm`" in error.message and f"--set {setting}, or set `model.gen" in error.hint
    assert steps(recipe.replaced(sync_batch_norm=True), processes) >= 1


def test_path_lengths_of_half_a_shard(small):
    odd, even = (small.recipe("style", objective=PATHS, batch_size=size) for size in (6, 8))
    assert steps(odd) == steps(even, processes=2) == 1
    error = refusal(odd, processes=2)
    assert "`objective.path_length_weight`" in error.message and "--set batch_size=8" in error.hint
