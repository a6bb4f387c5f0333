"""Recipes by name and by file, and settings put over them."""

from __future__ import annotations

import shlex

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from wgan_cli.data import ImageSet, native_shape
from wgan_cli.errors import WganError
from wgan_cli.recipe import Recipe, apply_settings, load_recipe, recipe_from_dict, recipe_names, recipe_path
from wgan_cli.recipe.yaml import dump_yaml, parse_yaml

BASE = "model: mlp\nsteps: 5\n"


@pytest.fixture
def load(tmp_path):
    """Load a recipe file with this text, with settings over it."""

    def call(text: str, *settings: str) -> Recipe:
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        return load_recipe(str(path), settings)

    return call


def command_of(name: str) -> list[str]:
    """The command that a packaged recipe opens with; behind two spaces stands what it is for."""
    first_line = recipe_path(name).read_text(encoding="utf-8").splitlines()[0]
    assert first_line.startswith("# wgan train")
    return shlex.split(first_line.removeprefix("# ").partition("  ")[0])


def settings_of(name: str) -> list[str]:
    """What that command sets: whose images, for a recipe that cannot know."""
    words = command_of(name)
    return [value for option, value in zip(words, words[1:], strict=False) if option == "--set"]


@pytest.mark.parametrize("name", recipe_names())
def test_packaged_recipe_loads_and_its_dump_loads_back(name):
    recipe = load_recipe(name, settings_of(name))
    assert recipe.name == name
    assert recipe_from_dict(parse_yaml(dump_yaml(recipe.as_dict()), "dump"), "dump") == recipe


@pytest.mark.parametrize("name", recipe_names())
def test_packaged_recipe_opens_with_a_command_that_trains_it(name, wgan, tmp_path, monkeypatch):
    for folder in (tmp_path / "photos", tmp_path / "paintings"):  # which a command may name
        folder.mkdir()
        Image.new("RGB", (9, 7), "red").save(folder / "one.png")

    def blank(wanted, data_root, log):
        shape = native_shape(wanted)
        pixels = torch.zeros(16, shape.channels, shape.size, shape.size, dtype=torch.uint8)
        names = tuple(map(str, range(shape.num_classes)))
        return ImageSet(pixels, torch.zeros(16, dtype=torch.int64), names, "blank images")

    monkeypatch.setattr("wgan_cli.data.load_images", blank)
    result = wgan(*command_of(name)[1:], "--dry-run", "--set", "eval_every=null")  # the test images are not at hand
    assert result.status == 0, result.stderr
    assert result.stderr.startswith(f"{name}: ")


def test_a_recipe_for_your_own_images_asks_for_them():
    with pytest.raises(WganError, match="folder_dcgan.yaml: `data.path` is not set") as caught:
        load_recipe("folder_dcgan")
    assert "--set data.path=" in caught.value.hint


def test_there_are_recipes_for_the_offline_start_and_mnist():
    assert {"digits_dcgan", "mnist_dcgan"} <= set(recipe_names())


@pytest.mark.parametrize("wrong", ["digits_dcgn", "digit_dcgan", "dgits-dcgan"])
def test_unknown_name_gives_the_nearest_and_all(wrong):
    with pytest.raises(WganError) as caught:
        load_recipe(wrong)
    assert repr(wrong) in caught.value.message
    assert "did you mean `digits_dcgan`" in caught.value.hint
    assert all(name in caught.value.hint for name in recipe_names())


@pytest.mark.parametrize("path", ["mine.yaml", "mine.yml", "./mine", "folder/mine.yaml", "x" * 300 + ".yaml"])
def test_missing_file_is_named(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WganError) as caught:
        load_recipe(path)
    assert path in caught.value.message


@pytest.mark.parametrize("text", ["", "# only words\n", "null", "5", "- model: mlp\n"])
def test_file_without_settings_is_refused(load, text):
    with pytest.raises(WganError, match="mine.yaml holds no settings"):
        load(text)


def test_binary_file_is_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(WganError, match="is not a text file"):
        load_recipe(str(path))


def test_file_gives_the_name_and_may_set_it(load):
    assert load(BASE).name == "mine"
    assert load(f"name: other\n{BASE}").name == "other"


@pytest.mark.parametrize("name", ["../other", "a/b", "/tmp/other", "..", ".", "", "a\nb"])
def test_name_that_would_leave_the_runs_folder_is_refused(name):
    with pytest.raises(WganError, match="`name`"):
        recipe_from_dict({"model": "mlp", "steps": 5, "name": name}, "mine.yaml")


def test_recipe_is_frozen(load):
    recipe = load(BASE)
    with pytest.raises(ValidationError):
        recipe.steps = 6
    with pytest.raises(ValidationError):
        recipe.model.latent_dim = 6


def test_settings_win_over_the_file_and_the_last_one_wins(load):
    text = "model: mlp\nsteps: 5\nbatch_size: 32\nobjective: {n_critic: 3, gp_weight: 7}\n"
    recipe = load(text, "batch_size=16", "objective.n_critic=2", "batch_size=8")
    assert (recipe.batch_size, recipe.objective.n_critic, recipe.objective.gp_weight) == (8, 2, 7.0)


def test_a_whole_section_can_be_set(load):
    recipe = load(BASE, "optim.critic={lr: 2e-3, betas: [0.5, 0.9]}")
    assert (recipe.optim.critic.lr, recipe.optim.critic.betas) == (0.002, (0.5, 0.9))


def test_sections_can_be_their_name_alone(load):
    short = load("model: mlp\nsteps: 5\nobjective: wgan_gp\ndata: mnist\n")
    long = load("model: {name: mlp}\nsteps: 5\nobjective: {name: wgan_gp}\ndata: {source: mnist}\n")
    assert short == long
    assert load(BASE, "data=mnist", "objective=wgan_gp") == long


@pytest.mark.parametrize(
    ("setting", "read", "value"),
    [
        ("objective.n_critic=2", lambda recipe: (recipe.objective.name, recipe.objective.n_critic), ("wgan_gp", 2)),
        ("model.latent_dim=9", lambda recipe: (recipe.model.name, recipe.model.latent_dim), ("mlp", 9)),
        ("data.limit=70", lambda recipe: (recipe.data.source, recipe.data.limit), ("mnist", 70)),
        ("data.source=digits", lambda recipe: recipe.data.source, "digits"),
    ],
)
def test_a_setting_inside_a_section_in_its_short_form(load, setting, read, value):
    assert read(load("model: mlp\nsteps: 5\nobjective: wgan_gp\ndata: mnist\n", setting)) == value


@pytest.mark.parametrize("setting", ["steps", "=3", ".a=3", "a..b=3", "a.=3", "", "--steps"])
def test_setting_that_is_not_key_value(load, setting):
    with pytest.raises(WganError, match="is not KEY=VALUE") as caught:
        load(BASE, setting)
    assert repr(setting) in caught.value.message


def test_length_is_said_once(load):
    with pytest.raises(WganError, match="`steps` and `epochs`"):
        load("model: mlp\n")
    with pytest.raises(WganError, match="`steps` and `epochs`"):
        load("model: mlp\nsteps: 5\nepochs: 2\n")
    with pytest.raises(WganError, match="`steps` and `epochs`"):
        load(BASE, "steps=5", "epochs=2")


def test_length_in_one_unit_replaces_the_other(load):
    by_epochs = load(BASE, "epochs=2.5")
    assert (by_epochs.steps, by_epochs.epochs) == (None, 2.5)
    by_steps = load("model: mlp\nepochs: 2\n", "steps=7")
    assert (by_steps.steps, by_steps.epochs) == (7, None)


def test_batch_norm_in_a_critic_whose_penalty_is_per_image(load):
    with pytest.raises(WganError) as caught:
        load("model: {name: dcgan, critic: {norm: batch}}\nsteps: 5\nobjective: wgan_gp\n")
    assert "`model.critic.norm` is batch" in caught.value.message
    assert "mixes the images of a batch" in caught.value.message
    assert "layer, instance or none" in caught.value.hint


def test_how_much_a_batch_varies_spoils_no_penalty_and_how_alike_it_is_does(load):
    assert load("model: {name: style, critic: {minibatch_std: true}}\nsteps: 5\n").objective.gp_weight == 10
    with pytest.raises(WganError) as caught:
        load("model: {name: dcgan, critic: {minibatch_std: true, minibatch_features: 3}}\nsteps: 5\n")
    assert "`model.critic.minibatch_features` is 3, which mixes the images of a batch" in caught.value.message
    assert "leave out `minibatch_features`" in caught.value.hint


PIECES = (
    ["model", "steps", "data", "objective", "optim.critic", "name", "mlp", "dcgan", "mnist", "wgan_gp", "limit", "null"]
    + [": ", ":", "\n", "  ", "\n  ", "{", "}", "[", "]", ", ", "? ", "- ", "|", ">", "#", "---", "%", "'", '"', "\\"]
    + ["!!int ", "!!bool ", "!!float ", "!!binary ", "!!timestamp ", "!!set ", "!x ", "!", "&a ", "*a", "<<"]
    + ["0", "1", "-5", "1e5", "0x", "0b_", "1:2", ".inf", ".nan", "true", "off", "9" * 30]
)
YAML_LIKE = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=14).map("".join))


@given(YAML_LIKE)
@example("? [a]\n: 1")
@example("1: 2")
@example("name: !!int ''")
@example("name: !!bool maybe")
@example("name: !!timestamp never")
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_recipe_or_an_error(tmp_path, text):
    path = tmp_path / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        assert isinstance(load_recipe(str(path)), Recipe)
    except WganError as error:
        assert error.message and error.hint and "\n" not in error.message + error.hint


@given(st.one_of(YAML_LIKE, st.tuples(st.sampled_from(PIECES), YAML_LIKE).map("=".join)))
@settings(max_examples=300)
def test_any_setting_is_a_recipe_or_an_error(setting):
    values = {"model": "mlp", "steps": 5, "objective": "wgan_gp", "data": {"source": "digits"}}
    try:
        assert isinstance(apply_settings(values, [setting], "mine.yaml"), Recipe)
    except WganError as error:
        assert error.message and error.hint and "\n" not in error.message + error.hint


KEYS = [
    "name",
    "data",
    "model",
    "objective",
    "optim",
    "steps",
    "generator",
    "critic",
    "widths",
    "betas",
    "lr",
    "source",
]
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["mlp", "dcgan", "", "wgan"]))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | SCALARS, inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5))
@settings(max_examples=300)
def test_any_values_are_a_recipe_or_an_error(values):
    try:
        assert isinstance(recipe_from_dict({"model": "mlp", "steps": 5, **values}, "values"), Recipe)
    except WganError as error:
        assert error.message and error.hint


def test_a_runs_folder_names_the_runs_recipe(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.yaml").write_text("model: mlp\nsteps: 7\n", encoding="utf-8")
    assert load_recipe(str(tmp_path / "run")).steps == 7
