"""`wgan runs`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from wgan_cli.cli.arguments.options import Json, examples
from wgan_cli.cli.render.tables import print_table
from wgan_cli.console import data, print_message
from wgan_cli.errors import WganError
from wgan_cli.recipe.scores import format_score, title_of
from wgan_cli.runs.listing import RunSummary, find_runs, summarize, superfluous_checkpoints
from wgan_cli.runs.run_dir import RUNS, RunDir

SORTS = ("name", "state", "step", "minutes", "score", "size")
PRUNE = "prune"


@examples(
    "wgan runs",
    "wgan runs experiments --sort score",
    "wgan runs prune",
    "wgan runs prune --yes",
)
def runs(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER|prune", help="Folder of runs; prune: delete old checkpoints.")
    ] = RUNS,
    pruned: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of runs to prune.")] = RUNS,
    sort: Annotated[str, typer.Option("--sort", help=f"Order: {', '.join(SORTS)}.")] = "name",
    yes: Annotated[bool, typer.Option("--yes", help="Delete what prune lists.")] = False,
    as_json: Json = False,
) -> None:
    """List runs, or prune their old checkpoints."""
    if str(folder) == PRUNE and not folder.is_dir():
        _prune(_runs_of(pruned), yes)
        return
    if yes:
        raise WganError("--yes needs prune", "wgan runs prune --yes")
    if sort not in SORTS:
        raise WganError(f"unknown --sort {sort[:40]!r}", f"choose {', '.join(SORTS)}")
    summaries = sorted(map(summarize, _runs_of(folder)), key=lambda run: _key(run, sort))
    if as_json:
        data().print(json.dumps([asdict(run) for run in summaries]), soft_wrap=True)
        return
    rows = [_row(run) for run in summaries]
    print_table(("run", "recipe", "state", "step", "minutes", "score", "size", "latest samples"), rows, (3, 4, 6))


def _runs_of(folder: Path) -> list[RunDir]:
    found = list(find_runs(folder))
    if not found:
        raise WganError(f"there are no runs in {folder}", "start one with `wgan train`, or name another folder")
    return found


def _key(run: RunSummary, sort: str) -> tuple[object, ...]:
    best_first = (run.score is None, run.score or ())  # comparable for runs with the same score
    keys: dict[str, tuple[object, ...]] = {
        "state": (run.state,),
        "step": (-run.step,),
        "minutes": (-run.minutes,),
        "score": best_first,
        "size": (-run.bytes,),
    }
    return (*keys.get(sort, ()), run.path)


def _row(run: RunSummary) -> tuple[str, ...]:
    name, value = run.score or ("", 0.0)
    return (
        Path(run.path).name,
        run.recipe,
        run.state,
        f"{run.step:,} of {run.steps:,}",
        f"{run.minutes:.1f}",
        f"{title_of(name)} {format_score(name, value)}" if name else "",
        f"{run.bytes / 1e6:,.0f} MB",
        run.sample or "",
    )


def _prune(found: list[RunDir], delete: bool) -> None:
    """List the checkpoints that no resume and no command needs, or delete them."""
    files = [file for run in found for file in superfluous_checkpoints(run)]
    size = sum(file.stat().st_size for file in files)
    for file in files:
        print_message(str(file))
        if delete:
            file.unlink(missing_ok=True)
    verb = "deleted" if delete else "could be deleted: wgan runs prune --yes"
    print_message(f"{len(files)} checkpoints, {size / 1e6:,.0f} MB {verb}" if files else "nothing to delete")
