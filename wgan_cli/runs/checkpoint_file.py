"""Reading files of checkpoints, whoever made them: no code runs, and no more memory goes than they are long."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch

from wgan_cli.errors import WganError, describe_os_error
from wgan_cli.runs.checkpoint_zip import Damaged, Refused, read_parts, verified_checksum
from wgan_cli.runs.migration import FORMAT
from wgan_cli.runs.pickle_check import check_outline
from wgan_cli.runs.safetensors_file import CHECKSUM, SUFFIX, by_role, read_tensors
from wgan_cli.utils.files import open_plain
from wgan_cli.utils.memory import free_memory


def is_tensors_file(path: Path) -> bool:
    """Whether a file's name says that it is a .safetensors file."""
    return path.suffix.lower() == SUFFIX


def read_content(path: Path) -> tuple[Any, str | None]:
    """The plain content of a file that a checkpoint's `save` wrote, and its checksum, computed anew and found right.

    The checksum is None where the file carries none. Raises: WganError.
    """
    if not is_tensors_file(path):
        return _opened(path, _read_archive)
    tensors, facts = _opened(path, _read_tensors)
    if facts is None:
        raise no_checkpoint(path, "its metadata holds no recipe")
    return {**facts, "networks": by_role(tensors), "training": None}, facts[CHECKSUM]


def read_foreign(path: Path) -> Any:
    """The tensors, in dicts of any depth, of a file that another program wrote. Raises: WganError."""
    if path.is_dir():
        raise _has_recipe(path)
    content, facts = _opened(path, _read_tensors if is_tensors_file(path) else _read_archive)
    if isinstance(content, dict) and content.get("format") == FORMAT:
        raise _has_recipe(path)
    if not is_tensors_file(path):
        return content
    if facts is not None:
        raise _has_recipe(path)
    return {name: content[name] for name in sorted(content, key=_place)}


def _place(name: str) -> tuple[Any, ...]:
    """Where a tensor stands in a network whose modules are numbered; a .safetensors file keeps no order."""
    *modules, leaf = name.split(".")
    numbers = tuple((0, int(each), "") if each.isdecimal() and len(each) < 9 else (1, 0, each) for each in modules)
    return numbers, _LEAVES.index(leaf) if leaf in _LEAVES else len(_LEAVES), leaf


_LEAVES = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def _has_recipe(path: Path) -> WganError:
    return WganError(
        f"{path} is wgan's own and has its recipe, and --recipe names another for it",
        "leave out --recipe and --set",
    )


def _opened(path: Path, read: Callable[[Path, BinaryIO], tuple[Any, Any]]) -> tuple[Any, Any]:
    try:
        with open_plain(path) as file:
            return read(path, file)
    except FileNotFoundError:
        raise WganError(
            f"there is no file {path}",
            "check the path; `wgan train` makes a run, and a run keeps its generator in G.pth",
        ) from None
    except OSError as error:
        raise WganError(
            f"cannot read {path}: {describe_os_error(error)}", "check the path and its permissions"
        ) from None
    except Refused as why:
        raise no_checkpoint(path, str(why)) from why
    except Damaged as why:
        raise damaged(path, str(why)) from why


def _read_tensors(path: Path, file: BinaryIO) -> tuple[Any, Any]:
    _check_memory(path, file)
    file.seek(0)
    return read_tensors(file)


def _read_archive(path: Path, file: BinaryIO) -> tuple[Any, str | None]:
    """The plain content of a file that torch.save wrote, and its checksum."""
    if file.read(2) != b"PK":
        raise no_checkpoint(path)
    _check_memory(path, file)
    try:
        checksum = verified_checksum(file)
        pickled, parts = read_parts(file, summed=checksum is not None)
        check_outline(pickled, parts)
        file.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch wonders aloud at bytes that it then refuses
            return torch.load(file, map_location="cpu", weights_only=True), checksum
    except pickle.UnpicklingError as error:  # it would run code
        raise no_checkpoint(path) from error
    except (RuntimeError, EOFError, ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise damaged(path) from error


def _check_memory(path: Path, file: BinaryIO) -> None:
    """Refuse a file that does not fit, before it is read: a sparse one can be of any length without taking room."""
    size, free = file.seek(0, 2), free_memory(torch.device("cpu"))
    if free is not None and size > free:
        raise WganError(
            f"{path} takes {size / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB of memory are free",
            "check that it is the right file; close other programs, or open it on a machine with more memory",
        )


def no_checkpoint(path: Path, why: str = "") -> WganError:
    """The error of a file that holds something else."""
    return WganError(
        f"{path} is not a checkpoint of wgan{why and ': '}{why}",
        "give a run folder, its G.pth, or a file of its checkpoints/; a state_dict of another program takes --recipe",
    )


def damaged(path: Path, why: str = "") -> WganError:
    """The error of a file that is not as it was written."""
    return WganError(
        f"{path} is cut off or damaged{why and ': '}{why}",
        "use another one; without this file a run continues from the one before",
    )
