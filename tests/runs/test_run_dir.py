"""The run folder: its name, its description, and that nothing is overwritten."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import Mock

import pytest

from wgan_cli.errors import WganError
from wgan_cli.recipe import Recipe, load_recipe
from wgan_cli.runs.lock import only_trainer
from wgan_cli.runs.resume import remove_unstarted_run
from wgan_cli.runs.run_dir import RunDir, create_run, is_run, open_run


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def content(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def test_default_names_count_up(monkeypatch):
    Path("runs").mkdir()
    Path("runs/x-2").write_text("a file")
    monkeypatch.setattr(Path, "exists", lambda self, **options: False)  # each was free a moment ago
    made = [create_run(None, "x").path for _ in range(3)]
    assert made == [Path("runs/x"), Path("runs/x-3"), Path("runs/x-4")]
    assert all(path.is_dir() for path in made)
    assert Path("runs/x-2").read_text() == "a file"


def test_parents_and_subfolders_are_created():
    Path("empty").mkdir()
    for path in (Path("a/b/c"), Path("empty")):
        run = create_run(path, "x")
        assert run.path == path
        assert run.samples.is_dir() and run.checkpoints.is_dir()


@pytest.mark.parametrize("kind", ["run", "file", "folder"])
def test_existing_paths_are_never_overwritten(here, kind):
    if kind == "run":
        described(path=Path("mine"))
    elif kind == "file":
        Path("mine").write_text("precious")
    else:
        Path("mine").mkdir()
        Path("mine/notes.txt").write_text("precious")
    before = content(here)
    with pytest.raises(WganError, match="mine already exists") as caught:
        create_run(Path("mine"), "x")
    assert "--out" in caught.value.hint
    assert ("--resume mine" in caught.value.hint) == (kind == "run")
    assert content(here) == before


def described(command: str = "wgan train", path: Path | None = None, **changes) -> tuple[RunDir, Recipe]:
    """Create a run with a description."""
    run, recipe = (
        create_run(path, "x"),
        load_recipe("digits_dcgan", ["seed=5", "optim.critic.lr=1e-5"]).replaced(**changes),
    )
    run.write_description(recipe, {"command": command})
    return run, recipe


@pytest.mark.parametrize("name", ["off", "1e5", "2e-4", "010", "1_000", "null", "true", "é", "a.b+c-d"])
def test_recipe_file_can_be_trained(name):
    run, recipe = described("wgan train --set 'model={name: dcgan,\nlatent_dim: 5}'", name=name)
    assert run.read_recipe() == recipe == load_recipe(str(run.recipe_file))
    header = "# wgan train --set 'model={name: dcgan, latent_dim: 5}'"
    assert run.recipe_file.read_text(encoding="utf-8").splitlines()[0] == header


def test_resumed_environments_are_listed():
    run = create_run(None, "x")
    for number in range(3):
        run.write_description(load_recipe("digits_dcgan"), {"command": "wgan train", "threads": number})
    environment = json.loads(run.environment_file.read_text())
    assert environment["threads"] == 0
    assert [each["threads"] for each in environment["resumed"]] == [1, 2]


def test_equal_images_are_listed_once():
    run = create_run(None, "x")
    for count in (3, 3, 4, 4, 3):
        run.write_description(load_recipe("digits_dcgan"), {"command": "wgan train", "images": {"count": count}})
    first = run.read_environment()
    assert [each.get("images", {}).get("count") for each in (first, *first["resumed"])] == [3, None, 4, None, 3]


@pytest.mark.parametrize("damaged", ["null", "[]", "{", '{"resumed": 5}'])
def test_damaged_environment_does_not_stop_a_resume(damaged):
    run = create_run(None, "x")
    run.environment_file.write_text(damaged)
    run.write_description(load_recipe("digits_dcgan"), {"command": "wgan train", "threads": 2})
    assert run.read_recipe() == load_recipe("digits_dcgan")
    assert 2 in [each.get("threads") for each in (run.read_environment(), *run.read_environment().get("resumed", []))]


def test_open_run():
    with pytest.raises(WganError, match="there is no run folder gone"):
        open_run(Path("gone"))
    Path("plain").mkdir()
    Path("file").write_text("")
    for path in (Path("plain"), Path("file")):
        assert not is_run(path)
        with pytest.raises(WganError, match=f"{path} is not a run folder"):
            open_run(path)
    run, _ = described(path=Path("mine"))
    assert is_run(run.path)
    assert open_run(run.path) == run


def test_checkpoints_sort_by_step():
    run = create_run(Path("mine"), "x")
    numbers = [9, 10, 200, 99_999_999, 100_000_000, 1_000_000_000]  # a recipe may have 1e9 steps
    for number in reversed(numbers):
        run.checkpoint_file(number).touch()
    (run.checkpoints / ".step_00000300.pth.77.part").touch()  # left by a killed process
    assert run.checkpoint_files() == [run.checkpoint_file(number) for number in numbers]


def test_remove_unstarted_run(tmp_path):
    run = create_run(tmp_path / "run", "any")
    run.lock_file.touch()
    remove_unstarted_run(run.path)
    assert not run.path.exists()
    remove_unstarted_run(run.path)  # nothing there is nothing to do


def test_a_run_killed_before_it_has_a_recipe(monkeypatch):
    run = create_run(Path("mine"), "x")
    run.lock_file.touch()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("wgan_cli.recipe.yaml.dump_yaml", Mock(side_effect=KeyboardInterrupt))
        run.write_description(load_recipe("digits_dcgan"), {"initialized_from": {"step": 1}})
    assert run.read_environment() and not is_run(run.path)  # otherwise it would resume from random weights
    remove_unstarted_run(run.path)
    assert not run.path.exists()


def test_a_run_that_is_just_starting_is_kept(tmp_path):
    run = create_run(tmp_path / "run", "any")
    with only_trainer(run):
        remove_unstarted_run(run.path)
        assert run.lock_file.exists() and run.samples.is_dir()


@pytest.mark.parametrize(
    "kept", ["recipe.yaml", "photo.png", "albums/", "samples/grid.png", "samples", "environment.json"]
)
def test_remove_unstarted_run_keeps_other_files(tmp_path, kept):
    run = create_run(tmp_path / "run", "any")
    path = run.path / kept
    if kept in ("samples", "environment.json"):  # the folders of a run are created before its files
        run.samples.rmdir()
    path.mkdir() if kept.endswith("/") else path.touch()
    remove_unstarted_run(run.path)
    assert path.exists()
    assert run.checkpoints.is_dir()
