"""The report that a run with `report: true` writes at its end."""

from __future__ import annotations

import torch

from wgan_cli.data import default_data_root
from wgan_cli.errors import WganError
from wgan_cli.evaluation.evaluate import AnyReference, Reference
from wgan_cli.report.facts import gather
from wgan_cli.report.html_page import write_page
from wgan_cli.report.nearest import find_nearest
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.utils.format import Log


def write_final_report(run: RunDir, device: torch.device, reference: AnyReference | None, log: Log) -> None:
    """Write report.html into a finished run, with nearest training images if there is a reference.

    A failure is logged and does not fail the run.
    """
    try:
        nearest = []
        if isinstance(reference, Reference):
            nearest = [find_nearest(run.path, default_data_root(), device, log, reference)]
        write_page(gather([run.path], nearest), run.report_file)
    except WganError as error:
        log(f"warning: no report: {error.message}")
    else:
        log(f"report: {run.report_file}")
