"""Image files to animate: selected by pattern, and ordered by the numbers in their names."""

import glob
import os
import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from wgan_cli.errors import WganError
from wgan_cli.runs.pretrained import folder_first, source_title
from wgan_cli.runs.run_dir import RunDir, step_of
from wgan_cli.utils.format import Log, count_of
from wgan_cli.utils.image_formats import readable_formats

#: A number in a name: digits, perhaps with dots, and an exponent if that has a sign.
_NUMBER = r"\d+(?:\.\d+)*(?:e[-+]\d+)?"
#: A hyphen is a sign unless it follows a letter or digit, as in `frame-10` and `2024-01`. If that finds more series, as
#: in `x-1` and `x0`, it is also a sign after a letter.
_READINGS = tuple(re.compile(rf"(?:(?<!{joined})[-+])?{_NUMBER}") for joined in (r"[^\W_]", r"\d"))
_MAX_LISTED = 3  # of series or files, in messages


class FrameFile(NamedTuple):
    """An image file and the label below its frame."""

    path: Path
    label: str


class _Name(NamedTuple):
    """The numbers in the name of a file."""

    numbers: tuple[Decimal, ...]
    path: Path


#: Files by the text of their names, with `*` for numbers; those of one series are in the order of their numbers.
_Series = dict[str, list[_Name]]


def is_image_file(path: Path) -> bool:
    """Return True for a file with the suffix of a readable image format."""
    Image.init()
    is_readable = Image.EXTENSION.get(path.suffix.lower()) in readable_formats()
    return is_readable and path.is_file()  # reading a pipe would block


def run_files(run: RunDir, match: str | None = None) -> list[FrameFile]:
    """Return a run's sample grids. Raises: WganError if there are none."""
    if not (files := [file for file in run.sample_files() if file.is_file()]):
        raise WganError(f"{run.path} has no sample grids yet", "wait for the first one, or give another run")
    return [FrameFile(file, f"step {step_of(file):,}") for file in _matching(files, str(run.path), match)]


def folder_files(folder: Path, match: str | None, log: Log) -> list[FrameFile]:
    """Return a folder's images in the order of their numbers, or of their names if these share no numbering.

    Args:
        match: pattern of the names to select, such as `*-ema*`; None for all.
        log: receives a line about images that are left out or have no order of their own.
    Raises: WganError if there are no images, or several series of numbered ones.
    """
    files = [path for path in folder.iterdir() if not path.name.startswith(".") and is_image_file(path)]
    if not files:
        deeper = sorted(path.parent for path in folder.glob("*/*") if is_image_file(path))
        near = f"did you mean `{deeper[0]}`? " if deeper else ""
        hint = f"{folder_first(folder)}{near}give a run folder, or a folder of 1.png, 2.png..."
        raise WganError(f"{folder} holds no images", hint)
    return _only_series(files, folder, match, log)


def pattern_files(pattern: Path, match: str | None, log: Log) -> list[FrameFile]:
    """Return the images that a path with `*`, `?` or `[...]` stands for; as `folder_files` otherwise."""
    files = [path for path in map(Path, glob.glob(str(pattern))) if is_image_file(path)]
    if not files:
        raise WganError(f"no image matches {pattern}", "check the path, for example 'frames/*.png'")
    return _only_series(files, pattern, match, log)


def listed_files(paths: Sequence[Path], match: str | None, log: Log) -> list[FrameFile]:
    """Return images in the order given. In alphabetical order, as a shell lists 10.png before 2.png, numbers count.

    Args: as of `folder_files`.
    Raises: WganError for anything but an image.
    """
    for path in paths:
        if not is_image_file(path):
            problem = "is not an image" if path.exists() else "does not exist"
            raise WganError(f"{source_title(path)} {problem}", "give one run, folder or checkpoint, or several images")
    files = _matching(paths, "the list", match)
    series = _series_of(files)
    numbered = [names for names in series.values() if names[0].numbers]
    if len(numbered) == 1 and list(map(str, files)) == sorted(map(str, files)):
        ordered = _numbered(*numbered)
        others = [file for file in files if file not in {frame.path for frame in ordered}]
        if [*(frame.path for frame in ordered), *others] != files:
            log("note: the images are in the order of their numbers")
        return [*ordered, *(FrameFile(file, file.stem) for file in others)]
    if len([names for names in numbered if len(names) > 1]) > 1:
        log(f"note: {len(numbered)} series of images ({_listed(series)}) in the order given; --match selects one")
    return [FrameFile(file, file.stem) for file in files]


def _only_series(files: list[Path], origin: Path, match: str | None, log: Log) -> list[FrameFile]:
    files = _matching(files, str(origin), match)
    series = _series_of(files)
    numbered = {text: names for text, names in series.items() if names[0].numbers}
    if len(files) > 1 and max(map(len, numbered.values()), default=0) < 2:
        log("note: the names share no numbering, so the images are in alphabetical order")
        return [FrameFile(file, file.stem) for file in sorted(files, key=lambda file: (str(file).casefold(), file))]
    if len(numbered) > 1:
        patterns = [f"--match {shlex.quote(found)}" for names in numbered.values() if (found := _glob_of(names, files))]
        raise WganError(
            f"{origin} holds {len(numbered)} series of images: {_listed(numbered)}",
            f"choose one: {' or '.join(patterns[:_MAX_LISTED])}" if patterns else "list the files of one of them",
        )
    left_out = [name.path.name for names in series.values() for name in names if not name.numbers]
    if numbered and left_out:
        log(f"note: {count_of(len(left_out), 'image')} without a number left out: {_first(left_out)}")
    (names,) = (numbered or series).values()
    return _numbered(names) or [FrameFile(name.path, name.path.stem) for name in names]


def _matching(files: Sequence[Path], origin: str, match: str | None) -> list[Path]:
    chosen = [file for file in files if match is None or fnmatchcase(file.name, match)]
    if not chosen:
        there = _listed(_series_of(files))
        raise WganError(f"--match {match!r} fits none of the images of {origin}", f"there are: {there}")
    return chosen


def _numbered(names: list[_Name]) -> list[FrameFile]:
    """Return the files of a series, or nothing if they have no numbers."""
    return [FrameFile(name.path, " ".join(map(str, name.numbers))) for name in names if name.numbers]


def _series_of(files: Sequence[Path]) -> _Series:
    return min((_read(files, reading) for reading in _READINGS), key=len)


def _read(files: Sequence[Path], reading: re.Pattern[str]) -> _Series:
    """Group files by their names, below the folder that holds all of them, with `*` for numbers.

    `0.jpg` and `0.png` in one folder are of two series, `0.jpg` and `1.png` of one.
    """
    paths = [os.path.abspath(file) for file in files]
    base = os.path.commonpath([os.path.dirname(path) for path in paths])
    names = [os.path.splitext(os.path.relpath(path, base)) for path in paths]
    found = [(reading.sub("*", stem), _numbers(reading.findall(stem)), suffix) for stem, suffix in names]
    times = Counter((text, numbers) for text, numbers, _ in found)
    repeated = {text for (text, numbers), count in times.items() if numbers and count > 1}
    first_suffix = {text: suffix for text, _, suffix in reversed(found)}
    series: _Series = defaultdict(list)
    for (text, numbers, suffix), file in zip(found, files, strict=True):
        series[f"{text}{suffix if text in repeated else first_suffix[text]}"].append(_Name(numbers, file))
    return {text: sorted(names) for text, names in series.items()}


def _numbers(found: Iterable[str]) -> tuple[Decimal, ...]:
    """Read numbers; 2024.01.05 is three."""
    parts = (number.split(".") if number.count(".") > 1 else [number] for number in found)
    return tuple(Decimal(part) for each in parts for part in each)


def _glob_of(names: list[_Name], files: Sequence[Path]) -> str | None:
    """Return a pattern that the names of a series match, and those of no other file."""
    wanted = {name.path.name for name in names}
    first = names[0].path
    pieces = [glob.escape(piece) for piece in re.split(_NUMBER, first.stem)]
    suffix = first.suffix if len({name.path.suffix for name in names}) == 1 else ".*"
    candidates = [f"*{pieces[-1]}*"] * bool(pieces[-1]) + [f"{pieces[0]}*"] * bool(pieces[0].rstrip("-+"))
    candidates.append("*[0-9]".join(pieces).replace("-*", "*") + suffix)
    exact = (each for each in candidates if {file.name for file in files if fnmatchcase(file.name, each)} == wanted)
    return next(exact, None)


def _listed(series: _Series) -> str:
    return _first([f"{text} ({len(names)})" for text, names in series.items()])


def _first(items: list[str]) -> str:
    more = [f"{len(items) - _MAX_LISTED} more"] if len(items) > _MAX_LISTED else []
    return ", ".join(items[:_MAX_LISTED] + more)
