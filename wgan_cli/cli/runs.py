"""`wgan runs`."""

import json
import os
import shutil
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from shlex import join, quote
from typing import TYPE_CHECKING, Annotated

import typer

from wgan_cli.cli.arguments.options import DataRoot, Json, examples, is_given, refuse_given
from wgan_cli.cli.render.text_table import print_table
from wgan_cli.console import data, print_message
from wgan_cli.errors import WganError
from wgan_cli.recipe.scores import format_score, title_of
from wgan_cli.runs.run_dir import RUNS, RunDir
from wgan_cli.utils.format import count_of, format_bytes

if TYPE_CHECKING:
    from wgan_cli.runs.listing import RunSummary

SORTS = ("name", "state", "step", "minutes", "score", "size")
PRUNE = "prune"


@examples(
    "wgan runs",
    "wgan runs experiments --sort score",
    "wgan runs prune",
    "wgan runs prune --yes",
    "wgan runs prune --caches",
)
def runs(
    context: typer.Context,
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER|prune", help="Folder of runs; prune: lists old checkpoints, and deletes them with --yes."
        ),
    ] = RUNS,
    pruned: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of runs to prune.")] = RUNS,
    sort: Annotated[str, typer.Option("--sort", help=f"Order: {', '.join(SORTS)}.")] = "name",
    yes: Annotated[bool, typer.Option("--yes", help="Delete what prune lists.")] = False,
    caches: Annotated[
        bool, typer.Option("--caches", help="Prune decoded images and feature classifiers instead.")
    ] = False,
    data_root: DataRoot = None,
    as_json: Json = False,
) -> None:
    """List runs, or prune their old checkpoints."""
    from wgan_cli.runs.listing import summarize, superfluous_checkpoints

    if str(folder) == PRUNE and not folder.is_dir():
        refuse_given(context, ("as_json", "sort"), "is for the list of runs, and prune deletes files")
        if caches:
            if is_given(context, "pruned"):
                raise WganError(f"--caches are those of all runs, and {pruned} has none", f"remove {pruned}")
            where = () if data_root is None else ("--data-root", str(data_root))
            _prune(_caches(data_root), yes, "--caches", *where)
        else:
            refuse_given(context, ("data_root",), "holds caches, and prune deletes checkpoints", ", or add --caches")
            where = () if pruned == RUNS else (str(pruned),)
            _prune([file for run in _runs_of(pruned) for file in superfluous_checkpoints(run)], yes, *where)
        return
    if pruned != RUNS:
        raise WganError(f"two folders: {folder} and {pruned}", f"list one of them: wgan runs {quote(str(folder))}")
    if yes or caches:
        raise WganError(f"{'--yes' if yes else '--caches'} needs prune", "wgan runs prune --yes")
    refuse_given(context, ("data_root",), "is for `wgan runs prune --caches`")
    if sort not in SORTS:
        raise WganError(f"unknown --sort {sort[:40]!r}", f"choose {', '.join(SORTS)}")
    summaries = sorted(map(summarize, _runs_of(folder)), key=lambda run: _key(run, sort))
    if as_json:
        data().print(json.dumps([asdict(run) for run in summaries]), soft_wrap=True)
        return
    rows = [_row(run) for run in summaries]
    print_table(("run", "recipe", "state", "step", "minutes", "score", "size", "latest samples"), rows, (3, 4, 6))


def _runs_of(folder: Path) -> list[RunDir]:
    from wgan_cli.runs.listing import find_runs

    found = list(find_runs(folder))
    if not folder.is_dir() and folder != RUNS:
        raise WganError(
            f"there is no folder {folder}", "`wgan runs` lists those in runs/; `wgan runs prune` prunes them"
        )
    if not found:
        raise WganError(f"there are no runs in {folder}", "start one with `wgan train`, or name another folder")
    return found


def _key(run: "RunSummary", sort: str) -> tuple[object, ...]:
    best_first = (run.score is None, run.score or ())  # comparable for runs with the same score
    keys: dict[str, tuple[object, ...]] = {
        "state": (run.state,),
        "step": (-run.step,),
        "minutes": (-run.minutes,),
        "score": best_first,
        "size": (-run.bytes,),
    }
    return (*keys.get(sort, ()), run.path)


def _row(run: "RunSummary") -> tuple[str, ...]:
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


def _prune(paths: list[Path], delete: bool, *words: str) -> None:
    """List the files and folders that nothing needs, or delete them. words: of the command that deletes them."""
    size = 0
    for path in paths:
        size += sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) or path.stat().st_size
        print_message(str(path))
        if delete:
            with suppress(FileNotFoundError):  # another process has deleted it
                (shutil.rmtree if path.is_dir() else os.unlink)(path)
    verb = "deleted" if delete else f"could be deleted: {join(['wgan', 'runs', PRUNE, *words, '--yes'])}"
    print_message(f"{count_of(len(paths))}, {format_bytes(size)} {verb}" if paths else "nothing to delete")


def _caches(data_root: Path | None) -> list[Path]:
    """Return the decoded images, indices of shards and feature classifiers, which are made again when needed."""
    from wgan_cli.data import default_data_root
    from wgan_cli.data.files.decoded_cache import cache_folder
    from wgan_cli.evaluation.features import CACHE

    root = data_root or default_data_root()
    folders = (folder for folder in (cache_folder(root), root / CACHE) if folder.is_dir())
    return sorted(path for folder in folders for path in folder.iterdir() if not path.name.startswith("."))
