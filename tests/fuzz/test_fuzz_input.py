"""Random recipes, settings, seed lists and command lines."""

from __future__ import annotations

import os
import shutil

import pytest
import torch
from helpers.fuzzing import NUMBERS, WILD, WORDS, changed_inside, damaged
from hypothesis import strategies as st

from wgan_cli.outputs.sampling import MAX_SEEDS, parse_seeds
from wgan_cli.outputs.summary import inspect_recipe
from wgan_cli.recipe import ImageShape, Recipe, apply_settings, load_recipe, read_recipe_file, recipe_from_dict
from wgan_cli.recipe.yaml import dump_yaml, parse_yaml
from wgan_cli.training.memory_estimate import check_memory

BASES = {name: load_recipe(name).as_dict() for name in ("digits_dcgan", "mnist_mlp")}


def dotted(values: dict, prefix: str = "") -> list[str]:
    """Return the dotted names of all settings and sections."""
    inner = [dotted(value, f"{prefix}{key}.") for key, value in values.items() if isinstance(value, dict)]
    return [*(f"{prefix}{key}" for key in values), *sum(inner, [])]


NAMES = sorted({name for values in BASES.values() for name in dotted(values)})
SHAPES = st.builds(ImageShape, st.sampled_from([8, 28, 30, 64, 128]), st.sampled_from([1, 3, 4]), st.just(10))


def use(recipe: Recipe, image: ImageShape) -> None:
    """Write a recipe, read it back, inspect it and check its memory."""
    assert recipe_from_dict(parse_yaml(dump_yaml(recipe.as_dict()), "dump"), "dump") == recipe
    check_memory(recipe, image, torch.device("cpu"))
    inspect_recipe(recipe, image)


def test_recipes(fuzz):
    changed = st.one_of(*(changed_inside(base) for base in BASES.values()))
    fuzz(lambda given, image: use(recipe_from_dict(given, "file"), image), changed, SHAPES, cases=15)
    keys = st.sampled_from([name for name in NAMES if "." not in name]) | WORDS
    values = st.dictionaries(keys, WILD, max_size=6) | WILD
    fuzz(lambda given: recipe_from_dict(given, "file"), values, cases=15)


@pytest.mark.parametrize("base", BASES)
def test_damaged_recipe_files(fuzz, tmp_path, base):
    path = tmp_path / "mine.yaml"

    def attempt(data: bytes) -> None:
        path.write_bytes(data)
        use(read_recipe_file(path), ImageShape(28, 28, 1, 10))

    fuzz(attempt, damaged(dump_yaml(BASES[base]).encode()), cases=12)


SIGNS = st.text(st.sampled_from("[]{},:-?!&*#|>'\"%@` \n\tabeflnrstu0123456789.+\\\ufeff\x85\u2028"), max_size=60)
SYNTAX = "{ } [ ] # % : ? - | --- *a << &a !!int !!set !!timestamp !x model steps objective optim.critic null 1e5"
PIECES = [*SYNTAX.split(), "\n", "\n  ", ": ", "- ", "? ", ".nan", "off", "9" * 30]
YAML = SIGNS | st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


def test_yaml(fuzz):
    fuzz(lambda text: parse_yaml(text, "mine.yaml"), YAML, cases=25)


def test_settings(fuzz):
    keys = st.one_of(st.sampled_from(NAMES), WORDS, st.lists(WORDS, max_size=40).map(".".join))
    texts = st.one_of(YAML, WORDS, NUMBERS.filter(lambda n: abs(n) < 10**800).map(str))
    good = ["steps=5", "model=mlp", "batch_size=8", "optim.lr_schedule=cosine", "seed=0x1F", "amp=off", "epochs=0.5"]
    good += ["data.classes=[3, 8]", "model.generator.norm=layer", "objective.gp_weight=.5", "objective=gan"]
    some = st.lists(st.sampled_from(good) | st.tuples(keys, texts).map("=".join) | WORDS, min_size=1, max_size=3)

    def attempt(settings: list[str], base: str, image: ImageShape) -> None:
        use(apply_settings(BASES[base], settings, "file"), image)

    fuzz(attempt, some, st.sampled_from(sorted(BASES)), SHAPES, cases=20)


def test_seeds(fuzz):
    parts = st.one_of(
        st.tuples(st.integers(0, 10**20), st.integers(0, 50)).map(lambda pair: f"{pair[0]}-{pair[0] + pair[1]}"),
        st.text(st.sampled_from("0123456789-, +_.e\u0663\u00b2"), max_size=8),
        st.integers(-5, 2**70).map(str),
    )

    def attempt(text: str) -> None:
        seeds = parse_seeds(text)
        assert 0 < len(seeds) <= MAX_SEEDS
        assert all(0 <= seed < 2**63 for seed in (seeds[0], seeds[-1], min(seeds), max(seeds)))

    fuzz(attempt, st.lists(parts, max_size=4).map(",".join), cases=25)


RUN = "run run/G.pth run/checkpoints run/samples run/metrics.jsonl run/recipe.yaml bad.pth cut.pth bad.zip zip"
OTHER = "text pipe pipe.yaml folder.yaml folder empty gone gone/deeper . /dev/null digits digits_dcgan - -- ~ null.yaml"
FILES = st.sampled_from([*RUN.split(), *OTHER.split(), "", "two\nlines", "x" * 300])
#: Options that take a value, by command.
OPTIONS = {
    "train": "--recipe --out --resume --set --seed --amp --device --data-root --minutes",
    "sample": "--ckpt -n --out --seed --seeds --from --move --rows --batch --interpolate --class --truncation --mix",
    "gif": "--out --fps --hold --scale --label --max-frames --seed --seeds --class --grid --seconds --device",
    "inspect": "--json --plot --set --data-root",
    "recipes": "--schema",
    "report": "--out --device",
}
#: Written files stay in the test's folder.
OUT = "o.png o/ o.npz o.gif o.mp4 o.html o text/o.png pipe/"
WRITTEN = st.sampled_from([*OUT.split(), "", "x" * 300 + ".png"])
VALUES = "0 1 2 3 -1 1e3 0x10 nan inf 1.5 99999999999999999999 \u0663 1,2 0-3 cpu auto cuda:7 off bf16 model=mlp"
ANY = st.one_of(
    FILES,
    st.sampled_from([*VALUES.split(), "batch_size=0", "steps=5", "data={source: folder, path: folder}"]),
    WORDS.filter(lambda word: "\0" not in word and not any("\ud800" <= letter <= "\udfff" for letter in word)),
)


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """Draw a command with some of its options and some words."""
    command = draw(st.sampled_from(sorted(OPTIONS)))
    words = [command, "--dry-run"] if command == "train" else [command]  # everything before training is checked
    words += {"sample": ["--ckpt"]}.get(command, [])
    if command in ("sample", "gif", "inspect", "report"):
        words += [draw(FILES), *draw(st.sampled_from([[], ["--force"]]))]
    for option in draw(st.lists(st.sampled_from(OPTIONS[command].split()), max_size=3)):
        words += [option, draw(WRITTEN if option in ("--out", "--plot") else ANY)]
    return words + draw(st.lists(ANY, max_size=1))


def test_command_lines(fuzz, wgan, tmp_path, tiny_run, monkeypatch):
    monkeypatch.setenv("WGAN_DATA", "no_data")  # no word names a data set to download
    shutil.copytree(tiny_run.path, tmp_path / "run")
    whole = tiny_run.generator_file.read_bytes()
    files = {"bad.pth": whole[:5000] + b"\xff" + whole[5001:], "cut.pth": whole[:-500], "bad.zip": whole[:-500]}
    files |= {"zip": whole, "text": b"hello", "empty": b"", "null.yaml": b"null"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    for name in ("folder", "folder.yaml"):
        (tmp_path / name).mkdir()
    for name in ("pipe", "pipe.yaml", "folder/2.png"):
        os.mkfifo(tmp_path / name)
    shutil.copy(tiny_run.sample_file(12), tmp_path / "folder" / "1.png")

    def attempt(words: list[str]) -> None:
        result = wgan(*words)
        assert result.status in (0, 1, 2), result
        assert "bug in wgan" not in result.stderr and "Traceback" not in result.stderr, result.stderr
        if result.status:
            assert result.stderr.splitlines()[-2:] == [f"error: {result.error}", f"hint: {result.hint}"]
            assert (result.error + result.hint).isprintable()

    fuzz(attempt, command_lines(), cases=15)
