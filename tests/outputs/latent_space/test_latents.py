"""Latent vectors of seeds and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wgan_cli.errors import WganError
from wgan_cli.outputs.latent_space.latents import LatentChoice, Latents, read_latents, write_latents
from wgan_cli.recipe import ImageShape, load_recipe
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.utils.seeds import latent_vectors


def checkpoint_of(*settings: str) -> Checkpoint:
    recipe = load_recipe("digits_dcgan", ["model.latent_dim=7", *settings])
    return Checkpoint(recipe, ImageShape(28, 28, 1, 10), tuple("0123456789"), step=1, networks={})


PLAIN = checkpoint_of()
STYLED = checkpoint_of("model={name: style, latent_dim: 7, style_dim: 5, conditional: true}", "objective=gan")


def read(path: Path) -> np.ndarray:
    found = read_latents(path, PLAIN)
    assert found.space == "z" and found.labels is None
    return found.rows


def test_written_and_read(tmp_path):
    z = latent_vectors(3, range(5), 7)
    write_latents(Latents(z), tmp_path / "deeper/z.npy")
    found = read(tmp_path / "deeper/z.npy")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, z)
    np.save(tmp_path / "other.npy", z.astype(np.float64))
    np.testing.assert_array_equal(read(tmp_path / "other.npy"), z)
    np.save(tmp_path / "whole.npy", np.arange(14).reshape(2, 7))
    np.testing.assert_array_equal(read(tmp_path / "whole.npy"), np.arange(14).reshape(2, 7))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((5, 6)), r"shape \(5, 6\), but .* \(N, 7\)"),
        (np.zeros(7), r"shape \(7,\), but .* \(N, 7\)"),
        (np.zeros((0, 7)), r"shape \(0, 7\), but .* \(N, 7\)"),
        (np.zeros((2, 1, 7)), r"shape \(2, 1, 7\), but"),
        (np.array([[1.0] * 6 + [np.nan]] * 2), r"shape \(2, 7\) holds 2 NaN"),
        (np.full((1, 7), 1e60), r"shape \(1, 7\) holds 7 NaN"),
        (np.zeros((2, 7), complex), "real numbers"),
        (np.array([["a"] * 7]), "real numbers"),
        (np.array([[None] * 7]), "not a .npy or .npz file of numbers"),
    ],
)
def test_unusable_arrays(tmp_path, array, message):
    np.save(tmp_path / "z.npy", array)
    with pytest.raises(WganError, match=message) as caught:
        read(tmp_path / "z.npy")
    assert "wgan sample --save-z z.npy" in caught.value.hint


def test_unusable_files(tmp_path):
    (tmp_path / "z.npy").write_text("0.1 0.2")
    np.savez(tmp_path / "z.npz", images=np.zeros((2, 7)))
    for name, message in (("z.npy", "not a .npy"), ("z.npz", "numbers"), ("gone.npy", "No such file"), (".", "dir")):
        with pytest.raises(WganError, match=message):
            read(tmp_path / name)
    with pytest.raises(WganError, match="does not end in .npy"):
        write_latents(Latents(np.zeros((2, 7), np.float32)), tmp_path / "z.txt")


@pytest.mark.parametrize("shape", [(3, 5), (3, STYLED.recipe.model.style_layers, 5)])
def test_styles_and_classes(tmp_path, shape):
    written = Latents(np.random.default_rng(0).normal(size=shape).astype(np.float32), "w", np.array([4, 0, 9]), "sha")
    write_latents(written, tmp_path / "w.npz", names=np.array(["a", "b", "c"]))
    found = read_latents(tmp_path / "w.npz", STYLED)
    np.testing.assert_array_equal(found.rows, written.rows)
    np.testing.assert_array_equal(found.labels, written.labels)
    assert (found.space, found.generator) == ("w", "sha")
    with pytest.raises(WganError, match=r"\.npz"):
        write_latents(written, tmp_path / "w.npy")
    with pytest.raises(WganError, match="style space"):
        read_latents(tmp_path / "w.npz", PLAIN)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"w": np.zeros((2, 6))}, r"w of shape \(2, 6\)"),
        ({"w": np.zeros((2, 3, 5))}, r"w of shape \(2, 3, 5\)"),
        ({"z": np.zeros((2, 7)), "labels": np.array([0, 10])}, "classes"),
        ({"z": np.zeros((2, 7)), "labels": np.array([0])}, "classes"),
        ({"z": np.zeros((2, 7)), "labels": np.array([0.0, 1.0])}, "classes"),
    ],
)
def test_of_another_generator(tmp_path, arrays, message):
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(WganError, match=message):
        read_latents(tmp_path / "w.npz", STYLED)


def test_classes_of_seeds():
    labels = LatentChoice(seeds="4,13,4").draw(STYLED, 3).labels
    assert labels.dtype == np.int64 and labels.tolist() == [4, 3, 4]
    assert LatentChoice(seed=4).draw(STYLED, 12).labels.tolist() == [*range(10), 0, 1]
    assert LatentChoice(seeds="4").draw(PLAIN, 3).labels is None


def test_one_choice():
    np.testing.assert_array_equal(LatentChoice(seed=4).draw(PLAIN, 3).rows, latent_vectors(4, range(3), 7))
    np.testing.assert_array_equal(LatentChoice(seeds="4,9").draw(PLAIN, 3).rows[1:], latent_vectors(9, [0], 7))
    for other in (
        LatentChoice(count=2, seeds="3"),
        LatentChoice(count=2, file=Path("z.npy")),
        LatentChoice(seeds="3", file=Path("z")),
    ):
        with pytest.raises(WganError, match="each set the number of images"):
            other.draw(PLAIN, 3)
