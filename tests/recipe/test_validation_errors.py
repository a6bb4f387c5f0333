"""Errors about settings name the setting, where it was set, and the fix."""

from __future__ import annotations

import pytest

from wgan_cli.errors import WganError
from wgan_cli.recipe import apply_settings, load_recipe
from wgan_cli.recipe.model_settings import MlpSettings
from wgan_cli.recipe.renamed import RENAMED

MLP = {"model": {"name": "mlp"}, "steps": 5}
CRITIC = {"model": {"name": "dcgan", "critic": {"norm": "batch"}}}
PAIR = {"model": "translation", "objective": "cyclegan", "data": {"a": "digits", "b": "digits"}}


def problem(values: dict, *settings: str) -> WganError:
    with pytest.raises(WganError) as caught:
        apply_settings({**MLP, **values}, settings, "mine.yaml")
    return caught.value


@pytest.mark.parametrize(
    ("values", "message", "hint"),
    [
        ({"stps": 5}, "unknown setting `stps`", "did you mean `steps`? a recipe has: name"),
        ({"objective": {"gp_wieght": 1}}, "unknown setting `objective.gp_wieght`", "`gp_weight`? wgan_gp has: "),
        ({"data": {"sorce": "mnist"}}, "unknown setting `data.sorce`", "did you mean `source`? data has: "),
        ({"model": {"name": "mlp", "channels": 3}}, "unknown setting `model.channels`", "mlp has: latent_dim"),
        ({"model": {"name": "dcgan", "critic": {"kernal": 3}}}, "`model.critic.kernal`", "did you mean `kernel`?"),
        ({"optim": {"critic": {"rate": 1}}}, "unknown setting `optim.critic.rate`", "adam has: lr, "),
        ({"data": {"augment": {"miror": True}}}, "`data.augment.miror`", "did you mean `mirror`?"),
        ({"batch_size": 0}, "invalid `batch_size` 0", "at least 1, at most 65536"),
        ({"optim": {"critic": {"lr": 0}}}, "invalid `optim.critic.lr` 0", "more than 0.0, at most 1.0"),
        ({"optim": {"critic": {"lr": "fast"}}}, "invalid `optim.critic.lr` 'fast'", "Learning rate"),
        ({"optim": {"critic": {"betas": [0.0, 1.0]}}}, "invalid `optim.critic.betas[1]` 1.0", "Decay rates"),
        ({"optim": {"betas": [0.0, 1.0]}}, "invalid `optim.generator.betas[1]` 1.0", "Decay rates"),
        ({"optim": {"beta": [0.0, 0.9]}}, "unknown setting `optim.beta`", "did you mean `betas`? optim has: "),
        ({"optim": {"betas": [0.0, 0.9], "critic": "sgd"}}, "unknown setting `optim.critic.betas`", "of adam, adamw"),
        ({"optim": {"lr_schedule": "cosin"}}, "unknown `optim.lr_schedule` 'cosin'", "choose none, linear or cosine"),
        ({"optim": {"critic": "AdamW"}}, "unknown `optim.critic.name` 'AdamW'", "did you mean `adamw`? choose adam, "),
        ({"optim": {"name": "RMSProp"}}, "unknown `optim.generator.name` 'RMSProp'", "did you mean `rmsprop`?"),
        ({"model": {"name": "resnet", "critic": {"norm": ["none", "lyaer"]}}}, "`model.critic.norm[1]`", "`layer`?"),
        ({"model": {"name": "resnet", "critic": {"norm": ["layer"] * 5}}}, "lists 5 layers, and there are 6", "or one"),
        ({"model": {"name": "resnet", "critic": {"channels": [8], "halvings": 1, "norm": ["layer"]}}},
         "`model.critic.norm` lists 1 layers, and none", "one norm"),
        ({"model": {"name": "style", "critic": {"norm": ["none", "layer"]}}},
         "unknown `model.critic.norm`", "leave out `model.critic.norm`"),
        ({"model": {"name": "dcgan", "generator": {"upsample": "nearest"}}},
         "`model.generator.kernel` is 4", "set `model.generator.kernel` to 3"),
        ({"amp": "bf32"}, "unknown `amp` 'bf32'", "choose auto, off, bf16 or fp16"),
        ({"data": "imagenet"}, "unknown `data.source` 'imagenet'", "choose digits, mnist"),
        ({"data": 5}, "invalid `data` 5", "data.source"),
        ({"model": "mpl"}, "unknown `model.name` 'mpl'", "choose mlp, dcgan, resnet"),
        ({"model": {"latent_dim": 5}}, "`model.name` is not set", "choose mlp, dcgan, resnet"),
        ({"model": {"name": "mlp", "generator": {"widths": [8, "a"]}}}, "`model.generator.widths[1]` 'a'", "Widths"),
        ({"model": {"name": "mlp", "generator": {"widths": []}}}, "`model.generator.widths` []", "Widths"),
        ({"data": {"classes": [3, 1.5]}}, "`data.classes` contains 1.5", "[3, 8]"),
        ({"data": {"classes": [True]}}, "`data.classes` contains True", "[3, 8]"),
        ({"data": {"classes": []}}, "`data.classes` []", "Classes"),
        ({"data": {"memory_limit": "much"}}, "`data.memory_limit` is 'much'", "500MB or 2GB"),
        ({"data": {"memory_limit": [1]}}, "`data.memory_limit` is [1]", "500MB or 2GB"),
        ({"data": {"source": "folder"}}, "`data.path` is not set", "--set data.path=photos"),
        ({"data": {"path": "photos"}}, "`data.path` only applies", "set `data.source` to folder"),
        ({"data": {"channels": 3}}, "`data.channels` only applies", "set `data.source` to folder"),
        ({"model": None}, "`model`", ""),
        ({"name": 5}, "invalid `name` 5", "run folder"),
        ({"steps": True}, "`steps` is true", "number"),
        ({1: 2}, "`1`", ""),
        ({"data": {1: 2}}, "1", ""),
        ({"steps": 5, "epochs": 2}, "`steps` and `epochs`", "--set steps="),
        ({"patience": 3}, "`patience`", "`eval_every`"),
        ({"eval_every": 5, "best_by": "paired_l1"}, "`best_by` is paired_l1", "set `best_by` to "),
        ({"batch_size": 1}, "`batch_size` is 1", "set `model.generator.norm` to layer"),
        ({"batch_size": 1, "model": {"name": "mlp", "generator": {"norm": "none"}, "critic": {"minibatch_std": True}}},
         "`model.critic.minibatch_std`", "raise `batch_size`"),
        ({"optim": {"lr_decay_start": 0.5}}, "`optim.lr_decay_start` is 0.5", "`optim.lr_schedule` to linear"),
        ({"objective": "cyclegan"}, "`model.name` mlp generates", "model=translation"),
        ({"model": "translation"}, "`model.name` translation translates", "model=translation"),
        ({**PAIR, "data": "digits"}, "needs two sides", "`a` and `b`"),
        (PAIR, "nothing to translate", "different `classes`, `path` or `transform`"),
        (CRITIC, "`model.critic.norm` does not work with a gradient penalty", "layer, instance or none"),
        ({"model": {"name": "dcgan", "critic": {"minibatch_std": True, "minibatch_features": 3}}},
         "`model.critic.minibatch_features` does not work", "leave out `model.critic.minibatch_features`"),
        ({"objective": {"path_length_weight": 1}}, "`objective.path_length_weight`", "`model.name` to style"),
        ({"objective": "wgan", "model": {"name": "mlp", "critic": {"spectral_norm": True}}},
         "`objective.clip_value`", "leave out `model.critic.spectral_norm`"),
        ({"objective": {"name": "wgan_gp", "label_flip": 0.1}}, "`objective.label_flip`", "a setting of gan, lsgan"),
        ({"optim": {"encoder": {"lr": 0.1}}}, "`optim.encoder` is set", "leave out `optim.encoder`"),
    ],
)  # fmt: skip
def test_message_and_hint(values, message, hint):
    error = problem(values)
    assert error.message.startswith("mine.yaml: ")
    assert message in error.message
    assert hint in error.hint


CVAE = {"model": {"name": "dcgan", "conditional": True}, "objective": "cvae_gan"}


def test_a_setting_of_each_side_is_not_one_of_both():
    error = problem(PAIR, "data.limit=3")
    assert "unknown setting `data.limit`" in error.message
    assert "did you mean `data.a.limit` or `data.b.limit`?" in error.hint


@pytest.mark.parametrize(
    ("setting", "message", "hint"),
    [
        ("model.conditional=false", "`model.conditional` is false", "`model.conditional` to true"),
        ("model.condition=classifier", "`model.condition: classifier`", "embedding or projection"),
        ("model.critic.norm=batch", "`model.critic.norm`", "layer, instance or none"),
        ("model.critic.minibatch_std=true", "`model.critic.minibatch_std`", "leave out `model.critic.minibatch_std`"),
        ("data.diff_augment=[color]", "`data.diff_augment`", "leave out `data.diff_augment`"),
        ("objective.instance_noise=0.1", "`objective.instance_noise`", "leave out `objective.instance_noise`"),
        ("model.critic.dropout=0.1", "`model.critic.dropout`", "leave out `model.critic.dropout`"),
        ("objective.ac_weight=2", "`objective.ac_weight`", "a setting of wgan_gp, "),
        ("objective.kl_wieght=2", "`objective.kl_wieght`", "did you mean `kl_weight`"),
        ("objective.kl_weight=-1", "`objective.kl_weight` -1", "at least 0"),
    ],
)
def test_cvae_gan_rejects(setting, message, hint):
    error = problem(CVAE, setting)
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        (["objective.gp_sided=one"], "objective.gp_weight"),
        (["objective.gp_points=real"], "objective.gp_weight"),
        (["objective.gp_every=4"], "objective.r1_weight"),
        (["objective.instance_noise_steps=9"], "objective.instance_noise"),
        (["objective.path_length_every=9"], "objective.path_length_weight"),
        (["objective.ac_weight=2"], "model.condition"),
    ],
)
def test_settings_without_effect_are_rejected(settings, needed):
    error = problem({"model": "mlp", "objective": "hinge"}, *settings)
    assert f"`{settings[0].partition('=')[0]}` has no effect" in error.message
    assert f"`{needed}`" in error.hint


def test_learning_rate_of_the_mapping_needs_equalised_weights():
    error = problem({"model": {"name": "style", "init": "he"}}, "model.generator.mapping_lr=0.1")
    assert "`model.generator.mapping_lr` has no effect" in error.message and "`model.init`" in error.hint
    for init, factor in (("he", 0.01), ("equalised", 0.1)):
        settings = [f"model.init={init}", f"model.generator.mapping_lr={factor}"]
        assert apply_settings({**MLP, "model": "style"}, settings, "mine.yaml").model.generator.mapping_lr == factor


def test_cvae_gan_accepts_augmentation_and_own_optimizers():
    recipe = apply_settings({**MLP, **CVAE}, ["data.augment={mirror: true}", "optim.encoder.lr=0.1"], "mine.yaml")
    assert (recipe.optim.of("encoder").lr, recipe.optim.of("classifier")) == (0.1, recipe.optim.critic)
    assert recipe.objective.roles == ("generator", "critic", "encoder", "classifier")


def test_family_without_a_role_is_rejected(monkeypatch):
    monkeypatch.setattr(MlpSettings, "roles", ("generator", "critic"))
    error = problem({"objective": "cvae_gan", "model": {"name": "mlp", "conditional": True}})
    assert "encoder" in error.message
    assert "set `model.name` to dcgan or resnet" in error.hint


def test_minibatch_std_works_with_a_gradient_penalty():
    values = {**MLP, "model": {"name": "style", "critic": {"minibatch_std": True}}}
    assert apply_settings(values, [], "mine.yaml").objective.penalties == ("gp_weight",)


def test_missing_section():
    with pytest.raises(WganError, match="mine.yaml: `model` is not set"):
        apply_settings({"steps": 5}, [], "mine.yaml")


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("batch_size=0", "invalid `batch_size`"),
        ("optim.critic.lr=-1", "invalid `optim.critic.lr`"),
        ("objective.gp_wieght=1", "unknown setting `objective.gp_wieght`"),
        ("objective={gp_wieght: 1}", "unknown setting `objective.gp_wieght`"),
        ("model.name=mpl", "unknown `model.name` 'mpl'"),
        ("optm.critic.lr=1", "unknown setting `optm`"),
        ("batch_size.more=1", "invalid `batch_size`"),
        ("data.diff_augment=[colour]", "unknown `data.diff_augment[0]`"),
    ],
)
def test_set_is_blamed(setting, named):
    assert problem({}, setting).message.startswith(f"--set: {named}")


def test_file_is_blamed_if_another_setting_was_changed():
    assert problem({"batch_size": 0}, "steps=7").message.startswith("mine.yaml: invalid `batch_size`")


@pytest.mark.parametrize("value", ["1|2", "|", "{message}", "a`b"])
def test_special_characters_in_values(value):
    error = problem({}, f"data.memory_limit='{value}'")
    assert error.message == f"--set: `data.memory_limit` is {value!r}, which is not a size"
    assert "500MB" in error.hint


def test_errors_of_a_side_name_the_side():
    error = problem({**PAIR, "data": {"a": "digits", "b": {"source": "folder"}}})
    assert "`data.b.path` is not set" in error.message
    assert "--set data.b.path=photos" in error.hint


def test_long_values_are_cut():
    assert len(problem({"name": ["word"] * 1000}).message) < 250


@pytest.mark.parametrize(
    ("setting", "hint"),
    [
        ("lr=0.1", "did you mean `optim.lr`? "),
        ("betas=[0,1]", "did you mean `optim.betas`? "),
        ("gp_weight=1", "did you mean `objective.gp_weight`? "),
        ("stps=1", "did you mean `steps`? "),  # a typo is nearer than the same name elsewhere
        ("nonsense=1", "a recipe has: "),
    ],
)
def test_setting_without_its_section(setting, hint):
    assert problem({}, setting).hint.startswith(hint)


@pytest.mark.parametrize("old", RENAMED)
def test_former_names_are_explained(old):
    error = problem({}, f"{old}=1")
    assert f"--set: unknown setting `{old}`" == error.message
    assert error.hint.startswith(f"`{old.rpartition('.')[2]}` is now called `{RENAMED[old].rpartition('.')[2]}`")


def test_former_values_are_explained():
    assert "between is now called interpolates" in problem({}, "objective.gp_points=between").hint
    assert "distance is now called fd" in problem({}, "best_by=distance").hint


def test_own_images_are_asked_for():
    with pytest.raises(WganError, match="folder_dcgan.yaml: `data.path` is not set") as caught:
        load_recipe("folder_dcgan")
    assert "--set data.path=" in caught.value.hint
