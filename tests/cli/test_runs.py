"""`wgan runs`: what became of each run, and which checkpoints can go."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path

import pytest
from PIL import Image

from wgan_cli.recipe import Recipe
from wgan_cli.runs.listing import DEFAULT_KEEP
from wgan_cli.runs.lock import only_trainer
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.utils.files import write_text


@pytest.fixture
def two(tiny_run, tmp_path):
    """A finished run, and one that stopped at step 8 after an evaluation."""
    for name in ("done", "half"):
        shutil.copytree(tiny_run.path, tmp_path / "runs" / name)
    half = RunDir(tmp_path / "runs/half")
    half.checkpoint_files()[-1].rename(half.checkpoint_file(1))
    records = [json.loads(line) for line in half.metrics_file.read_text().splitlines()][:2]
    records[-1]["fd"] = 12.5
    write_text(half.metrics_file, "".join(json.dumps(record) + "\n" for record in records) + '{"step": 9, "lo')
    return RunDir(tmp_path / "runs/done"), half


def test_list(wgan, two):
    (two[1].path / "latest").symlink_to("gone")  # or a file that is deleted while it is listed
    done, half = json.loads(wgan("runs", "--json").stdout)
    assert (done["recipe"], done["state"], done["step"], done["steps"]) == ("tiny", "finished", 12, 12)
    assert (half["state"], half["step"], half["score"]) == ("stopped", 8, ["fd", 12.5])
    assert done["score"] is None and done["sample"].endswith("step_00000012.png")
    assert done["bytes"] == sum(file.stat().st_size for file in two[0].path.rglob("*") if file.is_file())
    table = wgan("runs", "--sort", "step").stdout
    assert "FD 12.5" in table and table.index("done") < table.index("half")
    assert not any(line.endswith(" ") for line in table.splitlines()), "in a pipe, nothing pads the last column"
    assert wgan("runs", "--sort", "score").stdout.index("half") < wgan("runs", "--sort", "score").stdout.index("done")
    with only_trainer(two[1]):
        assert json.loads(wgan("runs", "runs/half", "--json").stdout)[0]["state"] == "running"


def test_scores(wgan, two):
    """Of translators with known outputs the L1 distance counts, and of frequent logs also scores long ago."""
    _, half = two
    scored = {"step": 1, "spectrum": 2.5, "paired_l1": 9.5, "cycle_l1": 3.5}
    later = "".join(json.dumps({"step": step, "loss": 0.5}) + "\n" for step in range(2, 5000))
    write_text(half.metrics_file, json.dumps({"step": 0, "fd": 1.5}) + "\n" + json.dumps(scored) + "\n" + later)
    found = json.loads(wgan("runs", half.path, "--json").stdout)[0]
    assert (found["step"], found["score"]) == (4999, ["paired_l1", 9.5])


def test_prune_keeps_what_is_needed(wgan, two):
    done, half = two
    kept = done.checkpoint_files()[-1:]
    listed = wgan("runs", "prune")
    assert listed.status == 0 and str(done.checkpoint_files()[0].name) in listed.stderr and "--yes" in listed.stderr
    assert len(done.checkpoint_files()) == 2
    assert wgan("runs", "prune", "--yes").status == 0
    assert done.checkpoint_files() == kept and len(half.checkpoint_files()) == 2
    assert done.generator_file.is_file()
    assert "nothing to delete" in wgan("runs", "prune").stderr


def test_prune_prints_the_command_that_deletes_the_same(wgan, two):
    Path("runs").rename("my runs")
    command = wgan("runs", "prune", "my runs").stderr.rpartition(": ")[2]
    assert shlex.split(command) == ["wgan", "runs", "prune", "my runs", "--yes"]


@pytest.mark.parametrize(("keep", "kept"), [("all", 5), (4, 4), (3, 3), (2, 1), (1, 1)])
def test_prune_honors_keep(wgan, two, keep, kept):
    done, _ = two
    assert Recipe.model_fields["keep"].default == DEFAULT_KEEP
    recipe = done.recipe_file.read_text()
    assert "\nkeep: 2\n" in recipe
    write_text(done.recipe_file, recipe.replace("\nkeep: 2\n", f"\nkeep: {keep}\n"))
    for step in (1, 2, 3):
        shutil.copy(done.checkpoint_files()[0], done.checkpoint_files()[0].parent / f"step_{step:08d}.pth")
    newest = done.checkpoint_files()[-kept:]
    assert len(done.checkpoint_files()) == 5 and wgan("runs", "prune", "--yes").status == 0
    assert done.checkpoint_files() == newest


def test_failed_runs(wgan, tiny_options, tiny_run):
    def train(*words: object):
        return wgan("train", *tiny_options, *words)

    with pytest.raises(KeyError), only_trainer(RunDir(tiny_run.path)):
        raise KeyError
    assert json.loads(wgan("runs", tiny_run.path, "--json").stdout)[0]["state"] == "finished"
    assert train("--steps", 4, "--stop-after", 2, "--out", "mine").status == 0
    listed = json.loads(wgan("runs", "mine", "--json").stdout)[0]
    assert (listed["state"], listed["step"]) == ("stopped", 2)  # of its checkpoint: nothing is logged yet
    assert json.loads(wgan("inspect", "mine", "--json").stdout)["step"] == 2
    with pytest.raises(KeyError), only_trainer(RunDir(Path("mine"))):
        raise KeyError
    assert json.loads(wgan("runs", "mine", "--json").stdout)[0]["state"] == "failed"
    assert train("--resume", "mine").status == 0
    assert json.loads(wgan("runs", "mine", "--json").stdout)[0]["state"] == "finished"


def test_a_last_step_that_was_not_saved(wgan, two):
    done, _ = two
    done.checkpoint_files()[-1].unlink()
    with pytest.raises(KeyError), only_trainer(done):
        raise KeyError
    assert json.loads(wgan("runs", done.path, "--json").stdout)[0]["state"] == "failed"
    assert "nothing to delete" in wgan("runs", "prune").stderr


def test_prune_caches(wgan, tmp_path):
    Path("photos").mkdir()
    for number in range(3):
        Image.new("RGB", (32, 32), (number, 0, 0)).save(f"photos/{number}.png")
    assert wgan("train", "photos", "--dry-run", "--data-root", "cache").status == 0
    (entry,) = (path for path in Path("cache").glob("*/*") if path.is_dir())
    listed = wgan("runs", "prune", "--caches", "--data-root", "cache")
    assert listed.status == 0 and str(entry) in listed.stderr and entry.exists()
    assert "wgan runs prune --caches --data-root cache --yes" in listed.stderr
    assert wgan("runs", "prune", "--caches", "--data-root", "cache", "--yes").status == 0
    assert not entry.exists() and len(list(Path("photos").iterdir())) == 3
    assert wgan("train", "photos", "--dry-run", "--data-root", "cache").status == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "no runs in runs"),
        (("--yes",), "needs prune"),
        (("--caches",), "needs prune"),
        (("--sort", "age"), "'age'"),
        (("runs", "more"), "more"),
        (("prune", "--json"), "--json is for the list"),
        (("prune", "--caches", "mine"), "mine"),
        (("prune", "--data-root", "cache"), "--data-root holds caches"),
    ],
)
def test_errors(wgan, words, message):
    result = wgan("runs", *words)
    assert result.status == 2 and message in result.error and result.hint


def test_folders_that_may_not_be_entered(wgan, two, monkeypatch):
    Path("runs/lost+found").mkdir()
    stat = os.stat

    def refuse(path, **options):
        if "lost+found/" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", refuse)
    listed = wgan("runs")
    assert listed.status == 0 and "done" in listed.stdout and "half" in listed.stdout


def test_caches_that_cannot_be_deleted(wgan, monkeypatch):
    Path("cache/decoded").mkdir(parents=True)
    monkeypatch.setattr("wgan_cli.data.files.decoded_cache.cache_folder", lambda root: Path("cache"))
    words = ("runs", "prune", "--caches", "--yes", "--data-root", "cache")

    def refuse(path, ignore_errors=False):
        if not ignore_errors:
            raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", refuse)
        refused = wgan(*words)
        assert refused.status == 2 and "cache/decoded: Permission denied" in refused.error
    assert "1 file" in wgan(*words).stderr and not Path("cache/decoded").exists()
