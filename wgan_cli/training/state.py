"""State of a run in training, and how it is saved and restored."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from wgan_cli.data.loaders.loader import Loader
from wgan_cli.distributed import rng
from wgan_cli.distributed.process_group import world_size
from wgan_cli.errors import WganError
from wgan_cli.networks.transfer import Transfer
from wgan_cli.objectives import Objective
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.recipe.schema import MOST_STEPS
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.runs.continuation import check_same_images
from wgan_cli.runs.environment import versions
from wgan_cli.training.best_generator import Best
from wgan_cli.training.ema import ExponentialMovingAverage
from wgan_cli.training.engines.adaptive_threads import AdaptiveThreads
from wgan_cli.training.engines.select import Engine
from wgan_cli.training.optim import Optimizers, load_optimizer_states
from wgan_cli.training.sample_grid import SampleGrid
from wgan_cli.training.step import TrainingStep


@dataclass(kw_only=True)
class TrainingState:
    """A run in training: its step and engine, and the counters that a checkpoint also holds.

    Attributes:
        training_step: owns the networks, optimizers, EMA, loader and precision.
        engine: runs the training step.
        adaptive_threads: the engine, if it changes the number of threads while it trains.
        data_fingerprint: identifies the training images.
        autotune_summary: what was measured to choose threads, precision and engine; empty if nothing was.
        step_seconds: time per step, if autotuning measured it.
        step: number of finished iterations.
        seconds: training time over all resumes. overhead: the part of it in which training waited for logs, grids,
            checkpoints and evaluations.
        rollbacks: number of rollbacks after divergence. anchor: step of the checkpoint that the next one restores.
        best: the best generator so far, if any was evaluated.
        images_before: images shown so far minus `step * images_per_step`; not 0 after a resume with another batch size
            or n_critic.
        allowed: changes of this resumed run that the user allowed, of ALLOWABLE.
        transfers: what the layers of each network got from the weights that a new run starts from, if any.
    """

    recipe: Recipe
    image: ImageShape
    class_names: tuple[str, ...]
    training_step: TrainingStep
    engine: Engine
    sample_grid: SampleGrid
    data_fingerprint: int
    adaptive_threads: AdaptiveThreads | None = None
    autotune_summary: str = ""
    step_seconds: float | None = None
    step: int = 0
    seconds: float = 0.0
    overhead: float = 0.0
    rollbacks: int = 0
    anchor: int = 0
    best: Best | None = None
    images_before: int = 0
    allowed: frozenset[str] = frozenset()
    transfers: tuple[Transfer, ...] = ()

    @property
    def objective(self) -> Objective:
        """The training step's objective."""
        return self.training_step.objective

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """The networks by role."""
        return self.training_step.networks

    @property
    def optimizers(self) -> Optimizers:
        """The optimizers by role."""
        return self.training_step.optimizers

    @property
    def ema(self) -> ExponentialMovingAverage:
        """The averaged generator."""
        return self.training_step.ema

    @property
    def loader(self) -> Loader:
        """The loader of training images."""
        return self.training_step.loader

    @property
    def device(self) -> torch.device:
        """The device that the networks are on."""
        return self.training_step.precision.device

    @property
    def steps(self) -> int:
        """Number of steps; a state's recipe always has one."""
        assert self.recipe.steps is not None
        return self.recipe.steps

    @property
    def images_per_step(self) -> int:
        """Real images shown in one iteration."""
        return self.objective.images_per_iteration(self.recipe.batch_size)

    @property
    def kimg(self) -> float:
        """Thousand real images shown so far."""
        return (self.step * self.images_per_step + self.images_before) / 1000

    def generator_checkpoint(self) -> Checkpoint:
        """Return a checkpoint with only the networks to sample from; equal runs give equal files."""
        return Checkpoint(
            self.recipe, self.image, self.class_names, self.step, networks=self.exported_weights(), versions=versions()
        )

    def exported_weights(self) -> dict[str, dict[str, torch.Tensor]]:
        """Return the EMA generator's weights, and the current ones of other networks that sampling may need."""
        others = {role: self.networks[role].state_dict() for role in self.objective.exported_roles}
        return {"generator": self.ema.network.state_dict(), **others}

    def full_checkpoint(self) -> Checkpoint:
        """Return a checkpoint from which training continues bit for bit."""
        networks = {role: network.state_dict() for role, network in self.networks.items()}
        training = {
            "generator": networks["generator"],
            "optimizers": {role: optimizer.state_dict() for role, optimizer in self.optimizers.items()},
            "feed": self.loader.state_dict(),
            "precision": self.training_step.precision.scaler.state_dict(),
            "terms": self.training_step.metrics.state_dict(),
            "random": rng.get_states(self.device),
            "seconds": self.seconds,
            "overhead": self.overhead,
            "rollbacks": self.rollbacks,
            "anchor": self.anchor,
            "images": len(self.loader),
            "fingerprint": self.data_fingerprint,
            "images_shown": self.step * self.images_per_step + self.images_before,
            "memory": {} if self.objective.state is None else self.objective.state.state_dict(),
            "best": None if self.best is None else self.best.as_dict(),
        }
        if self.adaptive_threads:
            training["threads"] = self.adaptive_threads.state_dict()
        if world_size() > 1:
            training["processes"] = world_size()
        if self.ema.earlier_steps:
            training["earlier_ema_steps"] = self.ema.earlier_steps
        networks["generator"] = self.ema.network.state_dict()
        return Checkpoint(self.recipe, self.image, self.class_names, self.step, networks, training, versions())

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from a full checkpoint.

        Raises: WganError if it holds only a generator, was trained on other images, or its tensors don't fit.
        """
        training = checkpoint.training
        if training is None:
            raise WganError(
                "this checkpoint holds only a generator", "resume a run folder, or a file of its checkpoints/"
            )
        if "data" not in self.allowed:
            check_same_images(training, len(self.loader), self.data_fingerprint)
        if (checkpoint.image.size, checkpoint.image.channels) != (self.image.size, self.image.channels):
            raise WganError(
                f"the run's images are {checkpoint.image}, and these are {self.image}",
                "provide images of the same size and channels: --set data.image_size, data.channels",
            )
        if self.recipe.model.conditional and checkpoint.class_names != self.class_names:
            raise WganError(
                f"the run has the classes {', '.join(checkpoint.class_names)}, not {', '.join(self.class_names)}",
                "provide images of the same classes",
            )
        before = images_before(checkpoint, self.images_per_step)
        try:
            for role, network in self.networks.items():
                network.load_state_dict(training["generator"] if role == "generator" else checkpoint.networks[role])
            self.ema.network.load_state_dict(checkpoint.networks["generator"])
            load_optimizer_states(self.optimizers, training["optimizers"])
            counts = [training.get(name, 0) for name in ("rollbacks", "anchor", "earlier_ema_steps")]
            if any(type(count) is not int or not 0 <= count <= MOST_STEPS for count in counts):
                raise ValueError("invalid counts")
            if not all(math.isfinite(training.get(name, 0.0)) for name in ("seconds", "overhead")):
                raise ValueError("invalid times")
            self._restore_position(checkpoint)
            if self.recipe.amp == checkpoint.recipe.amp:  # another precision starts with its own loss scale
                self.training_step.precision.scaler.load_state_dict(training["precision"])
            self.training_step.metrics.load_state_dict(training["terms"], self.device)
            if (state := self.objective.state) is not None:  # ignores buffers that only earlier versions saved
                state.load_state_dict({name: training["memory"][name] for name in state.state_dict()})
            if self.adaptive_threads and "threads" in training:
                self.adaptive_threads.load_state_dict(training["threads"])
            best = training.get("best") if self._has_images_of(training) else None  # it was compared with others
            self.best = Best.from_dict(best, self.exported_weights())
            rng.set_states(training["random"], self.device)
        except (RuntimeError, KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError) as error:
            raise _damaged(checkpoint) from error
        self.engine.reset()
        self.step = checkpoint.step
        self.seconds = training.get("seconds", 0.0)
        # Checkpoints of early versions lack the following.
        self.overhead = training.get("overhead", 0.0)
        self.rollbacks = training.get("rollbacks", 0)
        self.anchor = training.get("anchor", checkpoint.step)
        self.images_before = before
        self.ema.earlier_steps = training.get("earlier_ema_steps", 0)

    def _restore_position(self, checkpoint: Checkpoint) -> None:
        """Continue in the epoch of a checkpoint; other images or another batch size start a new one."""
        training = checkpoint.training
        assert training is not None
        if self._has_images_of(training) and checkpoint.recipe.batch_size == self.recipe.batch_size:
            self.loader.load_state_dict(training["feed"])
        else:
            self.loader.start_epoch_after(training["feed"])

    def _has_images_of(self, training: Mapping[str, Any]) -> bool:
        """Return True if a checkpoint was trained on this run's images; early versions saved their number only."""
        found = training.get("images"), training.get("fingerprint", self.data_fingerprint)
        return found == (len(self.loader), self.data_fingerprint)


def images_before(checkpoint: Checkpoint, images_per_step: int) -> int:
    """Return the number of images that a run showed so far minus `step * images_per_step`. Raises: WganError."""
    expected = checkpoint.step * images_per_step
    shown = (checkpoint.training or {}).get("images_shown", expected)  # early versions didn't save it
    if type(shown) is not int or shown < 0:
        raise _damaged(checkpoint)
    return shown - expected


def _damaged(checkpoint: Checkpoint) -> WganError:
    return WganError(
        f"the checkpoint of step {checkpoint.step} is damaged: its tensors don't fit its recipe",
        "resume from an earlier one: wgan train --resume RUN/checkpoints/step_....pth",
    )
