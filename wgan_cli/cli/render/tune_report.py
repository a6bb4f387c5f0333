"""Output of `wgan tune`: the plan, the progress of the trainings, and the standings."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from wgan_cli.cli.render.text_table import make_table
from wgan_cli.cli.render.train_report import sample_options
from wgan_cli.console import messages, print_message
from wgan_cli.errors import one_line
from wgan_cli.recipe.scores import SCORES, format_score, title_of
from wgan_cli.training.callback import Callback, Networks

if TYPE_CHECKING:
    from rich.table import Table

    from wgan_cli.tuning.plan import Plan
    from wgan_cli.tuning.search import Search, Training


def describe_plan(plan: Plan) -> str:
    """Return which candidates train for how long, and why not all."""
    request, count = plan.request, len(plan.candidates)
    by = request.recipe.best_by
    better = "lower" if SCORES[by].lower_is_better else "higher"
    if plan.combinations is None:
        chosen = f"{count} random candidates"
    elif count == plan.combinations:
        chosen = f"all {count} combinations"
    else:
        limit = f"--budget {request.budget:g} is enough for" if count != request.trials else "as --trials asks"
        chosen = f"{count} of {plan.combinations} combinations, drawn at random ({limit})"
    lines = [f"{request.recipe.name}: {chosen}, by {title_of(by)} ({better} is better)"]
    for number, rung in enumerate(plan.rungs):
        steps = [candidate.for_minutes(rung.minutes).steps or 0 for candidate in plan.candidates]
        span = f"{min(steps):,}" + (f" to {max(steps):,}" if min(steps) < max(steps) else "")
        who = "all" if number == 0 else "the best"
        lines.append(f"rung {number + 1}: {who} {rung.count} for {rung.minutes:.3g} minutes, {span} steps")
    training = sum(rung.count * rung.minutes for rung in plan.rungs)
    lines.append(
        f"about {plan.minutes:.3g} minutes: {training:.3g} of training, {plan.minutes - training:.2g} of loading and "
        "evaluation"
    )
    return "\n".join(lines)


class SearchProgress:
    """Prints a line per finished training; on a terminal also the standings and a bar of the current training."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), TextColumn("left"), console=messages()
        )
        self.task = self.bar.add_task("")
        shown = messages().is_terminal and not messages().is_dumb_terminal
        self.live = Live(console=messages(), transient=True) if shown else None

    def __enter__(self) -> SearchProgress:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    def observe(self, training: Training) -> Sequence[Callback]:
        """Show a training that starts, or has ended."""
        plan = self.search.plan
        name, steps = plan.candidates[training.candidate].name, training.recipe.steps or 0
        about = f"rung {training.rung + 1} of {len(plan.rungs)}: {name}"
        if training.outcome is not None:
            print_message(f"{about}, {steps:,} steps: {_result(training, self.search)}")
            return ()
        self.bar.reset(self.task, total=steps, description=about)
        if self.live:
            self.live.update(Group(standings_table(self.search), self.bar))
        return [_Bar(self.bar, self.task)]


class _Bar(Callback):
    """Moves the bar of a training."""

    def __init__(self, bar: Progress, task: Any) -> None:
        self.bar, self.task, self.next_update = bar, task, 0.0

    def on_step(self, step: int, networks: Networks) -> None:
        if (now := time.monotonic()) >= self.next_update:
            self.bar.update(self.task, completed=step)
            self.next_update = now + 0.1


def _result(training: Training, search: Search) -> str:
    outcome, by = training.outcome, search.plan.request.recipe.best_by
    if outcome is None:
        return ""
    return (
        f"failed: {outcome.failure}" if outcome.score is None else f"{title_of(by)} {format_score(by, outcome.score)}"
    )


def standings_table(search: Search) -> Table:
    """Return all candidates, best first, with their score in each rung."""
    plan, by = search.plan, search.plan.request.recipe.best_by
    keys = [setting.partition("=")[0] for setting in plan.candidates[0].settings]
    rungs = [f"{title_of(by)}, {rung.minutes:.3g} min" for rung in plan.rungs]
    rows = []
    for place, standing in enumerate(search.standings(), start=1):
        values = [setting.partition("=")[2] for setting in plan.candidates[standing.candidate].settings]
        cells = [""] * len(rungs)
        for training in standing.trainings:
            if training.outcome is not None:
                score = training.outcome.score
                cells[training.rung] = "failed" if score is None else format_score(by, score)
        last = standing.trainings[-1].run.path.name if standing.trainings else ""
        rows.append([str(place), *values, *cells, last])
    right = range(1 + len(keys), 1 + len(keys) + len(rungs))
    return make_table(("", *keys, *rungs, "last run"), rows, right)


def standings_json(search: Search) -> list[dict[str, Any]]:
    """Return the standings as plain values, best first."""
    return [
        {
            "settings": list(search.plan.candidates[standing.candidate].settings),
            "score": standing.score,
            "failure": standing.failure or None,
            "runs": [
                {
                    "path": str(each.run.path),
                    "steps": each.recipe.steps,
                    "score": each.outcome.score if each.outcome else None,
                }
                for each in standing.trainings
            ],
        }
        for standing in search.standings()
    ]


def describe_end(search: Search) -> str:
    """Return the winner and the commands to try next."""
    winner, plan = search.standings()[0], search.plan
    last = winner.trainings[-1]
    recipe, run, folder = (
        shlex.quote(str(path)) for path in (search.folder.winner_file, last.run.path, search.folder.path)
    )
    found = (
        f"{plan.candidates[winner.candidate].name}, {_result(last, search)} after {plan.rungs[last.rung].minutes:.3g}"
    )
    compared = max((number for number, rung in enumerate(plan.rungs) if rung.count > 1), default=0)
    return "\n".join(
        (
            one_line(f"best: {found} minutes: {last.run.path}"),
            f"next: wgan train --recipe {recipe}",
            f"      wgan sample --ckpt {run} {sample_options(last.recipe)}",
            f"      wgan compare {folder}/rung{compared + 1}-*",
        )
    )
