"""Engines: ways to run the iterations of a training step."""

from typing import Protocol

from wgan_cli.training.engines.compile import check_gradients, with_compiled_losses
from wgan_cli.training.engines.cuda_graph import CudaGraph, graph_obstacle
from wgan_cli.training.step import TrainingStep


class Engine(Protocol):
    """Runs iterations. All engines compute the same, up to the rounding of compiled losses.

    Attributes:
        notice: a message for the user, if the engine had to fall back during training; else empty.
    """

    @property
    def notice(self) -> str: ...

    def __call__(self, step: int) -> None:
        """Run iteration `step`, counted from 0."""

    def reset(self) -> None:
        """Forget the memory addresses of tensors, because a checkpoint was restored."""


def make_engine(name: str, step: TrainingStep, *, verify: bool = False) -> Engine:
    """Return the engine with a recipe's name for it.

    `eager` is the step itself. `graph` captures the whole iteration in a CUDA graph. `compile` compiles the losses,
    and on a GPU captures the iteration that contains them, if it can be captured.

    Args:
        verify: also do whatever may fail during training: compare compiled gradients, capture and replay a graph. Only
            for a disposable step.
    Raises: EngineUnavailable if the engine cannot run here. With `verify`, also any exception of a compiler or driver.
    """
    if name == "compile":
        compiled = with_compiled_losses(step)
        if verify:
            check_gradients(compiled, step)
        if graph_obstacle(compiled):
            return compiled
        step = compiled
    if name == "eager":
        return step
    graph = CudaGraph(step)
    if verify:
        graph.warm_up()
    return graph
