"""`freeze`: the critic's first layers keep their weights, whatever else trains, and gradients pass through them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.families import small_model

from wgan_cli.errors import WganError
from wgan_cli.networks.critic import parameters_after
from wgan_cli.training.build_state import build_state
from wgan_cli.training.finetuning.initial_weights import InitialWeights

DCGAN = {"name": "dcgan", "latent_dim": 6, "generator": {"channels": [8]}}
FIRST = "body.down.0"
ADAMW = {"name": "adamw", "lr": 1e-3, "weight_decay": 0.5}


def model(**critic) -> dict:
    return {**DCGAN, "critic": {"channels": [4, 8], **critic}}


def weights(state) -> dict[str, torch.Tensor]:
    """Trainable tensors of the critic, as copies."""
    return {name: parameter.detach().clone() for name, parameter in state.networks["critic"].named_parameters()}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"objective": {"name": "gan", "r1_weight": 1.0, "r2_weight": 1.0}, "optim": {"critic": ADAMW}},
        {"objective": {"name": "wgan", "clip_value": 1e-4}},
        {"objective": "hinge", "model": model(spectral_norm=True)},
        {"model": model(weight_norm=True), "amp": "bf16"},
        {"objective": "gan", "model": model(norm="batch")},
        {"optim": {"critic": {"lr": 1e-3, "clip_norm": 0.1}}, "micro_batch_size": 2, "sync_batch_norm": False},
    ],
    ids=["gradient penalty", "weight decay, R1, R2", "clipping", "spectral", "weight norm, bf16", "batch", "micro"],
)
def test_only_later_layers_learn(small, changes):
    state = small.state(**{"model": model(), "freeze": 1, **changes})
    before = weights(state)
    small.run(state, 2)
    after = weights(state)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    norm = {"body.down.1.weight", "body.down.1.bias"} if "batch" in str(changes) else set()
    frozen = {name for name in before if name.startswith(FIRST)} | norm
    assert frozen and not frozen & changed
    assert any(name.startswith("head.") for name in changed) and len(changed) > 1
    optimized = {id(p) for group in state.optimizers["critic"].param_groups for p in group["params"]}
    names = {name for name, p in state.networks["critic"].named_parameters() if id(p) in optimized}
    assert names == before.keys() - frozen


def test_other_weights_learn_as_if_nothing_were_frozen(small):
    """With plain SGD one step of the later layers is the same, penalty included, and so is the generator's."""
    sgd = {"generator": {"name": "sgd", "lr": 0.01}, "critic": {"name": "sgd", "lr": 0.01}}
    alone = {"model": model(), "optim": sgd, "objective": {"name": "wgan_gp", "n_critic": 1}}
    states = [small.run(small.state(**alone, freeze=count), 1) for count in (0, 1)]
    free, frozen = map(weights, states)
    assert not torch.equal(free[f"{FIRST}.weight"], frozen[f"{FIRST}.weight"])
    for name in free:
        if not name.startswith(FIRST):
            torch.testing.assert_close(free[name], frozen[name])


@pytest.mark.parametrize(("family", "layers"), [("mlp", 1), ("dcgan", 2), ("resnet", 2), ("style", 4)])
def test_layers_are_counted_to_the_head(small, family, layers):
    """A residual block is one layer."""
    state = small.state(model=small_model(family, 8, latent_dim=6), freeze=layers)
    learns = {id(p) for p in parameters_after(state.networks["critic"], layers)}
    assert {n for n, p in state.networks["critic"].named_parameters() if id(p) in learns} == {
        f"head.{name}" for name, _ in state.networks["critic"].head.named_parameters()
    }
    with pytest.raises(WganError, match=f"{layers} layers"):
        small.state(model=small_model(family, 8, latent_dim=6), freeze=layers + 1)


@pytest.mark.parametrize(
    ("given", "wanted", "refused"),
    [((1, False), (3, False), True), ((3, False), (4, False), True), ((3, False), (1, False), False),
     ((1, False), (1, True), True), ((3, False), (1, True), True), ((1, True), (1, False), False)],
)  # fmt: skip
def test_frozen_layers_have_seen_every_channel(small, given, wanted, refused):
    """Colors, alpha and labels that are new would stay one to a first layer that doesn't learn."""

    def built(channels: int, labels: bool, **more):
        conditional = {"conditional": labels, "condition": "embedding"}
        recipe = small.recipe(model={**model(), **conditional}, objective="gan", **more.pop("recipe", {}))
        images = small.images(4)
        images = replace(images, images=images.images.expand(-1, channels, -1, -1), class_names=("noise", "others"))
        return build_state(recipe, images, torch.device("cpu"), **more)

    source = InitialWeights(small.checkpoint(built(*given)), Path("source.pth"))
    built(*wanted, source=source)
    if not refused:
        built(*wanted, source=source, recipe={"freeze": 1})
        return
    with pytest.raises(WganError, match=f"{FIRST} of the critic was adapted to other channels") as caught:
        built(*wanted, source=source, recipe={"freeze": 1})
    assert "leave out `freeze`" in caught.value.hint
