"""docs/extending.md, followed by somebody with a checkout: its files, its diffs, its commands, and what comes of them.

Whatever the page shows is read from it: a change of its code needs none here.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = [match.groups() for match in re.finditer(r"^```(\w+)[^\n]*\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)]
SMALL = (
    "batch_size=8", "log_every=2", "sample_every=4", "sample_grid=3", "save_every=3", "eval_every=null", "amp=off",
    "engine=eager", "threads=1",
)  # fmt: skip
FILES = re.findall(r"^```python.*\n# (\S+\.py)$", PAGE, re.MULTILINE)
HUNK = re.compile(r"^@@ -\d+,(\d+) \+\d+,(\d+) @@.*\n((?:[ +-].*\n?)+)", re.MULTILINE)


def apply(diff: str, root: Path) -> None:
    """What `patch` does, but without any tolerance: the lines must be there, once, and as many as the hunk says."""
    for name, hunks in re.findall(r"^--- a/.*\n\+\+\+ b/(.*)\n((?:[@ +-].*\n)+?)(?=--- a/|\Z)", diff, re.MULTILINE):
        text = (root / name).read_text(encoding="utf-8")
        for before, after, lines in re.findall(
            r"^@@ -\d+,(\d+) \+\d+,(\d+) @@.*\n((?:[ +-].*\n?)+)", hunks, re.MULTILINE
        ):
            old, new = ([line[1:] for line in lines.splitlines() if line[0] in kinds] for kinds in (" -", " +"))
            assert (len(old), len(new)) == (int(before), int(after)), f"{name}: {lines}"
            assert text.count("\n".join(old) + "\n") == 1, f"{name} holds these lines not once: {old}"
            text = text.replace("\n".join(old) + "\n", "\n".join(new) + "\n")
        (root / name).write_text(text, encoding="utf-8")


class Checkout:
    """A copy of the repository in which everything that the page shows is written and applied."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("wgan_cli", "recipes", "tests"):
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "docs"))
        shutil.copy(ROOT / "pyproject.toml", root)
        for language, code in BLOCKS:
            named = re.match(r"# (?:wgan train --recipe )?([\w./]+\.(?:py|yaml))\n", code)
            if language in ("python", "yaml"):
                assert named, f"a block that names no file: {code[:60]}"
                assert not (root / named[1]).exists(), f"{named[1]} is there already: the example is not new any more"
                (root / named[1]).write_text(code, encoding="utf-8")
            elif language == "diff":
                apply(code, root)
        self.lines = [
            words
            for language, code in BLOCKS
            for line in (code.splitlines() if language == "sh" else ())
            if (words := shlex.split(line, comments=True))
        ]

    def python(self, *words: str, fails: bool = False) -> str:
        """Run Python in a process of its own; what it says on both outputs."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("WGAN_")}
        own = {
            "PYTHONPATH": str(self.root),
            "OMP_NUM_THREADS": "1",
            "WGAN_DATA": str(self.root / "data"),
        }
        done = subprocess.run(
            [sys.executable, *words], cwd=self.root, env={**kept, **own}, capture_output=True, text=True, timeout=300
        )
        assert (done.returncode != 0) == fails, (words, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def script(self, code: str) -> list[str]:
        """The lines that a script prints."""
        return self.python("-c", code).splitlines()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("checkout"))


def small(words: list[str]) -> list[str]:
    """A command of wgan, where it trains with a few steps."""
    if words[0] != "train" or "--dry-run" in words:
        return words
    settings = [word for setting in SMALL for word in ("--set", setting)]
    return [*words[:1], *settings, *words[1:], "--steps", "6", "--device", "cpu", "--quiet"]


@pytest.fixture(scope="module")
def followed(checkout) -> dict[str, str]:
    """After every command of the page but the tests; by its words what each said."""
    from helpers.mnist_files import small_set, write_files

    write_files(checkout.root / "data" / "MNIST" / "raw", small_set())
    checkout.python("make_csv.py")
    return {
        " ".join(words): checkout.python("-m", "wgan_cli", *small(words))
        for program, *words in checkout.lines
        if program == "wgan"
    }


def records(checkout: Checkout, run: str) -> list[dict]:
    text = (checkout.root / "runs" / run / "metrics.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def grid(checkout: Checkout, run: str) -> Image.Image:
    return Image.open(checkout.root / "runs" / run / "samples" / "step_00000006.png")


def test_the_network_trains_and_its_layers_are_listed(checkout, followed):
    said = followed["inspect digits_resmlp.yaml"]
    assert "body.1.branch.0" in said and "to_image" in said and "to_score" in said
    assert [record["step"] for record in records(checkout, "digits_resmlp")] == [2, 4, 6]
    assert grid(checkout, "digits_resmlp").size == grid(checkout, "csv_dcgan").size


def test_the_network_belongs_to_other_recipes(checkout, followed):
    assert "real_score" in records(checkout, "resmlp_hinge")[-1]


def test_the_objectives_terms_are_logged_by_name_and_explained(checkout, followed):
    (page_terms,) = re.findall(r"The records of `metrics.jsonl` hold (.*?)\.", PAGE, re.DOTALL)
    terms = set(re.findall(r"`(\w+)`", page_terms))
    for record in records(checkout, "digits_wgan_div"):
        assert terms <= record.keys() and record["slope_power"] > 0
    meanings = checkout.script(
        "from wgan_cli.objectives import build_objective\n"
        "from wgan_cli.recipe import ImageShape, load_recipe\n"
        "print(*build_objective(load_recipe('digits_wgan_div.yaml'), ImageShape(28, 1, 10)).meanings)\n"
    )
    assert set(meanings[0].split()) == terms


def test_a_resumed_run_of_the_objective_equals_one_that_never_stopped(checkout, followed):
    code = """
from pathlib import Path
import torch
from wgan_cli import train
from wgan_cli.runs.checkpoint import load_checkpoint
small = {small!r} + ["optim.lr_schedule=none"]
whole = train("digits_wgan_div.yaml", "whole", settings=[*small, "steps=6"], device="cpu")
train("digits_wgan_div.yaml", "halves", settings=[*small, "steps=3"], device="cpu")
halves = train(resume="halves", settings=["steps=6"], device="cpu")
one, other = (load_checkpoint(run.checkpoint_file(6)) for run in (whole, halves))
for role, weights in one.networks.items():
    for name, tensor in weights.items():
        assert torch.equal(tensor, other.networks[role][name]), (role, name)
print("equal", len(one.networks))
"""
    assert checkout.script(code.replace("{small!r}", repr(list(SMALL)))) == ["equal 2"]


def test_the_datasets_images_are_those_of_the_file(checkout, followed):
    code = """
import torch
from wgan_cli.data import default_data_root, load_images
from wgan_cli.recipe.data_settings import DataSettings
read = lambda **data: load_images(DataSettings(**data), default_data_root(), print)
ours, packed = read(source="csv", path="train.csv"), read(source="digits", split="all")
assert torch.equal(ours.images, packed.images) and torch.equal(ours.labels, packed.labels)
assert ours.class_names == packed.class_names
print(len(ours))
"""
    assert checkout.script(code) == ["7000"]
    assert "28x28x1" in followed["inspect csv_dcgan.yaml"]
    assert grid(checkout, "threes_and_eights").size == grid(checkout, "csv_dcgan").size


def test_what_is_wrong_is_refused_by_its_name(checkout, followed):
    tried = [
        ("digits_resmlp.yaml", "model.generator.blokcs=4", "did you mean `blocks`?"),
        ("digits_resmlp.yaml", "model.critic.norm=batch", "couples the samples of a batch"),
        ("digits_wgan_div.yaml", "objective.div_wieght=4", "did you mean `div_weight`?"),
        ("digits_wgan_div.yaml", "model.critic.norm=batch", "`objective.div_weight` to 0"),
        ("digits_wgan_div.yaml", "objective.clip_value=1", "wgan_div doesn't clip weights"),
        ("csv_dcgan.yaml", "data.pth=x", "did you mean `path`?"),
        ("csv_dcgan.yaml", "data.path=null", "give a CSV file of pixels"),
        ("csv_dcgan.yaml", "data.fit=pad", "leave out `data.fit`"),
        ("digits_dcgan", "data.path=x", "folder or shards or csv"),
    ]
    code = f"""
from wgan_cli import WganError
from wgan_cli.recipe import load_recipe
for name, setting, _ in {tried!r}:
    try:
        load_recipe(name, [setting])
        print("taken")
    except WganError as error:
        print(error.message, error.hint)
"""
    for line, (_, setting, words) in zip(checkout.script(code), tried, strict=True):
        assert words in line, setting


def test_the_tests_to_write_pass_and_those_for_nothing_are_there(checkout):
    written = [name for name in FILES if name.startswith("tests/")]
    of_formulas = "tests/objectives/test_losses.py"
    said = checkout.python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", *written, of_formulas, "-k", "resmlp or csv or wgan_div"
    )
    assert re.search(r"^\d+ passed, \d+ deselected", said, re.MULTILINE)
    for program, *words in checkout.lines:
        if program == "python" and "pytest" in words:
            collected = checkout.python(*words, "--collect-only", "-q", "-p", "no:cacheprovider")
            assert len(re.findall("::", collected)) > 10, words


@pytest.mark.slow
def test_the_tests_for_nothing_pass(checkout):
    for program, *words in checkout.lines:
        if program == "python" and "pytest" in words:
            assert " passed" in checkout.python(*words, "-p", "no:cacheprovider")


def test_forgotten_lines_are_named(checkout):
    """One of the page's tables is left as it was; the error says which."""
    code = """
from wgan_cli import WganError, networks, objectives, data
from wgan_cli.data import native_shape
from wgan_cli.recipe import ImageShape, load_recipe
del networks.FAMILIES["resmlp"], objectives.OBJECTIVES["wgan_div"], data.SOURCES["csv"]
image = ImageShape(28, 1, 10)
for attempt in (
    lambda: networks.build_network("generator", load_recipe("digits_resmlp.yaml"), image),
    lambda: objectives.build_objective(load_recipe("digits_wgan_div.yaml"), image),
    lambda: native_shape(load_recipe("csv_dcgan.yaml").data),
):
    try:
        attempt()
    except WganError as error:
        print(error.message)
"""
    assert checkout.script(code) == [
        "`model.name` accepts resmlp, but `wgan_cli.networks.build.FAMILIES` has no entry 'resmlp'",
        "`objective.name` accepts wgan_div, but `wgan_cli.objectives.build.OBJECTIVES` has no entry 'wgan_div'",
        "`data.source` accepts csv, but `wgan_cli.data.SOURCES` has no entry 'csv'",
    ]
