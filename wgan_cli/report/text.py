"""Run facts and scores in words."""

from __future__ import annotations

from wgan_cli.outputs.summary import RunFacts
from wgan_cli.recipe.scores import BASELINE, compare_with_real, format_score, title_of
from wgan_cli.utils.format import clock


def state_text(run: RunFacts) -> str:
    """Return a run's progress, such as "finished: 2,500 steps in 1:11"."""
    steps = f"{run.step:,}" if run.state == "finished" else f"{run.step:,} of {run.steps:,}"
    return f"{run.state}: {steps} steps in {clock(run.seconds)}"


def verdict(run: RunFacts, scores: dict[str, float]) -> str:
    """Return a sentence about the best score of a run, or how to measure one.

    Args:
        scores: of the best generator's step, or of the last evaluation.
    """
    features = ""
    if run.best is not None:
        subject, name, value = f"Best generator (step {run.best.step:,})", run.best.score.by, run.best.score.value
        features = "random features" if " in random-" in run.best.score.measured else "classifier features"
    elif scores:
        name = "fd" if "fd" in scores else next(iter(scores))
        subject, value = "Generator", scores[name]
    else:
        return "Sample quality was not measured, and losses do not show it; run `wgan evaluate`."
    text = f"{subject}: {title_of(name)} {format_score(name, value)}"
    if name == "fd":
        text += f" ({features})" if features else ""
        text += f"; {compare_with_real(value, scores[BASELINE])}" if scores.get(BASELINE) else ""
    return f"{text}."


def measured_with(run: RunFacts) -> str:
    """Return what the best score was measured with, or "" if there is none."""
    if run.best is None:
        return ""
    return f"Measured with {run.best.score.measured}. Scores from other features are not comparable."


def training_rate(run: RunFacts) -> float | None:
    """Return images/s over the whole run, without logs, grids, checkpoints and evaluations."""
    seconds = run.seconds - run.overhead_seconds
    return 1000 * run.kimg / seconds if seconds > 0 and run.kimg else None
