"""What a person sees while a run trains: a live bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from wgan_cli.console import messages, print_message
from wgan_cli.runs.metrics_log import NOT_TERMS
from wgan_cli.training.callback import Callback
from wgan_cli.utils.format import clock

if TYPE_CHECKING:
    from torch import Tensor


class Quiet(Callback, AbstractContextManager):
    """Shows nothing."""

    def __exit__(self, *exception: object) -> None:
        pass


class PlainLines(Quiet):
    """One line for each record, for pipes and log files."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.since, self.last_time = 0, time.monotonic()

    def on_step(self, step: int) -> None:
        self.since += 1

    def on_log(self, record: dict[str, Any]) -> None:
        # By the newest steps alone: a run that was held up for a while soon says again what is true.
        step, now = record["step"], time.monotonic()
        left = (now - self.last_time) / max(self.since, 1) * (self.steps - step)
        self.since, self.last_time = 0, now
        print_message(f"step {record['step']}/{self.steps}  {describe(record)}  {clock(left)} left")

    def on_message(self, text: str) -> None:
        print_message(text)


class LiveBar(Quiet):
    """The newest samples where the terminal shows pictures, the newest record and a bar.

    A thread of rich's draws them again: four times a second, with a picture once, for that is thousands of letters.
    """

    def __init__(self, start: int, steps: int) -> None:
        from rich.console import Group
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.text import Text

        from wgan_cli.cli.render.terminal_image import can_show

        self.record = Text("the first losses follow", style="dim", overflow="fold")
        self.bar = Progress(
            TextColumn("step"), MofNCompleteColumn(), BarColumn(), TimeRemainingColumn(), TextColumn("left"),
            console=messages(),
        )  # fmt: skip
        self.task = self.bar.add_task("", total=steps, completed=start)
        self.pictures = can_show(messages())
        often = 1 if self.pictures else 4
        self.live = Live(Group(self.record, self.bar), console=messages(), transient=True, refresh_per_second=often)
        self.next_update = 0.0

    def __enter__(self) -> LiveBar:
        self.live.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self.live.__exit__(None, None, None)

    def on_step(self, step: int) -> None:
        now = time.monotonic()
        if now >= self.next_update:  # an update takes a lock; a step may take less than a millisecond
            self.bar.update(self.task, completed=step)
            self.next_update = now + 0.1

    def on_log(self, record: dict[str, Any]) -> None:
        self.record.plain = describe(record)
        self.record.style = ""

    def on_message(self, text: str) -> None:
        print_message(text)  # rich puts it above the bar

    def on_samples(self, images: Tensor, columns: int) -> None:
        from rich.console import Group

        from wgan_cli.cli.render.terminal_image import live_picture

        if self.pictures:
            self.live.update(Group(live_picture(images, columns, messages()), self.record, self.bar))


def make_callback(start: int, steps: int, quiet: bool) -> Quiet:
    """The watch that fits: none if quiet, a bar on a terminal, else lines."""
    if quiet:
        return Quiet()
    return LiveBar(start, steps) if messages().is_terminal and not messages().is_dumb_terminal else PlainLines(steps)


def describe(record: dict[str, Any]) -> str:
    """A record of metrics.jsonl as one line."""
    terms = "  ".join(f"{name} {value:.4g}" for name, value in record.items() if name not in NOT_TERMS)
    return f"kimg {record['kimg']:.1f}  {terms}  {record['images_per_second']:,.0f} img/s"
