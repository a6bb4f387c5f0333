"""A whole iteration as one CUDA graph: no host between its thousands of kernels."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from wgan_cli.errors import EngineUnavailable
from wgan_cli.training.step import TrainingStep

WARM_UP = 3  # iterations before a capture, which let libraries and optimizers take their memory


def why_no_graph(step: TrainingStep) -> str | None:
    """Why an iteration cannot be captured into a CUDA graph, or None."""
    device = step.precision.device
    if device.type != "cuda":
        return f"a graph needs a CUDA device, and this run is on {device}"
    if not step.loader.batches_captured:
        return "the images are streamed from the host, and a graph can only read the device"
    if step.precision.amp == "fp16":
        return "fp16 scales its loss by what the host finds out after each step; bf16 needs no scale"
    if step.loader.batches_captured <= _batches(step):
        return "an iteration takes as many images as an epoch has, and the host draws the order of each epoch"
    return None


def _batches(step: TrainingStep) -> int:
    """Batches of images that one iteration takes."""
    return sum(phase.repeats for phase in step.objective.phases if phase.uses_real)


@dataclass
class _Captured:
    """One captured iteration, and what its Python side would have counted."""

    graph: torch.cuda.CUDAGraph
    counts: dict[str, int] = field(default_factory=dict)


class GraphIteration:
    """Replays a whole iteration as one CUDA graph: images, noise, all steps of all phases, the average, the sums.

    The first iterations run eagerly, on the stream of the later capture, and are training like any other; a capture
    computes nothing, so that it leaves no trace in weights, statistics or random states. There is one graph for each
    pattern of lazy penalties in an iteration, captured when the pattern comes for the second time: the first time may
    compile a loss, load kernels or start the sum of a term, whose place must not lie in a graph's own memory. An
    iteration in which the feed starts a new epoch runs eagerly, since the host draws the order of epochs.

    Raises: CannotServe where `why_no_graph` has a reason.
    """

    def __init__(self, step: TrainingStep) -> None:
        reason = why_no_graph(step)
        if reason:
            raise EngineUnavailable(reason)
        self.step = step
        self.batches = _batches(step)
        self.stream = torch.cuda.Stream(step.precision.device)
        self.forget()

    def forget(self) -> None:
        """Drop every graph, since tensors that they know were replaced."""
        self.warm = 0
        self.trouble = ""  # why nothing is captured any more
        self.met: set[tuple[bool, ...]] = set()  # patterns that ran eagerly
        self.captured: dict[tuple[bool, ...], _Captured] = {}
        # No graph needs what another left there, so all work in the same memory.
        self.pool = torch.cuda.graph_pool_handle()

    def rehearse(self) -> None:
        """Run through warm-up, capture and a replay, so that whatever refuses does so now."""
        while not self.captured:  # every iteration is number 0, which has all penalties that there are
            self(0)
            if self.trouble:
                raise EngineUnavailable(self.trouble)
        torch.cuda.synchronize(self.step.precision.device)

    def __call__(self, number: int) -> None:
        """Run iteration `number`, from 0; returns before the device is done."""
        self.step.schedule(number)
        pattern = self.step.penalties(number)
        early = self.warm < WARM_UP or pattern not in self.met
        if (
            early
            or self.trouble
            or not self.step.loader.has_batches(self.batches)
            or not self._has_graph(pattern, number)
        ):
            self._run_eagerly(number)
            self.warm += 1
            self.met.add(pattern)
            return
        captured = self.captured[pattern]
        captured.graph.replay()
        self.step.loader.count_batches(self.batches)
        self.step.terms.count(captured.counts)

    def _has_graph(self, pattern: tuple[bool, ...], number: int) -> bool:
        """Capture an iteration's pattern if it was not yet. A failure leaves its reason, and all goes on eagerly."""
        if pattern not in self.captured:
            try:
                self.captured[pattern] = self._capture(number)
            except EngineUnavailable as error:
                self.trouble = str(error)
        return not self.trouble

    def _run_eagerly(self, number: int) -> None:
        current = torch.cuda.current_stream(self.step.precision.device)
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            self.step.run(number)
        current.wait_stream(self.stream)

    def _capture(self, number: int) -> _Captured:
        """Record the iteration's work for the device; the device does none of it.

        Raises: CannotServe with the reason.
        """
        step, before = self.step, dict(self.step.terms.counts)
        step.next_real = step.loader.gather  # the host's part of taking a batch is done at each replay
        graph = torch.cuda.CUDAGraph()
        try:
            # The outer context, because older torch leaves the stream current where a capture cannot even end.
            with torch.cuda.stream(self.stream), torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
                step.run(number)
        except Exception as error:
            cause = error.__context__ or error  # the end of a broken capture fails as well, and says less
            raise EngineUnavailable(str(cause) or type(cause).__name__) from error
        finally:
            step.next_real = step.loader.next
            after, step.terms.counts = step.terms.counts, before
        return _Captured(graph, {name: count - before.get(name, 0) for name, count in after.items()})
