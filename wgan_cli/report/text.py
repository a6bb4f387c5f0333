"""What the numbers of a run mean, in plain words."""

from __future__ import annotations

from wgan_cli.outputs.summary import RunFacts
from wgan_cli.recipe.scores import BASELINE, compare_with_real, format_score, title_of
from wgan_cli.utils.format import clock


def named(name: str) -> str:
    """Return the display name of a number."""
    return title_of(name)


def score_text(name: str, value: float) -> str:
    """Return a score as text."""
    return format_score(name, value)


def state_words(run: RunFacts) -> str:
    """How far a run is: "finished: 2,500 steps in 1:11"."""
    if run.state == "finished":
        return f"finished: {run.step:,} steps in {clock(run.seconds)}"
    return f"{run.state}: {run.step:,} of {run.steps:,} steps in {clock(run.seconds)}"


def verdict(run: RunFacts, scores: dict[str, float]) -> str:
    """What the best score of a run says, in one or two sentences; what to do where nothing was measured.

    Args:
        scores: of the best generator's step, or of the last.
    """
    if run.best is not None:
        whose = f"The best generator, of step {run.best.step:,},"
        by, value = run.best.score.by, run.best.score.value
    elif scores:
        whose = "The generator"
        by = "fd" if "fd" in scores else next(iter(scores))
        value = scores[by]
    else:
        return "How good the samples are was not measured; losses do not say it, wgan evaluate does."
    said = f"{whose} has {_an(named(by))} {named(by)} of {score_text(by, value)}"
    if by == "fd":
        said += f" ({features})" if (features := _features_kind(run)) else ""
        if scores.get(BASELINE):
            said += f"; {compare_with_real(value, scores[BASELINE])}"
    said += "."
    return said


def measured_with(run: RunFacts) -> str:
    """What the best score was measured with; "" where there is none."""
    if run.best is None:
        return ""
    return f"Measured with {run.best.score.measured}. Numbers of other features cannot be compared with these."


def _features_kind(run: RunFacts) -> str:
    if run.best is None:
        return ""
    return "random features" if " in random-" in run.best.score.measured else "classifier features"


def _an(word: str) -> str:
    return "an" if word[0] in "aeiouF" else "a"


def rate(run: RunFacts) -> float | None:
    """Images a second over the whole run, without logs, grids, checkpoints and evaluations."""
    trained = run.seconds - run.overhead_seconds
    return 1000 * run.kimg / trained if trained > 0 and run.kimg else None
