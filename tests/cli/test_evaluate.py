"""`wgan evaluate`."""

from __future__ import annotations

import json
import re

import pytest
from PIL import Image

from wgan_cli import api
from wgan_cli.errors import WganError

TRAIN = ("train", "--quiet", "--device", "cpu", "--steps", 2)


@pytest.fixture(autouse=True)
def few_training_images(monkeypatch) -> None:
    monkeypatch.setattr("wgan_cli.evaluation.evaluate.MAX_TRAINING", 1000)


@pytest.fixture
def evaluate(wgan, tiny_run, features_root):
    return lambda *words: wgan("evaluate", tiny_run.path, "--device", "cpu", "--data-root", features_root, *words)


def test_scores_next_to_real_images(evaluate, tiny_run):
    result = evaluate()
    assert (result.status, result.stderr) == (0, "")
    facts = [line.rstrip() for line in result.stdout.splitlines()]
    assert facts[0].split(maxsplit=1) == ["checkpoint", f"{tiny_run.path}: step 12 of tiny, seed 0"]
    assert facts[2].split(maxsplit=1) == ["real", "1,000 images: digits test; the generator was trained on them too"]
    assert re.fullmatch(
        r"features +digits-28x28x1-v1-\w{12}: .* digits train, accuracy 9\d\.\d% on digits test", facts[4]
    )
    numbers = {words[0]: words[1:3] for line in facts[5:-1] if len(words := line.split()) > 2}
    names = ["fd", "precision", "recall", "density", "coverage", "memorization", "duplicates"]
    names += ["class_entropy", "class_confidence"]
    assert [name for name in numbers if name in names] == names
    for name in ("recall", "coverage"):
        ours, real = (float(number.rstrip("%")) for number in numbers[name])
        assert ours < real
    ours, real = numbers["fd"]
    assert float(ours) > 5 * float(real)
    assert [name for name in numbers if name.isdigit()] == list("0123456789")
    start, end = facts[-1].split("), ", maxsplit=1)
    assert start == f"step 12: FD {ours} (classifier features, 1,000 images; real images: {real}"
    assert re.fullmatch(r"\d+/10 classes, rarest: \d \(\d+%\)", end)


def test_json(evaluate):
    result = evaluate("--metrics", "recall, fd", "-n", 50, "--seed", 5, "--json")
    assert (result.status, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert list(found["generated"]) == list(found["real"]) == ["count", "recall", "fd"]
    assert found["generated"]["count"] == found["real"]["count"] == 50
    assert (found["step"], found["seed"], found["held_out"]["seen_by_generator"]) == (12, 5, True)
    assert found["features"]["name"].startswith("digits-28x28x1-v1-")
    found = json.loads(evaluate("--metrics", "classes", "-n", 50, "--json").stdout)
    for side in ("generated", "real"):
        assert list(found[side]) == ["count", "class_entropy", "class_confidence", "shares"]
        assert list(found[side]["shares"]) == list("0123456789")
        assert sum(found[side]["shares"].values()) == pytest.approx(1)
    found = json.loads(evaluate("--metrics", "spectrum", "-n", 50, "--json").stdout)
    assert 1 < found["real"]["spectrum"] < found["generated"]["spectrum"]
    f_y, f_x = found["generated"]["spectrum_frequency"]
    assert abs(f_y) <= 14 and 0 <= f_x <= 14


def test_more_generated_than_real_images(evaluate):
    result = evaluate("--metrics", "fd", "-n", 1001)
    assert result.status == 0
    assert re.fullmatch(r"note: 1,001 generated images next to 1,000 real ones.* at most 1,000 images\n", result.stderr)


def test_more_images_than_fit_into_memory(evaluate, tiny_run):
    result = evaluate("-n", 999_999_999)
    assert (result.status, result.stdout) == (2, "")
    assert re.match(r"999,999,999 images need [\d,.]+ GB of memory, but [\d,.]+ GB are free", result.error)
    with pytest.raises(WganError, match="999,999,999 images need"):
        api.evaluate(tiny_run.path, count=999_999_999, device="cpu")


def test_pairs(evaluate, tmp_path):
    result = evaluate("-n", 20, "--pairs", "new/pairs.png")
    assert "20 samples" in result.stderr and result.stderr.endswith(": new/pairs.png\n")
    with Image.open(tmp_path / "new/pairs.png") as picture:
        assert picture.size == (8 * 60 + 2, 3 * 32 + 2)


def test_a_checkpoint_alone(wgan, tiny_run, features_root):
    result = wgan("evaluate", tiny_run.checkpoint_file(6), "-n", 20, "--data-root", features_root, "--device", "cpu")
    assert (result.status, result.stderr) == (0, "")
    assert "step 6 of tiny" in result.stdout
    assert "step 6: FD" in result.stdout


@pytest.fixture
def photos(wgan, tmp_path, tiny_options):
    """A run on a folder of 60 images without classes."""
    (tmp_path / "photos").mkdir()
    for number in range(60):
        Image.new("L", (16, 16), 4 * number).save(tmp_path / "photos" / f"{number}.png")
    folder = ("--set", "data.source=folder", "--set", "data.path=photos", "--set", "data.split=train")
    result = wgan(*TRAIN, *tiny_options, *folder, "--out", "mine")
    assert result.status == 0, result.stderr
    return tmp_path / "photos"


def test_images_without_classes(wgan, photos):
    result = wgan("evaluate", "mine", "--device", "cpu", "--data-root", "cache")
    assert result.status == 0, result.stderr
    assert re.search(r"features +random-folder-16x16x1-v1-\w{12}: a network with fixed random weights", result.stdout)
    assert re.search(r"real +12 images: 20% of \S+photos; the generator was trained on them too", result.stdout)
    assert "entropy" not in result.stdout
    assert re.search(r"step 2: FD \S+ \(random features, \d+ images; real images: \S+\), recall \d+%\n$", result.stdout)
    assert "note: " in result.stderr and "12 images" in result.stderr
    refused = wgan("evaluate", "mine", "--device", "cpu", "--data-root", "cache", "--metrics", "fd,classes")
    assert (refused.status, refused.stdout) == (2, "")
    assert refused.error.startswith("--metrics classes needs classes, but random-folder-")


def test_changed_images(wgan, photos):
    for path in photos.iterdir():
        Image.new("RGB", (32, 32), (9, 99, 200)).save(path)
    result = wgan("evaluate", "mine", "--device", "cpu", "--data-root", "cache")
    assert (result.status, result.stdout) == (2, "")
    assert result.error.endswith("photos has images of 32x32x3 now, but mine was trained on 16x16x1")


def test_moved_images(wgan, photos):
    photos.rename(photos.with_name("elsewhere"))
    result = wgan("evaluate", "mine", "--device", "cpu", "--data-root", "cache")
    assert (result.status, result.stdout) == (2, "")
    assert "there is no file or folder" in result.error
    words = ("evaluate", "mine", "--device", "cpu", "--data-root", "cache", "--metrics", "fd")
    result = wgan(*words, "--set", "data.path=elsewhere")
    assert result.status == 0, result.stderr
    assert "elsewhere" in result.stdout
