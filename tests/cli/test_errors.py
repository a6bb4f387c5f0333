"""Errors are two lines, an error and a hint, with the right exit status, and nothing is overwritten."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from helpers.disk import largest_file
from PIL import Image

from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training.step import TrainingStep

CLOSED = "http://127.0.0.1:1/"  # nothing answers there


@pytest.fixture
def place(wgan, tmp_path, tiny_run, monkeypatch) -> Path:
    """The working folder with a run, and good and bad checkpoints, recipes and images."""
    from torchvision import datasets

    monkeypatch.setattr(datasets.MNIST, "mirrors", [CLOSED])
    monkeypatch.setattr(datasets.CIFAR10, "url", CLOSED + "cifar.tar.gz")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "no_data").mkdir()
    monkeypatch.setenv("WGAN_DATA", "no_data")

    (tmp_path / "run").symlink_to(tiny_run.path)
    (tmp_path / "folder_of_runs").mkdir()
    (tmp_path / "folder_of_runs/run").symlink_to(tiny_run.path)
    (tmp_path / "G.pth").symlink_to(tiny_run.generator_file)
    (tmp_path / "file").write_text("precious")
    (tmp_path / "text.pth").write_text("no checkpoint")
    torch.save({"epoch": 3, "loss": [1.0]}, tmp_path / "loose.pth")
    (tmp_path / "text.safetensors").write_text("no tensors at all")
    whole = tiny_run.generator_file.read_bytes()
    (tmp_path / "half.pth").write_bytes(whole[: len(whole) // 3])
    (tmp_path / "broken.yaml").write_text("steps: 5\nmodel: [mlp\nbatch_size: 3\n")
    for folder in ("empty", "images", "one"):
        (tmp_path / folder).mkdir()
    for path in ("images/00000.png", "images/00001.png", "one/1.png"):
        Image.new("L", (40, 40), 99).save(tmp_path / path)
    return tmp_path


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


#: Command line, what the error names, the command or value in the hint, exit status.
CASES = [
    ("trian", "trian", "`train`", 2),
    ("train --stps 5", "--stps", "wgan train --help", 2),
    ("sample run --ckpt run", "both name a checkpoint", "leave out one", 2),
    ("export G.pth", "--out or --push", "wgan export G.pth --out share/", 2),
    ("train --steps 0", "--steps", "wgan train --help", 2),
    ("sample --ckpt G.pth -n 0", "-n", "wgan sample --help", 2),
    # Recipes
    ("train --recipe digits_dcgn", "digits_dcgn", "digits_dcgan", 2),
    ("train --recipe images", "images is a folder, not a recipe", "--recipe folder_dcgan --set data.path=images", 2),
    ("train --set data.path=images", "data.path", "--recipe folder_dcgan", 2),
    ("train --recipe gone.yaml", "gone.yaml", "wgan recipes", 2),
    ("train --recipe broken.yaml", "broken.yaml line 3", "line", 2),
    ("train --set model.generator.channels=[8,8,8]", "model.generator.channels", "fewer values", 2),
    ("train --set epochs=1000000 --set batch_size=2", "steps", "epochs", 2),
    ("inspect digits_dcgn", "digits_dcgn", "digits_dcgan", 2),
    ("train --track wanb", "wanb", "did you mean `wandb`", 2),
    ("train wgan-gp", "wgan-gp", "digits_dcgan", 2),
    ("train stylegan2", "stylegan2", "mnist_style", 2),
    ("train --set batch_size 32", "--set batch_size", "--set batch_size=32", 2),
    ("train --recipe ", "--recipe is empty", "variable", 2),
    ("train --resume=", "--resume is empty", "variable", 2),
    ("train ", "an argument is empty", "variable", 2),
    ("train --set optim.betas=0.5,0.9", "optim.generator.betas", "--set 'optim.betas=[0.5,0.9]'", 2),
    ("train --set data.augment=flip", "data.augment", "data.augment.mirror", 2),
    ("evaluate images one", "one", "wgan evaluate FAKE --against REAL", 2),
    ("inspect folder_of_runs", "is a folder of 1 run", "folder_of_runs/run", 2),
    # Data
    ("train --recipe mnist_dcgan", "mnist", "no_data/MNIST/raw", 2),
    ("train --recipe cifar10_dcgan", "cifar10", "wgan train digits_dcgan", 2),
    ("train --recipe mnist_dcgan --data-root file/deeper", "file/deeper: Not a directory", "--data-root", 1),
    ("train --set data.image_size=30", "30x30 pixels", "data.image_size", 2),
    # Devices
    ("train --gpus 99", "--gpus is 99", "--device cpu --gpus 2", 2),
    ("train --amp fp16 --device cpu", "--amp fp16 needs a CUDA device", "--amp", 2),
    ("train --device cuda:99", "cuda:99", "auto, cpu", 2),
    ("sample --ckpt G.pth --device gpu", "gpu", "auto, cpu", 2),
    # Outputs
    ("train --out run", "run", "--resume run", 2),
    ("train --out run --dry-run", "run", "--resume run", 2),
    ("train --out file", "file", "--out", 2),
    ("train --out images", "images", "--out", 2),
    ("train --out file/deeper/x", "file/deeper/x: Not a directory", "--out", 2),
    ("sample --ckpt G.pth --out file/deeper/x.png", "file/deeper/x.png: Not a directory", "--out", 1),
    ("sample --ckpt G.pth --out file/deeper/x/", "file/deeper/x: Not a directory", "--out", 1),
    ("gif run --out file/deeper/x.gif", "file/deeper/x.gif: Not a directory", "--out", 1),
    ("export G.pth --out file/deeper/x.safetensors", "file/deeper/x.safetensors", "--out", 1),
    ("inspect run --plot file/deeper/x.png", "file/deeper/x.png: Not a directory", "", 1),
    ("sample --ckpt G.pth --out images/", "images", "--force", 2),
    ("sample --ckpt G.pth --out picture", "picture", ".png", 2),
    ("sample --ckpt G.pth --out ", "--out", "", 2),
    ("sample --ckpt G.pth -n 10001", "10,001 images", "--out images/", 2),
    ("gif run --out movie.avi", "movie.avi", "movie.gif", 2),
    ("inspect run --plot curves.jpg", "curves.jpg", "curves.png", 2),
    ("inspect digits_dcgan --plot c.png", "--plot", "a run", 2),
    ("evaluate run --pairs pairs.txt", "pairs.txt", ".png", 2),
    ("export G.pth --out model.h5", "model.h5", "--out model/", 2),
    ("export G.pth --out images/", "images", "--force", 2),
    # Checkpoints and weights
    ("sample --ckpt gone.pth", "gone.pth", "path", 2),
    ("sample --ckpt text.pth", "text.pth", "G.pth", 2),
    ("sample --ckpt half.pth", "half.pth", "", 2),
    ("sample --ckpt empty", "empty", "G.pth", 2),
    ("sample --ckpt text.safetensors", "text.safetensors", "G.pth", 2),
    ("sample --ckpt loose.pth", "loose.pth", "--recipe", 2),
    ("sample --ckpt loose.pth --recipe mnist_mlp", "loose.pth", "generator.state_dict()", 2),
    ("sample --ckpt G.pth --set batch_size=3", "--set", "--set", 2),
    ("sample --ckpt G.pth --recipe mnist_mlp", "G.pth", "--recipe", 2),
    ("inspect empty", "empty contains no images", "a run", 2),
    ("inspect gone/run", "gone/run", "path", 2),
    ("gif text.pth", "text.pth", "G.pth", 2),
    ("gif gone", "gone", "run folder", 2),
    ("gif empty", "empty", "1.png, 2.png", 2),
    ("export G.pth --to b --out G.onnx", "--to", "--to", 2),
    ("export G.pth --to c --out G.onnx", "--to", "--to a", 2),
    ("export G.pth --to a --out G.safetensors", "--to", "--to", 2),
    # Samples and metrics
    ("sample --ckpt G.pth --seeds some", "some", "0-63,70", 2),
    ("sample --ckpt G.pth --seed 99999999999999999999", "--seed", "", 2),
    ("sample --ckpt G.pth -n 1000000000000 --out x/", "1,000,000,000,000 images", "", 2),
    ("sample --ckpt G.pth -n 4 --interpolate 1000000000000", "4,000,000,000,000 images", "", 2),
    ("sample --ckpt G.pth --from gone.npz", "gone.npz", "wgan project", 2),
    ("sample --ckpt G.pth --class 3", "--class", "--class", 2),
    ("sample --ckpt G.pth -n 1 --interpolate 5", "--interpolate", "-n 2", 2),
    ("evaluate run --metrics recal", "recal", "recall", 2),
    ("evaluate run --metrics ", "--metrics is empty", "variable", 2),
    # Resuming
    ("train --resume gone", "gone", "path", 2),
    ("train --resume empty", "empty", "wgan train", 2),
    ("train --resume file", "file", "wgan train", 2),
    ("train --resume run --out mine", "out", "--out", 2),
    ("train --resume run --recipe mnist_mlp", "batch_size", "", 2),
]


@pytest.mark.parametrize(("line", "named", "hint", "status"), CASES, ids=[f"wgan {case[0][:60]}" for case in CASES])
def test_error_and_hint(wgan, place, line, named, hint, status):
    before = content(place)
    result = wgan(*line.split(" "))
    assert result.status == status, result.stderr
    assert named in result.error
    assert hint in result.hint and result.hint
    assert result.stderr.endswith(f"error: {result.error}\nhint: {result.hint}\n")
    assert "bug in wgan" not in result.stderr and "Traceback" not in result.stderr
    assert result.stdout == ""
    assert content(place) == before  # nothing was overwritten or left behind


def test_nothing_but_the_error_is_printed(wgan, place):
    for line in ("train --quiet --out run", "train --resume run --recipe mnist_mlp --data-root no_data"):  # no download
        result = wgan(*line.split())
        assert result.stderr == f"error: {result.error}\nhint: {result.hint}\n"


@pytest.fixture
def train(wgan, tiny_options):
    return lambda *words: wgan("train", "--quiet", "--device", "cpu", *tiny_options, *words)


def test_full_disk_keeps_the_last_checkpoint(wgan, tmp_path, train):
    assert train("--steps", 2, "--out", "mine").status == 0
    run = RunDir(Path("mine"))
    size = run.checkpoint_file(2).stat().st_size
    before = {path: path.read_bytes() for path in (run.checkpoint_file(2), run.generator_file)}
    again = ("train", "--quiet", "--resume", "mine", "--steps", 4, "--device", "cpu")
    with largest_file(size // 2):
        result = wgan(*again)
    assert result.status == 1
    assert "mine/checkpoints/step_00000004.pth" in result.error and "free space" in result.hint
    assert before == {path: path.read_bytes() for path in before}
    assert not list(tmp_path.rglob("*.part"))
    assert wgan(*again).status == 0
    assert load_checkpoint(run.generator_file).step == 4


@pytest.mark.parametrize("size", [10, 1500, 4000])
def test_full_disk_from_the_start(tmp_path, train, size):
    with largest_file(size):
        result = train("--steps", 6, "--out", "mine")
    assert result.status == 1
    assert result.stderr == f"error: {result.error}\nhint: {result.hint}\n"
    assert "mine/" in result.error and "free space" in result.hint
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("form", ["grid.png", "array.npz", "array.npy", "singles/"])
def test_full_disk_while_sampling(wgan, place, form):
    with largest_file(200):
        result = wgan("sample", "--ckpt", "G.pth", "-n", 4, "--out", form)
    assert result.status == 1 and form.rstrip("/") in result.error
    assert not Path(form).is_file() and not list(place.rglob("*.part"))


GPU = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has a capacity of 1 GiB.")
CUDNN = RuntimeError("GET was unable to find an engine to execute this computation")
HOST = RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory")


def test_out_of_memory_while_sampling(wgan, place, monkeypatch):
    monkeypatch.setattr("wgan_cli.outputs.sampling.from_unit_range", Mock(side_effect=GPU))
    result = wgan("sample", "--ckpt", "G.pth")
    assert result.status == 1 and "memory" in result.error and "--batch" in result.hint


@pytest.mark.parametrize("error", [GPU, CUDNN, HOST], ids=["gpu", "cudnn", "host"])
@pytest.mark.parametrize(("batch", "hint"), [(48, "--set batch_size=24"), (1, "smaller networks")])
def test_out_of_memory_in_a_step(train, monkeypatch, batch, hint, error):
    monkeypatch.setattr(TrainingStep, "__call__", Mock(side_effect=error))
    result = train("--set", f"batch_size={batch}", "--set", "model.generator.norm=layer", "--steps", 2)
    assert result.status == 1 and f"batch_size={batch}" in result.error and hint in result.hint


@pytest.mark.slow
def test_out_of_host_memory(wgan_process, tiny_options):
    small_host = "import resource as r; r.setrlimit(r.RLIMIT_AS, (6 << 30, 6 << 30)); import runpy; "
    program = small_host + "runpy.run_module('wgan_cli', run_name='__main__')"
    wide = ("--set", "model.generator.channels=[512,256]", "--set", "batch_size=24000", "--set", "sample_grid=1")
    result = wgan_process("train", "--device", "cpu", *tiny_options, *wide, "--steps", 2, python=("-c", program))
    assert result.status == 1, result.stderr
    assert "batch_size=24000" in result.error and "--set batch_size=12000" in result.hint
    assert "Traceback" not in result.stderr


def test_unexpected_error(wgan, monkeypatch):
    failing = Mock(side_effect=RuntimeError("first line\nsecond line"))
    monkeypatch.setattr("wgan_cli.cli.recipes.recipe_path", failing)
    result = wgan("recipes", "digits_dcgan")
    assert result.status == 1
    assert result.error == "RuntimeError: first line second line"
    assert "WGAN_DEBUG=1" in result.hint
    assert len(result.stderr.splitlines()) == 2


def test_debug_mode_raises(wgan, monkeypatch):
    monkeypatch.setenv("WGAN_DEBUG", "1")
    with pytest.raises(Exception, match="unknown recipe"):
        wgan("recipes", "none")
