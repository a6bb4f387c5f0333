"""`wgan train` with evaluations: output during training and afterwards."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from helpers.same_run import assert_same_run
from PIL import Image

from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.run_dir import RunDir

LINE = (
    r"step \d+: FD [\d.]+ \(classifier features, [\d,]+ images; real images: [\d.]+\), "
    r"\d+/10 classes, rarest: \d \(\d+%\)(; best so far)?"
)


@pytest.fixture
def train(wgan, tiny_options, features_root):
    """`wgan train` with an evaluation every second step; the classifier is cached."""

    def call(*words: object):
        settings = ("data.limit=100", "eval_every=2", "eval_count=30")
        options = (word for setting in settings for word in ("--set", setting))
        return wgan("train", "--device", "cpu", "--data-root", features_root, *tiny_options, *options, *words)

    return call


def test_evaluations_and_best_generator(train, wgan, features_root):
    result = train("--steps", 6, "--out", "mine")
    assert (result.status, result.stdout) == (0, "")
    lines = [line for line in result.stderr.splitlines() if re.fullmatch(LINE, line)]
    assert [line.split(":")[0] for line in lines] == ["step 2", "step 4", "step 6"]
    best = load_checkpoint(Path("mine/G_best.pth"))
    assert lines[best.step // 2 - 1].endswith("; best so far")
    assert f"best generator: mine/G_best.pth, step {best.step}, FD {best.score.value:.3g}" in result.stderr
    assert "next: wgan sample mine -n 64" in result.stderr
    assert not any("fd" in line for line in result.stderr.splitlines() if re.match(r"step \d/6 ", line))

    # Replace G.pth by an earlier generator, so that it differs from the best.
    RunDir(Path("mine")).generator_file.write_bytes(Path("mine/checkpoints/step_00000000.pth").read_bytes())
    said = wgan("sample", "--ckpt", "mine", "-n", 2).stderr
    assert said.endswith(f"from step {best.step} of tiny, the best by FD: samples.png\n")
    assert "from step 0 of tiny: samples-2.png" in wgan("sample", "--ckpt", "mine/G.pth", "-n", 2).stderr
    shown = wgan("evaluate", "mine", "-n", 30, "--data-root", features_root, "--device", "cpu").stdout
    assert f"mine: step {best.step} of tiny, the best by FD, seed 0" in shown
    assert f"FD {best.score.value:.3g} (classifier features, 30 images; " in shown.splitlines()[-1]


def test_inspect_shows_scores(train, wgan):
    assert train("--quiet", "--steps", 6, "--out", "mine").stderr == ""
    best, facts = load_checkpoint(Path("mine/G_best.pth")), json.loads(wgan("inspect", "mine", "--json").stdout)
    assert facts["best"]["path"] == "mine/G_best.pth"
    assert (facts["best"]["step"], facts["best"]["score"]["value"]) == (best.step, best.score.value)
    assert {"fd", "recall", "real_baseline"} <= facts["scores"].keys()
    assert not facts["losses"].keys() & facts["scores"].keys()
    rows = {line.split()[0]: line.rstrip() for line in wgan("inspect", "mine").stdout.splitlines()}
    assert f"G_best.pth, step {best.step}: FD {best.score.value:.3g} of 30 images in digits-" in rows["best"]
    assert rows["fd"].endswith(f"(real images: {facts['scores']['real_baseline']:.4g})")
    assert "real_baseline" not in rows
    assert "of it for logs, grids, checkpoints and evaluations" in rows["time"]
    assert f"by FD {best.score.value:.3g} of 30 images" in wgan("inspect", "mine/G_best.pth").stdout
    assert wgan("inspect", "mine", "--plot", "curves.png").status == 0
    with Image.open("curves.png") as picture:
        assert picture.size == (1100, 280 * 4 + 40)  # four losses, scores in three panels, and a title
    shutil.copytree("mine", "twin")
    compared = wgan("compare", "mine", "twin", "--out", "both.png").stdout.splitlines()
    (row,) = [line.split() for line in compared if line.lstrip().startswith("fd")]
    assert row == ["fd", *[f"{facts['scores']['fd']:.4g}"] * 2]
    Path("mine/G_best.pth").write_bytes(b"")
    assert json.loads(wgan("inspect", "mine", "--json").stdout)["best"] is None


def test_patience(train, wgan, features_root):
    # The recall of noise stays 0.
    options = ("--set", "best_by=recall", "--set", "patience=2")
    result = train(*options, "--steps", 60, "--out", "mine")
    assert result.status == 0, result.stderr
    assert "stopped at step 6: recall has not improved for 2 evaluations; best 0 at step 2" in result.stderr
    assert f"continue: wgan train --resume mine --data-root {features_root}\n" in result.stderr
    assert "next: wgan sample" in result.stderr
    assert RunDir(Path("mine")).checkpoint_files()[-1] == RunDir(Path("mine")).checkpoint_file(6)
    assert json.loads(wgan("inspect", "mine", "--json").stdout)["state"] == "stopped early"


def test_extended_run_equals_uninterrupted(train, wgan, features_root):
    # The last step of the shorter run is one at which the longer run logs and samples, too. By recall, which noise has
    # none of, the first evaluation stays the best: its file is of the shorter run's recipe.
    every = ("--set", "log_every=2", "--set", "sample_every=2", "--set", "best_by=recall")
    assert train(*every, "--steps", 8, "--out", "whole").status == 0
    assert train(*every, "--steps", 4, "--out", "halves").status == 0
    result = wgan("train", "--resume", "halves", "--device", "cpu", "--steps", 8, "--data-root", features_root)
    assert result.status == 0 and "from step 4" in result.stderr, result.stderr
    whole, halves = RunDir(Path("whole")), RunDir(Path("halves"))
    assert_same_run(whole, halves)
    assert halves.read_recipe() == whole.read_recipe()
    assert load_checkpoint(Path("halves/G_best.pth")).step == 2


def test_too_few_images(wgan, tiny_options, tmp_path):
    (tmp_path / "few").mkdir()
    for number in range(20):
        Image.new("L", (28, 28), number).save(tmp_path / "few" / f"{number}.png")
    data = ("--set", "data={source: folder, path: few, image_size: 28}", "--set", "eval_every=2", "--steps", 4)
    for words in ((), ("--dry-run",)):
        result = wgan("train", "--device", "cpu", *tiny_options, *data, "--out", "mine", "--data-root", ".", *words)
        assert (result.status, "holds 20 images" in result.error) == (2, True)
        assert not Path("mine").exists()


def test_dry_run_trains_no_classifier(wgan, tiny_options, tmp_path):
    options = ("--device", "cpu", *tiny_options, "--set", "eval_every=2", "--data-root", "root")
    result = wgan("train", *options, "--dry-run")
    assert result.status == 0, result.stderr
    assert "classifier" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_patience_needs_evaluations(wgan):
    result = wgan("train", "--set", "patience=3", "--set", "eval_every=null", "--dry-run")
    assert (result.status, "`patience`" in result.error) == (2, True)
    assert "`eval_every`" in result.hint
