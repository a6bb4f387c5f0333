"""The code of README.md and docs/*.md runs, page by page and in order, in one folder per page.

`sh` blocks are commands, `console` commands with output, `python` scripts, `yaml` recipes. A first comment with a file
name (`# mine.py`, `# wgan train --recipe mine.yaml`) saves the block under it. Words after the language say what a
block needs (```sh needs several GPUs); such blocks are only parsed. Trainings are shortened, and
runs that a page assumes are trained first.
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
from wgan_cli.recipe import apply_settings, load_recipe, recipe_names, recipe_path
from wgan_cli.recipe.yaml import dump_yaml

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LANGUAGES = {"sh", "bash", "console", "python", "yaml", "text", "diff", ""}
#: Settings for a training of a second.
SMALL = ["batch_size=4", "log_every=1", "sample_every=1", "sample_grid=2", "save_every=1", "eval_every=null", "amp=off"]
SMALL += ["engine=eager", "threads=1"]
STEPS = 2
CIFAR10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


@dataclass(frozen=True)
class Block:
    """A fenced block. needs: why it can't run here, or ""."""

    language: str
    needs: str
    code: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```([\w+]*)[ \t]*(.*?)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [Block(*match.groups(), line=text.count("\n", 0, match.start()) + 1) for match in found]


def commands(block: Block) -> Iterator[list[str]]:
    """Yield the words of each command line."""
    lines = block.code.replace("\\\n", " ").splitlines()
    if block.language == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    for line in lines:
        if words := shlex.split(line, comments=True):
            yield words


class Reader:
    """Runs blocks in a folder."""

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
                self.train_missing(words)
                result = self.wgan(*self.small(words))
            assert result.status == 0, (program, words, result.stderr)

    @staticmethod
    def parse(words: list[str]) -> None:
        """Check the options of a `wgan` command without running it."""
        if starts := [words.index(name) for name in ("wgan", "wgan_cli") if name in words]:
            _, name, *options = words[max(starts) :]
            typer.main.get_command(app).commands[name].make_context(name, options)

    def train_missing(self, words: list[str]) -> None:
        """Train the runs that a command names and that don't exist."""
        for word in words:
            named = re.match(r"runs/(\w+?)(-\d+)?(?:/|$)", word)
            needed = words[0] != "train" or words[1:2] == ["--resume"] or "--init-from" in words
            if needed and named and named[1] in recipe_names() and not (self.folder / named[0]).exists():
                result = self.wgan(*self.small(["train", "--recipe", named[1], "--out", named[0]]))
                assert result.status == 0, (words, result.stderr)

    def small(self, words: list[str]) -> list[str]:
        """Shorten a training or a search to a few steps on the CPU; its recipe is small already."""
        if words[0] == "tune":  # the last --minutes counts
            few = ("--trials", "2", "--minutes", "0.001", "--set", "eval_count=30")
            return [*words, *few, "--device", "cpu"]
        if words[0] != "train":
            return words
        for option in ("--steps", "--minutes", "--device", "--amp", "--engine"):
            if option in words:
                at = words.index(option)
                words = words[:at] + words[at + 2 :]
        if "--resume" in words and words[words.index("--resume") + 1] != "auto":
            at = words.index("--resume") + 1
            newest = max((self.folder / Path(*Path(words[at]).parts[:2]) / "checkpoints").iterdir())
            if not (self.folder / words[at]).exists():
                words[at] = str(newest)
            return [*words, "--steps", str(int(newest.stem.split("_")[1]) + 2), "--device", "cpu"]
        own = "--recipe" in words and words[words.index("--recipe") + 1].endswith(".yaml")
        options = [word for setting in SMALL if own for word in ("--set", setting)]
        return ["train", "--steps", str(STEPS), *options, *words[1:], "--device", "cpu"]


@pytest.fixture(scope="session")
def small_recipes(tmp_path_factory) -> Path:
    """The packaged recipes with narrow networks, small batches and few critic steps, and with photos to train on."""
    folder = tmp_path_factory.mktemp("recipes")
    for name in recipe_names():
        paths = ["data.a.path=photos", "data.b.path=paintings"] if "cyclegan" in name else ["data.path=photos"]
        whole = load_recipe(name, paths if name.startswith("folder") else [])
        settings = [*SMALL, *(["objective.n_critic=1"] if hasattr(whole.objective, "n_critic") else [])]
        if whole.translates:
            settings += ["model.generator.channels=4", "model.generator.blocks=1", "model.critic.channels=[4,4]"]
        for role in ("generator", "critic"):
            channels = getattr(getattr(whole.model, role), "channels", None)
            if isinstance(channels, tuple) and not whole.translates:
                settings.append(f"model.{role}.channels={[4] * len(channels)}")
        small = apply_settings(whole.as_dict(), settings, name).as_dict()
        first_line = recipe_path(name).read_text(encoding="utf-8").partition("\n")[0]
        (folder / f"{name}.yaml").write_text(f"{first_line}\n{dump_yaml(small)}", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def own_files(tmp_path_factory, tiny_run) -> Path:
    """A folder with a run of digits_dcgan, small data sets, two folders of images and a foreign state_dict."""
    own = tmp_path_factory.mktemp("own")
    shutil.copytree(tiny_run.path, own / "runs" / "digits_dcgan")
    for name in ("MNIST", "FashionMNIST"):
        write_files(own / "data" / name / "raw", small_set(seed=len(name)))
    random = np.random.default_rng(0)
    folders = [f"data/cifar10/{part}/{name}" for part in ("train", "test") for name in CIFAR10]
    for folder in (*folders, "photos/cat", "photos/dog", "paintings"):
        (own / folder).mkdir(parents=True)
        for number in range(3 if "cifar10" in folder else 12):
            pixels = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(own / folder / f"{number:04d}.jpg")
    widths = (100, 128, 256, 512, 1024)
    layers = [layer for a, b in zip(widths, widths[1:], strict=False) for layer in (nn.Linear(a, b), nn.LeakyReLU(0.2))]
    torch.save(nn.Sequential(*layers, nn.Linear(1024, 784), nn.Tanh()).state_dict(), own / "theirs.pth")
    return own


@pytest.fixture
def reader(wgan, wgan_process, own_files, features_root, small_recipes, tmp_path, monkeypatch) -> Reader:
    """In a copy of `own_files`."""
    monkeypatch.setattr("wgan_cli.recipe.recipe_files._FOLDER", small_recipes)
    monkeypatch.setattr("wgan_cli.evaluation.classifier.MAX_IMAGES", 640)
    monkeypatch.setattr("wgan_cli.evaluation.evaluate.MAX_IMAGES", 100)
    monkeypatch.setattr("wgan_cli.evaluation.evaluate.MAX_TRAINING", 500)
    monkeypatch.setattr("matplotlib.use", lambda *_: None)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    shutil.copytree(own_files, tmp_path, dirs_exist_ok=True)
    shutil.copytree(features_root, tmp_path / "data", dirs_exist_ok=True)
    monkeypatch.setenv("WGAN_DATA", str(tmp_path / "data"))
    return Reader(tmp_path, wgan, wgan_process)


pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@pages
def test_code_runs(page, reader):
    for block in blocks(page):
        try:
            reader.read(block)
        except Exception as error:
            raise AssertionError(f"{page.name}, line {block.line}: {error}") from error


@pages
def test_layout(page):
    """Blocks have a known language, YAML is valid, and lines of prose have at most 120 columns."""
    text = page.read_text(encoding="utf-8")
    assert text.count("\n```") == 2 * len(blocks(page))
    assert {block.language for block in blocks(page)} <= LANGUAGES
    assert all(yaml.safe_load(block.code) for block in blocks(page) if block.language == "yaml")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    wide = [line for line in prose.splitlines() if len(line) > 120 and not line.startswith(("|", "!["))]
    assert [line for line in wide if not re.search(r"\]\(\S{40,}\)", line)] == []


@pages
def test_links(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        file, _, heading = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), target
        titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE) if heading else []
        assert heading in {"", *(re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles)}, target


def test_readme_links_every_page():
    linked = set(re.findall(r"\]\((docs/[\w.]+\.md)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert linked == {f"docs/{page.name}" for page in PAGES if page.parent.name == "docs"}
