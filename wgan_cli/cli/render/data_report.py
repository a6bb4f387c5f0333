"""`wgan inspect` for images: a folder, an archive or a data set."""

from __future__ import annotations

import json
import os
import shlex
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from wgan_cli.cli.render.class_counts import few_images, list_counts
from wgan_cli.cli.render.text_table import print_rows
from wgan_cli.console import data, print_message
from wgan_cli.errors import WganError
from wgan_cli.recipe.data_settings import NAMED
from wgan_cli.utils.files import make_parent
from wgan_cli.utils.format import Log
from wgan_cli.utils.hub import REMOTE
from wgan_cli.utils.image_formats import READABLE_SUFFIXES

if TYPE_CHECKING:
    from wgan_cli.data.inspection import DataFacts

SHEET_IMAGES = 100  # of the contact sheet
MAX_LISTED = 8  # sizes and modes
MAX_CLASSES = 100
SMALL = 40  # pixels; larger images lose most of their detail at 32


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


def inspect_data(what: Sequence[str], data_root: Path | None, as_json: bool, sheet: Path | None) -> None:
    """Print the facts of a set of images, or of several together, and optionally draw a contact sheet."""
    from wgan_cli.data import default_data_root
    from wgan_cli.data.inspection import inspect_folder, inspect_named_set, inspect_shards
    from wgan_cli.outputs.grid import grid_tensor, near_square, save_picture
    from wgan_cli.utils.pixels import default_preview, preview

    if sheet is not None and sheet.suffix.lower() != ".png":
        raise WganError(f"--plot {sheet} does not end in .png", f"use --plot {sheet.stem}.png")
    check_together(what)
    note_namesakes(what, print_message)
    num_pictures = 0
    if sheet is not None:
        make_parent(sheet)
        num_pictures = SHEET_IMAGES
    if what[0] in NAMED:
        found = inspect_named_set(what[0], data_root or default_data_root(), print_message, num_pictures)
    elif is_shards(what[0]):
        found = inspect_shards(*what, pictures=num_pictures)
    else:
        found = inspect_folder(*map(Path, what), pictures=num_pictures, decoded=True, log=print_message)
    if sheet is not None:
        if not len(found.pictures):
            raise WganError(f"--plot needs images, and {found.facts.name} has none", "leave out --plot")
        pictures = preview(found.pictures, default_preview(found.pictures.shape[1], found.bands))
        save_picture(grid_tensor(pictures, columns=near_square(len(pictures))), sheet)
        print_message(f"contact sheet: {sheet}")
    if as_json:
        data().print(json.dumps(asdict(found.facts)), soft_wrap=True)
    else:
        _show(found.facts)
        if what[0] not in NAMED and found.facts.count:
            print_message(f"next: {shlex.join(['wgan', 'train', *what])}")


def _show(facts: DataFacts) -> None:
    from wgan_cli.data.files.notices import non_finite

    rows = [
        ("images", f"{facts.count:,} ({facts.origin})"),
        ("classes", list_counts(facts.classes, MAX_CLASSES) or "none"),
        ("sizes", list_counts(facts.sizes, MAX_LISTED) or "none"),
        ("modes", list_counts(facts.modes, MAX_LISTED) or "none"),
        *(("note", note) for note in facts.notes),
        ("warning", few_images(facts.classes)),
    ]
    if facts.stacked_files:
        rows.append(
            ("stacks", f"{facts.stacked_files:,} files with {facts.stacked_images:,} pages or frames, all used")
        )
    rows += [("values", line) for line in non_finite(facts.non_finite, facts.count)]
    if facts.bad_count:
        rows.append(("bad files", f"{facts.bad_count:,}"))
        rows += [("", f"{name}: {reason}") for name, reason in facts.bad]
        if facts.bad_count > len(facts.bad):
            rows.append(("", f"and {facts.bad_count - len(facts.bad):,} more"))
    print_rows(*rows)


def is_shards(what: str) -> bool:
    """Return True for a pattern such as images-{000..255}.tar, or a folder of .tar files and documents only."""
    if os.path.isdir(what):
        from wgan_cli.data.containers.container import is_hidden
        from wgan_cli.data.files.labelling import is_document

        names = [name for name in _names(Path(what)) if not is_hidden(name)]
        tars = [name.endswith(".tar") for name in names]
        return any(tars) and all(tar or is_document(name) for tar, name in zip(tars, names, strict=True))
    return "{" in what and what.endswith(".tar")


def _names(folder: Path) -> list[str]:
    """List a folder; an unreadable one counts as not empty, so that reading it reports the reason."""
    try:
        return os.listdir(folder)
    except OSError:
        return [""]
