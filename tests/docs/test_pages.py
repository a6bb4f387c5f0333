"""All code in README.md and in docs/ is run, page by page in its order, as a reader would who starts in one folder.

A fence says what its lines are: `sh` are commands, `console` a command with its output, `python` a script, `yaml` a
recipe; a first comment that names a file (`# mine.py`, `# wgan train --recipe mine.yaml`) keeps the block under that
name. Words after the language say why a block cannot be run here (```sh needs several GPUs); its options are still
parsed. Trainings are cut short, and a run that a page takes for granted is trained in a moment.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
import yaml
from helpers.mnist_files import small_set, write_files
from PIL import Image
from torch import nn

from wgan_cli.cli.app import app
from wgan_cli.recipe.load import load_recipe, recipe_names

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LANGUAGES = {"sh", "bash", "console", "python", "yaml", "text", "diff", ""}
#: What makes a training a matter of a second, whatever its recipe.
SMALL = {
    "batch_size": 8,
    "log_every": 1,
    "sample_every": 2,
    "sample_grid": 2,
    "save_every": 2,
    "eval_every": "null",
    "amp": "off",
    "engine": "eager",
    "threads": 1,
}
STEPS = 4


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, why it cannot be run here or "", its text, and its line."""

    language: str
    needs: str
    code: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```([\w+]*)[ \t]*(.*?)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [Block(*match.groups(), line=text.count("\n", 0, match.start()) + 1) for match in found]


def commands(block: Block) -> Iterator[list[str]]:
    """The command lines of a block, as words without comments."""
    lines = block.code.replace("\\\n", " ").splitlines()
    if block.language == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    for line in lines:
        if words := shlex.split(line, comments=True):
            yield words


class Reader:
    """Somebody who types what a page says."""

    def __init__(self, folder: Path, wgan, wgan_process) -> None:
        self.folder, self.wgan, self.process = folder, wgan, wgan_process

    def read(self, block: Block) -> None:
        if block.needs:
            for words in commands(block) if block.language in ("sh", "console") else ():
                self.parse(words)
        elif block.language in ("sh", "console"):
            self.type(block)
        elif block.language == "python":
            if named := re.match(r"# (\w+\.py)\n", block.code):
                (self.folder / named[1]).write_text(block.code, encoding="utf-8")
            exec(compile(block.code, "the block", "exec"), {"__name__": "__main__"})
        elif block.language == "yaml":
            named = re.match(r"# wgan train --recipe (\w+\.yaml)", block.code)
            file = self.folder / (named[1] if named else "unnamed.yaml")
            file.write_text(block.code, encoding="utf-8")
            load_recipe(str(file), [])
        else:
            assert block.language in ("", "text", "diff"), f"say after ```{block.language} what it needs"

    def type(self, block: Block) -> None:
        every = list(commands(block))
        if not any(words[0] in ("wgan", "python") for words in every):
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block.code], cwd=self.folder, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
            return
        for program, *words in every:
            if program == "python":
                result = self.process(python=tuple(words))
            else:
                assert program == "wgan", "name what such a line needs, or keep it apart from those of wgan"
                self.make_what_is_missing(words)
                result = self.wgan(*self.small(words))
            assert result.status == 0, (program, words, result.stderr)

    @staticmethod
    def parse(words: list[str]) -> None:
        """Options that do not exist are no better where nobody can try them."""
        if "wgan" not in words and "wgan_cli" not in words:
            return
        words = words[max(words.index(name) for name in ("wgan", "wgan_cli") if name in words) + 1 :]
        group = typer.main.get_command(app)
        command = group.commands[words[0]]
        command.make_context(words[0], words[1:])

    def make_what_is_missing(self, words: list[str]) -> None:
        """Train each run that is named and not there."""
        for word in words:
            named = re.match(r"runs/(\w+?)(-\d+)?(?:/|$)", word)
            if named and named[1] in recipe_names() and not (self.folder / named[0]).exists() and words[0] != "train":
                self.train("--recipe", named[1], "--out", named[0])
            if words[:2] == ["train", "--resume"] and named and not (self.folder / named[0]).exists():
                self.train("--recipe", named[1])

    def train(self, *words: str) -> None:
        result = self.wgan(*self.small(["train", *words]))
        assert result.status == 0, (words, result.stderr)

    def small(self, words: list[str]) -> list[str]:
        """The same command with a training of a few steps, small batches and the data at hand."""
        if words[0] != "train":
            return words
        for option in ("--steps", "--minutes", "--device", "--amp", "--engine"):
            if option in words:
                at = words.index(option)
                words = words[:at] + words[at + 2 :]
        if "--resume" in words and words[words.index("--resume") + 1] != "auto":
            at = words.index("--resume") + 1
            run = Path(*Path(words[at]).parts[:2])
            if not (self.folder / words[at]).exists():
                words[at] = str(max((run / "checkpoints").iterdir()))
            step = max(int(file.stem.split("_")[1]) for file in (self.folder / run / "checkpoints").iterdir())
            return [*words, "--steps", str(step + 2), "--device", "cpu"]
        small = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
        if "--recipe" in words and words[words.index("--recipe") + 1].startswith("folder"):
            given = " ".join(words)
            small += ["--set", "data.path=photos"] if "data.path" not in given and "data.a.path" not in given else []
        return [words[0], "--steps", str(STEPS), *small, *words[1:], "--device", "cpu"]


@pytest.fixture
def reader(wgan, wgan_process, tiny_run, features_root, tmp_path, monkeypatch) -> Reader:
    """In a folder with a finished run of digits_dcgan, standard sets of a few images, two folders of pictures, and the
    weights of somebody else's network."""
    monkeypatch.setattr("wgan_cli.evaluation.classifier.MAX_IMAGES", 640)
    monkeypatch.setattr("matplotlib.use", lambda *_: None)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    shutil.copytree(tiny_run.path, tmp_path / "runs" / "digits_dcgan")
    data = tmp_path / "data"
    shutil.copytree(features_root, data)
    monkeypatch.setenv("WGAN_DATA", str(data))
    for name in ("MNIST", "FashionMNIST"):
        write_files(data / name / "raw", small_set(seed=len(name)))
    random = np.random.default_rng(0)
    folders = [f"data/cifar10/{part}/{name}" for part in ("train", "test") for name in CIFAR10]
    for folder in (*folders, "photos/cat", "photos/dog", "paintings"):
        (tmp_path / folder).mkdir(parents=True)
        for number in range(3 if "cifar10" in folder else 12):
            pixels = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / f"{number:04d}.jpg")
    widths = (100, 128, 256, 512, 1024)
    layers = [layer for a, b in zip(widths, widths[1:], strict=False) for layer in (nn.Linear(a, b), nn.LeakyReLU(0.2))]
    torch.save(nn.Sequential(*layers, nn.Linear(1024, 784), nn.Tanh()).state_dict(), tmp_path / "theirs.pth")
    return Reader(tmp_path, wgan, wgan_process)


CIFAR10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_all_code_of_the_page_runs(page, reader):
    for block in blocks(page):
        where = f"{page.name}, line {block.line}"
        try:
            reader.read(block)
        except pytest.skip.Exception:
            raise
        except BaseException as error:
            raise AssertionError(f"{where}: {error}") from error


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_fence_has_a_language_that_is_known(page):
    text = page.read_text(encoding="utf-8")
    assert {block.language for block in blocks(page)} <= LANGUAGES
    assert text.count("\n```") == 2 * len(blocks(page))
    for block in blocks(page):
        if block.language == "yaml":
            assert yaml.safe_load(block.code)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_to_files_and_headings(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        file, _, heading = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}, target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_lines_fit_a_screen(page):
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    wide = [line for line in prose.splitlines() if len(line) > 120 and not line.startswith(("|", "!["))]
    assert [line for line in wide if not re.search(r"\]\(\S{40,}\)", line)] == []


def test_every_page_is_reached_from_the_readme():
    linked = set(re.findall(r"\]\((docs/[\w.]+\.md)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert linked == {f"docs/{page.name}" for page in PAGES if page.parent.name == "docs"}
