"""`wgan tune` from start to winner: real searches of a second."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from PIL import Image

from wgan_cli.recipe import load_recipe
from wgan_cli.runs.run_dir import RunDir, is_run
from wgan_cli.tuning import measure

RATES = ("--try", "optim.lr=0.001,0.01")


@pytest.fixture
def options(tiny_options, features_root):
    """Options of a search of tiny runs, whose classifier is cached."""
    settings = ("data.limit=100", "eval_count=30", "threads=1")
    more = (word for setting in settings for word in ("--set", setting))
    return ("digits_dcgan", *tiny_options, *more, "--device", "cpu", "--data-root", features_root)


def kept(standings: str) -> list:
    """The standings without the place of their runs."""
    found = json.loads(standings)
    for each in found:
        for run in each["runs"]:
            run["path"] = Path(run["path"]).name
    return found


def test_search(wgan, options):
    batches = ("--try", "batch_size=4,8")
    words = ("tune", *options, *RATES, *batches, "--minutes", 0.004)
    result = wgan(*words, "--json")
    assert result.status == 0, result.stderr
    standings, folder = json.loads(result.stdout), Path("runs/tiny-tune")
    assert sorted(each.name for each in folder.iterdir() if is_run(each)) == sorted(
        Path(run["path"]).name for each in standings for run in each["runs"]
    )
    assert sorted(len(each["runs"]) for each in standings) == [1, 1, 2, 3]  # 4, 2 and 1 candidates
    first = {each["runs"][0]["score"] for each in standings}
    assert {each["runs"][0]["score"] for each in standings[:2]} == set(sorted(first)[:2])
    for run in (run for each in standings for run in each["runs"]):
        recipe = load_recipe(run["path"])
        assert recipe.steps == run["steps"] == recipe.eval_every
        assert wgan("inspect", run["path"]).status == 0
    winner = load_recipe(str(folder / "winner.yaml"))
    rate, batch = (setting.partition("=")[2] for setting in standings[0]["settings"])
    assert (winner.optim.generator.lr, winner.batch_size) == (float(rate), int(batch))
    assert (winner.steps, winner.name) == (load_recipe("digits_dcgan").steps, "tiny-tuned")
    assert wgan("train", "--recipe", folder / "winner.yaml", "--steps", 2, "--device", "cpu").status == 0
    assert wgan("compare", *sorted(folder.iterdir())).status == 0
    assert wgan("gif", standings[0]["runs"][-1]["path"]).status == 0

    again = wgan("tune", "--resume", folder, "--json", "--device", "cpu")
    assert again.stdout == result.stdout and "rung 1 of" not in again.stderr  # nothing is trained twice
    assert wgan(*words, "--out", folder, "--json").stdout == result.stdout
    other = wgan(*words, "--out", folder, "--seed", 3)
    assert (other.status, "other options" in other.error) == (2, True)


@pytest.mark.slow
def test_interrupted_search_ends_like_an_undisturbed_one(wgan, wgan_process, options, tmp_path):
    words = ("tune", *options, *RATES, "--minutes", 0.01, "--rungs", 2, "--out", "mine")
    for number, (end, status) in enumerate(((signal.SIGINT, 130), (signal.SIGKILL, -9))):
        process = wgan_process.start(*(words if number == 0 else ("tune", "--resume", "mine", *options[-4:])))
        metrics = RunDir(tmp_path / "mine" / f"rung1-0{number + 1}").metrics_file
        while process.poll() is None and not metrics.exists():
            pass
        process.send_signal(end)
        said = process.communicate(timeout=60)[1]
        assert process.returncode == status, said
        if number == 0:
            assert "continue: wgan tune --resume mine" in said
            (tmp_path / "whole").mkdir()
            shutil.copy(tmp_path / "mine/tune.json", tmp_path / "whole")
    resumed, whole = (wgan("tune", "--resume", name, "--json", *options[-4:]) for name in ("mine", "whole"))
    assert resumed.status == whole.status == 0, resumed.stderr
    assert kept(resumed.stdout) == kept(whole.stdout)


def test_diverged_candidate_is_a_result(wgan, options):
    unstable = ("--set", "optim.critic={name: sgd}", "--set", "objective.gp_weight=1e6")
    words = ("tune", *options, *unstable, "--minutes", 0.003, "--rungs", 2, "--out")
    result = wgan(*words, "mine", "--try", "optim.critic.lr=10,1e-12")
    assert result.status == 0, result.stderr
    assert "failed: training diverged" in result.stderr
    assert load_recipe("mine/winner.yaml").optim.critic.lr == 1e-12
    assert "failed" in result.stdout.splitlines()[-1]
    result = wgan(*words, "none", "--try", "optim.critic.lr=10,9")
    assert (result.status, "all candidates failed" in result.error) == (1, True)


def test_plan(wgan, options, tmp_path):
    words = ("tune", *options, "--minutes", 1, "--dry-run")
    said = wgan(*words, *RATES).stderr
    assert "all 2 combinations" in said and "rung 2: the best 1 for 1 minutes" in said
    some = wgan(*words, "--try", "seed=1,2,3,4,5,6,7,8", "--budget", 5).stderr
    assert "of 8 combinations, drawn at random" in some
    assert "3 random candidates" in wgan(*words, "--try", "optim.lr=0.001..0.1", "--trials", 3).stderr
    few = wgan(*words, *RATES, "--budget", 1.2)
    assert few.status == 2 and "--budget 1.2" in few.error and "--minutes" in few.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signal_during_the_rehearsal(wgan, options, tmp_path, monkeypatch, number, status):
    monkeypatch.setattr(measure._Loading, "on_train_start", lambda *_: os.kill(os.getpid(), number))
    assert wgan("tune", *options, *RATES).status == status
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        ((), "nothing to try", "--try optim.lr="),
        (("--try", "optim.lr=0.001"), "one candidate", "two values"),
        (("--try", "optim.lr=0.001,-1"), "--try optim.lr=-1: ", ""),
        (("--try", "optm.lr=0.001,1"), "--try optm.lr=0.001: ", "optim"),
        (("--try", "steps=5,6"), "--try steps", "--set"),
        (("--try", "optim.lr=0.1..1"), "needs a number", "--trials"),
        (("--try", "model.generator.channels=[8],[8,8,8]"), "--try model.generator.channels", ""),
        ((*RATES, "--best-by", "paired_l1"), "paired_l1", "best_by"),
        ((*RATES, "--resume", "gone"), "--resume continues", "--resume gone"),
        ((*RATES, "--out", "file"), "file already exists", "--out"),
    ],
)
def test_errors(wgan, options, tmp_path, words, error, hint):
    (tmp_path / "file").touch()
    result = wgan("tune", *options, *words)
    assert result.status == 2 and error in result.error and hint in result.hint, result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_images_get_the_recipe_of_the_chosen_device(wgan, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    Path("photos").mkdir()
    Image.new("RGB", (64, 64)).save("photos/one.png")
    for device, recipe in (("cpu", "folder_dcgan"), ("auto", "folder_dcgan_wide")):
        assert f"training {recipe};" in wgan("tune", "photos", "--device", device).stderr


def test_folder_of_no_search(wgan, tiny_run):
    result = wgan("tune", "--resume", tiny_run.path)
    assert result.status == 2 and "not a search folder" in result.error
