"""Options of `wgan tune`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from wgan_cli.cli.arguments.completion import complete_search

_search = partial(typer.Option, rich_help_panel="Search")
_files = partial(typer.Option, rich_help_panel="Output")
MINUTES, RUNGS, MOST_RUNGS = 5.0, 3, 8

Tries = Annotated[
    list[str] | None,
    _search("--try", metavar="KEY=A,B|KEY=LOW..HIGH", help="Values of a setting to try; repeatable."),
]
Minutes = Annotated[
    float | None,
    _search(
        "--minutes",
        min=0.001,
        metavar="M",
        help=rf"Minutes of each training in the last rung. \[default: {MINUTES:g}]",
    ),
]
Budget = Annotated[
    float | None, _search("--budget", min=0.0, metavar="M", help="Limit of minutes for the whole search.")
]
Rungs = Annotated[
    int | None,
    _search(
        "--rungs",
        min=1,
        max=MOST_RUNGS,
        help=rf"Number of rungs, each with half the candidates and twice the minutes. \[default: {RUNGS}]",
    ),
]
Trials = Annotated[int | None, _search("--trials", min=2, help="Maximum number of candidates, drawn at random.")]
BestBy = Annotated[str | None, _search("--best-by", help=r"Score to compare (best_by). \[default: the recipe's]")]
DryRun = Annotated[bool, _search("--dry-run", help="Show the plan after a rehearsal of one step.")]
Out = Annotated[Path | None, _files("--out", help=r"Folder of the search. \[default: runs/RECIPE-tune]")]
Resume = Annotated[
    Path | None,
    _files("--resume", metavar="FOLDER", help="Search to continue.", autocompletion=complete_search),
]
