"""A style-based run through every command."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from wgan_cli.runs.run_dir import RunDir

TINY_STYLE = (
    "model={name: style, latent_dim: 16, style_dim: 8, generator: {channels: [8, 6, 4], mapping_layers: 2}, "
    "critic: {channels: [4, 6, 8], dense: [8], minibatch_std: true}}",
    "objective={name: gan, r1_weight: 1, gp_every: 2, path_length_weight: 2, path_length_every: 3}",
    "steps=12",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory, trainer) -> RunDir:
    return trainer.run(styled(trainer), tmp_path_factory.mktemp("style") / "run")


@pytest.fixture(scope="module")
def conditional(tmp_path_factory, trainer) -> RunDir:
    recipe = styled(trainer, "model.conditional=true")
    return trainer.run(recipe, tmp_path_factory.mktemp("classes") / "run")


def styled(trainer, *more: str):
    """The small recipe, whose own settings of networks and penalty have no place here."""
    from wgan_cli.recipe import load_recipe

    callback = ("batch_size=8", "ema_decay=0.5", "amp=off", "log_every=4", "sample_every=6", "sample_grid=3")
    return load_recipe("digits_dcgan", [*TINY_STYLE, *callback, "save_every=6", "eval_every=null", *more])


@pytest.fixture
def sample(wgan, run):
    return lambda *words: wgan("sample", "--ckpt", run.path, "--device", "cpu", *words)


@pytest.fixture
def draw(sample):
    """The images of a `wgan sample` that works, (N, H, W) int."""

    def draw(*words: object, command=sample) -> np.ndarray:
        result = command(*words, "--out", "drawn.npy")
        assert result.status == 0, result.stderr
        return np.load("drawn.npy")[..., 0].astype(int)

    return draw


def size(path: str) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_batch_and_count_do_not_matter(draw):
    many = draw("-n", 9)
    np.testing.assert_allclose(draw("-n", 3, "--batch", 2), many[:3], atol=1)
    assert len({image.tobytes() for image in many}) == 9


def test_truncation(draw):
    whole, none = draw("-n", 4), draw("-n", 4, "--truncation", 0)
    assert all(np.array_equal(image, none[0]) for image in none)
    np.testing.assert_array_equal(draw("-n", 4, "--truncation", 1), whole)
    half = np.abs(draw("-n", 4, "--truncation", 0.5) - none).sum()
    assert 0 < half < np.abs(whole - none).sum()


def test_interpolation_ends(draw, sample):
    ends, walks = draw("-n", 3), draw("-n", 3, "--interpolate", 4)
    assert len(walks) == 8
    np.testing.assert_allclose(walks[[0, 3, 4, 7]], ends[[0, 1, 1, 2]], atol=1)
    assert sample("-n", 3, "--interpolate", 4).status == 0
    assert size("samples.png") == (4 * 30 + 2, 2 * 30 + 2)


def test_mix(draw, sample):
    ends = draw("-n", 6)
    np.testing.assert_allclose(draw("--mix", "3:5:0-4"), ends[[5]], atol=1)
    np.testing.assert_allclose(draw("--mix", "1,4:1,4:0-2")[[0, 3]], ends[[1, 4]], atol=1)
    assert sample("--mix", "0-2:4-5:3").status == 0
    assert size("samples.png") == (2 * 30 + 2, 3 * 30 + 2)
    mean = draw("-n", 1, "--truncation", 0)
    np.testing.assert_allclose(draw("--mix", "0:1:2", "--truncation", 0), mean, atol=1)


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (("--mix", "0:1:5"), "layer 5 is out of range", "A:B:LAYERS"),
        (("--mix", "0:1"), "'0:1' is not A:B:LAYERS", "for example"),
        (("--mix", "0:1:2", "-n", 3), "--mix", "remove -n"),
        (("--mix", "0-9999999:0-9999999:0"), "need", "fewer"),
        (("--truncation", "3"), "'--truncation'", "sample --help"),
        (("--truncation", "nan"), "--truncation", ""),
        (("--class", "3"), "--class needs a conditional generator", "model.conditional=true"),
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
    result = wgan("gif", run.generator_file, "--max-frames", 8, "--device", "cpu")
    assert result.status == 0 and result.stderr.startswith("8 frames")
    shown = wgan("inspect", run.generator_file).stdout
    assert "layers.4.conv" in shown and "to_image.2.colours" in shown and "Parametrized" not in shown


def test_classes_in_walks_and_mixes(wgan, conditional, draw):
    command = lambda *words: wgan("sample", "--ckpt", conditional.path, "--device", "cpu", *words)  # noqa: E731
    of_7 = draw("-n", 2, "--class", 7, command=command)
    np.testing.assert_allclose(draw("--mix", "0:1:0-4", "--class", 7, command=command), of_7[1:], atol=1)
    np.testing.assert_allclose(
        draw("-n", 2, "--class", "3,7", "--interpolate", 3, command=command)[[3, 5]], of_7, atol=1
    )
    in_turn = draw("-n", 12, command=command)
    np.testing.assert_allclose(draw("--mix", "11:2:0-4", command=command), in_turn[[2]], atol=1)
    walks = draw("-n", 3, "--interpolate", 2, command=command)  # from an image of class 0, then one of class 1
    np.testing.assert_allclose(walks[[0, 2]], in_turn[:2], atol=1)
    refused = command("--mix", "0:1:2", "--class", "3,7")
    assert (refused.status, refused.error) == (2, "--mix accepts a single class")
    assert wgan("gif", conditional.generator_file, "--max-frames", 8, "--device", "cpu").status == 0
