"""A stand-in for torch.cuda's graphs on the processor: a capture remembers a step, and a replay runs it again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from wgan_cli.training.engines import cuda_graph
from wgan_cli.training.engines.cuda_graph import GraphIteration
from wgan_cli.training.state import TrainingState
from wgan_cli.training.step import TrainingStep


class FakeGraph:
    """What `torch.cuda.CUDAGraph` is here: a number of an iteration, whose work a replay does again."""

    number: int
    replays = 0

    def replay(self) -> None:
        """The device's part of the iteration alone: whatever Python would count stays as it is."""
        step, loader = self.step, self.step.loader
        counts, real, place = dict(step.terms.counts), step.next_real, loader.state_dict()
        step.next_real = loader.gather
        step.run(self.number)
        step.terms.counts, step.next_real = counts, real
        assert place == loader.state_dict(), "replays do not know where the feed stands"
        self.replays += 1


class FakeCuda:
    """Stands in for torch.cuda. A capture runs the step and then takes back all that it did to memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ran: list[int] = []  # numbers of iterations that ran, also while captured or replayed
        self.graphs: list[FakeGraph] = []
        self.streams: list[str] = []  # the stream of each of `ran`
        self.current = "default"
        self.pools: list[object] = []
        self.fails: Exception | None = None
        self.capturing = False
        monkeypatch.setattr(cuda_graph, "why_no_graph", lambda step: None)
        monkeypatch.setattr(torch.cuda, "Stream", lambda device: self.stream_named("side"))
        monkeypatch.setattr(torch.cuda, "current_stream", lambda device: self.stream_named("default"))
        monkeypatch.setattr(torch.cuda, "stream", self.on)
        monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
        monkeypatch.setattr(torch.cuda, "graph_pool_handle", object)
        monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
        monkeypatch.setattr(torch.cuda, "graph", self.capture)

    class _Stream(str):
        def wait_stream(self, other: str) -> None:
            assert {self, other} == {"side", "default"}

    def stream_named(self, name: str) -> _Stream:
        return self._Stream(name)

    @contextmanager
    def on(self, stream: str) -> Iterator[None]:
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before

    def callback(self, state: TrainingState) -> GraphIteration:
        """Run a state's iterations by graph."""
        step, run = state.iteration, state.iteration.run
        self.step = step

        def watched(number: int) -> None:
            self.ran.append(number)
            self.streams.append(self.current)
            run(number)
            if self.fails and self.capturing:
                raise self.fails

        step.run = watched
        state.iterate = GraphIteration(step)
        return state.iterate

    @contextmanager
    def capture(self, captured: FakeGraph, pool: object, stream: str) -> Iterator[None]:
        before = memory(self.step)
        values, random = [t.clone() for t in before], torch.get_rng_state()
        self.capturing = True
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
def memory(step: TrainingStep) -> list[torch.Tensor]:
    """All tensors that outlive an iteration."""
    modules = [*step.networks.values(), step.ema.network, step.objective.state or torch.nn.Module()]
    tensors = [t.detach() for module in modules for t in module.state_dict().values()]
    for optimizer in step.optimizers.values():
        tensors += [t for state in optimizer.state.values() for t in state.values()]
    for loader in getattr(step.loader, "sides", {"": step.loader}).values():
        tensors += [loader.order, loader.place]
    remembered = () if step.objective.state is None else step.objective.state.buffers()
    return [*tensors, *remembered, *step.terms.sums.values()]
