"""Images are projected, their latent vectors moved, and seeds animated."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from helpers.pictures import size
from PIL import Image

from wgan_cli.data.transforms import color
from wgan_cli.outputs.latent_space.directions import directions_of
from wgan_cli.outputs.latent_space.projection import Projection, Projector
from wgan_cli.outputs.sampling import open_generator
from wgan_cli.recipe import load_recipe
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.utils.seeds import latent_vectors

STYLED = (
    "model={name: style, latent_dim: 16, style_dim: 8, generator: {channels: [4, 4], mapping_layers: 1}, "
    "critic: {channels: [4, 4], dense: [4]}, conditional: true}",
    "objective=gan", "steps=2", "batch_size=8", "amp=off", "sample_grid=2", "eval_every=null", "data.image_size=8",
)  # fmt: skip


@pytest.fixture(scope="module")
def styled(tmp_path_factory, trainer) -> RunDir:
    return trainer.run(load_recipe("digits_dcgan", STYLED), tmp_path_factory.mktemp("styled") / "run")


@pytest.fixture
def draw(wgan):
    """The images of a `wgan sample` that works, (N, H, W) int."""

    def draw(run: RunDir, *words: object) -> np.ndarray:
        result = wgan("sample", run.path, "--device", "cpu", "--out", "drawn.npy", "--force", *words)
        assert result.status == 0, result.stderr
        return np.load("drawn.npy")[..., 0].astype(int)

    return draw


def test_project_and_sample_again(wgan, draw, tiny_run):
    images = draw(tiny_run, "-n", 3)
    Path("photos").mkdir()
    for name, pixels in zip("abc", images, strict=True):
        Image.fromarray(pixels.astype(np.uint8)).save(f"photos/{name}.png")
    words = ("--ckpt", tiny_run.path, "--device", "cpu", "--steps", 10, "--starts", 2)
    done = wgan("project", "photos", *words)
    assert done.status == 0, done.stderr
    assert size("projected.png") == (6 * 30 + 2, 30 + 2)
    found = np.load("projected.npz")
    assert found["z"].shape == (3, 16) and found["names"].tolist() == ["a.png", "b.png", "c.png"]
    again = draw(tiny_run, "--from", "projected.npz")
    errors = np.sqrt(np.square((again - images) / 255).mean((1, 2)))
    np.testing.assert_allclose(found["errors"], errors, atol=1e-4)
    assert f"error {errors[1]:.4f}" in done.stderr
    assert wgan("project", "photos/a.png", "photos/[bc].png", *words).status == 0
    np.testing.assert_array_equal(np.load("projected-2.npz")["z"], found["z"])
    assert wgan("project", "photos/a.png", *words, "--out", "projected.npz").status == 2


def test_images_are_transformed_as_for_training(wgan, trainer):
    run = trainer.run(trainer.recipe("steps=1", "data.transform=colour", "data.limit=64"), Path("run"))
    gray = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    Image.fromarray(gray).save("a.png")
    done = wgan("project", "a.png", "--ckpt", run.path, "--device", "cpu", "--steps", 10, "--starts", 1)
    assert done.status == 0, done.stderr
    with Image.open("projected.png") as pair:
        shown = np.asarray(pair.convert("RGB"))[2:30, 2:30]
    np.testing.assert_array_equal(shown, color(torch.from_numpy(gray)[None, None])[0].permute(1, 2, 0).numpy())


def test_files_keep_their_order_and_names(wgan, draw, tiny_run):
    Path("sub").mkdir()
    first, second = draw(tiny_run, "-n", 2).astype(np.uint8)
    Image.fromarray(second).resize((56, 28)).save("sub/z.png")
    Image.fromarray(first).save("sub/a.bmp")
    Path("broken.png").write_text("no image")
    words = ("--ckpt", tiny_run.path, "--device", "cpu", "--steps", 10, "--starts", 1)
    done = wgan("project", "./sub/../sub/z.png", "broken.png", "sub/a.bmp", *words)
    assert done.status == 0, done.stderr
    assert np.load("projected.npz")["names"].tolist() == ["sub/../sub/z.png", "sub/a.bmp"]
    with Image.open("projected.png") as pairs:
        np.testing.assert_array_equal(np.asarray(pairs.convert("L"))[2:30, 2 + 2 * 30 : 30 + 2 * 30], first)
    assert "such as broken.png (" in done.stderr and "such as sub/../sub/z.png (56x28)" in done.stderr
    assert "--set" not in done.stderr and " and " not in done.stderr.split("root mean")[0]


def test_finished_projections_are_written_after_ctrl_c(wgan, draw, tiny_run, monkeypatch):
    for name, pixels in zip("abc", draw(tiny_run, "-n", 3).astype(np.uint8), strict=True):
        Image.fromarray(pixels).save(f"{name}.png")
    found = Projection(np.zeros(16, np.float32), None)
    outcomes = Mock(side_effect=[found, found, KeyboardInterrupt, KeyboardInterrupt])
    monkeypatch.setattr(Projector, "project", outcomes)
    words = ("--ckpt", tiny_run.path, "--device", "cpu", "--steps", 10, "--starts", 1)
    done = wgan("project", "a.png", "b.png", "c.png", *words)
    assert done.status == 130 and "2 of 3 images" in done.stderr
    assert np.load("projected.npz")["names"].tolist() == ["a.png", "b.png"]
    assert size("projected.png") == (4 * 30 + 2, 30 + 2)
    assert wgan("project", "a.png", *words, "--out", "none.npz").status == 130 and not Path("none.npz").exists()


def test_far_images_are_named(wgan, draw, tiny_run):
    Image.fromarray(draw(tiny_run, "-n", 1)[0].astype(np.uint8)).save("near.png")
    Image.linear_gradient("L").resize((28, 28)).point(lambda level: 235 + level // 13).save("far.png")
    done = wgan("project", "near.png", "far.png", "--ckpt", tiny_run.path, "--device", "cpu", "--steps", 20)
    assert "note: far.png: far from" in done.stderr


def test_cropping_suggests_no_setting(wgan, tiny_run):
    Image.new("RGBA", (9, 6), 80).save("wide.png")
    done = wgan("project", "wide.png", "--ckpt", tiny_run.path, "--device", "cpu", "--steps", 10, "--starts", 1)
    assert "wide.png: the image isn't square but 9x6: using the center 6x6\n" in done.stderr
    assert "--set" not in done.stderr


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        ("{run} sub", "--ckpt", "wgan project sub --ckpt {run}"),
        ("digits_dcgan a.png sub", "--ckpt", "wgan project a.png sub --ckpt digits_dcgan"),
        ("a.png", "--ckpt", "wgan project a.png --ckpt digits_dcgan"),
        ("sub/broken.png --ckpt {run}", "sub/broken.png cannot be used: not an image", "give images"),
        ("sub/gone.png --ckpt {run}", "no file or folder sub/gone.png", "give an image"),
        ("a.png --ckpt {run} --steps 0", "invalid --steps 0: must be at least 10", "wgan project"),
        ("a.png --ckpt {run} --steps x", "invalid --steps x: must be a valid integer", "wgan project"),
    ],
)
def test_invalid_projections(wgan, tiny_run, words, error, hint):
    Path("sub").mkdir()
    Path("sub/broken.png").write_text("no image")
    refused = wgan("project", *words.format(run=tiny_run.path).split())
    assert refused.status == 2 and error in refused.error
    assert hint.format(run=tiny_run.path) in refused.hint


def test_project_into_w(wgan, draw, styled, tiny_run):
    first = draw(styled, "-n", 1, "--class", 3)[0]
    Image.fromarray(first.astype(np.uint8)).save("a.png")
    words = ("--ckpt", styled.path, "--device", "cpu", "--steps", 10)
    assert wgan("project", "a.png", *words, "--class", 3, "--out", "w.npz").status == 0
    assert wgan("project", "a.png", *words, "--per-layer", "--out", "layers.npz").status == 0
    found = np.load("w.npz")
    assert found["w"].shape == (1, 8) and found["labels"].tolist() == [3]
    assert np.load("layers.npz")["w"].shape == (1, 3, 8)
    drawn = draw(styled, "--from", "w.npz")
    np.testing.assert_allclose(np.sqrt(np.square((drawn[0] - first) / 255).mean()), found["errors"][0], atol=1e-4)
    assert draw(styled, "--from", "layers.npz", "--truncation", 0.5, "--move", "1:1").shape == (1, 8, 8)
    np.savez("unlabelled.npz", w=found["w"])
    assert draw(styled, "--from", "unlabelled.npz", "--truncation", 0.5).shape == (1, 8, 8)
    refused = wgan("sample", styled.path, "--from", "w.npz", "--class", 4)
    assert refused.status == 2 and "--class" in refused.error
    refused = wgan("sample", tiny_run.path, "--from", "w.npz")
    assert refused.status == 2 and "style space" in refused.error
    other = wgan("project", "a.png", "--ckpt", tiny_run.path, "--per-layer", "--device", "cpu")
    assert other.status == 2 and "--per-layer" in other.error


def test_another_generator_is_noticed(wgan, draw, styled):
    np.savez("w.npz", w=np.zeros((1, 8)), generator=np.array("sha256:0"))
    assert "another generator" in wgan("sample", styled.path, "--from", "w.npz", "--device", "cpu").stderr


def test_moves_of_z(draw, tiny_run):
    generator, _ = open_generator(tiny_run.path, torch.device("cpu"))
    first, second = directions_of(generator, 2)
    np.save("z.npy", latent_vectors(0, range(3), 16) + 2.5 * first - second)
    moved = draw(tiny_run, "-n", 3, "--move", "1:2.5,2:-1")
    np.testing.assert_allclose(moved, draw(tiny_run, "--from", "z.npy"), atol=1)
    np.testing.assert_array_equal(draw(tiny_run, "-n", 3, "--move", "1:2.5", "--move", "2:-1"), moved)
    walks = draw(tiny_run, "-n", 2, "--interpolate", 3, "--move", "1:2.5,2:-1")
    np.testing.assert_allclose(walks[[0, 2]], moved[:2], atol=1)


def test_moves_of_w(draw, styled):
    still = draw(styled, "-n", 12)
    np.testing.assert_allclose(draw(styled, "-n", 12, "--move", "1:0"), still, atol=1)
    moved = draw(styled, "-n", 12, "--move", "1:3")
    assert np.abs(moved - still).max() > 3
    np.testing.assert_allclose(draw(styled, "--mix", "11:2:0-2", "--move", "1:3"), moved[[2]], atol=1)


@pytest.mark.parametrize("move", ["1", "0:1", "1:x", "1:nan", "17:1", "1:1,"])
def test_invalid_moves(wgan, tiny_run, move):
    refused = wgan("sample", tiny_run.path, "--move", move, "--device", "cpu")
    assert refused.status == 2 and "--move" in refused.error and refused.hint


def test_gif_of_seeds(wgan, draw, styled):
    words = ("--seeds", "3,8", "--class", "7,2", "--truncation", 0.5, "--grid", "2x1", "--seconds", 1)
    done = wgan("gif", styled.path, *words, "--device", "cpu", "--out", "walk.webp")
    assert done.status == 0, done.stderr
    with Image.open("walk.webp") as animation:
        assert (animation.n_frames, animation.size) == (8, (22, 12))
        for seed, frame in ((3, 0), (8, 4)):
            animation.seek(frame)
            wanted = draw(styled, "--seed", seed, "-n", 2, "--class", "7,2", "--truncation", 0.5)[[0, 3]]
            shown = np.asarray(animation.convert("L"), dtype=int)
            np.testing.assert_allclose(shown[2:10, 2:10], wanted[0], atol=1)
            np.testing.assert_allclose(shown[2:10, 12:20], wanted[1], atol=1)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--seeds", "3"), "--seeds 3"),
        (("--seeds", "3,8", "--seed", 1), "--seed"),
        (("--seconds", 2, "--max-frames", 9), "--max-frames"),
        (("--grid", "4"), "--grid '4' is not of the form COLUMNSxROWS"),
        (("--grid", "50x50"), "--grid 50x50 has 2,500 cells"),
        (("--class", "3"), "--class"),
        (("--truncation", 0.5), "--truncation"),
    ],
)
def test_invalid_walks(wgan, tiny_run, words, error):
    refused = wgan("gif", tiny_run.generator_file, "--device", "cpu", *words)
    assert refused.status == 2 and error in refused.error and refused.hint
    assert list(Path().iterdir()) == []


def test_images_do_not_walk(wgan):
    Image.new("L", (8, 8)).save("1.png")
    refused = wgan("gif", "1.png", "--seeds", "1,2")
    assert refused.status == 2 and "--seeds" in refused.error
