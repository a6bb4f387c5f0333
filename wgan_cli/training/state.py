"""Everything that a run is made of while it trains, and how it goes into a checkpoint and comes back."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.loaders.device import Loader
from wgan_cli.data.loaders.paired import augment_of, make_loader
from wgan_cli.data.pairs import ImagePair
from wgan_cli.distributed.batch_shard import current_shard, set_shard
from wgan_cli.errors import WganError
from wgan_cli.networks import build_network
from wgan_cli.objectives import Objective, build_objective
from wgan_cli.objectives.diff_augment import with_diff_augment
from wgan_cli.objectives.instance_noise import make_noise
from wgan_cli.outputs.summary import check_memory
from wgan_cli.recipe import ImageShape, Recipe, flat_settings
from wgan_cli.recipe.schema import FREE_ON_RESUME, MOST_STEPS
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.runs.environment import versions
from wgan_cli.training.best_generator import Best
from wgan_cli.training.ema import ExponentialMovingAverage
from wgan_cli.training.engines.autotune import resolve_speed
from wgan_cli.training.engines.cuda_graph import GraphIteration
from wgan_cli.training.engines.select import Iterate, apply_engine
from wgan_cli.training.grad_accumulation import check_parts, parts_to_take
from wgan_cli.training.numerics.amp import Precision, insist_on_same_bits
from wgan_cli.training.optim import Optimizers, make_clips, make_optimizers, restore_optimizers
from wgan_cli.training.sample_grid import SampleGrid, make_sample_grid
from wgan_cli.training.step import TrainingStep
from wgan_cli.utils.seeds import derived_seed


@dataclass
class TrainingState:
    """The parts of a run.

    step: finished iterations. seconds: time spent over all resumes; overhead: that part of it that went into logs,
    grids and checkpoints. rollbacks: how often the run diverged and went back, to the checkpoint of step `anchor`.
    """

    recipe: Recipe
    image: ImageShape
    class_names: tuple[str, ...]
    device: torch.device
    objective: Objective
    networks: dict[str, nn.Module]
    optimizers: Optimizers
    ema: ExponentialMovingAverage
    loader: Loader
    precision: Precision
    iteration: TrainingStep
    iterate: Iterate  # runs the iteration under the recipe's engine
    sample_grid: SampleGrid  # what its sample grids show
    why_so_fast: str = ""  # what was measured to choose threads, number format and engine
    step_seconds: float | None = None  # of a step, where it was timed for that
    step: int = 0
    seconds: float = 0.0
    overhead: float = 0.0
    rollbacks: int = 0
    anchor: int = 0
    best: Best | None = None  # of what was evaluated so far

    @property
    def images_per_step(self) -> int:
        """Real images shown in one iteration."""
        return self.objective.images_per_iteration(self.recipe.batch_size)

    @property
    def kimg(self) -> float:
        """Thousand real images shown so far."""
        return self.step * self.images_per_step / 1000

    def generator_checkpoint(self) -> Checkpoint:
        """The networks to sample with, alone. It holds nothing that differs between two equal runs."""
        return Checkpoint(
            self.recipe, self.image, self.class_names, self.step, networks=self.exported_weights(), versions=versions()
        )

    def exported_weights(self) -> dict[str, dict[str, torch.Tensor]]:
        """Weights of the averaged generator and, as they are now, of the other networks that sampling may take."""
        others = {role: self.networks[role].state_dict() for role in self.objective.exported_roles}
        return {"generator": self.ema.network.state_dict(), **others}

    def full_checkpoint(self) -> Checkpoint:
        """Everything that it takes to continue as if nothing had happened."""
        networks = {role: network.state_dict() for role, network in self.networks.items()}
        training = {
            "generator": networks["generator"],
            "optimizers": {role: optimizer.state_dict() for role, optimizer in self.optimizers.items()},
            "feed": self.loader.state_dict(),
            "precision": self.precision.state_dict(),
            "terms": self.iteration.terms.state_dict(),
            "random": _random_states(self.device),
            "seconds": self.seconds,
            "overhead": self.overhead,
            "rollbacks": self.rollbacks,
            "anchor": self.anchor,
            "images": len(self.loader),
            "memory": {} if self.objective.state is None else self.objective.state.state_dict(),
            "best": None if self.best is None else self.best.as_dict(),
        }
        networks["generator"] = self.ema.network.state_dict()
        return Checkpoint(self.recipe, self.image, self.class_names, self.step, networks, training, versions())

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go to where a full checkpoint stands.

        Raises: WganError where it holds only a generator, or its tensors do not fit.
        """
        training = checkpoint.training
        if training is None:
            raise WganError(
                "this checkpoint holds only a generator", "resume a run folder, or a file of its checkpoints/"
            )
        images = len(self.loader)
        if training.get("images") != images:
            raise WganError(
                f"the run was trained on {training.get('images')} images, and there are {images} now",
                "give back the same images; where they lie is said by --set data.path=FOLDER, or by --data-root",
            )
        try:
            for role, network in self.networks.items():
                network.load_state_dict(training["generator"] if role == "generator" else checkpoint.networks[role])
            self.ema.network.load_state_dict(checkpoint.networks["generator"])
            restore_optimizers(self.optimizers, training["optimizers"])
            _check_counters(training)
            self.loader.load_state_dict(training["feed"])
            self.precision.load_state_dict(training["precision"])
            self.iteration.terms.load_state_dict(training["terms"], self.device)
            if self.objective.state is not None:
                load_memory(self.objective.state, training["memory"])
            self.best = Best.from_dict(training.get("best"), self.exported_weights())
            _restore_random_states(training["random"], self.device)
        except (RuntimeError, KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError) as error:
            raise WganError(
                f"the checkpoint of step {checkpoint.step} is damaged: its tensors do not fit its recipe",
                "delete it, and the run continues from the one before",
            ) from error
        if isinstance(self.iterate, GraphIteration):
            self.iterate.forget()
        self.step = checkpoint.step
        self.seconds = training.get("seconds", 0.0)
        self.overhead = training.get("overhead", 0.0)  # the three came later than the first checkpoints
        self.rollbacks = training.get("rollbacks", 0)
        self.anchor = training.get("anchor", checkpoint.step)


def prepare(
    recipe: Recipe,
    dataset: ImageSet | ImagePair,
    device: torch.device,
    trials: bool = True,
    log: Callable[[str], None] = lambda text: None,
) -> TrainingState:
    """Build a run at step 0. The recipe becomes fully resolved: its length in steps, and what is fastest here.

    Args:
        trials: whether to time what the recipe leaves open; else the usual choices are taken.
        tell: told in words of what takes long.
    Raises: WganError where recipe, data and device do not fit together.
    """
    set_shard(replace(current_shard(), sync_batch_norm=recipe.sync_batch_norm))
    parts = parts_to_take(recipe)
    objective = build_objective(recipe, dataset.shape)
    recipe = recipe.replaced(steps=_steps(recipe, objective, len(dataset)), epochs=None)
    image = dataset.shape
    check_memory(recipe, image, device)
    insist_on_same_bits(recipe.deterministic, device)

    torch.manual_seed(derived_seed(recipe.seed, "weights"))
    networks = {role: build_network(role, recipe, image).to(device) for role in objective.roles}
    memory = (objective.state or nn.Module()).to(device)
    loader = make_loader(dataset, recipe.data, recipe.batch_size, recipe.seed, device)
    classes = image.num_classes if recipe.model.conditional else 0

    def make_step(recipe: Recipe, networks: dict[str, nn.Module]) -> TrainingStep:
        return TrainingStep(
            objective, networks, make_optimizers(recipe, networks), loader,
            ExponentialMovingAverage(networks["generator"], recipe.ema_decay),
            Precision(recipe.amp, device, recipe.tf32), recipe.model.latent_dim, classes,
            augment_of(recipe.data, image),
            with_diff_augment(networks, recipe.data.diff_augment, make_noise(recipe.objective, device)),
            make_clips(recipe, networks), parts,
        )  # fmt: skip

    start = loader.state_dict(), copy.deepcopy(memory.state_dict())
    recipe, why_so_fast, step_seconds = resolve_speed(
        recipe, device, lambda trial: make_step(trial, copy.deepcopy(networks)), trials, log
    )
    if parts > 1:
        check_parts(make_step(recipe, copy.deepcopy(networks)))
    loader.load_state_dict(start[0])
    memory.load_state_dict(start[1])

    torch.manual_seed(derived_seed(recipe.seed, "noise"))
    step = make_step(recipe, networks)
    return TrainingState(
        recipe, image, dataset.class_names, device, objective, networks, step.optimizers, step.ema, loader,
        step.precision, step, apply_engine(recipe.engine, step),
        make_sample_grid(recipe, dataset), why_so_fast, step_seconds,
    )  # fmt: skip


def _steps(recipe: Recipe, objective: Objective, images: int) -> int:
    if recipe.steps is not None:
        return recipe.steps
    steps = max(1, round(recipe.epochs * images / objective.images_per_iteration(recipe.batch_size)))
    if steps > MOST_STEPS:
        raise WganError(
            f"`epochs` is {recipe.epochs:g}, which is {steps:,} steps, and {MOST_STEPS:,} is the most",
            "give fewer `epochs`, or `steps` instead",
        )
    return steps


def continued_recipe(saved: Recipe, wanted: Recipe) -> Recipe:
    """The recipe under which a run goes on: the wanted one, with what it leaves open as the run took it.

    Raises: WganError naming the first setting that would change what is computed.
    """
    if wanted.amp == "auto":
        wanted = wanted.replaced(amp=saved.amp)
    if wanted.engine == "auto":
        wanted = wanted.replaced(engine=saved.engine)
    if wanted.threads is None:
        wanted = wanted.replaced(threads=saved.threads)
    before, after = flat_settings(saved.as_dict()), flat_settings(wanted.as_dict())
    for key in sorted(before.keys() | after.keys()):
        if key not in FREE_ON_RESUME and before.get(key) != after.get(key):
            raise WganError(
                f"the run was made with {key}={before.get(key)}, and cannot continue exactly with {after.get(key)}",
                f"leave `{key}` as it was; a resumed run may change {', '.join(sorted(FREE_ON_RESUME))}",
            )
    return wanted


def load_memory(memory: nn.Module, saved: dict[str, torch.Tensor]) -> None:
    """Let an objective remember what another did; buffers that used to be saved and no longer are may be there.

    Raises: RuntimeError, KeyError where something is missing or does not fit.
    """
    memory.load_state_dict({name: saved[name] for name in memory.state_dict()})


def _check_counters(training: dict[str, Any]) -> None:
    """Refuse a place in the run that cannot be. Raises: ValueError, TypeError."""
    counts = (training.get("rollbacks", 0), training.get("anchor", 0))
    if any(type(n) is not int or not 0 <= n <= MOST_STEPS for n in counts):
        raise TypeError("no counts")
    if not all(math.isfinite(training.get(name, 0.0)) for name in ("seconds", "overhead")):
        raise ValueError("no time")


def _random_states(device: torch.device) -> dict[str, torch.Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["device"] = torch.cuda.get_rng_state(device)
    return states


def _restore_random_states(states: dict[str, torch.Tensor], device: torch.device) -> None:
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "device" in states:
        torch.cuda.set_rng_state(states["device"], device)
