"""Latent vectors of seeds and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wgan_cli.errors import WganError
from wgan_cli.outputs.latents import Latents, read_latents, write_latents
from wgan_cli.recipe import load_recipe
from wgan_cli.utils.seeds import latent_vectors


def test_written_and_read(tmp_path):
    z = latent_vectors(3, range(5), 7)
    write_latents(z, tmp_path / "deeper/z.npy")
    found = read_latents(tmp_path / "deeper/z.npy", 7)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, z)
    np.save(tmp_path / "other.npy", z.astype(np.float64))
    np.testing.assert_array_equal(read_latents(tmp_path / "other.npy", 7), z)
    np.save(tmp_path / "whole.npy", np.arange(14).reshape(2, 7))
    np.testing.assert_array_equal(read_latents(tmp_path / "whole.npy", 7), np.arange(14).reshape(2, 7))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((5, 6)), r"shape \(5, 6\), but .* \(N, 7\)"),
        (np.zeros(7), r"shape \(7,\), but .* \(N, 7\)"),
        (np.zeros((0, 7)), r"shape \(0, 7\), but .* \(N, 7\)"),
        (np.zeros((2, 1, 7)), r"shape \(2, 1, 7\), but"),
        (np.array([[1.0] * 6 + [np.nan]] * 2), r"shape \(2, 7\) holds 2 NaN .* \(N, 7\)"),
        (np.full((1, 7), 1e60), r"shape \(1, 7\) holds 7 NaN"),
        (np.zeros((2, 7), complex), "real numbers"),
        (np.array([["a"] * 7]), "real numbers"),
        (np.array([[None] * 7]), "not a .npy file of numbers"),
    ],
)
def test_unusable_arrays(tmp_path, array, message):
    np.save(tmp_path / "z.npy", array)
    with pytest.raises(WganError, match=message) as caught:
        read_latents(tmp_path / "z.npy", 7)
    assert "--save-z z.npy" in caught.value.hint


def test_unusable_files(tmp_path):
    (tmp_path / "z.npy").write_text("0.1 0.2")
    np.savez(tmp_path / "z.npz", z=np.zeros((2, 7)))
    for name, message in (("z.npy", "not a .npy"), ("z.npz", "not a .npy"), ("gone.npy", "No such file"), (".", "dir")):
        with pytest.raises(WganError, match=message):
            read_latents(tmp_path / name, 7)
    with pytest.raises(WganError, match="does not end in .npy"):
        write_latents(np.zeros((2, 7), np.float32), tmp_path / "z.txt")


def test_one_choice(tmp_path):
    recipe = load_recipe("digits_dcgan", ["model.latent_dim=7"])
    np.testing.assert_array_equal(Latents(seed=4).draw(recipe, 3), latent_vectors(4, range(3), 7))
    np.testing.assert_array_equal(Latents(seeds="4,9").draw(recipe, 3)[1:], latent_vectors(9, [0], 7))
    for other in (
        Latents(count=2, seeds="3"),
        Latents(count=2, file=Path("z.npy")),
        Latents(seeds="3", file=Path("z")),
    ):
        with pytest.raises(WganError, match="each set the number of images"):
            other.draw(recipe, 3)
