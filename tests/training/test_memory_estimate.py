"""The estimate of training's memory: what tensors hold is counted exactly, and real processes take little else."""

from __future__ import annotations

import json
from contextlib import nullcontext

import pytest
import torch

from wgan_cli.recipe import ImageShape, Recipe, load_recipe
from wgan_cli.training.memory_estimate import _Ledger, training_memory

CPU = torch.device("cpu")
IMAGE = ImageShape(8, 1)
PRINT_PEAK = """
import resource, sys
from wgan_cli.cli.app import run
status = run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sys.exit(status)
"""


def test_a_ledger_counts_what_lives_and_the_most_that_ever_did():
    with _Ledger() as ledger:
        first = torch.zeros(1000)
        view = first[:10]
        second = first + 1
        assert ledger.live == ledger.peak == 8000, "a view takes nothing"
        del first, second
        assert ledger.live == 4000, "a view keeps all that it looks at"
        del view
    assert (ledger.live, ledger.peak) == (0, 8000)


def test_weights_gradients_moments_and_the_average_are_what_lasts(small):
    recipe = small.recipe("mlp", model={"name": "mlp", "latent_dim": 6, "generator": {"widths": [64], "norm": "none"}})
    state = small.state("mlp", model=recipe.as_dict()["model"])
    counts = {role: sum(p.numel() for p in network.parameters()) for role, network in state.networks.items()}
    tensors = sum(len(list(network.parameters())) for network in state.networks.values())
    lasting = 4 * (4 * sum(counts.values()) + counts["generator"]) + 4 * tensors  # Adam counts its steps in tensors
    assert training_memory(recipe, IMAGE, CPU)["weights and optimizers"] == lasting


@pytest.mark.parametrize("family", ["mlp", "dcgan", "resnet", "style"])
def test_tensors_with_numbers_take_as_much(small, family, monkeypatch):
    recipe = small.recipe(family, batch_size=16)
    rehearsed = training_memory(recipe, IMAGE, CPU)
    monkeypatch.setattr("torch._subclasses.FakeTensorMode", nullcontext)
    real = training_memory(recipe, IMAGE, CPU)
    assert rehearsed["weights and optimizers"] == real["weights and optimizers"]
    assert rehearsed["activations"] == pytest.approx(real["activations"], rel=0.02)


def activations(recipe: Recipe, *settings: str, image: ImageShape = ImageShape(28, 1, 10)) -> int:
    changed = load_recipe(recipe, settings) if isinstance(recipe, str) else recipe
    return training_memory(changed, image, CPU)["activations"]


def test_activations_grow_with_the_batch_and_halve_with_the_numbers():
    one, two = (activations("digits_dcgan", "amp=off", f"batch_size={size}") for size in (64, 128))
    assert 1.8 * one < two < 2.1 * one
    assert activations("digits_dcgan", "amp=off", "batch_size=128", "micro_batch_size=64") == one
    assert 0.4 * two < activations("digits_dcgan", "amp=bf16", "batch_size=128") < 0.8 * two


@pytest.mark.parametrize("name", ["mnist_cvae_gan", "mnist_hinge", "fashion_cyclegan", "mnist_r3gan", "mnist_wgan"])
def test_every_kind_of_objective_can_be_rehearsed(name):
    memory = training_memory(load_recipe(name, ["batch_size=4"]), ImageShape(28, 1, 10), CPU)
    assert all(count > 0 for count in memory.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        ("mnist_mlp", ["data.source=digits"]),
        ("digits_dcgan", ["batch_size=512"]),
        ("mnist_style", ["data.source=digits"]),
    ],
)
def test_a_real_process_takes_what_was_estimated_within_a_fifth(wgan_process, recipe, settings):
    changes = [word for setting in (*settings, "eval_every=null") for word in ("--set", setting)]
    words = ("--recipe", recipe, *changes, "--steps", 3, "--device", "cpu", "--quiet", "--out", "run")
    trained = wgan_process("train", *words, python=("-c", PRINT_PEAK))
    assert trained.status == 0, trained.stderr
    measured = 1024 * int(trained.stdout.split()[-1])
    inspected = wgan_process("inspect", recipe, *changes, "--json")
    estimated = sum(json.loads(inspected.stdout)["memory"].values())
    print(f"{recipe}: {measured / 1e6:.0f} MB measured, {estimated / 1e6:.0f} MB estimated")
    assert 0.8 * measured < estimated < 1.2 * measured
