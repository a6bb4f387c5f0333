"""`--try`: values, ranges, combinations and random subsets."""

from __future__ import annotations

import math

import pytest

from wgan_cli.errors import WganError
from wgan_cli.recipe import flat_settings, load_recipe
from wgan_cli.tuning.choices import drawn, grid, parse_choice, parse_choices
from wgan_cli.tuning.measure import _cost


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("optim.lr=0.001,1e-2", (0.001, 0.01)),
        ("model.generator.channels=[64, 32],[8,4]", ([64, 32], [8, 4])),
        ("objective=wgan_gp,hinge", ("wgan_gp", "hinge")),
        ("data.augment.mirror=true, false, true", (True, False)),
    ],
)
def test_values(text, values):
    assert parse_choice(text).values == values


def test_listed_values_are_settings():
    for setting in parse_choice("model.generator.channels=[8,4],[4,4]").listed:
        assert load_recipe("digits_dcgan", [setting]).model.generator.channels[1] == 4
    assert parse_choice("objective=wgan_gp,hinge").listed == ("objective=wgan_gp", "objective=hinge")


@pytest.mark.parametrize(
    "text",
    [
        "optim.lr", "optim.lr=", "=3", "optim.lr=0.1,,0.2", "optim.lr=[1", "optim.lr=0.1..0.01", "optim.lr=0..1",
        "steps=5,6", "eval_count=10,20", "best_by=fd,recall", "data.limit=5,6", "data=mnist,digits",
    ],
)  # fmt: skip
def test_invalid_values(text):
    with pytest.raises(WganError, match="--try"):
        parse_choice(text)
    with pytest.raises(WganError, match="seed is given twice"):
        parse_choices(["seed=1,2", "seed=3"])


def test_grid_is_the_product():
    choices = parse_choices(["seed=1,2,3", "batch_size=4,8"])
    assert grid(choices) == [(f"seed={seed}", f"batch_size={size}") for seed in (1, 2, 3) for size in (4, 8)]
    assert drawn(choices, 6, seed=0) == drawn(choices, 99, seed=1) == grid(choices)
    some = drawn(choices, 4, seed=5)
    assert len(set(some)) == 4 and [each for each in grid(choices) if each in some] == some
    assert some == drawn(choices, 4, seed=5) and len({tuple(drawn(choices, 3, seed)) for seed in range(20)}) > 1
    with pytest.raises(WganError, match="2,000 combinations"):
        grid(parse_choices([f"seed={','.join(map(str, range(1000)))}", "batch_size=4,8"]))


def test_range_is_uniform_in_its_logarithm():
    choices = parse_choices(["optim.lr=1e-4..1e-2", "batch_size=4,8"])
    assert grid(choices) is None
    found = [float(lr.partition("=")[2]) for lr, _ in drawn(choices, 400, seed=0)]
    assert min(found) >= 1e-4 and max(found) <= 1e-2 and len(found) == 400
    assert sum(map(math.log10, found)) / 400 == pytest.approx(-3, abs=0.1)


def test_ranges_of_whole_numbers():
    base = load_recipe("digits_dcgan")
    choices = parse_choices(["batch_size=32..256", "objective.gp_weight=1..10"], flat_settings(base.as_dict()))
    recipes = [load_recipe("digits_dcgan", each) for each in drawn(choices, 50, seed=0)]
    assert all(32 <= recipe.batch_size <= 256 for recipe in recipes) and len({r.batch_size for r in recipes}) > 10
    assert any(recipe.objective.gp_weight % 1 for recipe in recipes)


def test_cost_of_a_step_depends_on_sizes_and_counts():
    base = load_recipe("digits_dcgan")
    for same in ("optim.critic.lr=0.1", "seed=3", "steps=9", "ema_decay=0.5", "objective.gp_weight=2"):
        assert _cost(load_recipe("digits_dcgan", [same])) == _cost(base)
    for other in ("batch_size=32", "objective.n_critic=2", "model.generator.channels=[8, 8]", "ema_decay=0"):
        assert _cost(load_recipe("digits_dcgan", [other])) != _cost(base)
