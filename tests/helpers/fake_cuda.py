"""A stand-in for torch.cuda's graphs on a CPU: a capture remembers the step, and a replay runs it again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from wgan_cli.data.loaders.device import DeviceLoader
from wgan_cli.training.engines import cuda_graph
from wgan_cli.training.engines.cuda_graph import CudaGraph
from wgan_cli.training.state import TrainingState
from wgan_cli.training.step import TrainingStep


class FakeGraph:
    """Stands in for `torch.cuda.CUDAGraph`; a replay runs the captured iteration without the host's part."""

    number: int
    step: RecordedStep
    replays = 0

    def replay(self) -> None:
        place = self.step.loader.state_dict()
        self.step.loader._gathered = 0  # a graph always reads the same buffers
        with self.step.metrics.captured_counts():
            self.step(self.number, capturing=True)
        assert place == self.step.loader.state_dict(), "a replay doesn't advance the loader"
        self.replays += 1


class RecordedStep:
    """A training step whose calls are recorded, and which may fail during a capture."""

    def __init__(self, step: TrainingStep, cuda: FakeCuda) -> None:
        self._step, self._cuda = step, cuda

    def __getattr__(self, name: str) -> Any:
        return getattr(self._step, name)

    def __call__(self, number: int, *, capturing: bool = False) -> None:
        self._cuda.ran.append(number)
        self._cuda.streams.append(self._cuda.current)
        self._step(number, capturing=capturing)
        if self._cuda.synchronizes and self._cuda.sync_debug_mode == "error":
            raise RuntimeError("called a synchronizing CUDA operation")
        if self._cuda.fails and self._cuda.capturing:
            raise self._cuda.fails


class _Stream(str):
    def wait_stream(self, other: str) -> None:
        assert {self, other} == {"side", "default"}


class FakeCuda:
    """Stands in for torch.cuda. A capture runs the step and then restores all memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ran: list[int] = []  # iterations that ran, also while captured or replayed
        self.graphs: list[FakeGraph] = []
        self.streams: list[str] = []  # the stream of each of `ran`
        self.current = "default"
        self.pools: list[object] = []
        self.fails: Exception | None = None
        self.capturing = False
        self.captures = 0  # that were started
        self.synchronizes = False
        self.sync_debug_mode: int | str = 0
        monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: self.sync_debug_mode)
        monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", lambda mode: setattr(self, "sync_debug_mode", mode))
        monkeypatch.setattr(cuda_graph, "graph_obstacle", lambda step: None)
        monkeypatch.setattr(torch.cuda, "Stream", lambda device: _Stream("side"))
        monkeypatch.setattr(torch.cuda, "current_stream", lambda device: _Stream("default"))
        monkeypatch.setattr(torch.cuda, "stream", self.on)
        monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
        monkeypatch.setattr(torch.cuda, "graph_pool_handle", object)
        monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
        monkeypatch.setattr(torch.cuda, "graph", self.capture)

    @contextmanager
    def on(self, stream: str) -> Iterator[None]:
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before

    def use_graph(self, state: TrainingState) -> CudaGraph:
        """Run a state's iterations by graph."""
        self.step = RecordedStep(state.training_step, self)
        state.engine = engine = CudaGraph(self.step)  # type: ignore[arg-type]
        return engine

    @contextmanager
    def capture(self, captured: FakeGraph, pool: object, stream: str, capture_error_mode: str) -> Iterator[None]:
        assert capture_error_mode == "thread_local", "other threads pin memory, and wait for copies"
        before = memory(self.step)
        values, random = [t.clone() for t in before], torch.get_rng_state()
        self.capturing = True
        self.captures += 1
        try:
            with self.on(stream):
                yield
        finally:
            self.capturing = False
            after = memory(self.step)
            assert [t.data_ptr() for t in after] == [t.data_ptr() for t in before], "a graph's memory has moved"
            for tensor, value in zip(after, values, strict=True):
                tensor.copy_(value)
            torch.set_rng_state(random)
            captured.number, captured.step = self.ran.pop(), self.step
            self.streams.pop()
        self.graphs.append(captured)
        self.pools.append(pool)


@torch.no_grad()
def memory(step: RecordedStep) -> list[torch.Tensor]:
    """Return all tensors that outlive an iteration."""
    modules = [*step.networks.values(), step.ema.network, step.objective.state or torch.nn.Module()]
    tensors = [t.detach() for module in modules for t in module.state_dict().values()]
    for optimizer in step.optimizers.values():
        tensors += [t for state in optimizer.state.values() for t in state.values()]
    for loader in getattr(step.loader, "sides", {"": step.loader}).values():
        buffers = [loader.order, loader.position] if isinstance(loader, DeviceLoader) else sum(loader._staged, ())
        tensors += buffers
    remembered = () if step.objective.state is None else step.objective.state.buffers()
    return [*tensors, *remembered, *step.metrics.sums.values()]
