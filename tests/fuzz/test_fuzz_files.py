"""Checkpoints, logs, images and data files after accidents, or with any values."""

from __future__ import annotations

import io
import math
import struct
import zipfile

import pytest
import torch
from helpers.fuzzing import changed_inside, damaged
from helpers.hostile_checkpoints import archive_of, saved, summed, torch_bytes
from PIL import Image

from wgan_cli.cli.render import facts_report
from wgan_cli.data import load_images
from wgan_cli.outputs.sampling import generate, open_generator, sample_latents
from wgan_cli.outputs.summary import inspect_checkpoint, inspect_run
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.run_dir import RunDir

SMALL = ("data=digits", "model={name: mlp, latent_dim: 4, generator: {widths: [4]}, critic: {widths: [4]}}")


@pytest.fixture(scope="session")
def small_run(tmp_path_factory, trainer) -> RunDir:
    """A finished run of the smallest networks, whose files are mostly structure."""
    return trainer.run(trainer.recipe("steps=6", *SMALL, base="mnist_mlp"), tmp_path_factory.mktemp("small") / "run")


@pytest.mark.parametrize("form", ["file", "content", "pickle", "values"])
def test_checkpoints(fuzz, small_run, tmp_path, form):
    path, whole = tmp_path / "G.pth", small_run.generator_file.read_bytes()
    content = torch.load(small_run.generator_file, weights_only=True)
    with zipfile.ZipFile(small_run.generator_file) as archive:
        parts = {name.removeprefix("archive/"): archive.read(name) for name in archive.namelist()}
    cases = {
        "file": damaged(whole),
        "content": damaged(torch_bytes(content)).map(lambda data: summed(data) if len(data) > 22 else data),
        "pickle": damaged(parts.pop("data.pkl")).map(lambda data: summed(archive_of(data, parts))),
        "values": changed_inside(content).map(saved),
    }

    def attempt(data: bytes) -> None:
        path.write_bytes(data)
        inspect_checkpoint(path)
        generator, checkpoint = open_generator(path, torch.device("cpu"))
        (images,) = generate(generator, sample_latents(checkpoint.recipe.model.latent_dim, 2, 0), 2)
        assert images.shape[0] == 2
        assert form != "file" or data == whole  # damage is always detected

    fuzz(attempt, cases[form], cases=20)


def test_full_checkpoints(fuzz, small_run, trainer, tmp_path):
    """Resuming from them works, or fails with the reason."""
    path = tmp_path / "step_00000006.pth"
    content = torch.load(small_run.checkpoint_file(6), weights_only=True)

    def attempt(training: object) -> None:
        path.write_bytes(saved({**content, "training": training}))
        state = trainer.prepared(small_run.read_recipe())
        state.restore(load_checkpoint(path))
        state.engine(state.step)

    fuzz(attempt, changed_inside(content["training"]), cases=5)


def test_logs(fuzz, small_run, tmp_path, wgan):
    copied = RunDir(tmp_path / "run")
    copied.path.mkdir()
    copied.recipe_file.write_bytes(small_run.recipe_file.read_bytes())
    lines = b'{"step": 7, "a": NaN}\n{"step": 8, "a": [1], "kimg": "x"}\n{"step": 9, "a": 1e999, "seconds": -1}\n'

    def attempt(data: bytes) -> None:
        copied.metrics_file.write_bytes(data)
        facts_report._print_run(inspect_run(copied.path), curves=None)

    fuzz(attempt, damaged(small_run.metrics_file.read_bytes() + lines), cases=12)


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((12, 12), 50).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["image", "zip"])
def test_images(fuzz, tmp_path, form):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for number in range(3):
            file.writestr(f"class/{number}.png", picture())
    path, file = tmp_path / "photos.zip", tmp_path / "photos.zip"
    if form == "image":
        path, file = tmp_path / "photos", tmp_path / "photos" / "1.png"
        path.mkdir()
    settings = DataSettings(source="folder", path=str(path), image_size=8)

    def attempt(data: bytes) -> None:
        file.write_bytes(data)
        load_images(settings, tmp_path, lambda text: None)

    fuzz(attempt, damaged(archive.getvalue() if form == "zip" else picture()), cases=5)


def idx(*sides: int) -> bytes:
    """Return an array of zeros in the format of MNIST's files."""
    return struct.pack(f">HBB{len(sides)}I", 0, 8, len(sides), *sides) + bytes(math.prod(sides))


@pytest.mark.parametrize("part", ["images-idx3", "labels-idx1"])
def test_mnist_files(fuzz, tmp_path, part):
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    whole = {"images-idx3": idx(5, 28, 28), "labels-idx1": idx(5)}
    for name, content in whole.items():
        (folder / f"t10k-{name}-ubyte").write_bytes(content)

    def attempt(header: bytes) -> None:
        (folder / f"t10k-{part}-ubyte").write_bytes(header + whole[part][16:])
        load_images(DataSettings(source="mnist", split="test"), tmp_path, lambda text: None)

    fuzz(attempt, damaged(whole[part][:16]), cases=8)
