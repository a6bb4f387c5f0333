"""Classes from the images' files to samples: recipe choice, the plan, the run and its inspection."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.same_run import assert_same_run
from PIL import Image

from wgan_cli.cli.arguments.training_target import resolve_target
from wgan_cli.recipe import load_recipe
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.run_dir import RunDir

SMALL = ("--set", "data.image_size=8", "--set", "model.critic.channels=[4]")


def pictures(*names: str) -> None:
    for number, name in enumerate(names):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (number % 256, 0, 0)).save(name)


def numbered(folder: str, count: int) -> tuple[str, ...]:
    return tuple(f"{folder}/{number}.png" for number in range(count))


def test_two_sides_are_translated(wgan):
    pictures(*(name for part in ("trainA", "trainB", "testB") for name in numbered(f"set/{part}", 2)))
    expected = {"a": ("set/trainA", None), "b": ("set/trainB", "set/testB")}
    for words in ((["set"], None, []), ([], "folder_cyclegan", ["set"])):
        recipe, settings = resolve_target(*words)
        data = load_recipe(recipe or "", settings).data
        assert {side: (getattr(data, side).path, getattr(data, side).test_path) for side in "ab"} == expected
        assert data.a.on_bad_file == data.b.on_bad_file == ("stop" if words[1] else "skip")
    result = wgan("train", "set", "--recipe", "folder32_dcgan", "--dry-run")
    assert result.status == 0 and "trainA and trainB are used as classes" in result.stderr


def test_listed_classes_are_learned(wgan, tiny_options):
    pictures(*numbered("set", 50))
    lines = [f'{number}.png,"{("Rome", "New York, NY")[number % 2]}"' for number in range(50)]
    Path("set/labels.csv").write_text("\n".join(["file,label", *lines]))
    result = wgan("train", "set", *tiny_options, *SMALL, "--steps", 2, "--out", "mine")
    assert result.status == 0, result.stderr
    assert "classes from labels.csv" in result.stderr and "classes: New York, NY 25, Rome 25" in result.stderr
    facts = json.loads(wgan("inspect", "mine", "--json").stdout)
    assert facts["classes"] == {"New York, NY": 25, "Rome": 25}
    assert "New York, NY 25, Rome 25" in wgan("inspect", "mine", "--no-curves").stdout
    sampled = wgan("sample", "mine", "--class", "New York, NY", "--class", "Rome", "-n", 2, "--out", "some/")
    assert sampled.status == 0, sampled.stderr
    assert sorted(path.name for path in Path("some").iterdir()) == ["New York, NY", "Rome"]
    RunDir(Path("mine")).environment_file.write_text('{"images": {"classes": {"a": "b", "c": []}}}')
    assert json.loads(wgan("inspect", "mine", "--json").stdout)["classes"] == {}


@pytest.mark.parametrize("conditional", [False, True])
def test_classes_with_few_images(wgan, conditional):
    pictures(*numbered("set/cat", 30), *numbered("set/dog", 4))
    words = ("--set", "eval_every=null", "--set", f"model.conditional={str(conditional).lower()}")
    result = wgan("train", "set", "--dry-run", *words)
    assert result.status == 0 and "dog has 4" in result.stderr and "cat 30, dog 4" in result.stderr
    assert ("warning: " in result.stderr) == conditional
    assert ("not learned (" in result.stderr) == (not conditional)
    assert "too few to learn a class from: dog 4" in wgan("inspect", "set").stdout


def test_missing_classes_have_a_hint_for_the_source(wgan):
    pictures(*numbered("set", 2))
    result = wgan("train", "folder32_dcgan", "--data", "set", "--set", "model.conditional=true", "--dry-run")
    assert result.status == 2 and "labels.csv" in result.hint


def test_runs_of_earlier_versions_keep_their_classes(wgan, tiny_options):
    pictures(*numbered("set/train/cat", 4), *numbered("set/test/cat", 4))
    words = ("folder32_dcgan", "--data", "set", "--set", "data.labels=folders", "--set", "model.conditional=true")
    for stop, out in ((2, "old"), (4, "whole")):
        options = ("--steps", 4, "--stop-after", stop, "--out", out)
        result = wgan("train", *words, *tiny_options, *SMALL, *options)
        assert result.status == 0, result.stderr
    file = Path("old/recipe.yaml")
    file.write_text(file.read_text().replace("  labels: folders\n", ""))  # the setting is new
    resumed = wgan("train", "--resume", "old")
    assert resumed.status == 0, resumed.stderr
    assert load_checkpoint(Path("old/G.pth")).class_names == ("test", "train")
    assert_same_run(RunDir(Path("old")), RunDir(Path("whole")))


def test_several_folders_are_one_set(wgan, tiny_options):
    pictures(*numbered("one/cat", 20), *numbered("two/cat", 20), *numbered("two/dog", 20))
    result = wgan("train", "one", "two", *tiny_options, *SMALL, "--steps", 2, "--out", "mine")
    assert result.status == 0, result.stderr
    assert json.loads(wgan("inspect", "mine", "--json").stdout)["classes"] == {"cat": 40, "dog": 20}
    assert "--data one --data two" in result.stderr
    assert json.loads(wgan("inspect", "one", "two", "--json").stdout)["classes"] == {"cat": 40, "dog": 20}
    assert wgan("train", "--resume", "mine", "--steps", 3).status == 0
    again = wgan("train", "folder32_dcgan", "--data", "one", "--data", "two", "--dry-run")
    assert again.status == 0 and "60 images" in again.stderr


def test_sets_that_are_not_combined(wgan):
    pictures(*numbered("one", 2))
    for words in (("train", "one", "mnist"), ("inspect", "one", "digits_dcgan"), ("train", "one", "--data", "one")):
        result = wgan(*words)
        assert result.status == 2 and result.stderr.startswith("error: ") and "hint: " in result.stderr
