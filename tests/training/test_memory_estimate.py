"""The estimate of training memory against what autograd keeps, and the check before training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from wgan_cli.data.dataset import ImageSet
from wgan_cli.distributed.batch_shard import BatchShard, use_shard
from wgan_cli.errors import WganError
from wgan_cli.objectives import Phase
from wgan_cli.outputs.summary import inspect_networks
from wgan_cli.recipe import ImageShape, Recipe, load_recipe, recipe_from_dict
from wgan_cli.training import build_state as module
from wgan_cli.training import memory_estimate
from wgan_cli.training.build_state import build_state
from wgan_cli.training.memory_estimate import check_memory, estimate_memory
from wgan_cli.training.step import TrainingStep

CPU = torch.device("cpu")
SHAPES = {
    "digits_dcgan": ImageShape(28, 28, 1, 10),
    "mnist_mlp": ImageShape(28, 28, 1, 10),
    "mnist_cvae_gan": ImageShape(28, 28, 1, 10),
}
WIDE = {"name": "mlp", "generator": {"widths": [8192] * 32}, "critic": {"widths": [8]}}
DEEP = {"name": "dcgan", "critic": {"channels": [8192] * 5, "kernel": 9}, "generator": {"channels": [8] * 5}}


def estimate(recipe: Recipe, shape: ImageShape) -> dict[str, int]:
    return estimate_memory(recipe, inspect_networks(recipe, shape, recipe.objective.roles))


@pytest.mark.parametrize("name", SHAPES)
def test_activations_are_close_to_what_autograd_keeps(name):
    recipe, shape = load_recipe(name, ["amp=off"]), SHAPES[name]
    images = torch.zeros(recipe.batch_size, shape.channels, *shape.size, dtype=torch.uint8)
    dataset = ImageSet(images, torch.zeros(len(images), dtype=torch.int64), tuple("0123456789"), "made here")
    step = build_state(recipe, dataset, CPU, tune=False).training_step
    weights = {p.untyped_storage().data_ptr() for network in step.networks.values() for p in network.parameters()}

    def kept_by(phase: Phase) -> int:
        kept: dict[int, int] = {}
        alive = []

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            alive.append(tensor)  # so that no two tensors get the same address
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            step.freeze_all_but(phase)
            phase.loss(step.networks_in_losses, step.next_batch(phase, 0))
        return sum(count for address, count in kept.items() if address not in weights)

    measured = max(kept_by(phase) for phase in step.objective.phases)
    assert 0.7 * measured < estimate(recipe, shape)["activations"] < 2.0 * measured


def test_weights_have_gradients_moments_and_an_ema():
    recipe = load_recipe("digits_dcgan")
    networks = inspect_networks(recipe, SHAPES["digits_dcgan"], recipe.objective.roles)
    sizes = {network.role: network.parameters for network in networks}
    expected = 4 * (5 * sizes["generator"] + 4 * sizes["critic"])
    assert estimate_memory(recipe, networks)["weights and optimizers"] == expected


def test_activations_grow_with_the_micro_batch():
    one, two, split = (
        estimate(load_recipe("digits_dcgan", settings), SHAPES["digits_dcgan"])["activations"]
        for settings in (["batch_size=64"], ["batch_size=128"], ["batch_size=128", "micro_batch_size=64"])
    )
    assert two == 2 * one and split == one


@pytest.mark.parametrize(
    ("model", "batch", "setting"),
    [(WIDE, 64, "model.generator.widths"), (DEEP, 64, "model.critic.channels"), ("dcgan", 65536, "--set batch_size=")],
)
def test_too_large_networks_are_refused(monkeypatch, model, batch, setting):
    monkeypatch.setattr(memory_estimate, "free_memory", lambda device: 8 * 10**9)
    recipe = recipe_from_dict({"model": model, "steps": 5, "batch_size": batch}, "file")
    with pytest.raises(WganError) as caught:
        check_memory(recipe, ImageShape(128, 128, 3), CPU)
    assert "8.0 GB" in caught.value.message and setting in caught.value.hint


def test_suggested_batch_size_fits(monkeypatch):
    monkeypatch.setattr(memory_estimate, "free_memory", lambda device: 8 * 10**9)
    values = {"model": "dcgan", "steps": 5, "batch_size": 65536}
    with pytest.raises(WganError) as caught:
        check_memory(recipe_from_dict(values, "file"), ImageShape(128, 128, 3), CPU)
    fitting = int(caught.value.hint.partition("batch_size=")[2].partition(",")[0])
    check_memory(recipe_from_dict({**values, "batch_size": fitting}, "file"), ImageShape(128, 128, 3), CPU)
    with pytest.raises(WganError):
        check_memory(recipe_from_dict({**values, "batch_size": fitting + 64}, "file"), ImageShape(128, 128, 3), CPU)
    micro_batches = {**values, "micro_batch_size": 64}
    check_memory(recipe_from_dict(micro_batches, "file"), ImageShape(128, 128, 3), CPU)
    with pytest.raises(WganError, match="`micro_batch_size` 32768") as caught:
        check_memory(recipe_from_dict({**values, "micro_batch_size": 32768}, "file"), ImageShape(128, 128, 3), CPU)
    assert f"--set micro_batch_size={fitting}," in caught.value.hint
    with use_shard(BatchShard(0, 65536 // 64)):
        check_memory(recipe_from_dict(values, "file"), ImageShape(128, 128, 3), CPU)


def test_training_checks_memory_first(wgan, monkeypatch, tiny_options):
    options = ("train", *tiny_options, "--steps", 1, "--device", "cpu", "--out", "mine")
    monkeypatch.setattr(memory_estimate, "free_memory", lambda device: 100_000)
    result = wgan(*options)
    assert result.status == 2 and "batch_size" in result.error
    assert not Path("mine").exists()
    monkeypatch.setattr(memory_estimate, "free_memory", lambda device: None)  # an unknown system
    assert wgan(*options).status == 0


def test_memory_of_an_earlier_training_is_released_first(small, monkeypatch):
    calls = []
    monkeypatch.setattr(module, "release_memory", lambda: calls.append("release"))

    def check(*arguments: object) -> None:
        calls.append("check")
        raise WganError("too large", "smaller")

    monkeypatch.setattr(module, "check_memory", check)
    for device in ("cuda", "cpu"):
        with pytest.raises(WganError, match="too large"):
            small.state(device=torch.device(device))
    assert calls == ["release", "check", "check"]


@pytest.mark.parametrize("name", ["digits_dcgan", "mnist_cyclegan"])
def test_inspect_shows_the_estimate(wgan, name):
    facts = json.loads(wgan("inspect", name, "--json").stdout)
    recipe = load_recipe(name)
    assert facts["memory"] == estimate(recipe, ImageShape(28, 28, 1, 10))


def test_trial_of_micro_batches_suggests_smaller_ones(small, monkeypatch):
    def fail(self, step):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(TrainingStep, "__call__", fail)
    with pytest.raises(WganError, match="not enough memory"):
        small.state(micro_batch_size=2)
