"""Losses through torch.compile, accepted only where their gradients equal those of the losses as they are written."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from wgan_cli.errors import EngineUnavailable
from wgan_cli.objectives import Batch, Phase
from wgan_cli.training.step import TrainingStep

#: How far gradients may differ, as a share of their norm: some roundings of the products' type.
TOLERANCES = {"off": 1e-4, "bf16": 0.1, "fp16": 0.05}


def compile_losses(step: TrainingStep) -> None:
    """Put compiled losses into a step.

    A loss differentiates the critic inside (objectives/penalties.py) and is differentiated outside; the compiler sees
    both as one graph, fuses what lies between the products, and spares the host the dispatch of each operator. Random
    numbers stay those of the losses as they are written.
    """
    for name in ("torch.utils.cpp_extension", "torch._inductor", "torch._dynamo"):
        logging.getLogger(name).setLevel(logging.ERROR)  # its notes on what is not installed; failures have reasons
    for phase in step.objective.phases:
        step.losses[phase.name] = torch.compile(
            phase.loss, fullgraph=True, dynamic=False, options={"fallback_random": True}
        )


def check_gradients(step: TrainingStep) -> None:
    """Compare the gradients of a step's compiled losses with those of the plain ones, on batches of its feed.

    For a step that nobody trains with: random states move on.

    Raises: CannotServe naming a phase whose gradients differ, or what the compiler refused.
    """
    with step.precision.products():  # as in an iteration
        for phase in step.objective.phases:
            for count in range(min(phase.penalty_interval, 2)):  # a lazy penalty makes two losses of one
                _check_phase(step, phase, count)


def _check_phase(step: TrainingStep, phase: Phase, count: int) -> None:
    networks, batch = step.shown(phase), step.batch(phase, count)
    compiled = _gradient(step, phase, networks, batch)
    ours, step.losses[phase.name] = step.losses[phase.name], phase.loss
    plain = _gradient(step, phase, networks, batch)
    step.losses[phase.name] = ours
    away = ((compiled - plain).norm() / plain.norm()).item()
    if not away <= TOLERANCES[step.precision.amp]:
        raise EngineUnavailable(f"the {phase.name}'s gradients, compiled, are off by {away:.1%}")


def _gradient(step: TrainingStep, phase: Phase, networks: Mapping[str, nn.Module], batch: Batch) -> Tensor:
    """All gradients of a phase's network in one row, under random numbers and buffers that are the same each time."""
    buffers = [buffer for network in step.networks.values() for buffer in network.buffers()]
    before = [buffer.clone() for buffer in buffers]
    torch.manual_seed(0)
    step.gradients(phase, networks, batch)
    for buffer, old in zip(buffers, before, strict=True):  # spectral norm's vectors move on in every pass
        buffer.copy_(old)
    return torch.cat([p.grad.flatten().float() for p in step.networks[phase.trains].parameters()])
