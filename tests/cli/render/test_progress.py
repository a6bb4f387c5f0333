"""Progress in a pipe: few lines however fast the steps are."""

from types import SimpleNamespace

import pytest

from wgan_cli.cli.render import progress
from wgan_cli.training.callback import Networks


@pytest.mark.parametrize(
    ("step_seconds", "shown"),
    [(1 / 1024, [50, 1100, 2150, 2500]), (1.0, range(50, 2501, 50))],
    ids=["fast", "slow"],
)
def test_lines_of_a_pipe_are_a_second_apart(monkeypatch, step_seconds, shown):
    now, lines = [0.0], []
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress, "print_message", lines.append)
    plain, networks = progress.PlainProgress(), Networks(*4 * [None])  # type: ignore[arg-type]
    plain.on_train_start(0, 2500)
    for step in range(1, 2501):
        now[0] += step_seconds
        plain.on_step(step, networks)
        if step % 50 == 0:
            plain.on_log({"step": step, "epoch": 0.0, "images_per_second": 1.0}, networks)
    assert [int(line.split()[1].partition("/")[0]) for line in lines] == list(shown)
    left = [line.split()[-2] for line in lines]
    assert left[-1] == "0:00" and left[0] == progress.clock(2450 * step_seconds)


@pytest.mark.parametrize("step_seconds", [0.5, 0.01])
def test_the_time_left_ends_with_the_time_limit(monkeypatch, step_seconds):
    """At half a second per step, 3 minutes are over before 1,000 steps; at a hundredth they are not."""
    now, lines = [0.0], []
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress, "print_message", lines.append)
    plain, networks = progress.PlainProgress(minutes=3), Networks(*4 * [None])  # type: ignore[arg-type]
    plain.on_train_start(0, 1000)
    for step in range(1, 101):
        now[0] += step_seconds
        plain.on_step(step, networks)
    plain.on_log({"step": 100, "epoch": 0.0, "images_per_second": 1.0}, networks)
    left = progress.clock(min(900 * step_seconds, 180 - 100 * step_seconds))
    assert lines[0].endswith(f" {left} left")
    column = progress._TimeLeftColumn(plain.deadline)
    assert column.render(SimpleNamespace(time_remaining=900 * step_seconds)).plain == left  # type: ignore[arg-type]
