"""`wgan compare`."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from wgan_cli.cli.arguments.completion import complete_run
from wgan_cli.cli.arguments.options import Json, examples
from wgan_cli.cli.arguments.output_path import Force, check_overwrite
from wgan_cli.cli.render.text_table import print_table
from wgan_cli.console import data, print_message
from wgan_cli.errors import WganError
from wgan_cli.utils.files import check_suffix


@examples(
    "wgan compare runs/mnist_dcgan runs/mnist_dcgan-2",
    "wgan compare runs/* --out compared.png",
)
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Run folders.", autocompletion=complete_run)],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.png", help="Picture of the curves and newest sample grids.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Compare runs: differing settings, losses, scores and speed."""
    from wgan_cli.cli.arguments.several_runs import refuse_folder_of_runs
    from wgan_cli.report import comparison
    from wgan_cli.report.comparison_image import save_comparison

    refuse_folder_of_runs(runs, "compare")
    folders = [run for run in runs if not run.is_file()]  # a shell's `*` also finds files next to the runs
    runs = folders if len(folders) > 1 else runs
    if len(runs) < 2:
        raise WganError("there is only one run to compare", "wgan compare runs/one runs/other")
    if out is not None and out.suffix.lower() in (".html", ".htm"):
        page = shlex.join(["wgan", "report", *map(str, runs), "--out", str(out)])
        raise WganError(f"--out {out} does not end in .png", page)
    if out is not None:
        check_suffix(out, (".png",), "compared.png", "--out")
    check_overwrite(out, force)
    compared = comparison.compare(runs)
    if not comparison.scores_compare(compared):
        print_message("note: scores of different features or numbers of images don't compare")
    if out is not None:
        save_comparison(compared, out)
        print_message(f"comparison: {out}")
    if as_json:
        content = {**asdict(compared), "grids": [grid and str(grid) for grid in compared.grids]}
        data().print(json.dumps(content), soft_wrap=True)
    else:
        print_table(("", *compared.names), [(name, *each) for name, each in comparison.table_rows(compared)], right=())
