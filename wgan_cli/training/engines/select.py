"""How an iteration is carried out: step by step, compiled, or as one captured CUDA graph. All compute the same."""

from __future__ import annotations

from collections.abc import Callable

from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.errors import EngineUnavailable
from wgan_cli.training.engines.compile import check_gradients, compile_losses
from wgan_cli.training.engines.cuda_graph import GraphIteration, why_no_graph
from wgan_cli.training.step import TrainingStep

Iterate = Callable[[int], None]


def apply_engine(name: str, step: TrainingStep) -> Iterate:
    """What runs one iteration of a step, given its number from 0, under an engine.

    eager runs the step as it is. graph captures the whole iteration and replays it. compile has the losses compiled,
    and on a GPU captures the iteration that they are part of as well, where that can be done.

    Raises: CannotServe with the reason.
    """
    if name == "graph":
        return GraphIteration(step)
    if name == "compile":
        if step.objective.state is not None:
            raise EngineUnavailable("its losses remember what they saw, and compiled ones would forget it")
        if current_shard().world_size > 1:
            raise EngineUnavailable(
                "several processes speak in the middle of its losses, which the compiler does not take"
            )
        compile_losses(step)
        return step if why_no_graph(step) else GraphIteration(step)
    return step


def rehearse(name: str, step: TrainingStep) -> Iterate:
    """As apply_engine, for a step that nobody will train with, with everything done that could fail in training.

    Raises: whatever does fail, CannotServe or an exception of the compiler, the driver or a library.
    """
    iterate = apply_engine(name, step)
    if name == "compile":
        check_gradients(step)
    if isinstance(iterate, GraphIteration):
        iterate.rehearse()
    return iterate
