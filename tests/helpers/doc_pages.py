"""Markdown pages whose code runs: README.md and docs/*.md.

`sh` blocks are commands, `console` commands with output, `python` scripts, `yaml` recipes. A first comment with a file
name (`# mine.py`, `# wgan train --recipe mine.yaml`) saves the block under it. Words after the language say what a
block needs (```sh needs several GPUs); such blocks are only parsed. Trainings are shortened, and
runs that a page assumes are trained first.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import typer

from wgan_cli.cli.app import app
from wgan_cli.recipe import load_recipe, recipe_names

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, *DOCS]
#: Settings for a training of a second.
SMALL = ["batch_size=4", "log_every=1", "sample_every=1", "sample_grid=2", "save_every=1", "eval_every=null", "amp=off"]
SMALL += ["engine=eager", "threads=1"]
STEPS = 2


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

    def read_page(self, page: Path) -> None:
        for block in blocks(page):
            try:
                self.read(block)
            except Exception as error:
                raise AssertionError(f"{page.name}, line {block.line}: {error}") from error

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
