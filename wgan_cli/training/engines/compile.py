"""The `compile` engine: losses through torch.compile, used only if their gradients equal those of the plain losses."""

import logging
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.errors import EngineUnavailable
from wgan_cli.objectives import Batch, Phase
from wgan_cli.training.grad_accumulation import micro_batches
from wgan_cli.training.step import TrainingStep

#: Tolerated difference of gradients relative to their norm: a few roundings of the matmuls' dtype.
TOLERANCES = {"off": 1e-4, "bf16": 0.1, "fp16": 0.05}


def with_compiled_losses(step: TrainingStep) -> TrainingStep:
    """Return a step that shares everything with `step` but its losses, which are compiled.

    The compiler sees the critic's inner differentiation (objectives/penalties.py) and the outer one as one graph, fuses
    what lies between the matmuls, and saves the dispatch of each operator. Random numbers stay those of eager mode.

    Raises: EngineUnavailable if the losses cannot be compiled.
    """
    if step.objective.state is not None:
        raise EngineUnavailable("its losses update state in place, which compiled losses would not")
    if current_shard().count > 1:
        raise EngineUnavailable("its losses communicate between processes, which the compiler does not support")
    for name in ("torch.utils.cpp_extension", "torch._inductor", "torch._dynamo"):
        logging.getLogger(name).setLevel(logging.ERROR)  # no notes about optional packages
    options: dict[str, Any] = {"fallback_random": True}
    return step.with_phases(
        [
            replace(phase, loss=torch.compile(phase.loss, fullgraph=True, dynamic=False, options=options))
            for phase in step.objective.phases
        ]
    )


def check_gradients(compiled: TrainingStep, plain: TrainingStep) -> None:
    """Compare the gradients of compiled losses with those of the plain ones on the same batches.

    Only for disposable steps: RNG states and the loader advance.

    Raises: EngineUnavailable if the gradients of a phase differ, or whatever the compiler raises.
    """
    with plain.precision.matmul():  # as in training
        for ours, phase in zip(compiled.objective.phases, plain.objective.phases, strict=True):
            for count in range(min(phase.penalty_interval, 2)):  # a lazy penalty makes two losses of one
                plain.freeze_all_but(phase)
                batch = plain.next_batch(phase, count)
                ours_gradient, gradient = (phase_gradient(plain, p, batch) for p in (ours, phase))
                error = ((ours_gradient - gradient).norm() / gradient.norm()).item()
                if not error <= TOLERANCES[plain.precision.amp]:
                    raise EngineUnavailable(f"the compiled gradients of the {phase.name} phase are off by {error:.1%}")


def phase_gradient(step: TrainingStep, phase: Phase, batch: Batch) -> Tensor:
    """Return the gradient of a phase's network as one vector, from a fixed seed and without changing any buffer."""
    network = step.networks[phase.trains]
    buffers = [buffer for each in step.networks.values() for buffer in each.buffers()]
    before = [buffer.clone() for buffer in buffers]
    torch.manual_seed(0)
    network.zero_grad(set_to_none=True)
    for micro_batch in micro_batches(batch, step.accumulation_steps):
        with step.precision.autocast():
            loss = phase.loss(step.networks_in_losses, micro_batch)
        step.precision.backward(loss.total)
        step.half_weights[phase.trains].collect_gradients()
    for buffer, old in zip(buffers, before, strict=True):  # every forward pass updates spectral norm's vectors
        buffer.copy_(old)
    return torch.cat([p.grad.flatten().float() for p in network.parameters() if p.grad is not None])
