"""One iteration of an objective: its phases in order, each the loss, the gradients and the optimizer's step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn

from wgan_cli.data.loaders.device import Loader
from wgan_cli.distributed import rng
from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.distributed.collectives import all_reduce_gradients, all_reduce_mean
from wgan_cli.objectives import Batch, Loss, Objective, Phase
from wgan_cli.objectives.instance_noise import InstanceNoise
from wgan_cli.training.ema import ExponentialMovingAverage
from wgan_cli.training.grad_accumulation import mean_loss, micro_batches
from wgan_cli.training.numerics.amp import Precision
from wgan_cli.training.numerics.frozen_weights import CastOnce
from wgan_cli.training.optim import Optimizers


class TrainingStep:
    """Call it with the number of the step, from 0, and it runs one whole iteration.

    Nothing here waits for the device; the terms of the losses are summed there until somebody asks.

    Args:
        num_classes: that the networks are told of; 0 where they learn no classes.
        augment: changes real images, (N, C, H, W) to the same, before a loss sees them.
        seen: the networks as losses see them, such as a critic that looks at augmented images; default as they are.
        clips: by role, what bounds the gradients that lie in its network, without a wait; default none.
        parts: into which this process cuts its share of a batch, since not all of it fits the device.
    """

    def __init__(
        self,
        objective: Objective,
        networks: Mapping[str, nn.Module],
        optimizers: Optimizers,
        loader: Loader,
        ema: ExponentialMovingAverage,
        precision: Precision,
        latent_dim: int,
        num_classes: int = 0,
        augment: Callable[[Tensor], Tensor] | None = None,
        seen: Mapping[str, nn.Module] | None = None,
        clips: Mapping[str, Callable[[], None]] | None = None,
        parts: int = 1,
    ) -> None:
        self.objective = objective
        self.networks = networks
        self.optimizers = optimizers
        self.loader = loader
        self.ema = ema
        self.precision = precision
        self.latent_dim = latent_dim
        self.num_classes = num_classes
        self.augment = augment
        self.seen = networks if seen is None else seen
        self.clips = clips or {}
        self.parts = parts
        inside = (module for network in self.seen.values() for module in network.modules())
        self.noises = {module for module in inside if isinstance(module, InstanceNoise)}
        self.terms = RunningMeans()
        self.losses = {phase.name: phase.loss for phase in objective.phases}  # an engine may put compiled ones here
        self.next_real = loader.next
        plain = {role for role, network in self.networks.items() if self.seen[role] is network}
        frozen = {role for role in plain for phase in objective.phases if _freezes(phase, role)}
        half = precision.half
        self._cast_once = {role: CastOnce(networks[role], half) for role in frozen} if half else {}

    def __call__(self, step: int) -> None:
        self.schedule(step)
        self.run(step)

    def schedule(self, step: int) -> None:
        """Set what depends on the step's number: once before `run`, which a captured iteration replays."""
        self.ema.schedule(step)
        for noise in self.noises:
            noise.schedule(step)

    def run(self, step: int) -> None:
        """The iteration itself: nothing in it but work for the device, so that it can be captured."""
        with self.precision.products():
            for phase in self.objective.phases:
                networks = self.shown(phase)
                for repeat in range(phase.repeats):
                    self._descend(phase, networks, self.batch(phase, step * phase.repeats + repeat))
            self.ema.blend()

    def shown(self, phase: Phase) -> Mapping[str, nn.Module]:
        """The networks as a phase's loss sees them now; those that it does not train cost no gradients of weights."""
        for role, network in self.networks.items():
            network.requires_grad_(role == phase.trains)
        frozen = [role for role in self._cast_once if _freezes(phase, role)]
        return {**self.seen, **{role: self._cast_once[role].refresh() for role in frozen}}

    def batch(self, phase: Phase, count: int) -> Batch:
        """What a phase sees in its run number `count`, from 0: the next images, if it looks at any, and fresh noise."""
        real, labels = self.next_real() if phase.uses_real else (None, None)
        if real is not None and self.augment is not None:
            real = self.augment(real)
        size, device = self.loader.batch_size, self.precision.device
        z = rng.randn(size, self.latent_dim, device=device)
        if not self.num_classes:
            labels = None
        elif labels is None:
            labels = rng.randint(0, self.num_classes, (size,), device=device)
        return Batch(z, real, labels, apply_penalty=count % phase.penalty_interval == 0)

    def gradients(self, phase: Phase, networks: Mapping[str, nn.Module], batch: Batch) -> Loss:
        """Compute a phase's loss and leave its gradients in the network that the phase trains."""
        self.optimizers[phase.trains].zero_grad(set_to_none=True)
        loss = mean_loss(self._losses(phase, networks, batch))
        all_reduce_gradients(self.networks[phase.trains], phase.trains)
        return loss

    def _losses(self, phase: Phase, networks: Mapping[str, nn.Module], batch: Batch) -> Iterator[Loss]:
        """The losses of the parts of a batch, after the backward pass of each."""
        for part in micro_batches(batch, self.parts):
            with self.precision.autocast():
                loss = self.losses[phase.name](networks, part)
            self.precision.backward(loss.total / self.parts if self.parts > 1 else loss.total)
            yield loss

    def penalties(self, step: int) -> tuple[bool, ...]:
        """Which runs of an iteration's phases penalise, in order: iterations alike in this run the same kernels."""
        return tuple(
            (step * phase.repeats + repeat) % phase.penalty_interval == 0
            for phase in self.objective.phases
            for repeat in range(phase.repeats)
        )

    def _descend(self, phase: Phase, networks: Mapping[str, nn.Module], batch: Batch) -> None:
        loss = self.gradients(phase, networks, batch)
        self.precision.step(self.optimizers[phase.trains], self.clips.get(phase.trains))
        if phase.after_step:
            phase.after_step(self.networks)
        self.terms.add(loss.terms)


def _freezes(phase: Phase, role: str) -> bool:
    """Whether a phase looks at a network time and again while it stands still."""
    return role != phase.trains and phase.repeats > 1


class RunningMeans:
    """Sums of named scalars on the device, read with one wait for all of them.

    A sum keeps its place in memory for ever, since a captured iteration adds to that place.
    """

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """Take in one step's terms, each a scalar."""
        for name, value in terms.items():
            if name in self.sums:
                self.sums[name] += value.detach()
            else:
                self.sums[name] = value.detach().clone()
            self.counts[name] = self.counts.get(name, 0) + 1

    def count(self, counts: Mapping[str, int]) -> None:
        """Count terms that a captured iteration added by itself."""
        for name, count in counts.items():
            self.counts[name] = self.counts.get(name, 0) + count

    def agree(self) -> None:
        """Make the sums of every process the mean of all theirs, so that each knows those of the whole batch."""
        if current_shard().world_size > 1 and self.sums:
            names = sorted(self.sums)
            whole = all_reduce_mean(torch.stack([self.sums[name] for name in names]))
            for name, value in zip(names, whole, strict=True):
                self.sums[name].copy_(value)

    def means(self) -> dict[str, float]:
        """The mean of each term since the last call; starts anew."""
        names = [name for name, count in self.counts.items() if count]
        if not names:
            return {}
        values = torch.stack([self.sums[name] for name in names]).tolist()
        means = {name: value / self.counts[name] for name, value in zip(names, values, strict=True)}
        self._clear()
        return means

    def state_dict(self) -> dict[str, dict]:
        """The sums so far: a run that continues logs the same means as one that never stopped."""
        counts = {name: count for name, count in self.counts.items() if count}
        return {"sums": {name: self.sums[name].clone() for name in counts}, "counts": counts}

    def load_state_dict(self, state: dict[str, dict], device: torch.device) -> None:
        """Continue another's sums."""
        self._clear()
        for name, value in state["sums"].items():
            self.sums.setdefault(name, torch.zeros((), device=device)).copy_(value)
        self.counts |= state["counts"]

    def _clear(self) -> None:
        for name, value in self.sums.items():
            value.zero_()
            self.counts[name] = 0
