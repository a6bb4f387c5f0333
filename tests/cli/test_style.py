"""A style-based run through every command."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.pictures import size

from wgan_cli.recipe import load_recipe
from wgan_cli.runs.run_dir import RunDir

TINY_STYLE = (
    "model={name: style, latent_dim: 16, style_dim: 8, generator: {channels: [8, 6, 4], mapping_layers: 2}, "
    "critic: {channels: [4, 6, 8], dense: [8], minibatch_std: true}, conditional: true}",
    "objective={name: gan, r1_weight: 1, gp_every: 2, path_length_weight: 2, path_length_every: 3}",
    "steps=6", "batch_size=8", "ema_decay=0.5", "amp=off", "log_every=4", "sample_every=6", "sample_grid=3",
    "save_every=6", "eval_every=null",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory, trainer) -> RunDir:
    return trainer.run(load_recipe("digits_dcgan", TINY_STYLE), tmp_path_factory.mktemp("style") / "run")


@pytest.fixture
def sample(wgan, run):
    return lambda *words: wgan("sample", "--ckpt", run.path, "--device", "cpu", *words)


@pytest.fixture
def draw(sample):
    """The images of a `wgan sample` that works, (N, H, W) int."""

    def draw(*words: object) -> np.ndarray:
        result = sample(*words, "--out", "drawn.npy", "--force")
        assert result.status == 0, result.stderr
        return np.load("drawn.npy")[..., 0].astype(int)

    return draw


def test_truncation(draw):
    whole, none = draw("-n", 4, "--class", 7), draw("-n", 4, "--class", 7, "--truncation", 0)
    assert all(np.array_equal(image, none[0]) for image in none)
    np.testing.assert_array_equal(draw("-n", 4, "--class", 7, "--truncation", 1), whole)
    np.testing.assert_allclose(draw("--mix", "0:1:2", "--class", 7, "--truncation", 0), none[:1], atol=1)


def test_mixes_and_walks(draw, sample):
    of_7, in_turn = draw("-n", 2, "--class", 7), draw("-n", 12)
    np.testing.assert_allclose(draw("--mix", "0:1:0-4", "--class", 7), of_7[1:], atol=1)
    np.testing.assert_allclose(draw("--mix", "11:2:0-4"), in_turn[[2]], atol=1)
    np.testing.assert_allclose(draw("--mix", "1,4:1,4:0-2")[[0, 3]], in_turn[[1, 4]], atol=1)
    assert sample("--mix", "0-2:4-5:3").status == 0
    assert size("samples.png") == (2 * 30 + 2, 3 * 30 + 2)
    np.testing.assert_allclose(draw("-n", 2, "--class", "3,7", "--interpolate", 3)[[3, 5]], of_7, atol=1)
    walks = draw("-n", 3, "--interpolate", 2)  # from an image of class 0, then one of class 1
    np.testing.assert_allclose(walks[[0, 2]], in_turn[:2], atol=1)


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (("--mix", "0:1:5"), "layer 5 is out of range", "A:B:LAYERS"),
        (("--mix", "0:1:2", "-n", 3), "--mix", "remove -n"),
        (("--mix", "0:1:2", "--z", "z.npy"), "--mix", "--from"),
        (("--mix", "0:1:2", "--save-z", "z.npy"), "--mix", "--save-z"),
        (("--mix", "0:1:2", "--class", "3,7"), "--mix accepts a single class", ""),
        (("--mix", "0-9999999:0-9999999:0"), "need", "fewer"),
        (("--truncation", "3"), "--truncation", "sample --help"),
        (("--truncation", "nan"), "--truncation", ""),
    ],
)
def test_invalid_options(sample, words, error, hint):
    refused = sample(*words)
    assert refused.status == 2, refused.stderr
    assert error in refused.error and hint in refused.hint


@pytest.mark.parametrize(("option", "value"), [("--truncation", 0.7), ("--mix", "0:1:2")])
def test_generator_without_style_space(wgan, tiny_run, option, value):
    refused = wgan("sample", "--ckpt", tiny_run.path, option, value)
    assert (refused.status, refused.error) == (2, f"{option} needs a style space, which dcgan does not have")
    assert f"remove {option}" in refused.hint and "mnist_style" in refused.hint


def test_gif_and_inspect(wgan, run):
    result = wgan("gif", run.generator_file, "--out", "walk.gif", "--max-frames", 8, "--device", "cpu")
    assert result.status == 0 and result.stderr.startswith("8 frames")
    shown = wgan("inspect", run.generator_file).stdout
    assert "layers.4.conv" in shown and "to_image.2.colours" in shown and "Parametrized" not in shown
