"""`wgan tune`."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgan_cli.cli.arguments.options import (
    DataRoot,
    Device,
    Images,
    Json,
    OptionalSeed,
    RecipeOption,
    Settings,
    Targets,
    examples,
)
from wgan_cli.cli.arguments.tuning_options import (
    MINUTES,
    RUNGS,
    BestBy,
    Budget,
    DryRun,
    Minutes,
    Out,
    Resume,
    Rungs,
    Trials,
    Tries,
)
from wgan_cli.console import data, print_message
from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.recipe.recipe_files import DEFAULT_RECIPE

if TYPE_CHECKING:
    from wgan_cli.tuning.plan import Request
    from wgan_cli.tuning.search_dir import SearchDir


@examples(
    "wgan tune digits_dcgan --try optim.lr=0.002,0.005,0.01 --minutes 1",
    "wgan tune mnist_dcgan --try optim.lr=0.001,0.003 --try objective.n_critic=1,2 --budget 60",
    "wgan tune mnist_dcgan --try optim.lr=0.0005..0.02 --trials 8",
    "wgan tune --resume runs/mnist_dcgan-tune",
)
def tune(
    targets: Targets = None,
    recipe: RecipeOption = None,
    images: Images = None,
    settings: Settings = None,
    tries: Tries = None,
    minutes: Minutes = None,
    budget: Budget = None,
    rungs: Rungs = None,
    trials: Trials = None,
    best_by: BestBy = None,
    dry_run: DryRun = False,
    seed: OptionalSeed = None,
    device: Device = "auto",
    out: Out = None,
    resume: Resume = None,
    data_root: DataRoot = None,
    as_json: Json = False,
) -> int:
    """Search a recipe's settings by successive halving."""
    from wgan_cli.cli.arguments.training_target import resolve_target
    from wgan_cli.cli.render.tune_report import describe_plan
    from wgan_cli.recipe.overrides import option_settings
    from wgan_cli.tuning.plan import make_plan
    from wgan_cli.tuning.search_dir import create_search, open_search

    if resume is not None:
        fixed = {
            "a recipe": targets or recipe, "--data": images, "--set": settings, "--try": tries, "--out": out,
            "--minutes": minutes, "--budget": budget, "--rungs": rungs, "--trials": trials, "--best-by": best_by,
            "--seed": seed,
        }  # fmt: skip
        if given := [name for name, value in fixed.items() if value is not None]:
            raise WganError(
                f"--resume continues a search as planned, without {given[0]}",
                f"wgan tune --resume {shlex.quote(str(resume))}",
            )
        folder: SearchDir | None = open_search(resume)
        plan = folder.plan
    else:
        chosen, changes = resolve_target(targets or (), recipe, images or (), device=device, settings=settings or ())
        changes += [*(settings or []), *option_settings({"best_by": best_by, "seed": seed})]
        request = _request(
            chosen, changes, tries, minutes=minutes or MINUTES, budget=budget, rungs=rungs or RUNGS, trials=trials,
            seed=seed or 0,
        )  # fmt: skip
        folder = _same_search(request, out)
        plan = folder.plan if folder else make_plan(request, data_root, device, print_message)
    print_message(describe_plan(plan))
    if dry_run:
        print_message("dry run: everything is valid, nothing was written")
        return ExitStatus.DONE
    return _run(folder or create_search(out, plan), data_root, device, as_json)


def _request(chosen: str | None, changes: list[str], tries: list[str] | None, **numbers: Any) -> Request:
    from wgan_cli.recipe import load_recipe
    from wgan_cli.tuning.plan import Request

    if not tries:
        raise WganError("there is nothing to try", "name a setting and its values: --try optim.lr=0.001,0.003")
    return Request(load_recipe(chosen or DEFAULT_RECIPE, changes, print_message), tuple(tries), **numbers)


def _same_search(request: Request, out: Path | None) -> SearchDir | None:
    """Return the search in --out if it has the same request, None if there is no search yet."""
    from wgan_cli.runs.run_dir import check_free, is_run
    from wgan_cli.tuning.plan import request_values
    from wgan_cli.tuning.search_dir import is_search, open_search

    if out is None or not is_search(out):
        if out is not None and is_run(out):
            raise WganError(f"{out} is a run, not a search", "choose another --out")
        if out is not None:
            check_free(out)
        return None
    found = open_search(out)
    if request_values(found.plan.request) != request_values(request):
        raise WganError(
            f"{out} is a search with other options",
            f"continue it with --resume {shlex.quote(str(out))}, or choose another --out",
        )
    return found


def _run(folder: SearchDir, data_root: Path | None, device: str, as_json: bool) -> ExitStatus:
    """Run or continue a search and show its standings; return the exit status."""
    from wgan_cli.cli.render import tune_report as render
    from wgan_cli.tuning.search import Search

    print_message(f"search: {folder.path}")
    search = Search(folder, data_root, device, shlex.join(["wgan", *sys.argv[1:]]))
    try:
        with render.SearchProgress(search) as progress:
            status = search.run(progress.observe)
    except KeyboardInterrupt:  # between two trainings
        status = ExitStatus.INTERRUPTED
    if status != ExitStatus.DONE:
        print_message(f"stopped; everything is saved\ncontinue: wgan tune --resume {shlex.quote(str(folder.path))}")
        return status
    if as_json:
        data().print(json.dumps(render.standings_json(search)), soft_wrap=True)
    else:
        data().print(render.standings_table(search))
    print_message(render.describe_end(search))
    return ExitStatus.DONE
