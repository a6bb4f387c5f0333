"""What a run can do without, and what it cannot: a disk that is full or gone, in words."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.runs.run_dir import RunDir, step_of
from wgan_cli.utils.files import fix_for


class BestEffort:
    """Goes on where something fails that no later step needs, and says so once until it works again.

    Args:
        note: told in words what is missing.
    """

    def __init__(self, run: RunDir, note: Callable[[str], None]) -> None:
        self.run, self.note = run, note
        self.missing: set[str] = set()

    @contextmanager
    def dispensable(self, what: str) -> Iterator[None]:
        """Let a WganError inside the block pass with a warning.

        Raises: WganError (status FAILED) where the whole run folder is gone.
        """
        try:
            yield
        except WganError as error:
            if not self.run.path.is_dir():
                raise self.cannot_save(error) from error
            self.note_once(what, f"warning: {error.message}; training goes on without {what}")
        else:
            self.missing.discard(what)

    def note_once(self, what: str, text: str) -> None:
        """Say something about `what`, unless it is known to be missing."""
        if what not in self.missing:
            self.missing.add(what)
            self.note(text)

    def cannot_save(self, error: WganError) -> WganError:
        """The error with what to do about it, and how to go on from the last checkpoint."""
        path = self.run.path
        if not path.is_dir():
            return WganError(
                f"the run folder {path} is gone since training began",
                "put it back where it was and --resume it, or train again",
                ExitStatus.FAILED,
            )
        kept = self.run.checkpoint_files()
        if not kept or not isinstance(error.__cause__, OSError):
            return error
        free, takes = shutil.disk_usage(path).free / 1e6, kept[-1].stat().st_size / 1e6
        space = f"{free:.1f} MB are free, a checkpoint takes {takes:.1f} MB"
        hint = f"{fix_for(error.__cause__)} ({space}), then: wgan train --resume {shlex.quote(str(path))}"
        return WganError(error.message, f"{hint}; it continues from step {step_of(kept[-1])}", ExitStatus.FAILED)
