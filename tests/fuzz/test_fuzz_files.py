"""Checkpoints, logs and archives of images after accidents, or made by somebody who knows the format."""

from __future__ import annotations

import io
import math
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from helpers.fuzzing import ACCIDENTS, changed_inside, damaged
from helpers.hostile_checkpoints import summed, torch_bytes, whole_content
from hypothesis import strategies as st
from PIL import Image

from wgan_cli.cli import inspect as inspect_command
from wgan_cli.data import load_images
from wgan_cli.outputs.sampling import generate, open_generator, sample_latents
from wgan_cli.outputs.summary import inspect_checkpoint, inspect_run
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.run_dir import RunDir

SMALL = (
    "data=digits",
    "model={name: mlp, latent_dim: 4, generator: {widths: [4]}, critic: {widths: [4]}}",
)


@pytest.fixture(scope="session")
def small_run(tmp_path_factory, trainer) -> RunDir:
    """A finished run of the smallest networks, whose files are mostly structure."""
    return trainer.run(trainer.recipe("steps=6", *SMALL, base="mnist_mlp"), tmp_path_factory.mktemp("small") / "run")


def use(path: Path) -> None:
    """All that may be done with a checkpoint that somebody gives one."""
    inspect_checkpoint(path)
    generator, checkpoint = open_generator(path, torch.device("cpu"))
    (images,) = generate(generator, sample_latents(checkpoint.recipe.model.latent_dim, 2, 0), 2)
    assert images.shape[0] == 2


@pytest.fixture
def attempt(tmp_path):
    """Use bytes as a checkpoint."""
    path = tmp_path / "G.pth"

    def call(data: bytes) -> None:
        path.write_bytes(data)
        use(path)

    return call


def test_checkpoints_after_accidents(fuzz, small_run, attempt):
    whole = small_run.generator_file.read_bytes()

    def noticed(accidents: list) -> None:
        data = damaged(whole, accidents)
        attempt(data)
        assert data == whole  # an accident that changed nothing

    fuzz("damaged checkpoints", noticed, ACCIDENTS, short=25, long=1500)


def test_checkpoints_with_damage_under_a_right_checksum(fuzz, small_run, attempt):
    whole = torch_bytes(whole_content(small_run.generator_file))

    def summed_again(accidents: list) -> None:
        data = damaged(whole, accidents)
        attempt(summed(data) if len(data) > 22 else data)

    fuzz("damaged checkpoints, sums right", summed_again, ACCIDENTS, short=25, long=2500)


def test_checkpoints_with_a_damaged_pickle(fuzz, small_run, attempt):
    """Every accident in the one part that has a structure."""
    with zipfile.ZipFile(small_run.generator_file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    (pickled,) = (name for name in parts if name.endswith("/data.pkl"))

    def with_pickle(accidents: list) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in {**parts, pickled: damaged(parts[pickled], accidents)}.items():
                archive.writestr(name, content)
        attempt(summed(buffer.getvalue()))

    fuzz("damaged pickles in checkpoints", with_pickle, ACCIDENTS, short=20, long=2000)


def test_checkpoints_that_say_anything(fuzz, small_run, attempt):
    content = whole_content(small_run.generator_file)
    fuzz("checkpoints with other values", lambda values: attempt(summed(torch_bytes(values))),
         changed_inside(content), short=15, long=1500)  # fmt: skip


def test_full_checkpoints_that_say_anything(fuzz, small_run, trainer, tmp_path):
    """Resuming from them goes on, or says why not."""
    content = whole_content(small_run.checkpoint_files()[-1])
    recipe = small_run.read_recipe()
    path = tmp_path / "step_00000006.pth"

    def attempt(training: object) -> None:
        path.write_bytes(summed(torch_bytes({**content, "training": training})))
        state = trainer.prepared(recipe)
        state.restore(load_checkpoint(path))
        state.engine(state.step)

    fuzz("full checkpoints with other values", attempt, changed_inside(content["training"]), short=5, long=500)


def test_logs_after_accidents(fuzz, small_run, tmp_path, wgan):
    copied = RunDir(tmp_path / "run")
    copied.path.mkdir()
    copied.recipe_file.write_bytes(small_run.recipe_file.read_bytes())
    lines = b'{"step": 7, "a": NaN}\n{"step": 8, "a": [1], "kimg": "x"}\n{"step": 9, "a": 1e999, "seconds": -1}\n'
    whole = small_run.metrics_file.read_bytes() + lines

    def attempt(accidents: list) -> None:
        copied.metrics_file.write_bytes(damaged(whole, accidents))
        inspect_command._show_run(inspect_run(copied.path), curves=None)

    fuzz("damaged logs", attempt, ACCIDENTS, short=12, long=1000)


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((12, 12), 50).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["image", "zip"])
def test_images_after_accidents(fuzz, tmp_path, form):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for number in range(3):
            file.writestr(f"class/{number}.png", picture())
    path = tmp_path / ("photos.zip" if form == "zip" else "photos")
    if form == "image":
        path.mkdir()
    settings = DataSettings(source="folder", path=str(path), image_size=8)

    def attempt(accidents: list) -> None:
        (path if form == "zip" else path / "1.png").write_bytes(damaged(whole, accidents))
        load_images(settings, tmp_path, lambda text: None)

    whole = archive.getvalue() if form == "zip" else picture()
    fuzz(f"damaged images ({form})", attempt, ACCIDENTS, short=5, long=400)


def idx(*sides: int) -> bytes:
    """An array of zeros in the format of MNIST's files."""
    return struct.pack(f">HBB{len(sides)}I", 0, 8, len(sides), *sides) + bytes(math.prod(sides))


def test_mnist_files_after_accidents(fuzz, tmp_path):
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    whole = {folder / "t10k-images-idx3-ubyte": idx(5, 28, 28), folder / "t10k-labels-idx1-ubyte": idx(5)}
    settings = DataSettings(source="mnist", split="test")

    def attempt(file: Path, accidents: list) -> None:
        for path, content in whole.items():
            path.write_bytes(damaged(content[:16], accidents) + content[16:] if path == file else content)
        load_images(settings, tmp_path, lambda text: None)

    fuzz("damaged files of MNIST", attempt, st.sampled_from(sorted(whole)), ACCIDENTS, short=15, long=1000)
