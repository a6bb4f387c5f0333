"""Random recipes, settings and seed lists either work or fail with a message and a hint."""

from __future__ import annotations

import pytest
import torch
from helpers.fuzzing import ACCIDENTS, NUMBERS, WILD, WORDS, changed_inside, damaged
from hypothesis import strategies as st

from wgan_cli.outputs.sampling import MAX_SEEDS, parse_seeds
from wgan_cli.outputs.summary import inspect_recipe
from wgan_cli.recipe import ImageShape, Recipe, apply_settings, load_recipe, read_recipe_file, recipe_from_dict
from wgan_cli.recipe.yaml import dump_yaml, parse_yaml
from wgan_cli.training.memory_estimate import check_memory

CPU = torch.device("cpu")
BASES = {name: load_recipe(name).as_dict() for name in ("digits_dcgan", "mnist_mlp")}


def dotted(values: dict, prefix: str = "") -> list[str]:
    """Return the dotted names of all settings and sections."""
    names = []
    for key, value in values.items():
        names.append(f"{prefix}{key}")
        names += dotted(value, f"{prefix}{key}.") if isinstance(value, dict) else []
    return names


NAMES = sorted({name for values in BASES.values() for name in dotted(values)})
SHAPES = st.builds(ImageShape, st.sampled_from([8, 28, 30, 64, 128]), st.sampled_from([1, 3, 4]), st.just(10))


def use(recipe: Recipe, image: ImageShape) -> None:
    """Write a recipe, read it back, inspect it and check its memory."""
    assert recipe_from_dict(parse_yaml(dump_yaml(recipe.as_dict()), "dump"), "dump") == recipe
    check_memory(recipe, image, CPU)
    inspect_recipe(recipe, image)


def test_keys(fuzz):
    values = st.one_of(*(changed_inside(base) for base in BASES.values()))
    fuzz(
        "recipes", lambda given, image: use(recipe_from_dict(given, "file"), image), values, SHAPES, short=15, long=2500
    )


def test_any_values(fuzz):
    keys = st.sampled_from([name for name in NAMES if "." not in name]) | WORDS
    values = st.dictionaries(keys, WILD, max_size=6) | WILD
    fuzz("any nested values", lambda given: recipe_from_dict(given, "file"), values, short=15, long=1500)


@pytest.mark.parametrize("base", BASES)
def test_damaged_files(fuzz, tmp_path, base):
    path = tmp_path / "mine.yaml"
    whole = dump_yaml(BASES[base]).encode()

    def attempt(accidents: list) -> None:
        path.write_bytes(damaged(whole, accidents))
        use(read_recipe_file(path), ImageShape(28, 1, 10))

    fuzz("damaged recipe files", attempt, ACCIDENTS, short=12, long=1000)


SIGNS = st.text(st.sampled_from("[]{},:-?!&*#|>'\"%@` \n\tabeflnrstu0123456789.+\\\ufeff\x85\u2028"), max_size=60)
PIECES = [
    *"{}[]#%\n",
    ": ",
    "\n  ",
    "? ",
    "- ",
    "|",
    "---",
    "!!int ",
    "!!timestamp ",
    "!!set ",
    "!x ",
    "&a ",
    "*a",
    "<<",
]
PIECES += [
    "model",
    "steps",
    "objective",
    "optim.critic",
    "mlp",
    "wgan_gp",
    "null",
    "0x",
    "1e5",
    ".nan",
    "off",
    "9" * 30,
]
YAML = SIGNS | st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


def test_yaml_text(fuzz):
    fuzz("text of YAML's signs", lambda text: parse_yaml(text, "mine.yaml"), YAML, short=25, long=1500)


def test_settings(fuzz):
    keys = st.one_of(st.sampled_from(NAMES), WORDS, st.lists(WORDS, max_size=40).map(".".join))
    texts = st.one_of(YAML, WORDS, NUMBERS.filter(lambda n: abs(n) < 10**800).map(str))
    good = ["steps=5", "model=mlp", "batch_size=8", "optim.lr_schedule=cosine", "seed=0x1F", "amp=off", "epochs=0.5"]
    good += ["data.classes=[3, 8]", "model.generator.norm=layer", "objective.gp_weight=.5", "objective=gan"]
    pairs = st.one_of(st.sampled_from(good), st.tuples(keys, texts).map("=".join), WORDS)

    def attempt(settings: list[str], base: str, image: ImageShape) -> None:
        use(apply_settings(BASES[base], settings, "file"), image)

    some = st.lists(st.sampled_from(good) | pairs, min_size=1, max_size=3)
    fuzz("--set", attempt, some, st.sampled_from(sorted(BASES)), SHAPES, short=20, long=2500)


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

    fuzz("--seeds", attempt, st.lists(parts, max_size=4).map(",".join), short=25, long=1500)
