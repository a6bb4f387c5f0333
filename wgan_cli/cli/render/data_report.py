"""`wgan inspect` for images: a folder, an archive or a data set."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from wgan_cli.cli.arguments.data_arguments import check_together, is_shards, note_namesakes
from wgan_cli.cli.render.class_counts import few_images, list_counts
from wgan_cli.cli.render.text_table import print_rows
from wgan_cli.console import data, print_message
from wgan_cli.errors import WganError
from wgan_cli.recipe.data_settings import NAMED
from wgan_cli.utils.files import check_suffix, make_parent

if TYPE_CHECKING:
    from wgan_cli.data.inspection import DataFacts

SHEET_IMAGES = 100  # of the contact sheet
MAX_LISTED = 8  # sizes and modes
MAX_CLASSES = 100


def inspect_data(what: Sequence[str], data_root: Path | None, as_json: bool, sheet: Path | None) -> None:
    """Print the facts of a set of images, or of several together, and optionally draw a contact sheet."""
    from wgan_cli.data import default_data_root
    from wgan_cli.data.inspection import inspect_folder, inspect_named_set, inspect_shards
    from wgan_cli.outputs.grid import grid_tensor, near_square, save_picture
    from wgan_cli.utils.pixels import default_preview, preview

    if sheet is not None:
        check_suffix(sheet, (".png",), "images.png", "--plot")
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
