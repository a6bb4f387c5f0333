"""docs/troubleshooting.md quotes messages that the program has: all of them in its code, and many of them for real."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import wgan_cli
from wgan_cli.objectives import build_objective
from wgan_cli.objectives.terms import PATIENCE
from wgan_cli.recipe import ImageShape, recipe_from_dict
from wgan_cli.training.recording.diagnostics import Diagnostics

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
MISSING = "..."  # what a message on the page leaves out


def quoted() -> list[str]:
    """The messages in the first column, without those of other programs, which stand in italics."""
    cells = re.findall(r"^\| (`+)(.+?)\1 \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [message.strip() for _, message in cells]


def text_of(node: ast.AST) -> str | None:
    """A text of the program with `...` for what is only known when it runs, without the hint behind a message."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.partition("|")[0]
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else MISSING for part in node.values)
        return "".join(parts).partition("|")[0]
    return None


@cache
def texts() -> frozenset[str]:
    """All texts in the program's code."""
    files = Path(wgan_cli.__file__).parent.rglob("*.py")
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    return frozenset(text for text in map(text_of, nodes) if text)


def is_in_the_code(message: str) -> bool:
    said = message.removeprefix("warning: ")
    return any(matches(form, text) for text in texts() for form in (said, re.sub(r"^\.\.\.:? ", "", said)))


def matches(message: str, text: str) -> bool:
    """Whether a message of the page, where `...` may be anything, is what the program said."""
    return re.fullmatch(".*".join(map(re.escape, message.split(MISSING))), text, re.DOTALL) is not None


def test_there_are_many_and_none_stands_twice():
    assert len(quoted()) > 60
    assert len(set(quoted())) == len(quoted())
    assert min(len(message.replace(MISSING, "").strip()) for message in quoted()) > 10


@pytest.mark.parametrize("message", quoted())
def test_each_message_is_in_the_code(message):
    assert is_in_the_code(message), "the program says it in other words now"


def test_what_the_program_does_not_say_is_found():
    assert is_in_the_code("unknown recipe ...")
    for wrong in ("unknown recipes ...", "unknown recipe ... at all", "recipe unknown ..."):
        assert not is_in_the_code(wrong)


@pytest.fixture
def folder(tiny_run, tmp_path) -> Path:
    """A finished run, photos, and the mistakes that people make."""
    shutil.copytree(tiny_run.path, tmp_path / "run")
    shutil.copy(tiny_run.generator_file, tmp_path / "G.pth")
    whole = (tmp_path / "G.pth").read_bytes()
    (tmp_path / "half.pth").write_bytes(whole[: len(whole) // 2])
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "theirs.pth")
    for name in ("photos", "mixed", "nothing", "texts", "one", "numbered"):
        (tmp_path / name).mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        for name in ("photos", "mixed"):
            Image.fromarray(image).save(tmp_path / name / f"photo{number}.png")
    Image.fromarray(pixels[0]).save(tmp_path / "one" / "photo.png")
    Image.fromarray(pixels[0]).save(tmp_path / "numbered" / "00003.png")
    for name in ("mixed", "texts"):
        (tmp_path / name / "page.jpg").write_text("<html>")
    for part in ("images-idx3", "labels-idx1"):
        for kind in ("train", "t10k"):
            file = tmp_path / "broken" / "MNIST" / "raw" / f"{kind}-{part}-ubyte"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"\0\0\x08\x03")
    shutil.copytree(tmp_path / "run", tmp_path / "damaged")
    for file in (tmp_path / "damaged" / "checkpoints").iterdir():
        file.write_bytes(file.read_bytes()[:-9])
    shutil.copytree(tmp_path / "run", tmp_path / "young")
    for file in (tmp_path / "young").glob("G*.pth"):
        file.unlink()
    return tmp_path


OWN = "train --recipe folder32_dcgan --data-root cache --device cpu --dry-run --set data.path="
#: Command lines, and what the page quotes of their errors.
ERRORS = {
    "train --recipe mnist": "unknown recipe ...",
    "train --recipe photos": "... is a folder, not a recipe",
    "train --recipe folder_dcgan": "... `data.path` is not set",
    "train --set batch_size": "--set ... is not KEY=VALUE",
    "train --set objective.gp_wieght=1": "...: unknown setting ...",
    "train --set batch_size=0": "...: invalid ... ...: ...",
    "train --set data.path=photos": "... `data...` only applies to ...",
    "train --set model.critic.norm=batch": "... does not work with a gradient penalty: ...",
    "train --set model.generator.channels=[8,8,8]": "`...` divides the image size by ..., and ... is not divisible",
    "train --set data.image_size=30": "images of ... are ... pixels wide; networks take 8 to 128, divisible by 4",
    f"{OWN}gone": "there is no folder or archive ...",
    f"{OWN}nothing": "... contains no files",
    f"{OWN}texts": "... contains no usable image: ...",
    f"{OWN}mixed": "... has ... that cannot be used: ...",
    f"{OWN}photos --set model.conditional=true": "... is true, but the images of ... have no classes",
    "train --set data.classes=[ten]": "...: unknown class ...",
    "train --recipe mnist_dcgan --data-root broken": "... is truncated or is not an IDX file",
    "train --resume run": "... is finished: ... of ... steps are done",
    "train --resume run --steps 20 --set optim.critic.lr=1": (
        "the run was started with ... and cannot resume exactly with ..."
    ),
    "train --resume run --steps 20 --set data.limit=9": (
        "the run was started with ... and cannot resume exactly with ..."
    ),
    "train --resume gone": "there is no run folder ...",
    "train --resume run/samples": "... is not a run folder: it holds no recipe.yaml",
    "train --resume G.pth": "... is not a run folder, nor a file of a run's checkpoints/",
    "train --resume run/checkpoints/step_00000003.pth": "there is no checkpoint ...",
    "train --resume damaged --steps 20": "no checkpoint of ... can be read; the newest: ...",
    "train --out run": "... already exists",
    "train --out G.pth/run": "cannot create the run folder ...: ...",
    "sample --ckpt gone.pth": "there is no file ...",
    "sample --ckpt half.pth": "... is cut off or damaged...",
    "sample --ckpt theirs.pth": "... is not a wgan checkpoint...",
    "sample --ckpt theirs.pth --recipe digits_dcgan": (
        "... does not fit ...: ... tensors match; unmatched in the file: ..."
    ),
    "sample --ckpt young": "... has no G.pth yet",
    "sample --ckpt G.pth --class 3": "--class needs a conditional generator",
    "sample --ckpt G.pth -n 3 --seeds 1-3": "-n and --seeds both set the number of images",
    "sample --ckpt G.pth --out images": "...: ... is not a supported image format",
    "sample --ckpt G.pth -n 12 --out numbered/": "... already holds ..., and nothing is overwritten",
    "sample --ckpt G.pth -n 10001": "... images do not fit into a grid",
    "gif nothing": "... holds no numbered images",
    "train --device cuda:99": "device ... is not available",
    "train --amp fp16 --device cpu": "--amp fp16 needs a CUDA device, and this run is on ...",
    "train --gpus 99": "--gpus is ..., but this machine has ...",
}


@pytest.mark.parametrize("line", ERRORS)
def test_the_program_says_it(line, wgan, folder, monkeypatch):
    monkeypatch.setenv("WGAN_DATA", str(folder / "cache"))
    monkeypatch.setattr("wgan_cli.evaluation.classifier.MAX_IMAGES", 640)
    message = ERRORS[line]
    assert message in quoted()
    result = wgan(*shlex.split(line))
    assert result.status in (1, 2)
    assert matches(message, result.error), result.error


def test_notes_and_warnings_are_as_the_page_has_them(wgan, folder, tiny_options):
    quiet = (*tiny_options, "--data-root", "cache", "--device", "cpu", "--dry-run")
    one = wgan("train", "--recipe", "folder32_dcgan", "--set", "data.path=one", *quiet).stderr.splitlines()
    few = "... images are few, and the critic may memorize them: ..."
    alone = "...: only one image; a generator can only learn to copy it"
    for message in (few, alone):
        assert message in quoted()
        assert any(matches(message, line) for line in one), one


GAN = build_objective(
    recipe_from_dict({"model": "mlp", "objective": {"name": "gan", "gp_weight": 1.0}, "steps": 1}, "a test"),
    ImageShape(8, 1),
)
STEEP, SURE, LOST = {"gradient_penalty": 99.0}, (1.0, 0.0), (0.5, 0.5)


def probabilities(*pairs: tuple[float, float]) -> list[str]:
    """Warnings of a run whose critic's two probabilities were these, each for long."""
    diagnostics, said = Diagnostics(GAN), []
    for number, (real, fake) in enumerate(pairs):
        for step in (number * PATIENCE, (number + 1) * PATIENCE):
            said += diagnostics.check_terms({"real_probability": real, "fake_probability": fake}, step)
    return said


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("warning: gradient_penalty is ..., far above 0: ...", Diagnostics(GAN).check_terms(STEEP, 200)),
        ("warning: critic_loss explodes: ...", Diagnostics(GAN).check_terms({"critic_loss": 1e6}, 200)),
        (
            "warning: critic_loss is ...: the critic no longer tells real from fake, or does so too easily, ...",
            Diagnostics(GAN).check_terms({"critic_loss": 0.0}, 200),
        ),
        (
            "warning: all samples look the same (they differ by ... of 255 gray levels): ...",
            Diagnostics(GAN).check_samples(torch.zeros(4, 1, 8, 8, dtype=torch.uint8), 200),
        ),
        ("warning: ...the critic wins outright, ...", probabilities(SURE)),
        ("warning: ...the critic no longer tells real from fake...", probabilities((0.9, 0.1), LOST)),
    ],
)
def test_the_program_warns_so(message, said):
    assert message in quoted()
    (warning,) = said
    assert matches(message, warning), warning
