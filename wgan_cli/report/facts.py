"""Everything that a report shows. Unreadable files are named, and the rest is shown."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wgan_cli.objectives import build_objective
from wgan_cli.outputs.summary import RunFacts
from wgan_cli.recipe import ImageShape, recipe_from_dict
from wgan_cli.recipe.scores import BASELINE, compare_with_real, format_score, main_score, title_of
from wgan_cli.report.comparison import Comparison, compare
from wgan_cli.report.pictures import Frame, RealComparison, read_frames
from wgan_cli.runs.metrics_log import scores_of
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.utils.format import clock, count_of

_ANY_SHAPE = ImageShape(32, 32, 3)  # meanings of loss terms don't depend on it


@dataclass(frozen=True)
class RunReport:
    """The contents of a report about one run.

    Attributes:
        name: unique among the runs of the report.
        scores: at the best generator's step, or of the last evaluation.
        meanings: of the loss terms.
        missing: a phrase for each thing that could not be read.
    """

    name: str
    facts: RunFacts
    scores: dict[str, float]
    meanings: dict[str, str]
    environment: dict[str, Any] = field(default_factory=dict)
    frames: tuple[Frame, ...] = field(default=(), repr=False)
    real: RealComparison | None = field(default=None, repr=False)
    missing: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """The run's progress, such as "finished: 2,500 steps in 1:11"."""
        run = self.facts
        steps = count_of(run.step if run.state == "finished" else run.steps, "step")
        of_all = "" if run.state == "finished" else f"{run.step:,} of "
        return f"{run.state}: {of_all}{steps} in {clock(run.seconds)}"

    @property
    def verdict(self) -> str:
        """A sentence about the best score, or how to measure one."""
        best, features = self.facts.best, ""
        if best is not None:
            subject, name, value = f"Best generator (step {best.step:,})", best.score.by, best.score.value
            features = " (random features)" if " in random-" in best.score.measured else " (classifier features)"
        elif main := main_score(self.scores):
            subject, name, value = "Generator", main, self.scores[main]
        else:
            return "Sample quality was not measured, and losses do not show it; run `wgan evaluate`."
        text = f"{subject}: {title_of(name)} {format_score(name, value)}"
        if name == "fd":
            text += features
            text += f"; {compare_with_real(value, self.scores[BASELINE])}" if self.scores.get(BASELINE) else ""
        return f"{text}."


@dataclass(frozen=True)
class Report:
    """Runs and their comparison."""

    runs: tuple[RunReport, ...]
    comparison: Comparison


def gather(paths: Sequence[Path], real: Sequence[RealComparison | None] = ()) -> Report:
    """Read runs, also while they train; real: of each run, or empty. Raises: WganError, see `compare`."""
    comparison = compare(paths)
    real = real or [None] * len(paths)
    return Report(tuple(map(_read_run, comparison.names, comparison.runs, real)), comparison)


def _read_run(name: str, facts: RunFacts, real: RealComparison | None) -> RunReport:
    run, missing = RunDir(Path(facts.path)), []
    frames = read_frames(run.sample_files(), missing.append)
    if not frames and not missing:
        missing.append("there is no sample grid yet")
    if not facts.history:
        missing.append("no losses have been logged yet")
    environment = run.read_environment()
    if not environment:
        missing.append(f"{run.environment_file.name} cannot be read")
    report = report_from_records(name, facts)
    return replace(report, environment=environment, frames=frames, real=real, missing=tuple(missing))


def report_from_records(name: str, facts: RunFacts) -> RunReport:
    """Return a report of a run's records alone, without images and environment."""
    meanings = build_objective(recipe_from_dict(facts.recipe, name), _ANY_SHAPE).meanings
    best = None if facts.best is None else facts.best.step
    record = next((record for record in facts.history if record["step"] == best), {})
    return RunReport(name, facts, scores_of(record) or facts.scores, meanings)
