"""The folder of a search: its plan, one run folder for each training, and the winner's recipe."""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wgan_cli.errors import WganError
from wgan_cli.recipe.scores import format_score, title_of
from wgan_cli.recipe.yaml import dump_yaml
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.runs.run_dir import RunDir, create_folder, step_of
from wgan_cli.tuning.plan import Plan
from wgan_cli.utils.files import open_plain, write_text

_PLAN, _FAILURES = "tune.json", "failures.json"


@dataclass(frozen=True)
class Outcome:
    """Outcome of a training: a score, or why there is none."""

    score: float | None
    failure: str = ""


class SearchDir:
    """Paths and content of a search. The run folders are its only other state, so that it can stop at any moment."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self.path, self.plan = path, plan
        self.winner_file = path / "winner.yaml"

    def run(self, rung: int, candidate: int) -> RunDir:
        """Return the run folder of a candidate in a rung, both counted from 0."""
        return RunDir(self.path / f"rung{rung + 1}-{candidate + 1:02d}")

    def outcome(self, rung: int, candidate: int) -> Outcome | None:
        """Return the outcome of a training, None if it isn't finished."""
        run, by = self.run(rung, candidate), self.plan.request.recipe.best_by
        if failure := self._failures().get(run.path.name):
            return Outcome(None, failure)
        steps = self.plan.candidates[candidate].for_minutes(self.plan.rungs[rung].minutes).steps
        if [steps] != [step_of(file) for file in run.checkpoint_files()[-1:]]:
            return None
        score = next((each.get(by) for each in reversed(read_metrics(run.metrics_file)) if each["step"] == steps), None)
        return Outcome(score, "" if score is not None else "its evaluation failed")

    def record_failure(self, rung: int, candidate: int, message: str) -> None:
        """Remember that a training failed, so that a resumed search doesn't repeat it."""
        failures = {**self._failures(), self.run(rung, candidate).path.name: message}
        write_text(self.path / _FAILURES, json.dumps(failures, indent=1) + "\n")

    def write_winner(self, candidate: int, score: float, minutes: float) -> None:
        """Write the winner's recipe in its own length, with the command that trains it."""
        recipe, by, count = self.plan.request.recipe, self.plan.request.recipe.best_by, len(self.plan.candidates)
        winner = self.plan.candidates[candidate]
        open_settings = {name: getattr(recipe, name) for name in ("threads", "amp", "engine")}  # tuned by each run
        tried = {setting.partition("=")[0] for setting in winner.settings}
        values = winner.recipe.replaced(
            name=f"{recipe.name}-tuned"[:100], **{k: v for k, v in open_settings.items() if k not in tried}
        )
        found = f"{title_of(by)} {format_score(by, score)} after {minutes:g} minutes, best of {count} candidates"
        header = f"# wgan train --recipe {self.winner_file}    {found}\n# Found by wgan tune: {winner.name}\n"
        write_text(self.winner_file, header + dump_yaml(values.as_dict()))

    def _failures(self) -> dict[str, str]:
        with suppress(FileNotFoundError, ValueError), open_plain(self.path / _FAILURES) as file:
            return dict(json.load(file))
        return {}


def create_search(path: Path | None, plan: Plan) -> SearchDir:
    """Create the folder of a new search, by default runs/RECIPE-tune, and write its plan."""
    folder = create_folder(path, f"{plan.request.recipe.name}-tune")
    write_text(folder / _PLAN, json.dumps(plan.as_dict(), indent=1) + "\n")
    return SearchDir(folder, plan)


def is_search(path: Path) -> bool:
    """Return True if `path` is the folder of a search."""
    return (path / _PLAN).is_file()


def open_search(path: Path) -> SearchDir:
    """Open the folder of a search. Raises: WganError."""
    if not is_search(path):
        raise WganError(f"{path} is not a search folder: it holds no {_PLAN}", "give a folder that `wgan tune` created")
    try:
        with open_plain(path / _PLAN) as file:
            return SearchDir(path, Plan.from_dict(json.load(file), _PLAN))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WganError(f"{path / _PLAN} is damaged: {error}", "start the search again with another --out") from None
