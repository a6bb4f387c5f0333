"""Training progress: a live bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

import time
from math import inf
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from wgan_cli.cli.render.terminal_image import can_show, live_image
from wgan_cli.console import messages, print_message
from wgan_cli.runs.metrics_log import loss_terms
from wgan_cli.training.callback import Callback, Networks
from wgan_cli.utils.format import clock, format_rate

if TYPE_CHECKING:
    from torch import Tensor


MIN_SECONDS = 1.0  # between lines; a GPU may log dozens of records per second


class PlainProgress(Callback):
    """Prints the first and the last record and one about every second, for pipes and log files.

    Args:
        minutes: time limit of the training, for the time left.
    """

    def __init__(self, minutes: float | None = None) -> None:
        self.seconds = inf if minutes is None else 60 * minutes

    def on_train_start(self, step: int, steps: int) -> None:
        self.deadline = time.monotonic() + self.seconds
        self.steps, self.steps_since, self.last_time, self.printed = steps, 0, time.monotonic(), False

    def on_step(self, step: int, networks: Networks) -> None:
        self.steps_since += 1

    def on_log(self, record: dict[str, Any], networks: Networks) -> None:
        # The time left follows from the latest steps only, so that it soon recovers from a pause.
        step, seconds = record["step"], time.monotonic() - self.last_time
        if self.printed and seconds < MIN_SECONDS and step < self.steps:
            return
        left = _limited(seconds / max(self.steps_since, 1) * (self.steps - step), self.deadline)
        self.steps_since, self.last_time, self.printed = 0, self.last_time + seconds, True
        print_message(f"step {step}/{self.steps}  {describe(record)}  {clock(left)} left")

    def on_message(self, text: str) -> None:
        print_message(text)


class LiveProgress(PlainProgress):
    """Shows a bar, the latest record and, if the terminal can show images, the latest samples.

    A thread of rich redraws them four times per second, or once with images, which are thousands of characters.
    """

    def __init__(self, minutes: float | None = None) -> None:
        super().__init__(minutes)
        self.live = Live()  # on_train_end may be called without on_train_start

    def on_train_start(self, step: int, steps: int) -> None:
        super().on_train_start(step, steps)
        self.record = Text("waiting for the first record", style="dim", overflow="fold")
        self.bar = Progress(
            TextColumn("step"), MofNCompleteColumn(), BarColumn(), _TimeLeftColumn(self.deadline), TextColumn("left"),
            console=messages(),
        )  # fmt: skip
        self.task = self.bar.add_task("", total=steps, completed=step)
        self.images = can_show(messages())
        refresh = 1 if self.images else 4
        self.live = Live(Group(self.record, self.bar), console=messages(), transient=True, refresh_per_second=refresh)
        self.next_update = 0.0
        self.live.start()

    def on_step(self, step: int, networks: Networks) -> None:
        now = time.monotonic()
        if now >= self.next_update:  # an update takes a lock, and a step may take less than a millisecond
            self.bar.update(self.task, completed=step)
            self.next_update = now + 0.1

    def on_log(self, record: dict[str, Any], networks: Networks) -> None:
        self.record.plain = describe(record)
        self.record.style = ""

    def on_samples(self, images: Tensor, columns: int) -> None:
        if self.images:
            self.live.update(Group(live_image(images, columns, messages()), self.record, self.bar))

    def on_train_end(self) -> None:
        self.live.stop()


class _TimeLeftColumn(ProgressColumn):
    """Time until the last step or the deadline, whichever comes first."""

    max_refresh = 0.5

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self.deadline = deadline

    def render(self, task: Task) -> Text:
        left = _limited(inf if task.time_remaining is None else task.time_remaining, self.deadline)
        return Text("-:--" if left == inf else clock(left), style="progress.remaining")


def _limited(seconds: float, deadline: float) -> float:
    return min(seconds, max(0.0, deadline - time.monotonic()))


def make_progress(quiet: bool, minutes: float | None = None) -> Callback:
    """Return the callback for the output: none if quiet, a live bar on a terminal, else plain lines.

    Args:
        minutes: time limit of the training.
    """
    if quiet:
        return Callback()
    on_terminal = messages().is_terminal and not messages().is_dumb_terminal
    return (LiveProgress if on_terminal else PlainProgress)(minutes)


def describe(record: dict[str, Any]) -> str:
    """Format a record of metrics.jsonl as one line."""
    terms = "  ".join(f"{name} {value:.4g}" for name, value in loss_terms(record).items())
    return f"epoch {record['epoch']:.1f}  {terms}  {format_rate(record['images_per_second'])} images/s"
