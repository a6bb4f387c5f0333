"""The page of a run that has just ended."""

from __future__ import annotations

from collections.abc import Callable

import torch

from wgan_cli.data import default_data_root
from wgan_cli.errors import WganError
from wgan_cli.evaluation.evaluate import Reference
from wgan_cli.evaluation.translation import AnyReference
from wgan_cli.report.facts import gather
from wgan_cli.report.html_page import write_page
from wgan_cli.report.nearest import find_nearest
from wgan_cli.runs.run_dir import RunDir


def report_at_the_end(
    run: RunDir, device: torch.device, reference: AnyReference | None, log: Callable[[str], None]
) -> None:
    """Write the page of a run that has just ended; where that fails, the run is as good as before.

    Args:
        reference: what the run was measured beside; with its real images at hand, the nearest of them are shown too.
    """
    try:
        found = None
        if isinstance(reference, Reference):
            found = find_nearest(run.path, default_data_root(), device, log, reference)
        write_page(gather([run.path], [found]), run.report_file)
    except WganError as error:
        log(f"warning: no report: {error.message}")
    else:
        log(f"report: {run.report_file}")
