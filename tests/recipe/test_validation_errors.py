"""Errors about settings: which one, where it was set, and the repair."""

from __future__ import annotations

import pytest

from wgan_cli.errors import WganError
from wgan_cli.recipe import apply_settings

MLP = {"model": {"name": "mlp"}, "steps": 5}


def problem(values: dict, *settings: str) -> WganError:
    with pytest.raises(WganError) as caught:
        apply_settings({**MLP, **values}, settings, "mine.yaml")
    return caught.value


@pytest.mark.parametrize(
    ("values", "message", "hint"),
    [
        (
            {"stps": 5},
            "mine.yaml sets `stps`, which is not a setting of a recipe",
            "did you mean `steps`? Settings: name",
        ),
        (
            {"objective": {"gp_wieght": 1}},
            "`objective.gp_wieght`, which is not a setting of wgan_gp",
            "did you mean `gp_weight`?",
        ),
        ({"data": {"sorce": "mnist"}}, "`data.sorce`, which is not a setting of data", "did you mean `source`?"),
        ({"model": {"name": "mlp", "channels": 3}}, "`model.channels`, which is not a setting of mlp", "latent_dim"),
        (
            {"model": {"name": "dcgan", "critic": {"kernal": 3}}},
            "`model.critic.kernal`, which is not a setting of model.critic",
            "did you mean `kernel`?",
        ),
        (
            {"optim": {"critic": {"rate": 1}}},
            "`optim.critic.rate`, which is not a setting of adam",
            "Settings: lr, ",
        ),
        ({"batch_size": 0}, "`batch_size` to 0, which does not fit", "at least 1, at most 65536"),
        ({"optim": {"critic": {"lr": 0}}}, "`optim.critic.lr` to 0, which does not fit", "more than 0.0, at most 1.0"),
        ({"optim": {"critic": {"lr": "fast"}}}, "`optim.critic.lr` to 'fast'", "learning rate"),
        ({"optim": {"critic": {"betas": [0.0, 1.0]}}}, "`optim.critic.betas[1]` to 1.0", "`optim.critic.betas[1]` is:"),
        ({"optim": {"decay": "cosin"}}, "`optim.decay` to 'cosin'", "one of none, linear, cosine"),
        ({"amp": "bf32"}, "`amp` to 'bf32'", "one of auto, off, bf16, fp16"),
        ({"data": "imagenet"}, "`data.source` to 'imagenet'", "digits, mnist"),
        ({"data": 5}, "`data` to 5", "`data` is:"),
        ({"model": "mpl"}, "`model.name` to 'mpl'", "give one of mlp, dcgan, resnet"),
        ({"model": {"latent_dim": 5}}, "`model.name`", "give one of mlp, dcgan, resnet"),
        ({"model": {"name": "mlp", "generator": {"widths": [8, "a"]}}}, "`model.generator.widths[1]` to 'a'", "hidden"),
        ({"model": {"name": "mlp", "generator": {"widths": []}}}, "`model.generator.widths` to []", "hidden layers"),
        ({"data": {"classes": [3, 1.5]}}, "`data.classes` holds 1.5", "by number or name"),
        ({"data": {"classes": [True]}}, "`data.classes` holds True", "by number or name"),
        ({"data": {"classes": []}}, "`data.classes` to []", "only these"),
        ({"data": {"memory_limit": "much"}}, "`data.memory_limit` is 'much'", "500MB or 2GB"),
        ({"data": {"memory_limit": [1]}}, "`data.memory_limit` is [1]", "500MB or 2GB"),
        ({"data": {"source": "folder"}}, "`data.path` is not set", "--set data.path=photos"),
        ({"data": {"path": "photos"}}, "`data.path` is only for `data.source: folder`", "set `data.source` to folder"),
        ({"data": {"channels": 3}}, "`data.channels` is only for `data.source: folder`", "`data.source` to folder"),
        ({"data": {"augment": {"miror": True}}}, "not a setting of data.augment", "did you mean `mirror`?"),
        ({"model": None}, "`model`", ""),
        ({"name": 5}, "`name` to 5", "run folder"),
        ({1: 2}, "`1`", ""),
        ({"data": {1: 2}}, "1", ""),
    ],
)
def test_message_names_the_setting_and_hint_the_repair(values, message, hint):
    error = problem(values)
    assert error.message.startswith("mine.yaml")
    assert message in error.message
    assert hint in error.hint


def test_missing_section_is_named():
    with pytest.raises(WganError, match="mine.yaml does not set `model`"):
        apply_settings({"steps": 5}, [], "mine.yaml")


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("batch_size=0", "`batch_size`"),
        ("optim.critic.lr=-1", "`optim.critic.lr`"),
        ("objective.gp_wieght=1", "`objective.gp_wieght`"),
        ("objective={gp_wieght: 1}", "`objective.gp_wieght`"),
        ("model.name=mpl", "`model.name`"),
        ("optm.critic.lr=1", "`optm`"),
        ("batch_size.more=1", "`batch_size`"),
        ("data.diff_augment=[colour]", "`data.diff_augment[0]`"),
    ],
)
def test_blame_goes_to_set_when_it_is_to_blame(setting, named):
    error = problem({}, setting)
    assert error.message.startswith(f"--set sets {named}")


def test_blame_goes_to_the_file_when_another_setting_was_changed():
    assert problem({"batch_size": 0}, "steps=7").message.startswith("mine.yaml sets `batch_size`")


def test_long_values_are_cut():
    assert len(problem({"name": ["word"] * 1000}).message) < 250


@pytest.mark.parametrize(
    ("setting", "meant"),
    [
        ("lr=0.1", "did you mean `optim.generator.lr` or `optim.critic.lr`? "),
        ("optim.lr=0.1", "did you mean `optim.generator.lr` or `optim.critic.lr`? "),
        ("gp_weight=1", "did you mean `objective.gp_weight`? "),
        ("stps=1", "did you mean `steps`? "),  # a typo is nearer than the same name elsewhere
        ("nonsense=1", "Settings: "),
    ],
)
def test_a_setting_without_its_section_is_found(setting, meant):
    assert problem({}, setting).hint.startswith(meant)
