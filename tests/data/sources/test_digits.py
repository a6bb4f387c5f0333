"""The digits inside the package are real MNIST, whole, small and honestly labelled."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from wgan_cli.data.sources import digits, mnist
from wgan_cli.recipe.data_settings import DataSettings

NOWHERE = Path("nowhere")  # the digits must not need a data root


def load(split: str):
    return digits.load(DataSettings(source="digits", split=split), NOWHERE, print)


@pytest.mark.parametrize(("split", "count"), [("train", 6000), ("test", 1000), ("all", 7000)])
def test_counts_and_types(split, count):
    loaded = load(split)
    assert loaded.images.shape == (count, 1, 28, 28) and loaded.images.dtype == torch.uint8
    assert loaded.labels.shape == (count,) and loaded.labels.dtype == torch.int64
    assert loaded.class_names == tuple("0123456789")


def test_all_is_train_then_test():
    train, test, both = load("train"), load("test"), load("all")
    assert torch.equal(both.images, torch.cat([train.images, test.images]))
    assert torch.equal(both.labels, torch.cat([train.labels, test.labels]))


def test_classes_are_balanced():
    shares = torch.bincount(load("all").labels, minlength=10) / 7000
    assert len(shares) == 10 and shares.min() >= 0.08 and shares.max() <= 0.12


@pytest.mark.parametrize(("split", "count"), [("train", 6000), ("test", 1000)])
def test_they_are_the_first_images_of_mnist(real_data_root, split, count):
    packed = load(split)
    real = mnist.load(DataSettings(source="mnist", split=split), real_data_root, print).first(count)
    assert torch.equal(packed.images, real.images)
    assert torch.equal(packed.labels, real.labels)


def test_the_file_is_small_and_its_source_and_licence_are_named():
    assert digits.FILE.stat().st_size < 1.5e6
    text = digits.FILE.with_name("DIGITS.md").read_text(encoding="utf-8")
    assert "MNIST" in text and "LeCun" in text
    assert "licence" in text.lower() and "CC BY-SA 3.0" in text
