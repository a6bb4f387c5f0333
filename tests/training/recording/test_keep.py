"""`keep`: how many full checkpoints stay in a run."""

from pathlib import Path

import pytest
from conftest import MLP

from wgan_cli.errors import WganError
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.continuation import continued_recipe
from wgan_cli.runs.run_dir import RunDir, step_of

RECIPE = (MLP, "steps=10", "save_every=2", "sample_every=100", "data.limit=40")


def steps_kept(run: RunDir) -> list[int]:
    return [step_of(file) for file in run.checkpoint_files()]


@pytest.mark.parametrize(
    ("keep", "kept"),
    [((), [8, 10]), (("keep=1",), [10]), (("keep=3",), [6, 8, 10]), (("keep=all",), [0, 2, 4, 6, 8, 10])],
)
def test_number_of_checkpoints(trainer, tmp_path, keep, kept):
    run = trainer.run(trainer.recipe(*RECIPE, *keep), tmp_path / "run")
    assert steps_kept(run) == kept
    assert [load_checkpoint(file).step for file in run.checkpoint_files()] == kept


def test_checkpoint_to_roll_back_to_stays(trainer, tmp_path):
    run = trainer.run(trainer.recipe(*RECIPE, "keep=1"), tmp_path / "run", stop_after=5)
    assert steps_kept(run) == [4, 5]


def test_resumed_run_may_change_it(trainer, wgan):
    run = trainer.run(trainer.recipe(*RECIPE, "keep=all"), Path("run"), stop_after=6)
    resumed = wgan("train", "--resume", "run", "--quiet", "--device", "cpu", "--set", "keep=1")
    assert resumed.status == 0, resumed.stderr
    assert steps_kept(run) == [10]
    assert run.read_recipe().keep == 1


def test_old_checkpoints_keep_two(trainer):
    recipe = trainer.recipe(*RECIPE)
    assert continued_recipe(recipe, recipe.replaced(keep="all")).keep == "all"
    assert recipe.keep == 2


@pytest.mark.parametrize("value", ["0", "-1", "2.5", "true", "some", "null", "[1]"])
def test_other_values_are_refused(trainer, value):
    with pytest.raises(WganError, match="`keep`"):
        trainer.recipe(f"keep={value}")
