"""The Python API: `train` and `evaluate`."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY

from wgan_cli import Callback, WganError, evaluate, image_set, load_generator, train
from wgan_cli.evaluation import classifier
from wgan_cli.recipe import Recipe, load_recipe
from wgan_cli.runs.checkpoint import load_checkpoint

CPU = {"device": "cpu"}


def train_tiny(folder: Path | None, *settings: str, **options):
    return train("digits_dcgan", folder, settings=[*TINY, *settings], **CPU, **options)


def squares(count: int = 60) -> np.ndarray:
    """Dark and light gray images."""
    noise = np.random.default_rng(0).integers(0, 40, (count, 1, 8, 8))
    return (noise + 200 * (np.arange(count) % 2)[:, None, None, None]).astype(np.uint8)


def test_train_and_resume_equal_the_command(wgan, tiny_options, tmp_path, capsys):
    run = train_tiny(tmp_path / "mine", "steps=3")
    run = train(resume=run.path, settings=["steps=8"], **CPU)
    assert capsys.readouterr() == ("", "")  # the library never prints
    assert train(resume=run.path, **CPU).path == run.path  # finished, so nothing is done
    result = wgan("train", *tiny_options, "--out", "theirs", "--steps", 8, "--device", "cpu")
    assert result.status == 0, result.stderr
    theirs = load_checkpoint(tmp_path / "theirs" / "G.pth").networks["generator"]
    torch.testing.assert_close(load_checkpoint(run.generator_file).networks["generator"], theirs, rtol=0, atol=0)


def test_recipe_object(tmp_path):
    recipe = load_recipe("digits_dcgan", [*TINY, "steps=2"])
    run = train(recipe, tmp_path / "run", settings=["batch_size=4"], **CPU)
    assert isinstance(run.read_recipe(), Recipe) and run.read_recipe().batch_size == 4 and recipe.batch_size == 8


@pytest.mark.parametrize("setting", ["data.split=test", "data.channels=3", "data.background=gray"])
def test_settings_of_files_and_images_in_memory(setting):
    with pytest.raises(WganError, match=setting.partition("=")[0]):
        train_tiny(None, setting, images=image_set(squares()))
    with pytest.raises(WganError, match="data.split"):
        load_recipe("digits_dcgan", ["data={source: given, split: test}"])


def test_images_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(classifier, "MIN_IMAGES", 100)
    monkeypatch.setattr(classifier, "MAX_IMAGES", 100)
    images = image_set(squares(), np.arange(60) % 2, ["dark", "light"])
    run = train_tiny(tmp_path / "run", "model.conditional=true", "data.limit=50", "steps=2", images=images)
    run = train(resume=run.path, images=images, settings=["steps=4"], **CPU)
    generator = load_generator(run.path)
    assert generator.class_names == ("dark", "light") and generator.recipe.data.source == "given"
    assert generator.sample(3, labels=1).shape == (3, 1, 8, 8)
    found = evaluate(run.path, images=images, count=10, data_root=tmp_path, **CPU)
    assert found.generated.count == 10 and found.seen and "images in memory" in found.training
    for attempt in (lambda: train(resume=run.path, settings=["steps=6"]), lambda: evaluate(run.path)):
        with pytest.raises(WganError, match="no file contains them") as caught:
            attempt()
        assert "`images`" in caught.value.hint
    with pytest.raises(WganError, match="images of 8x8x1 now|trained on 50 images"):
        fewer = image_set(squares(20), np.arange(20) % 2, ["dark", "light"])
        train(resume=run.path, images=fewer, settings=["steps=6"], **CPU)


def test_fine_tuning_leaves_the_settings_of_the_first_images(tmp_path):
    source = train_tiny(tmp_path / "source", "data.limit=20", "data.transform=invert", "steps=1")
    start = {
        "images": image_set(squares()),
        "init_from": source.path,
        "settings": ["steps=1", "data.augment.mirror=true"],
    }
    run = train(None, tmp_path / "mine", **start, **CPU)
    data = run.read_recipe().data
    assert (data.source, data.limit, data.transform, data.image_size) == ("given", None, None, (28, 28))
    assert data.augment.mirror and "cutout" in data.diff_augment
    assert train(None, run.path, resume="auto", **start, **CPU).path == run.path


def test_images_for_other_runs_are_refused(tiny_run):
    with pytest.raises(WganError, match="was trained on digits, not on images in memory"):
        evaluate(tiny_run.path, images=image_set(squares()))
    with pytest.raises(WganError, match="needs two domains"):
        train("mnist_cyclegan", images=image_set(squares()))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"images": squares().astype(float)}, "float64"),
        ({"images": squares()[:, 0]}, r"\(60, 8, 8\)"),
        ({"images": squares().transpose(0, 2, 3, 1)}, r"\(60, 8, 8, 1\)"),
        ({"images": squares()[:0]}, r"\(0, 1, 8, 8\)"),
        ({"images": squares(), "labels": [0, 1]}, "60 integers"),
        ({"images": squares(), "labels": np.zeros(60)}, "60 integers, not torch.float64"),
        ({"images": squares(), "labels": np.arange(60) - 1}, "from -1 to 58"),
        ({"images": squares(), "labels": np.arange(60) % 3, "class_names": "ab"}, "2 class names"),
        ({"images": squares(), "class_names": "ab"}, "without labels"),
    ],
)
def test_invalid_images(given, message):
    with pytest.raises(WganError, match=message) as caught:
        image_set(**given)
    assert caught.value.hint


def test_default_class_names():
    found = image_set(torch.from_numpy(squares()), [0, 2] * 30)
    assert found.class_names == ("0", "1", "2") and found.labels.dtype == torch.int64 and len(found) == 60
    assert image_set(squares()).class_names == ()


def test_errors_before_anything_is_written(tmp_path):
    with pytest.raises(WganError, match="objective.gp_wieght"):
        train("digits_dcgan", tmp_path / "run", settings=["objective.gp_wieght=1"])
    with pytest.raises(WganError, match="device"):
        train("digits_dcgan", tmp_path / "run", device="tpu")
    with pytest.raises(WganError, match="`out` cannot be set"):
        train(resume=tmp_path, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_interrupt_saves(tmp_path):
    class Impatient(Callback):
        def on_step(self, step, networks):
            if step == 3:
                os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train_tiny(tmp_path / "run", "steps=500", callbacks=[Impatient()])
    assert load_checkpoint(tmp_path / "run" / "checkpoints" / "step_00000003.pth").step == 3
    assert signal.getsignal(signal.SIGINT) is before


def test_train_in_another_thread(tmp_path):
    with ThreadPoolExecutor() as pool:
        assert pool.submit(train_tiny, tmp_path / "run", "steps=2").result().generator_file.is_file()


def test_one_training_at_a_time(tmp_path):
    class Second(Callback):
        def on_train_start(self, step, steps):
            with ThreadPoolExecutor() as pool:
                self.error = pool.submit(train_tiny, tmp_path / "second", "steps=1").exception()

    second = Second()
    train_tiny(tmp_path / "first", "steps=1", callbacks=[second])
    assert isinstance(second.error, WganError) and not (tmp_path / "second").exists()
    assert train_tiny(tmp_path / "second", "steps=1").generator_file.is_file()
