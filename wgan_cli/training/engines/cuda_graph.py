"""The `graph` engine: a whole iteration as one CUDA graph, without the host between its thousands of kernels."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

from wgan_cli.errors import EngineUnavailable, ExitStatus, WganError
from wgan_cli.training.step import TrainingStep

WARM_UP = 3  # eager iterations before a capture, in which libraries and optimizers allocate their memory
#: Before 2.13, a failed capture left torch's random generator and allocator unusable (pytorch#176752, #180395).
FAILED_CAPTURE_IS_HARMLESS = torch.__version__ >= "2.13"  # compares versions, not text


def graph_obstacle(step: TrainingStep) -> str | None:
    """Return why an iteration cannot be captured in a CUDA graph, or None."""
    device = step.precision.device
    if device.type != "cuda":
        return f"a graph needs a CUDA device, and this run is on {device}"
    if step.precision.amp == "fp16":
        return "fp16 adapts its loss scale on the host after each step; bf16 needs no scale"
    if step.accumulation_steps > 1:
        return "micro-batches reset the random state between passes, which a graph cannot"
    if step.loader.capturable_batches < (batches := _batches_per_iteration(step)):
        return f"an iteration takes {batches} batches, more than the {step.loader.capturable_batches} a graph can read"
    return None


def _batches_per_iteration(step: TrainingStep) -> int:
    return sum(phase.repeats for phase in step.objective.phases if phase.uses_real)


class CudaGraph:
    """Replays a whole iteration: images, noise, the optimizer steps of all phases, the EMA update, the sums of terms.

    The first iterations run eagerly, on the stream of the later capture, and train like any other. A capture executes
    nothing, so it leaves weights, statistics and RNG states unchanged. Each pattern of lazy penalties has its own
    graph, captured when the pattern occurs for the second time: the first time may compile a loss, load kernels or
    create the sum of a term, which must not be allocated in a graph's memory. A capture must not fail in training,
    because older versions of torch don't recover; see `warm_up`.

    Raises: EngineUnavailable if an iteration cannot be captured.
    """

    def __init__(self, step: TrainingStep) -> None:
        obstacle = graph_obstacle(step)
        if obstacle:
            raise EngineUnavailable(obstacle)
        self.step = step
        self.batches = _batches_per_iteration(step)
        self.stream = torch.cuda.Stream(step.precision.device)
        self.reset()

    @property
    def notice(self) -> str:
        """A message for the user once a capture has failed."""
        return f"the graph engine failed, continuing with eager: {self.failure}" if self.failure else ""

    def reset(self) -> None:
        """Drop all graphs, because tensors that they refer to were replaced."""
        self.iterations = 0  # that ran eagerly
        self.failure = ""
        self.eager_patterns: set[tuple[bool, ...]] = set()
        self.captured: dict[tuple[bool, ...], tuple[torch.cuda.CUDAGraph, Mapping[str, int]]] = {}
        # No graph needs what another leaves there, so all share one pool.
        self.pool = torch.cuda.graph_pool_handle()

    def warm_up(self) -> None:
        """Run until an iteration was rehearsed, captured and replayed; only for a disposable step.

        Raises: EngineUnavailable if the iteration waits for the device, or the capture fails.
        """
        pattern = self.step.penalty_pattern(0)  # which applies every penalty
        while not self._can_replay(pattern):
            self(0)
        self._rehearse()
        while not self.captured:
            self(0)
            if self.failure:
                raise EngineUnavailable(self.failure)
        torch.cuda.synchronize(self.step.precision.device)

    def _can_replay(self, pattern: tuple[bool, ...]) -> bool:
        """Return True if an iteration is warm enough to be captured and replayed."""
        return self.iterations >= WARM_UP and pattern in self.eager_patterns

    def _rehearse(self) -> None:
        """Run what a capture would record, with synchronization forbidden: it would make the capture fail."""
        before = torch.cuda.get_sync_debug_mode()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Synchronization debug mode is a prototype")
            torch.cuda.set_sync_debug_mode("error")
        try:
            self.step.loader.stage(self.batches)
            with self._on_stream():
                self.step(0, capturing=True)
        except RuntimeError as error:
            raise EngineUnavailable(str(error)) from error
        finally:
            torch.cuda.set_sync_debug_mode(before)
        self.step.loader.count_batches(self.batches)

    @contextmanager
    def _on_stream(self) -> Iterator[None]:
        """Run the block on the stream of captures, in order with the current one."""
        current = torch.cuda.current_stream(self.step.precision.device)
        self.stream.wait_stream(current)
        try:
            with torch.cuda.stream(self.stream):
                yield
        finally:
            current.wait_stream(self.stream)

    def __call__(self, step: int) -> None:
        """Run iteration `step`, counted from 0; returns before the device is done."""
        pattern = self.step.penalty_pattern(step)
        if not self.failure and self._can_replay(pattern):
            position = self.step.loader.state_dict()
            self.step.loader.stage(self.batches)
            if pattern in self.captured or self._can_capture(pattern, step):
                self._replay(pattern, step)
                return
            self.step.loader.load_state_dict(position)
        with self._on_stream():
            self.step(step)
        self.iterations += 1
        self.eager_patterns.add(pattern)

    def _replay(self, pattern: tuple[bool, ...], step: int) -> None:
        graph, counts = self.captured[pattern]
        self.step.set_schedules(step)
        graph.replay()
        self.step.loader.count_batches(self.batches)
        self.step.metrics.counts.update(counts)

    def _can_capture(self, pattern: tuple[bool, ...], step: int) -> bool:
        """Capture an iteration; return False if that failed."""
        try:
            self.captured[pattern] = self._capture(step)
        except EngineUnavailable as error:
            self.failure = str(error)
        return not self.failure

    def _capture(self, step: int) -> tuple[torch.cuda.CUDAGraph, Mapping[str, int]]:
        """Return a captured iteration, and how many values of each term it adds."""
        graph = torch.cuda.CUDAGraph()
        try:
            # The outer context, because older torch leaves the stream current if a capture cannot even end.
            with (
                self.step.metrics.captured_counts() as counts,
                torch.cuda.stream(self.stream),
                # Other threads may go on: the loader's pins memory, and the writer's waits for its copies.
                torch.cuda.graph(graph, pool=self.pool, stream=self.stream, capture_error_mode="thread_local"),
            ):
                self.step(step, capturing=True)
        except Exception as error:
            cause = error.__context__ or error  # ending a broken capture fails too, with a less useful message
            reason = str(cause) or type(cause).__name__
            if FAILED_CAPTURE_IS_HARMLESS:
                raise EngineUnavailable(reason) from error
            message = f"capturing a CUDA graph failed, and torch {torch.__version__} cannot go on after that: {reason}"
            raise WganError(message, "use --engine eager, also with --resume", ExitStatus.FAILED) from error
        return graph, counts
