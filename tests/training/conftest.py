"""Small runs on made-up images, for the tests of how an iteration is carried out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from helpers.families import small_model

from wgan_cli.data import ImageSet
from wgan_cli.evaluation.classifier import fixed_network
from wgan_cli.evaluation.evaluate import Reference, Scores
from wgan_cli.evaluation.features import Features
from wgan_cli.evaluation.real_images import real_images
from wgan_cli.recipe import Recipe, recipe_from_dict
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.training.build_state import build_state
from wgan_cli.training.state import TrainingState
from wgan_cli.training.step import TrainingStep

MODELS = {
    "mlp": {"name": "mlp", "latent_dim": 6, "generator": {"widths": [16]}, "critic": {"widths": [16]}},
    "dcgan": {"name": "dcgan", "latent_dim": 6, "generator": {"channels": [8]}, "critic": {"channels": [8]}},
    "resnet": {
        "name": "resnet",
        "latent_dim": 6,
        "generator": {"channels": [8, 8]},
        "critic": {"channels": [8, 8], "halvings": 1},
    },
    "style": {
        "name": "style",
        "latent_dim": 6,
        "style_dim": 5,
        "generator": {"channels": [8, 8], "mapping_layers": 2},
        "critic": {"channels": [8, 8], "dense": [8], "minibatch_std": True},
    },
    "sequential": small_model("sequential", 8, latent_dim=6),
}
CPU = torch.device("cpu")


class Small:
    """Makes states at step 0 that are equal whenever their settings are."""

    @staticmethod
    def recipe(family: str = "mlp", **changes: Any) -> Recipe:
        """Two critic steps an iteration, float32, eager unless `changes` say otherwise."""
        adam = {"lr": 1e-3, "betas": [0.0, 0.9]}
        values = {
            "model": MODELS[family],
            "objective": {"name": "wgan_gp", "n_critic": 2},
            "optim": {"generator": adam, "critic": adam},
            "batch_size": 4,
            "steps": 100,
            "ema_decay": 0.9,
            "amp": "off",
            "engine": "eager",
        }
        return recipe_from_dict({**values, **changes}, "a test")

    @staticmethod
    def images(count: int = 40) -> ImageSet:
        """Noise of 8x8 pixels, the same each time."""
        pixels = torch.randint(0, 256, (count, 1, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
        return ImageSet(pixels, torch.zeros(count, dtype=torch.long), ("noise",), "made up")

    def state(self, family: str = "mlp", images: int = 40, device: torch.device = CPU, **changes: Any) -> TrainingState:
        """A run at step 0, whose noise comes next from torch's random state."""
        return build_state(self.recipe(family, **changes), self.images(images), device)

    @staticmethod
    def run(state: TrainingState, steps: int) -> TrainingState:
        """Run `steps` iterations with the state's engine."""
        for _ in range(steps):
            state.engine(state.step)
            state.step += 1
        return state

    @staticmethod
    def checkpoint(state: TrainingState) -> Checkpoint:
        """Return a copy of a state as a checkpoint."""
        return copy.deepcopy(state.full_checkpoint())

    @staticmethod
    def content(state: TrainingState) -> dict[str, Any]:
        """A copy of all that a checkpoint would hold, but the time and the rates, which an engine keeps in its form."""
        checkpoint = Small.checkpoint(state)
        training = {key: value for key, value in checkpoint.training.items() if key != "seconds"}
        training["optimizers"] = {role: held["state"] for role, held in training["optimizers"].items()}
        return {"networks": checkpoint.networks, "training": training}


@pytest.fixture(scope="session")
def small() -> Small:
    return Small()


@pytest.fixture(scope="session")
def during_step() -> Callable[..., AbstractContextManager[None]]:
    """Call a function with the training step after the computations of iteration `number`, counted from 0."""

    @contextmanager
    def patched(number: int, act: Callable[[TrainingStep], object]) -> Iterator[None]:
        run_step = TrainingStep.__call__

        def call(self: TrainingStep, step: int) -> None:
            run_step(self, step)
            if step == number:
                act(self)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TrainingStep, "__call__", call)
            yield

    return patched


class Scripted(Reference):
    """A reference whose distances are foretold, by the number of the evaluation; what it is shown is kept.

    instead: called with that number first, and may fail.
    """

    def __init__(self, like: Reference, distances: list[float], instead: Callable[[int], object] = lambda n: None):
        self.__dict__ |= like.__dict__
        self.distances, self.instead, self.shown = distances, instead, []

    def scores(self, images: torch.Tensor, labels: torch.Tensor | None = None) -> Scores:
        number = len(self.shown)
        self.shown.append(images)
        self.instead(number)
        return replace(self.real_baseline, fd=self.distances[number], precision=1 / self.distances[number])


@pytest.fixture(scope="session")
def reference(tmp_path_factory) -> Reference:
    """100 digits to compare with, 30 held out, in the features of a network that learnt nothing."""
    real = real_images(DataSettings(limit=100), tmp_path_factory.mktemp("real"), lambda text: None)
    names = tuple("0123456789")
    network = fixed_network(real.training.dataset.shape, len(names)).requires_grad_(False)
    return Reference(real, Features(network, "random", "random weights", names), 30)


@pytest.fixture(scope="session")
def scripted(reference) -> Callable[..., Scripted]:
    """Makes a reference whose evaluations find these distances."""
    return lambda *distances, **options: Scripted(reference, list(distances), **options)
