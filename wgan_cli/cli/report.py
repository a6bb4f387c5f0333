"""`wgan report`."""

from pathlib import Path
from typing import Annotated

import typer

from wgan_cli.cli.arguments.completion import complete_run
from wgan_cli.cli.arguments.options import DataRoot, Device, command_device, examples, refuse_given
from wgan_cli.cli.arguments.output_path import Force, check_overwrite, default_path
from wgan_cli.console import print_message
from wgan_cli.runs.run_dir import open_run
from wgan_cli.utils.files import check_suffix
from wgan_cli.utils.format import format_bytes


@examples(
    "wgan report runs/digits_dcgan",
    "wgan report runs/mnist_dcgan runs/mnist_dcgan-2 --out both.html",
    "wgan report runs/mnist_dcgan --nearest --data-root data",
)
def report(
    context: typer.Context,
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders.", autocompletion=complete_run)],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.html", help=r"HTML file. \[default: report.html]")
    ] = None,
    force: Force = False,
    nearest: Annotated[
        bool, typer.Option("--nearest", help="Include nearest training images, and power spectra.")
    ] = False,
    data_root: DataRoot = None,
    device: Device = "auto",
) -> None:
    """Write an HTML report of one run, or of several side by side."""
    check_overwrite(out, force)
    from wgan_cli.cli.arguments.several_runs import refuse_folder_of_runs
    from wgan_cli.report.facts import gather
    from wgan_cli.report.html_page import write_page

    refuse_folder_of_runs(runs, "report")
    if out is not None:
        check_suffix(out, (".html", ".htm"), "report.html", "--out")
    real = []
    if not nearest:
        refuse_given(context, ("data_root", "device"), "is for --nearest", ", or add --nearest")
    else:
        from wgan_cli.data import default_data_root
        from wgan_cli.report.real_comparison import compare_with_real_images

        root, device_ = data_root or default_data_root(), command_device(device)
        real = [compare_with_real_images(open_run(run).path, root, device_, print_message) for run in runs]
    gathered = gather(runs, real)
    path = out or default_path(context, Path("report.html"), force)
    size = write_page(gathered, path)
    for run in gathered.runs:
        for phrase in run.missing:
            print_message(f"{run.facts.path}: {phrase}")
    print_message(f"report: {path} ({format_bytes(size)})")
