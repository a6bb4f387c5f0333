"""Read checkpoint files from untrusted sources, without executing code and within the memory that the file takes."""

import pickle
import shlex
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import torch

from wgan_cli.errors import WganError, describe_os_error
from wgan_cli.runs.checkpoint_zip import Damaged, NotOnlyTensors, Refused, read_records, verify_checksum
from wgan_cli.runs.migration import FORMAT
from wgan_cli.runs.pickle_check import check_pickle, check_values
from wgan_cli.runs.pretrained import missing_generator
from wgan_cli.runs.run_dir import run_around
from wgan_cli.runs.safetensors_file import CHECKSUM, SUFFIX, by_role, read_tensors
from wgan_cli.utils.files import open_plain
from wgan_cli.utils.machine import free_memory

#: First bytes of torch's former format: a pickled magic number.
_BEFORE_TORCH_1_6 = pickle.PROTO + b"\x02\x8a\n" + 0x1950A86A20F9469CFC6C.to_bytes(10, "little") + pickle.STOP


def is_safetensors(path: Path) -> bool:
    """Return True if the file name ends in .safetensors."""
    return path.suffix.lower() == SUFFIX


@contextmanager
def refusals_of(path: Path) -> Iterator[None]:
    """Name the file in Damaged and Refused, which become WganErrors."""
    try:
        yield
    except (Damaged, Refused) as reason:
        hint = reason.hint
        run = run_around(path) if path.parent.name == "checkpoints" else None
        if isinstance(reason, Damaged) and run is not None:
            hint += f"; wgan train --resume {shlex.quote(str(run.path))} continues from the checkpoint before it"
        raise WganError(f"{path} {reason.problem}{': ' if str(reason) else ''}{reason}", hint) from reason


def read_content(path: Path) -> tuple[Any, str | None]:
    """Return the plain content of a file written by `Checkpoint.save`, and its verified checksum, if it carries one.

    Raises: Damaged, Refused, WganError.
    """
    if not is_safetensors(path):
        return _open_and_read(path, _read_archive)
    tensors, facts = _open_and_read(path, _read_tensors)
    if facts is None:
        raise Refused("its metadata holds no recipe")
    return {**facts, "networks": by_role(tensors), "training": None}, facts[CHECKSUM]


def read_state_dict(path: Path) -> Any:
    """Read tensors, in dicts of any depth, from a file of another program. Raises: WganError."""
    content, facts, tensors = {"format": FORMAT}, None, is_safetensors(path)
    if not path.is_dir():
        with refusals_of(path):
            content, facts = _open_and_read(path, _read_tensors if tensors else _read_archive)
    if (tensors and facts is not None) or (isinstance(content, dict) and content.get("format") == FORMAT):
        raise WganError(
            f"{path} already contains its recipe, so --recipe does not apply", "leave out --recipe and --set"
        )
    return {name: content[name] for name in sorted(content, key=_module_order)} if tensors else content


_LEAVES = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def _module_order(name: str) -> tuple[Any, ...]:
    """Sort key that restores the order of a network's numbered modules, which .safetensors files lose."""
    *modules, leaf = name.split(".")
    numbers = tuple((0, int(each), "") if each.isdecimal() and len(each) < 9 else (1, 0, each) for each in modules)
    return numbers, _LEAVES.index(leaf) if leaf in _LEAVES else len(_LEAVES), leaf


def _open_and_read(path: Path, read: Callable[[Path, BinaryIO], tuple[Any, Any]]) -> tuple[Any, Any]:
    try:
        with open_plain(path) as file:
            return read(path, file)
    except FileNotFoundError:
        raise missing_generator(path) from None
    except OSError as error:
        raise WganError(
            f"cannot read {path}: {describe_os_error(error)}", "check the path and its permissions"
        ) from None


def _read_tensors(path: Path, file: BinaryIO) -> tuple[Any, Any]:
    _check_memory(path, file)
    file.seek(0)
    return read_tensors(file)


def _read_archive(path: Path, file: BinaryIO) -> tuple[Any, str | None]:
    """Return the plain content of a file written by torch.save, and its checksum."""
    start = file.read(len(_BEFORE_TORCH_1_6))
    if start == _BEFORE_TORCH_1_6:
        raise NotOnlyTensors("it has the format of torch before 1.6")
    if start[:1] == pickle.PROTO:
        raise NotOnlyTensors("it is a pickle")
    if start[:2] != b"PK":
        raise Refused
    size = _check_memory(path, file)
    try:
        checksum = verify_checksum(file)
        check_pickle(*read_records(file))
        file.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about bytes that it then refuses
            content = torch.load(file, map_location="cpu", weights_only=True)
        check_values(content, size)
        return content, checksum
    except pickle.UnpicklingError as error:  # torch refuses to execute code
        raise Refused from error
    except (RuntimeError, EOFError, ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise Damaged from error


def _check_memory(path: Path, file: BinaryIO) -> int:
    """Return the size of a file; refuse one larger than the free memory (a sparse file can have any size)."""
    size, free = file.seek(0, 2), free_memory(torch.device("cpu"))
    if free is not None and size > free:
        raise WganError(
            f"{path} takes {size / 1e9:,.1f} GB, and only {free / 1e9:,.1f} GB of memory are free",
            "check that it is the right file; close other programs, or open it on a machine with more memory",
        )
    return size
