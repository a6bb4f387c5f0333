"""One iteration of an objective: its phases in order, each the loss, the gradients and the optimizer's step."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from wgan_cli.data.feed import Feed
from wgan_cli.objectives import Batch, Objective, Phase
from wgan_cli.training.ema import ExponentialMovingAverage
from wgan_cli.training.optim import Optimizers
from wgan_cli.training.precision import Precision


class TrainingStep:
    """Call it with the number of the step, from 0, and it runs one whole iteration.

    Nothing here waits for the device; the terms of the losses are summed there until somebody asks.

    Args:
        augment: changes real images, (N, C, H, W) to the same, before a loss sees them.
        seen: the networks as losses see them, such as a critic that looks at augmented images; default as they are.
    """

    def __init__(
        self,
        objective: Objective,
        networks: Mapping[str, nn.Module],
        optimizers: Optimizers,
        feed: Feed,
        average: ExponentialMovingAverage,
        precision: Precision,
        latent_dim: int,
        augment: Callable[[Tensor], Tensor] | None = None,
        seen: Mapping[str, nn.Module] | None = None,
    ) -> None:
        self.objective = objective
        self.networks = networks
        self.optimizers = optimizers
        self.feed = feed
        self.average = average
        self.precision = precision
        self.latent_dim = latent_dim
        self.augment = augment
        self.seen = networks if seen is None else seen
        self.terms = TermSums()

    def __call__(self, step: int) -> None:
        for phase in self.objective.phases:
            for role, network in self.networks.items():
                network.requires_grad_(role == phase.trains)  # a frozen network costs no gradients of its weights
            for repeat in range(phase.repeats):
                self._descend(phase, self._batch(phase, step * phase.repeats + repeat))
        self.average.update(step)

    def _batch(self, phase: Phase, iteration: int) -> Batch:
        real, labels = self.feed.next() if phase.uses_real else (None, None)
        if real is not None and self.augment is not None:
            real = self.augment(real)
        z = torch.randn(self.feed.batch_size, self.latent_dim, device=self.precision.device)
        return Batch(z, real, labels, iteration)

    def _descend(self, phase: Phase, batch: Batch) -> None:
        optimizer = self.optimizers[phase.trains]
        with self.precision.autocast():
            loss = phase.loss(self.seen, batch)
        optimizer.zero_grad(set_to_none=True)
        self.precision.backward(loss.total)
        self.precision.step(optimizer)
        if phase.after_step:
            phase.after_step(self.networks)
        self.terms.add(loss.terms)


class TermSums:
    """Sums of named scalars on the device, read with one wait for all of them."""

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

    def means(self) -> dict[str, float]:
        """The mean of each term since the last call; starts anew."""
        if not self.sums:
            return {}
        values = torch.stack(list(self.sums.values())).tolist()
        means = {name: value / self.counts[name] for name, value in zip(self.sums, values, strict=True)}
        self.sums, self.counts = {}, {}
        return means

    def state_dict(self) -> dict[str, dict]:
        """The sums so far: a run that continues logs the same means as one that never stopped."""
        return {"sums": dict(self.sums), "counts": dict(self.counts)}

    def load_state_dict(self, state: dict[str, dict], device: torch.device) -> None:
        """Continue another's sums."""
        self.sums = {name: value.to(device) for name, value in state["sums"].items()}
        self.counts = dict(state["counts"])
