"""Files that a command writes for its user. Nothing that exists is overwritten without --force."""

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from wgan_cli.errors import WganError
from wgan_cli.runs.run_dir import numbered
from wgan_cli.utils.files import is_free, writing

Force = Annotated[bool, typer.Option("--force", help="Overwrite existing files.")]


def check_overwrite(path: str | Path | None, force: bool, option: str = "--out") -> None:
    """Raise a WganError if a path is given and exists, unless it is an empty folder or may be overwritten.

    Call it before any work.
    """
    if path is not None and not force and not is_free(path):
        raise WganError(
            f"{path} already exists", f"--force overwrites files of the same name; or choose another {option}"
        )


def default_path(context: typer.Context, path: Path, force: bool) -> Path:
    """Return the first free one of NAME.png, NAME-2.png..., or the first of all if it may be overwritten.

    An empty file reserves the name, so that commands running at the same time get different ones; it is removed if the
    command ends without having written it. Raises: WganError if the folder is not writable.
    """
    if force:
        return path
    with writing(path):
        candidates = (path.with_stem(f"{path.stem}{end}") for end in numbered())
        reserved = next(each for each in candidates if _reserve(each))
    context.call_on_close(partial(_release, reserved))
    return reserved


def _reserve(path: Path) -> bool:
    """Create an empty file; return False if the path exists."""
    try:
        path.open("xb").close()
    except FileExistsError:
        return False
    return True


def _release(path: Path) -> None:
    with suppress(OSError):
        if path.stat().st_size == 0:
            path.unlink()
