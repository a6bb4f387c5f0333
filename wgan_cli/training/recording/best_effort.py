"""Best-effort writes: training continues if a file that it doesn't need cannot be written."""

import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.runs.run_dir import RunDir, step_of
from wgan_cli.utils.files import fix_for
from wgan_cli.utils.format import Log


class BestEffort:
    """Turns errors of optional writes into warnings, one per cause until the write works again."""

    def __init__(self, run: RunDir, log: Log) -> None:
        self.run, self.log = run, log
        self.failing: set[str] = set()

    @contextmanager
    def optional(self, what: str) -> Iterator[None]:
        """Log a WganError from the block as a warning that `what` is missing.

        Raises: WganError (status FAILED) if the whole run folder is gone.
        """
        try:
            yield
        except WganError as error:
            if not self.run.path.is_dir():
                raise self.save_error(error) from error
            self.warn_once(what, f"warning: {error.message}; training continues without {what}")
        else:
            self.failing.discard(what)

    def warn_once(self, what: str, text: str) -> None:
        """Log `text` unless `what` is already known to fail."""
        if what not in self.failing:
            self.failing.add(what)
            self.log(text)

    def save_error(self, error: WganError) -> WganError:
        """Return the error of a checkpoint that cannot be written, with the fix and the command that resumes."""
        path = self.run.path
        if not path.is_dir():
            return WganError(
                f"the run folder {path} was deleted or moved during training",
                "put it back and --resume it, or train again",
                ExitStatus.FAILED,
            )
        saved = self.run.checkpoint_files()
        if not saved or not isinstance(error.__cause__, OSError):
            return error
        free, size = shutil.disk_usage(path).free / 1e6, saved[-1].stat().st_size / 1e6
        space = f"{free:.1f} MB free, {size:.1f} MB needed"
        hint = f"{fix_for(error.__cause__)} ({space}), then: wgan train --resume {shlex.quote(str(path))}"
        return WganError(error.message, f"{hint}; it continues from step {step_of(saved[-1])}", ExitStatus.FAILED)
