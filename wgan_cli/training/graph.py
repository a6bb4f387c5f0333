"""A whole iteration as one CUDA graph: no host between its thousands of kernels."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from wgan_cli.data.feed import DeviceFeed
from wgan_cli.errors import CannotServe
from wgan_cli.training.step import TrainingStep

WARM_UP = 3  # iterations before a capture, which let libraries and optimizers take their memory


def why_no_graph(step: TrainingStep) -> str | None:
    """Why an iteration cannot be captured into a CUDA graph, or None."""
    device = step.precision.device
    if device.type != "cuda":
        return f"a graph needs a CUDA device, and this run is on {device}"
    if not isinstance(step.feed, DeviceFeed):
        return "the images are streamed from the host, and a graph can only read the device"
    if step.precision.amp == "fp16":
        return "fp16 scales its loss by what the host finds out after each step; bf16 needs no scale"
    return None


@dataclass
class _Captured:
    """One captured iteration, and what its Python side would have counted."""

    graph: torch.cuda.CUDAGraph
    counts: dict[str, int] = field(default_factory=dict)


class GraphIteration:
    """Replays a whole iteration as one CUDA graph: images, noise, all steps of all phases, the average, the sums.

    The first iterations run eagerly, on the stream of the later capture, and are training like any other; a capture
    computes nothing, so that it leaves no trace in weights, statistics or random states. There is one graph for each
    pattern of lazy penalties in an iteration. An iteration in which the feed starts a new epoch runs eagerly, since the
    host draws the order of epochs.

    Raises: CannotServe where `why_no_graph` has a reason.
    """

    def __init__(self, step: TrainingStep) -> None:
        reason = why_no_graph(step)
        if reason:
            raise CannotServe(reason)
        self.step = step
        self.batches = sum(phase.repeats for phase in step.objective.phases if phase.uses_real)
        self.stream = torch.cuda.Stream(step.precision.device)
        self.forget()

    def forget(self) -> None:
        """Drop every graph, since tensors that they know were replaced."""
        self.warm = 0
        self.captured: dict[tuple[bool, ...], _Captured] = {}

    def rehearse(self) -> None:
        """Run through warm-up, capture and a replay, so that whatever refuses does so now."""
        for number in range(WARM_UP + 2):
            self(number)
        torch.cuda.synchronize(self.step.precision.device)

    def __call__(self, number: int) -> None:
        """Run iteration `number`, from 0; returns before the device is done."""
        self.step.average.schedule(number)
        if self.warm < WARM_UP or not self.step.feed.has_batches(self.batches):
            self._run_eagerly(number)
            self.warm += 1
            return
        pattern = self.step.penalties(number)
        if pattern not in self.captured:
            self.captured[pattern] = self._capture(number)
        captured = self.captured[pattern]
        captured.graph.replay()
        self.step.feed.count_batches(self.batches)
        self.step.terms.count(captured.counts)

    def _run_eagerly(self, number: int) -> None:
        current = torch.cuda.current_stream(self.step.precision.device)
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            self.step.run(number)
        current.wait_stream(self.stream)

    def _capture(self, number: int) -> _Captured:
        """Record the iteration's work for the device; the device does none of it."""
        step, before = self.step, dict(self.step.terms.counts)
        step.next_real = step.feed.gather  # the host's part of taking a batch is done at each replay
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self.stream):
                step.run(number)
        finally:
            step.next_real = step.feed.next
            after, step.terms.counts = step.terms.counts, before
        return _Captured(graph, {name: count - before.get(name, 0) for name, count in after.items()})
