"""The training step: one iteration of an objective's phases, as in Algorithm 1 of Gulrajani et al. 2017."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor, nn

from wgan_cli.data.loaders.loader import Loader
from wgan_cli.distributed import rng
from wgan_cli.distributed.collectives import all_reduce_gradients
from wgan_cli.objectives import Batch, Objective, Phase
from wgan_cli.objectives.instance_noise import InstanceNoise
from wgan_cli.training.ema import ExponentialMovingAverage
from wgan_cli.training.grad_accumulation import micro_batches
from wgan_cli.training.numerics.amp import Precision
from wgan_cli.training.numerics.half_weights import HalfWeights
from wgan_cli.training.optim import Optimizers
from wgan_cli.training.running_means import RunningMeans


@dataclass(kw_only=True)
class TrainingStep:
    """One iteration, called with its number from 0: all phases of the objective, then the EMA update.

    Only fp16 waits for the device, to learn whether gradients overflowed. The step itself is the `eager` engine.

    Attributes:
        num_classes: classes that the networks are conditioned on, 0 for none.
        augment: changes real images, (N, C, H, W) to the same shape, before a loss sees them.
        loss_networks: the networks that losses see instead, by role: a critic behind augmentation.
        clip: by role, a function that clips the gradients of its network.
        accumulation_steps: number of micro-batches that this rank's shard of a batch is split into.
        networks_in_losses: the networks as losses see them: behind augmentation, or with half-precision weights.
    """

    objective: Objective
    networks: Mapping[str, nn.Module]
    optimizers: Optimizers
    loader: Loader
    ema: ExponentialMovingAverage
    precision: Precision
    latent_dim: int
    num_classes: int = 0
    augment: Callable[[Tensor], Tensor] | None = None
    loss_networks: Mapping[str, nn.Module] = field(default_factory=dict[str, nn.Module])
    clip: Mapping[str, Callable[[], None]] = field(default_factory=dict[str, Callable[[], None]])
    accumulation_steps: int = 1
    metrics: RunningMeans = field(default_factory=RunningMeans)
    notice = ""  # nothing can go wrong with the eager engine

    def __post_init__(self) -> None:
        self._parameters = [parameter for network in self.networks.values() for parameter in network.parameters()]
        self.half_weights: dict[str, HalfWeights] = {}
        self.networks_in_losses: dict[str, nn.Module] = {}
        for role, network in self.networks.items():
            seen = self.loss_networks.get(role, network)  # augmented networks keep to autocast
            half = HalfWeights(network, self.precision.half_dtype if seen is network else None)
            self.half_weights[role] = half
            self.networks_in_losses[role] = half.network if seen is network else seen
        modules = (module for network in self.networks_in_losses.values() for module in network.modules())
        self._instance_noise = {module for module in modules if isinstance(module, InstanceNoise)}

    def __call__(self, step: int, *, capturing: bool = False) -> None:
        """Run iteration `step`, counted from 0.

        Args:
            capturing: whether a CUDA graph records the iteration. The engine then does the host's part: it sets the
                schedules, and counts the batches taken from the loader.
        """
        if not capturing:
            self.set_schedules(step)
        with self.precision.matmul():
            for phase in self.objective.phases:  # the critic n_critic times, then the generator
                self.freeze_all_but(phase)
                optimizer, half_weights = self.optimizers[phase.trains], self.half_weights[phase.trains]
                for repeat in range(phase.repeats):
                    batch = self.next_batch(phase, step * phase.repeats + repeat, capturing)
                    optimizer.zero_grad(set_to_none=True)
                    terms: list[Mapping[str, Tensor]] = []
                    for micro_batch in micro_batches(batch, self.accumulation_steps):
                        with self.precision.autocast():
                            loss = phase.loss(self.networks_in_losses, micro_batch)
                        self.precision.backward(loss.total / self.accumulation_steps)
                        half_weights.collect_gradients()
                        terms.append(loss.terms)
                    all_reduce_gradients(self.networks[phase.trains], phase.trains)
                    self.precision.step(optimizer, self.clip.get(phase.trains))
                    if phase.after_step:
                        phase.after_step(self.networks)
                    half_weights.refresh()
                    self.metrics.add(*terms)
            self.ema.update()

    def reset(self) -> None:
        """Do nothing: the eager engine keeps nothing between iterations."""

    def set_schedules(self, step: int) -> None:
        """Set the EMA decay and the instance noise of iteration `step`."""
        self.ema.set_decay(step)
        for noise in self._instance_noise:
            noise.schedule(step)

    def freeze_all_but(self, phase: Phase) -> None:
        """Freeze all but the parameters of the phase's optimizer, also in half-precision copies."""
        for parameter in self._parameters:
            parameter.requires_grad_(False)
        for group in self.optimizers[phase.trains].param_groups:
            for parameter in group["params"]:
                parameter.requires_grad_(True)
        for half_weights in self.half_weights.values():
            half_weights.refresh()

    def next_batch(self, phase: Phase, count: int, capturing: bool = False) -> Batch:
        """Return the batch of a phase's repeat number `count`, from 0: real images if it uses any, and new noise."""
        real, labels = None, None
        if phase.uses_real:
            real, labels = self.loader.gather() if capturing else self.loader.next()
            real = real if self.augment is None else self.augment(real)
        size, device = self.loader.batch_size, self.precision.device
        z = rng.randn(size, self.latent_dim, device=device)  # (N, latent_dim)
        if not self.num_classes:
            labels = None
        elif labels is None:
            labels = rng.randint(0, self.num_classes, (size,), device=device)  # (N,)
        return Batch(z, real, labels, apply_penalty=count % phase.penalty_interval == 0)

    def penalty_pattern(self, step: int) -> tuple[bool, ...]:
        """Return which repeats of an iteration apply penalties; equal patterns run equal kernels."""
        return tuple(
            (step * phase.repeats + repeat) % phase.penalty_interval == 0
            for phase in self.objective.phases
            for repeat in range(phase.repeats)
        )

    def with_phases(self, phases: Sequence[Phase]) -> TrainingStep:
        """Return a step with other phases that shares everything else with this one."""
        other = copy.copy(self)
        other.objective = replace(self.objective, phases=tuple(phases))
        return other
