"""Every objective on every family of networks, with and without classes; and every trick with every objective."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from helpers.families import FAMILIES, MODEL_SETTINGS, OBJECTIVE_SETTINGS, OBJECTIVES, small_model

from wgan_cli.data import ImageSet
from wgan_cli.errors import WganError
from wgan_cli.recipe import Recipe, recipe_from_dict, recipe_names, recipe_path
from wgan_cli.recipe.objective_base import TargetSettings
from wgan_cli.recipe.yaml import parse_yaml
from wgan_cli.training.build_state import build_state
from wgan_cli.training.state import TrainingState

CONDITIONS = ("none", "embedding", "projection", "classifier")
SHAPES = list(product((8, 28, 32), (1, 3)))
# Each combination of the first three once, with the shapes in turn; by default one condition per objective and family.
CASES = [
    pytest.param(
        objective, family, condition, *SHAPES[(i + 2 * j + 3 * k + k // 2) % len(SHAPES)],
        marks=[] if k == (i + j) % len(CONDITIONS) else pytest.mark.slow,
    )
    for (i, objective), (j, family), (k, condition) in product(*map(enumerate, (OBJECTIVES, FAMILIES, CONDITIONS)))
]  # fmt: skip
PENALISED = {name for name in OBJECTIVES if OBJECTIVE_SETTINGS[name]().penalties}
TAUGHT = {name for name in OBJECTIVES if issubclass(OBJECTIVE_SETTINGS[name], TargetSettings)}
CLIPPED = {name for name in OBJECTIVES if "clip_value" in OBJECTIVE_SETTINGS[name].model_fields}


def recipe_of(
    family: str = "mlp",
    condition: str = "none",
    critic: dict | None = None,
    size: int = 8,
    channels: int = 1,
    **changes: object,
) -> Recipe:
    model = small_model(family, size, channels, critic, latent_dim=4)
    if condition != "none":
        model |= {"conditional": True, "condition": condition}
    values = {"model": model, "batch_size": 4, "steps": 100, "amp": "off", "engine": "eager", **changes}
    return recipe_from_dict(values, "a test")


def trained(recipe: Recipe, size: int = 8, channels: int = 1, steps: int = 2) -> TrainingState:
    """Two steps on noise of three classes; all numbers are numbers, and both networks have moved."""
    noise = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (24, channels, size, size), generator=noise, dtype=torch.uint8)
    dataset = ImageSet(pixels, torch.arange(24) % 3, ("a", "b", "c"), "made up")
    state = build_state(recipe, dataset, torch.device("cpu"))
    before = {role: [p.detach().clone() for p in network.parameters()] for role, network in state.networks.items()}
    for step in range(steps):
        state.engine(step)
    terms = state.training_step.metrics.read()[0]
    assert terms.keys() == state.objective.meanings.keys()
    assert all(value == value and abs(value) < 1e6 for value in terms.values()), terms
    for role, network in state.networks.items():
        moved = [not torch.equal(p, old) for p, old in zip(network.parameters(), before[role], strict=True)]
        assert any(moved), role
        assert all(p.isfinite().all() and p.dtype == torch.float32 for p in network.parameters())
    return state


def refused_networks(objective: str, family: str, condition: str) -> str | None:
    """A word of the message where an objective cannot do with these networks, or with their way to learn of classes."""
    if not set(OBJECTIVE_SETTINGS[objective].roles) <= set(MODEL_SETTINGS[family].roles):
        return f"`model.name` {family} has no encoder"
    if objective in CLIPPED and MODEL_SETTINGS[family].model_fields["init"].default == "equalised":
        return "`model.init: equalised`, which rescales"
    if objective != "cvae_gan":
        return None
    return {"none": "`model.conditional` is false", "classifier": "does not support"}.get(condition)


@pytest.mark.parametrize(("objective", "family", "condition", "size", "channels"), CASES)
def test_every_objective_on_every_network(objective, family, condition, size, channels):
    word = refused_networks(objective, family, condition)
    if word is not None:
        with pytest.raises(WganError, match=word) as caught:
            recipe_of(family, condition, objective=objective)
        assert "set `model." in caught.value.hint
        return
    recipe = recipe_of(family, condition, size=size, channels=channels, objective=objective)
    state = trained(recipe, size, channels)
    labels = torch.tensor([0, 2]) if condition != "none" else None
    assert state.ema.network(torch.randn(2, 4), labels).shape == (2, channels, size, size)


ALONE = {
    "spectral norm": {"critic": {"spectral_norm": True}},
    "weight norm": {"critic": {"weight_norm": True}},
    "dropout": {"critic": {"dropout": 0.3}},
    "instance noise": {"more": {"instance_noise": 0.3, "instance_noise_steps": 2}},
    "penalties": {"more": {"gp_weight": 1.0, "gp_sided": "one", "r1_weight": 1.0, "r2_weight": 1.0, "gp_every": 2}},
    "dragan": {"more": {"gp_weight": 1.0, "gp_points": "real"}},
}
TOGETHER = {
    "batch norm": {"critic": {"norm": "batch"}},
    "minibatch std": {"critic": {"minibatch_std": True}},
    "minibatch discrimination": {"critic": {"minibatch_features": 3}},
}
TARGETS = {
    "one-sided targets": {"more": {"label_smoothing": 0.1}},
    "soft fakes": {"more": {"fake_smoothing": 0.1}},
    "flipped labels": {"more": {"label_flip": 0.1}},
}


def refusal(trick: str, objective: str) -> str | None:
    """A word of the message where this trick makes no sense with this objective."""
    if objective == "cvae_gan" and (trick in TOGETHER or trick in ("dropout", "instance noise")):
        return "depend on chance or its batch"
    if trick in TOGETHER and objective in PENALISED and trick != "minibatch std":
        return "couples the samples of a batch"
    if trick in TARGETS and objective not in TAUGHT:
        return "unknown setting"
    return "has no effect" if trick in ("spectral norm", "weight norm") and objective in CLIPPED else None


@pytest.mark.parametrize("trick", [*ALONE, *TOGETHER, *TARGETS])
@pytest.mark.parametrize(
    "objective",
    [pytest.param(o, marks=[] if o in ("gan", "wgan_gp", "cvae_gan") else pytest.mark.slow) for o in OBJECTIVES],
)
def test_every_trick(trick, objective):
    settings = {**ALONE, **TOGETHER, **TARGETS}[trick]
    condition = "projection" if objective == "cvae_gan" else "none"
    changes = {"critic": settings.get("critic"), "objective": {"name": objective, **settings.get("more", {})}}
    word = refusal(trick, objective)
    if word is None:
        trained(recipe_of("dcgan", condition, **changes))
        return
    with pytest.raises(WganError, match=word) as caught:
        recipe_of("dcgan", condition, **changes)
    assert caught.value.hint


@pytest.mark.parametrize("layer", ["Dropout", "BatchNorm2d", "MinibatchStdDev"])
def test_features_of_a_classifier_do_not_depend_on_its_batch(layer):
    own = [{"Conv2d": [8, 4, 2, 1]}, layer, {"Linear": 3}]
    values = {**recipe_of("sequential", "projection").as_dict(), "objective": "cvae_gan"}
    values["model"]["classifier"] = own
    with pytest.raises(WganError, match=r"`model\.classifier\[1\]` makes features .* depend on chance or its batch"):
        recipe_from_dict(values, "a test")
    own.remove(layer)
    assert recipe_from_dict(values, "a test").model.classifier is not None


@pytest.mark.parametrize("name", [name for name in recipe_names() if not name.endswith("cyclegan")])
def test_any_objective_in_any_recipe(name):
    values = parse_yaml(recipe_path(name).read_text(encoding="utf-8"), name)
    if name.startswith("folder"):
        values["data"]["path"] = "photos"
    model = recipe_from_dict(values, name).model
    rescaled = model.init == "equalised" or model.critic_setting("spectral_norm") or model.critic_setting("weight_norm")
    expected = (PENALISED if model.critic_setting("batch_norm") else set()) | (CLIPPED if rescaled else set())
    refused = set()
    for objective in OBJECTIVES:
        try:
            assert recipe_from_dict({**values, "objective": objective}, name).objective.name == objective
        except WganError as error:
            assert "`model." in error.message
            refused.add(objective)
    assert refused - {"cvae_gan"} == expected - {"cvae_gan"}  # which needs classes, and an encoder


def test_resume_with_tricks_is_exact():
    """Noise that fades, spectral norm's vectors, dropout, flipped targets and RMSprop's moments, bit by bit."""
    optim = {"name": "rmsprop", "lr": 1e-3, "clip_norm": 0.5}
    critic = {"spectral_norm": True, "dropout": 0.2, "minibatch_features": 2}
    objective = {"name": "gan", "label_flip": 0.2, "instance_noise": 0.5, "instance_noise_steps": 5}
    optims = {"generator": optim, "critic": optim}
    recipe = recipe_of("dcgan", "projection", critic, objective=objective, optim=optims)
    whole = trained(recipe, steps=6)
    half = trained(recipe, steps=3)
    half.step = 3
    checkpoint = half.full_checkpoint()
    resumed = trained(recipe, steps=1)
    resumed.restore(checkpoint)
    for step in range(3, 6):
        resumed.engine(step)
    for role, network in whole.networks.items():
        torch.testing.assert_close(resumed.networks[role].state_dict(), network.state_dict(), rtol=0, atol=0)
