"""Recognize arguments that name images, and check those that don't."""

import os
import shlex
import zipfile
from collections.abc import Sequence
from pathlib import Path

from wgan_cli.errors import WganError
from wgan_cli.recipe.data_settings import NAMED
from wgan_cli.utils.format import Log
from wgan_cli.utils.hub import REMOTE
from wgan_cli.utils.image_formats import READABLE_SUFFIXES


def is_data(what: str) -> bool:
    """Return True if an argument names images and not a run, a checkpoint or a recipe."""
    path = Path(what)
    if os.path.isdir(what):
        from wgan_cli.runs.run_dir import is_exported, is_run, runs_inside

        return not (is_run(path) or is_exported(path) or runs_inside(path)) and (what in NAMED or _names(path) != [])
    if not os.path.isfile(what):
        names_set = what in NAMED or what.startswith(REMOTE) or is_shards(what)
        return names_set or any(map(_holds_images, filter(os.path.isfile, path.parents)))
    return _holds_images(path)


def is_shards(what: str) -> bool:
    """Return True for a pattern such as images-{000..255}.tar, or a folder of .tar files and documents only."""
    if os.path.isdir(what):
        from wgan_cli.data.containers.container import is_hidden
        from wgan_cli.data.files.labelling import is_document

        names = [name for name in _names(Path(what)) if not is_hidden(name)]
        tars = [name.endswith(".tar") for name in names]
        return any(tars) and all(tar or is_document(name) for tar, name in zip(tars, names, strict=True))
    return "{" in what and what.endswith(".tar")


def check_no_images(what: str) -> None:
    """Raise a WganError for an empty folder or a single image, given in place of a run, a checkpoint or images."""
    path = Path(what)
    if os.path.isdir(what) and not _names(path):
        raise WganError(f"{what} contains no images", "give a run, a checkpoint, or a folder of images")
    if os.path.isfile(what) and path.suffix.lower().removeprefix(".") in READABLE_SUFFIXES:
        raise WganError(f"{what} is one image", f"give its folder: {shlex.quote(f'{path.parent}/')}")


def check_together(images: Sequence[str]) -> None:
    """Raise WganError for several sets of images that can't be used as one."""
    kinds = {"set" if each in NAMED else "shards" if is_shards(each) else "files" for each in images}
    if len(images) > 1 and kinds not in ({"shards"}, {"files"}):
        raise WganError(f"{' and '.join(images)} can't be combined", "give folders, archives and files, or only shards")


def note_namesakes(images: Sequence[str], log: Log) -> None:
    """Say which is used of a data set and a folder or file of the same name."""
    for name in images:
        if name in NAMED and os.path.exists(name):
            kind = "folder" if os.path.isdir(name) else "file"
            log(f"{name}: the data set of that name; the {kind} is ./{name}")


def _holds_images(file: Path) -> bool:
    """Return True for an archive or a file of arrays or tables, also a damaged one, that isn't a checkpoint."""
    if file.suffix.lower() in (".zip", ".tar", ".tgz", ".tbz", ".txz", ".gz", ".bz2", ".xz", ".npz", ".npy"):
        return True
    if file.suffix.lower() in (".pth", ".pt", ".yaml", ".yml"):
        return False
    from wgan_cli.data.containers.archives import ZipContainer
    from wgan_cli.data.containers.folders import kind_of

    try:
        kind = kind_of(file)
        if kind is not ZipContainer:
            return kind is not None
        with zipfile.ZipFile(file) as archive:
            return not any(name.endswith("/data.pkl") for name in archive.namelist())  # written by torch.save
    except (zipfile.BadZipFile, WganError):
        return True  # a damaged archive
    except OSError:
        return False


def _names(folder: Path) -> list[str]:
    """List a folder; an unreadable one counts as not empty, so that reading it reports the reason."""
    try:
        return os.listdir(folder)
    except OSError:
        return [""]
