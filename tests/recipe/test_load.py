"""Recipes by name and file, and settings applied to them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from wgan_cli.errors import WganError
from wgan_cli.recipe import Recipe, load_recipe, recipe_from_dict, recipe_header, recipe_names, recipe_path
from wgan_cli.recipe.decoding_types import DIFF_AUGMENTS, SMALL_DATASET
from wgan_cli.recipe.recipe_files import DEFAULT_RECIPE
from wgan_cli.recipe.yaml import dump_yaml, parse_yaml

BASE = "model: mlp\nsteps: 5\n"


@pytest.fixture
def load(tmp_path):
    """Return a function that loads a recipe from text, with settings."""

    def call(text: str, *settings: str, log=None) -> Recipe:
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        return load_recipe(str(path), settings, log)

    return call


@pytest.mark.parametrize("name", recipe_names())
def test_packaged_recipe(name):
    changes, purpose = recipe_header(name)
    recipe = load_recipe(name, changes)
    assert recipe.name == name
    assert purpose
    assert recipe_from_dict(parse_yaml(dump_yaml(recipe.as_dict()), "dump"), "dump") == recipe
    first_line = recipe_path(name).read_text(encoding="utf-8").partition("\n")[0]
    command = "# wgan train" if name == DEFAULT_RECIPE else f"# wgan train --recipe {name}"
    assert first_line.startswith(" ".join([command, *(f"--set {change}" for change in changes)]) + "  ")


@pytest.mark.parametrize("wrong", ["digits_dcgn", "digit_dcgan", "dgits-dcgan"])
def test_unknown_name(wrong):
    with pytest.raises(WganError) as caught:
        load_recipe(wrong)
    assert repr(wrong) in caught.value.message
    assert "did you mean `digits_dcgan`" in caught.value.hint
    assert "`wgan recipes`" in caught.value.hint and "cifar10" not in caught.value.hint


@pytest.mark.parametrize("path", ["mine.yaml", "mine.yml", "./mine", "folder/mine.yaml", "x" * 300 + ".yaml"])
def test_missing_file(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WganError) as caught:
        load_recipe(path)
    assert path in caught.value.message


@pytest.mark.parametrize("text", ["", "# only words\n", "null", "5", "- model: mlp\n"])
def test_file_without_settings(load, text):
    with pytest.raises(WganError, match="mine.yaml contains no settings"):
        load(text)


def test_name_defaults_to_the_file(load):
    assert load(BASE).name == "mine"
    assert load(f"name: other\n{BASE}").name == "other"


@pytest.mark.parametrize("name", ["../other", "a/b", "/tmp/other", "..", ".", "", "a\nb"])
def test_name_outside_the_runs_folder(name):
    with pytest.raises(WganError, match="`name`"):
        recipe_from_dict({"model": "mlp", "steps": 5, "name": name}, "mine.yaml")


def test_last_setting_wins(load):
    text = "model: mlp\nsteps: 5\nbatch_size: 32\nobjective: {n_critic: 3, gp_weight: 7}\n"
    recipe = load(text, "batch_size=16", "objective.n_critic=2", "batch_size=8")
    assert (recipe.batch_size, recipe.objective.n_critic, recipe.objective.gp_weight) == (8, 2, 7.0)


def test_a_whole_section_can_be_set(load):
    recipe = load(BASE, "optim.critic={lr: 2e-3, betas: [0.5, 0.9]}")
    assert (recipe.optim.critic.lr, recipe.optim.critic.betas) == (0.002, (0.5, 0.9))


def test_short_forms(load):
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
def test_setting_inside_a_short_form(load, setting, read, value):
    assert read(load("model: mlp\nsteps: 5\nobjective: wgan_gp\ndata: mnist\n", setting)) == value


@pytest.mark.parametrize(
    ("text", "settings"),
    [("model: mlp\n", ()), (f"{BASE}epochs: 2\n", ()), (BASE, ("steps=5", "epochs=2"))],
)
def test_one_length(load, text, settings):
    with pytest.raises(WganError, match="`steps` and `epochs`"):
        load(text, *settings)


def test_steps_and_epochs_replace_each_other(load):
    by_epochs = load(BASE, "epochs=2.5")
    assert (by_epochs.steps, by_epochs.epochs) == (None, 2.5)
    by_steps = load("model: mlp\nepochs: 2\n", "steps=7")
    assert (by_steps.steps, by_steps.epochs) == (7, None)


def test_run_folder(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.yaml").write_text("model: mlp\nsteps: 7\n", encoding="utf-8")
    assert load_recipe(str(tmp_path / "run")).steps == 7


def test_replaced_validates_and_keeps_the_rest(load):
    recipe = load(BASE, "optim.critic.lr=0.01")
    changed = recipe.replaced(steps=7)
    assert (changed.steps, changed.model) == (7, recipe.model)
    assert changed.replaced(steps=5) == recipe
    for wrong in ({"steps": 0}, {"epochs": 2}, {"model": {"name": "mpl"}}, {"stps": 7}, {"objective": "cyclegan"}):
        with pytest.raises(ValidationError):
            recipe.replaced(**wrong)


def switched(load, text: str, *settings: str) -> tuple[Recipe, list[str]]:
    lines: list[str] = []
    return load(text, *settings, log=lines.append), lines


def test_same_objective_by_name_keeps_all_settings():
    lines: list[str] = []
    assert load_recipe("digits_dcgan", ["objective=wgan_gp"], lines.append) == load_recipe("digits_dcgan")
    assert lines == []


@pytest.mark.parametrize("key", ["objective", "objective.name"])
def test_switch_keeps_settings_with_equal_defaults(load, key):
    text = BASE + "objective: {name: wgan_gp, r1_weight: 4, n_critic: 2, gp_weight: 3}\n"
    recipe, lines = switched(load, text, f"{key}=lsgan")
    kept = recipe.objective
    assert (kept.name, kept.r1_weight, kept.n_critic, kept.gp_weight) == ("lsgan", 4, 1, 0)
    (line,) = lines
    assert line.startswith("objective=lsgan: ")
    assert "n_critic is now 1 (was 2)" in line and "gp_weight is now 0.0 (was 3)" in line
    assert "r1_weight" not in line


def test_switch_resets_settings_without_effect(load):
    text = BASE + "objective: {name: wgan_gp, gp_every: 4, gp_sided: one}\n"
    recipe, lines = switched(load, text, "objective=hinge")
    assert (recipe.objective.gp_every, recipe.objective.gp_sided) == (1, "two")
    assert "gp_every is now 1 (was 4)" in lines[0] and "gp_sided is now two (was one)" in lines[0]


def test_switch_comes_before_other_settings(load):
    recipe, lines = switched(load, BASE + "objective: gan\n", "objective.n_critic=2", "objective=wgan_gp")
    assert (recipe.objective.name, recipe.objective.n_critic) == ("wgan_gp", 2)
    assert "n_critic is now 5 (was 1)" in lines[0]


def test_train_prints_the_switch(wgan):
    result = wgan("train", "--set", "objective=wgan", "--dry-run", "--device", "cpu")
    assert result.status == 0
    assert "objective=wgan: gp_weight is now 0.0 (was 1.0)\n" in result.stderr


def test_switch_of_the_model(load):
    text = "steps: 5\nmodel: {name: dcgan, latent_dim: 8, generator: {channels: [4], slope: 0.3}, critic: {slope: 0.1}}"
    recipe, lines = switched(load, text, "model=mlp")
    model = recipe.model
    assert (model.name, model.latent_dim, model.generator.slope, model.critic.slope) == ("mlp", 8, 0.3, 0.1)
    assert model.generator.widths == (128, 256, 512, 1024)
    assert "generator.channels does not apply" in lines[0]
    assert load(text, "model={name: mlp}").model.latent_dim == 100  # a whole section replaces the old one


@pytest.mark.parametrize(
    ("optim", "settings", "same"),
    [
        ("{lr: 1e-3, betas: [0, 0.5]}", (),
         "{generator: {lr: 1e-3, betas: [0, 0.5]}, critic: {lr: 1e-3, betas: [0, 0.5]}}"),
        ("{lr: 1e-3, critic: {lr: 1e-4}}", (), "{generator: {lr: 1e-3}, critic: {lr: 1e-4}}"),  # the critic's own wins
        ("{lr: 1e-3, lr_schedule: linear}", (), "{generator: {lr: 1e-3}, critic: {lr: 1e-3}, lr_schedule: linear}"),
        ("{lr: 1e-3, critic: sgd}", (), "{generator: {lr: 1e-3}, critic: {name: sgd, lr: 1e-3}}"),
        ("{name: rmsprop, lr: 1e-3}", (), "{generator: {name: rmsprop, lr: 1e-3}, critic: {name: rmsprop, lr: 1e-3}}"),
        ("{lr: 1e-3, critic: {lr: 1e-4}}", ("optim.lr=0.5",), "{generator: {lr: 0.5}, critic: {lr: 0.5}}"),
        ("{lr: 1e-3}", ("optim.critic.lr=0.5",), "{generator: {lr: 1e-3}, critic: {lr: 0.5}}"),
        ("{critic: sgd}", ("optim.critic.lr=0.5",), "{critic: {name: sgd, lr: 0.5}}"),
        ("{lr: 1e-3, betas: [0.5, 0.9], clip_norm: 2}", ("optim.critic.name=sgd",),
         "{generator: {lr: 1e-3, betas: [0.5, 0.9], clip_norm: 2}, critic: {name: sgd, clip_norm: 2}}"),
        ("{lr: 1e-3, betas: [0.5, 0.9]}", ("optim.lr=0.5", "optim.name=sgd"),
         "{generator: {name: sgd, lr: 0.5}, critic: {name: sgd, lr: 0.5}}"),
    ],
)  # fmt: skip
def test_settings_of_both_optimizers(load, optim, settings, same):
    recipe = load(f"{BASE}optim: {optim}\n", *settings)
    assert recipe.optim == load(f"{BASE}optim: {same}\n").optim
    assert recipe_from_dict(recipe.as_dict(), "a test") == recipe
    assert recipe.as_dict()["optim"].keys() == {"generator", "critic", "lr_schedule", "lr_decay_start"}


def test_shared_settings_of_an_optional_role(load):
    text = BASE.replace("mlp", "{name: mlp, conditional: true}") + "objective: cvae_gan\n"
    own = load(text + "optim: {lr: 0.5, betas: [0.5, 0.6], encoder: {lr: 0.1}}\n").optim
    assert (own.of("encoder").lr, own.of("encoder").betas, own.of("classifier")) == (0.1, (0.5, 0.6), own.critic)


def test_former_names_are_read(load):
    text = (
        "model: {name: mlp, conditional: true, condition: classifier}\nsteps: 5\n"
        "batch_per_device: 4\nbest_by: distance\noptim: {decay: linear, decay_from: 0.5}\n"
        "objective: {gp_at: between, class_weight: 2, generator_class_weight: 3}\n"
    )
    recipe = load(text)
    assert (recipe.micro_batch_size, recipe.optim.lr_schedule, recipe.optim.lr_decay_start) == (4, "linear", 0.5)
    objective = recipe.objective
    assert recipe.best_by == "fd"
    assert (objective.gp_points, objective.ac_weight, objective.generator_ac_weight) == ("interpolates", 2, 3)
    with pytest.raises(WganError, match="`batch_per_device`"):
        load(text + "micro_batch_size: 8\n")


@pytest.mark.parametrize(
    ("images", "setting", "expected"),
    [
        (SMALL_DATASET - 1, "data.diff_augment=auto", DIFF_AUGMENTS),
        (SMALL_DATASET, "data.diff_augment=auto", ()),
        (1, "data.diff_augment=[]", ()),
        (SMALL_DATASET, "data.diff_augment=[cutout]", ("cutout",)),
    ],
)
def test_augmentation_of_few_images(images, setting, expected):
    assert load_recipe("mnist_dcgan", [setting]).with_diff_augment(images).data.diff_augment == expected


def test_no_automatic_augmentation_if_features_are_compared():
    recipe = load_recipe("mnist_cvae_gan", ["data.diff_augment=auto"])
    assert recipe.with_diff_augment(1).data.diff_augment == ()
