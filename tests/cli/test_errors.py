"""What is wrong and what to do about it, in two lines, with the right exit status and nothing overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers.disk import largest_file
from PIL import Image

from wgan_cli.runs.checkpoint import FORMAT, VERSION, load_checkpoint
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training.step import TrainingStep

CLOSED = "http://127.0.0.1:1/"  # nothing answers there


@pytest.fixture
def place(wgan, tmp_path, tiny_run, monkeypatch) -> Path:
    """The working folder, with a run, good and bad checkpoints, recipes and images in it."""
    from torchvision import datasets

    monkeypatch.setattr(datasets.MNIST, "mirrors", [CLOSED])
    monkeypatch.setattr(datasets.CIFAR10, "url", CLOSED + "cifar.tar.gz")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "no_data").mkdir()
    monkeypatch.setenv("WGAN_DATA", "no_data")

    (tmp_path / "run").symlink_to(tiny_run.path)
    (tmp_path / "G.pth").symlink_to(tiny_run.generator_file)
    (tmp_path / "file").write_text("precious")
    (tmp_path / "text.pth").write_text("no checkpoint")
    torch.save({"format": FORMAT, "version": VERSION + 1}, tmp_path / "newer.pth")
    torch.save({"epoch": 3, "loss": [1.0]}, tmp_path / "loose.pth")
    (tmp_path / "text.safetensors").write_text("no tensors at all")
    whole = tiny_run.generator_file.read_bytes()
    (tmp_path / "half.pth").write_bytes(whole[: len(whole) // 3])
    (tmp_path / "broken.yaml").write_text("steps: 5\nmodel: [mlp\nbatch_size: 3\n")
    (tmp_path / "odd.yaml").write_text("model: mlp\nsteps: 5\nobjective: {gp_wieght: 10}\n")
    for folder in ("empty", "images", "one"):
        (tmp_path / folder).mkdir()
    for path in ("images/00000.png", "images/00001.png", "one/1.png"):
        Image.new("L", (40, 40), 99).save(tmp_path / path)
    return tmp_path


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


BELOW_A_FILE = "file/deeper/mine"
LONG = "9" * 5000
CASES = [
    # No such command, option or value.
    ("trian", "No such command 'trian'", "`wgan --help`", 2),
    ("train --stps 5", "No such option: --stps", "`wgan train --help`", 2),
    ("train more", "unexpected extra argument", "for example: wgan train --recipe mnist_dcgan --data-root data", 2),
    ("sample run", "Missing option '--ckpt'", "for example: wgan sample --ckpt ", 2),
    ("sample", "Missing option '--ckpt'", "`wgan sample --help`", 2),
    ("train --steps 0", "Invalid value for '--steps'", "`wgan train --help`", 2),
    ("train --steps many", "Invalid value for '--steps'", "`wgan train --help`", 2),
    ("gif run --fps 0", "Invalid value for '--fps'", "`wgan gif --help`", 2),
    ("sample --ckpt G.pth -n 0", "Invalid value for '-n'", "`wgan sample --help`", 2),
    ("sample --ckpt G.pth --seed -1", "Invalid value for '--seed'", "`wgan sample --help`", 2),
    # Recipes.
    ("train --recipe digits_dcgn", "unknown recipe 'digits_dcgn'", "did you mean `digits_dcgan`", 2),
    ("train --recipe images", "images is a folder, not a recipe", "--recipe folder_dcgan --set data.path=images", 2),
    ("train --set data.path=images", "`data.path` only applies", "--recipe folder_dcgan", 2),
    ("train --recipe gone.yaml", "recipe file gone.yaml not found", "`wgan recipes`", 2),
    ("train --recipe broken.yaml", "broken.yaml line 3: ", "fix that line", 2),
    (
        "train --recipe odd.yaml",
        "odd.yaml: unknown setting `objective.gp_wieght`",
        "did you mean `gp_weight`?",
        2,
    ),
    ("train --set batch_sise=3", "--set: unknown setting `batch_sise`", "did you mean `batch_size`", 2),
    ("train --set batch_size=0", "--set: invalid `batch_size` 0", "at least 1", 2),
    ("train --set batch_size", "'batch_size' is not KEY=VALUE", "--set optim.critic.lr=0.001", 2),
    ("train --set model.critic.norm=batch", "`model.critic.norm` does not work", "layer, instance or none", 2),
    ("train --set data.image_size=30", "30 pixels wide", "data.image_size=32", 2),
    ("train --set model.generator.channels=[8,8,8]", "`model.generator.channels` divides", "fewer values", 2),
    ("train --set epochs=1000000 --set batch_size=2", "steps", "epochs", 2),
    ("train --amp bf32", "unknown `amp` 'bf32'", "choose auto, off, bf16 or fp16", 2),
    ("train --amp fp16 --device cpu", "fp16 needs a CUDA device", "--amp bf16", 2),
    ("inspect digits_dcgn", "unknown recipe 'digits_dcgn'", "did you mean `digits_dcgan`", 2),
    ("recipes digits_dcgn", "unknown recipe 'digits_dcgn'", "did you mean `digits_dcgan`", 2),
    # Data.
    ("train --recipe mnist_dcgan", "cannot download mnist: ", "no_data/MNIST/raw", 2),
    ("train --recipe cifar10_dcgan", "cannot download cifar10: ", "--recipe digits_dcgan", 2),
    (
        "train --recipe mnist_dcgan --data-root file/deeper",
        "cannot write mnist to file/deeper: Not a directory",
        "--data-root",
        1,
    ),
    # Devices.
    ("train --device cuda:99", "device 'cuda:99' is not available", "choose one of: auto, cpu", 2),
    ("sample --ckpt G.pth --device gpu", "device 'gpu' is not available", "choose one of: auto, cpu", 2),
    # Folders to write to.
    ("train --out run", "run already exists", "--resume run", 2),
    ("train --out file", "file already exists", "--out", 2),
    ("train --out images", "images already exists", "--out", 2),
    (f"train --out {BELOW_A_FILE}", f"cannot create the run folder {BELOW_A_FILE}: Not a directory", "--out", 2),
    (f"sample --ckpt G.pth --out {BELOW_A_FILE}.png", f"cannot write {BELOW_A_FILE}.png: Not a directory", "--out", 1),
    (f"sample --ckpt G.pth --out {BELOW_A_FILE}/", f"cannot write {BELOW_A_FILE}: Not a directory", "--out", 1),
    (f"gif run --out {BELOW_A_FILE}.gif", f"cannot write {BELOW_A_FILE}.gif: Not a directory", "--out", 1),
    (f"inspect run --plot {BELOW_A_FILE}.png", f"cannot write {BELOW_A_FILE}.png: Not a directory", "", 1),
    ("sample --ckpt G.pth --out images/", "images already holds 00000.png", "new folder", 2),
    ("sample --ckpt G.pth --out picture", "picture: no suffix is not a supported", ".png", 2),
    ("sample --ckpt G.pth --out picture.txt", "picture.txt: .txt is not a supported", ".png", 2),
    ("sample --ckpt G.pth --out ", "--out", "", 2),
    ("sample --ckpt G.pth -n 10001", "10,001 images do not fit into one grid", "--out images/", 2),
    ("gif run --out movie.avi", "movie.avi does not end in .gif, .webp, .mp4", "movie.gif", 2),
    ("inspect run --plot curves.jpg", "curves.jpg does not end in .png", "curves.png", 2),
    # Checkpoints.
    ("sample --ckpt gone.pth", "there is no file gone.pth", "check the path", 2),
    ("sample --ckpt text.pth", "text.pth is not a wgan checkpoint", "G.pth", 2),
    ("sample --ckpt newer.pth", f"newer.pth has checkpoint format {VERSION + 1}", "upgrade", 2),
    ("sample --ckpt half.pth", "half.pth is cut off or damaged", "another", 2),
    ("sample --ckpt empty", "empty is not a run folder", "G.pth", 2),
    ("inspect text.pth", "text.pth is not a wgan checkpoint", "G.pth", 2),
    ("inspect empty", "empty is not a run folder", "wgan train", 2),
    ("inspect gone/run", "there is no file gone/run", "check the path", 2),
    ("inspect digits_dcgan --plot c.png", "this recipe has none", "a run", 2),
    ("gif text.pth", "text.pth is not a wgan checkpoint", "G.pth", 2),
    ("gif gone", "gone does not exist", "run folder", 2),
    ("gif empty", "empty holds no numbered images", "1.png, 2.png", 2),
    ("sample --ckpt text.safetensors", "text.safetensors is not a wgan checkpoint", "G.pth", 2),
    ("evaluate gone.safetensors", "there is no file gone.safetensors", "check the path", 2),
    # What to export, and weights of other programs.
    ("export G.pth", "Missing option '--out'", "`wgan export --help`", 2),
    ("export G.pth --out model.h5", "--out model.h5: cannot export", "--out model/", 2),
    ("export G.pth --out images/", "images already exists", "new folder", 2),
    ("export G.pth --to b --out G.onnx", "--to needs a translator", "remove --to", 2),
    ("export G.pth --to c --out G.onnx", "--to: unknown side 'c'", "--to a or --to b", 2),
    ("export G.pth --to a --out G.safetensors", "--to is only for .onnx files", "remove --to", 2),
    ("export text.pth --out text.onnx", "text.pth is not a wgan checkpoint", "G.pth", 2),
    ("export gone.pth --out gone.safetensors", "there is no file gone.pth", "check the path", 2),
    (f"export G.pth --out {BELOW_A_FILE}.safetensors", f"cannot write {BELOW_A_FILE}.safetensors", "--out", 1),
    ("sample --ckpt G.pth --set batch_size=3", "--set needs --recipe", "remove --set", 2),
    ("sample --ckpt G.pth --recipe mnist_mlp", "G.pth is wgan's own and has its recipe", "leave out --recipe", 2),
    ("sample --ckpt run --recipe mnist_mlp", "run is wgan's own and has its recipe", "leave out --recipe", 2),
    ("sample --ckpt loose.pth --recipe mnist_mlp", "loose.pth holds no state_dict", "generator.state_dict()", 2),
    ("sample --ckpt loose.pth", "loose.pth is not a wgan checkpoint", "--recipe", 2),
    # What to sample.
    ("sample --ckpt G.pth --seeds 5-3", "'5-3'", "", 2),
    ("sample --ckpt G.pth --seeds some", "'some' is neither a seed nor a range", "0-63,70", 2),
    (f"sample --ckpt G.pth --seeds {LONG}", "--seeds", "", 2),
    ("sample --ckpt G.pth --seeds ", "--seeds", "0-63,70", 2),
    ("sample --ckpt G.pth --seed 99999999999999999999", "--seed", "", 2),
    ("gif G.pth --seed 99999999999999999999", "--seed", "", 2),
    (f"sample --ckpt G.pth -n {10**12} --out x/", "1,000,000,000,000 images need", "sample fewer", 2),
    (f"sample --ckpt G.pth -n 4 --interpolate {10**12}", "4,000,000,000,000 images need", "sample fewer", 2),
    ("sample --ckpt G.pth --class 3", "--class needs a conditional generator", "remove --class", 2),
    ("sample --ckpt G.pth --truncation 0.7", "--truncation needs a style space", "remove --truncation", 2),
    ("sample --ckpt G.pth -n 1 --interpolate 5", "--interpolate", "-n 2", 2),
    # What to measure.
    ("evaluate", "Missing argument", "`wgan evaluate --help`", 2),
    (
        "evaluate run --metrics recal",
        "--metrics: unknown metric 'recal'",
        "did you mean `recall`? Metrics:",
        2,
    ),
    ("evaluate run --metrics ", "--metrics: unknown metric ''", "Metrics: fd, ", 2),
    ("evaluate run -n 9", "Invalid value for '-n'", "`wgan evaluate --help`", 2),
    ("evaluate run --device gpu", "device 'gpu' is not available", "choose one of: auto, cpu", 2),
    ("evaluate run --pairs pairs.txt", "pairs.txt: .txt is not a supported", ".png", 2),
    ("evaluate gone.pth", "there is no file gone.pth", "check the path", 2),
    ("evaluate text.pth", "text.pth is not a wgan checkpoint", "G.pth", 2),
    ("evaluate half.pth", "half.pth is cut off or damaged", "another", 2),
    ("evaluate empty", "empty is not a run folder", "G.pth", 2),
    # Resuming.
    ("train --resume gone", "there is no run folder gone", "check the path", 2),
    ("train --resume empty", "empty is not a run folder", "wgan train", 2),
    ("train --resume file", "file is not a run folder", "wgan train", 2),
    ("train --resume run --out mine", "`out` cannot be set", "leave out --out", 2),
    ("train --resume run --recipe mnist_mlp", "the run was made with", "leave `", 2),
]


@pytest.mark.parametrize(("line", "message", "hint", "status"), CASES, ids=[f"wgan {case[0][:60]}" for case in CASES])
def test_error_and_hint(wgan, place, line, message, hint, status):
    before = content(place)
    result = wgan(*line.split(" "))
    assert result.status == status, result.stderr
    assert message in result.error
    assert hint in result.hint
    lines = result.stderr.splitlines()
    assert lines[-2:] == [f"error: {result.error}", f"hint: {result.hint}"]
    assert "bug in wgan" not in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert content(place) == before  # nothing was overwritten, and no new file was left behind


def test_an_error_is_all_that_is_said(wgan, place):
    for line in (
        "sample --ckpt text.pth",
        "train --recipe broken.yaml",
        "train --quiet --out run",
        "gif empty",
        "trian",
    ):
        lines = wgan(*line.split(" ")).stderr.splitlines()
        assert [line.partition(":")[0] for line in lines] == ["error", "hint"], line


def test_a_dry_run_checks_the_run_folder_too(wgan, place):
    result = wgan("train", "--dry-run", "--out", "run")
    assert (result.status, result.error) == (2, "run already exists")


def test_a_recipe_that_differs_is_refused_before_data_is_downloaded(wgan, place):
    result = wgan("train", "--resume", "run", "--recipe", "mnist_mlp", "--data-root", "no_data")
    assert "downloading" not in result.stderr


def no_litter(folder: Path) -> bool:
    return not [path for path in folder.rglob("*") if path.name.endswith(".part")]


def test_a_full_disk_ends_the_run_and_spares_what_is_there(wgan, tmp_path, tiny_options):
    options = ("--quiet", "--device", "cpu", *tiny_options)
    assert wgan("train", *options, "--steps", 6, "--out", "mine").status == 0
    run = RunDir(Path("mine"))
    size = run.checkpoint_file(6).stat().st_size
    before = {path: path.read_bytes() for path in (run.checkpoint_file(6), run.generator_file)}
    again = ("train", "--quiet", "--resume", "mine", "--steps", 12, "--device", "cpu")
    with largest_file(size // 2):
        result = wgan(*again)
    assert result.status == 1
    assert result.error == "cannot write mine/checkpoints/step_00000012.pth: File too large"
    assert "free space" in result.hint
    assert before == {path: path.read_bytes() for path in before}
    assert no_litter(tmp_path)
    assert wgan(*again).status == 0
    assert load_checkpoint(run.generator_file).step == 12


@pytest.mark.parametrize("size", [10, 400, 1500, 4000])
def test_a_disk_that_is_full_from_the_start(wgan, tmp_path, tiny_options, size):
    with largest_file(size):
        result = wgan("train", "--quiet", "--device", "cpu", *tiny_options, "--steps", 6, "--out", "mine")
    assert result.status == 1
    assert result.stderr == f"error: {result.error}\nhint: {result.hint}\n"
    assert result.error.startswith("cannot write mine/")
    assert "free space" in result.hint
    assert no_litter(tmp_path)


@pytest.mark.parametrize("form", ["grid.png", "array.npz", "array.npy", "singles/"])
def test_a_full_disk_while_sampling(wgan, place, form):
    with largest_file(200):
        result = wgan("sample", "--ckpt", "G.pth", "-n", 4, "--out", form)
    assert (result.status, result.error.startswith(f"cannot write {form.rstrip('/')}")) == (1, True)
    assert not Path(form).is_file()
    assert no_litter(place)


def test_too_little_memory_is_not_called_a_fault(wgan, place, monkeypatch):
    def too_much(*args, **options):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has a capacity of 1 GiB.")

    monkeypatch.setattr("wgan_cli.outputs.sampling.to_uint8", too_much)
    result = wgan("sample", "--ckpt", "G.pth")
    assert result.status == 1
    assert "memory" in result.error
    assert "--batch" in result.hint


@pytest.mark.parametrize(("batch", "hint"), [(48, "--set batch_size=24"), (1, "smaller networks")])
def test_too_little_memory_for_a_step_names_the_batch_to_try(wgan, tiny_options, monkeypatch, batch, hint):
    def too_much(self, number):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has a capacity of 1 GiB.")

    monkeypatch.setattr(TrainingStep, "__call__", too_much)
    options = (*tiny_options, "--set", f"batch_size={batch}", "--set", "model.generator.norm=layer", "--steps", 2)
    result = wgan("train", "--quiet", "--device", "cpu", *options)
    assert result.status == 1
    assert result.error == f"not enough memory on cpu for batch_size={batch}: CUDA out of memory"
    assert hint in result.hint


def test_a_batch_too_large_for_the_host_names_the_batch_to_try(wgan_process, tiny_options):
    small_host = "import resource as r; r.setrlimit(r.RLIMIT_AS, (6 << 30, 6 << 30)); import runpy; "
    program = small_host + "runpy.run_module('wgan_cli', run_name='__main__')"
    wide = ("--set", "model.generator.channels=[512,256]", "--set", "batch_size=60000", "--set", "sample_grid=1")
    result = wgan_process("train", "--device", "cpu", *tiny_options, *wide, "--steps", 2, python=("-c", program))
    assert result.status == 1, result.stderr
    assert "not enough memory on cpu for batch_size=60000" in result.error
    assert "--set batch_size=30000" in result.hint
    assert "Traceback" not in result.stderr


def test_an_unforeseen_error_is_two_lines_too(wgan, monkeypatch):
    def fail(name):
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr("wgan_cli.recipe.recipe_path", fail)
    result = wgan("recipes", "digits_dcgan")
    assert result.status == 1
    assert result.error == "RuntimeError: first line second line"
    assert "WGAN_DEBUG=1" in result.hint
    assert len(result.stderr.splitlines()) == 2


def test_debugging_shows_where_an_error_comes_from(wgan, monkeypatch):
    monkeypatch.setenv("WGAN_DEBUG", "1")
    with pytest.raises(Exception, match="unknown recipe"):
        wgan("recipes", "none")
