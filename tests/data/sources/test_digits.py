"""Bundled digits: the first images of MNIST, balanced, small and with a license."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import torch
from helpers.mnist_files import write_files

from wgan_cli.data.sources import digits, mnist
from wgan_cli.recipe.data_settings import DataSettings

MNIST = Path(__file__).resolve().parents[4] / "shared/data/mnist"  # the real files, next to the checkout


def load(split: str):
    return digits.load(DataSettings(source="digits", split=split), Path("nowhere"), print)


@pytest.mark.parametrize(("split", "count"), [("train", 6000), ("test", 1000), ("all", 7000)])
def test_counts_types_and_balance(split, count):
    loaded = load(split)
    assert loaded.images.shape == (count, 1, 28, 28) and loaded.images.dtype == torch.uint8
    assert loaded.labels.shape == (count,) and loaded.labels.dtype == torch.int64
    assert loaded.class_names == tuple("0123456789")
    shares = torch.bincount(loaded.labels, minlength=10) / count
    assert len(shares) == 10 and shares.min() >= 0.08 and shares.max() <= 0.13


def test_all_is_train_then_test():
    train, test, both = load("train"), load("test"), load("all")
    assert torch.equal(both.images, torch.cat([train.images, test.images]))
    assert torch.equal(both.labels, torch.cat([train.labels, test.labels]))


@pytest.mark.skipif(not MNIST.exists(), reason=f"needs {MNIST}")
@pytest.mark.parametrize(("split", "count", "whole"), [("train", 6000, 60_000), ("test", 1000, 10_000)])
def test_first_images_of_mnist(tmp_path, messages, split, count, whole):
    write_files(tmp_path / "MNIST/raw", {file.stem: gzip.decompress(file.read_bytes()) for file in MNIST.glob("*.gz")})
    real = mnist.load(DataSettings(source="mnist", split=split), tmp_path, messages.append)
    assert len(real) == whole and messages == []
    real = real.first(count)
    assert torch.equal(load(split).images, real.images) and torch.equal(load(split).labels, real.labels)


def test_size_source_and_license():
    assert digits.FILE.stat().st_size < 1.5e6
    text = digits.FILE.with_name("DIGITS.md").read_text(encoding="utf-8")
    assert "MNIST" in text and "LeCun" in text and "CC BY-SA 3.0" in text
