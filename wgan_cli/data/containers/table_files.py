"""Reading of Parquet and Arrow files into one memory-mapped table of pyarrow."""

import errno
import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wgan_cli.data.containers.temporary import temporary_copy
from wgan_cli.errors import WganError
from wgan_cli.utils.extras import import_extra

SUFFIXES = (".parquet", ".arrow")
PARQUET, ARROW = b"PAR1", b"ARROW1"  # first bytes; streams of Arrow have none of their own
ROWS = 256  # of a Parquet file in memory at once


def schema_of(file: Path) -> Any:
    """Return the columns of a file, and its metadata. Raises: WganError if it can't be read."""
    with _reading(file):
        reader = _open(file)
        return reader.schema_arrow if _is_parquet(file) else reader.schema


def read_columns(files: Sequence[Path], columns: list[str]) -> Any:
    """Return columns of several files, one below the other, memory-mapped.

    Parquet files, which compress many rows together, are copied to an anonymous temporary file first.

    Raises: WganError if a file can't be read, or its columns aren't those of the first one.
    """
    arrow, whole = import_extra("pyarrow", "data", str(files[0])), schema_of(files[0])
    with _reading(files[0]):
        schema = arrow.schema([whole.field(name) for name in columns])
    if not any(map(_is_parquet, files)):
        return arrow.Table.from_batches((batch for file in files for batch in _batches(file, columns)), schema)
    with temporary_copy(files[0]) as copy:
        with arrow.ipc.new_stream(copy, schema) as writer:
            for file in files:
                for batch in _batches(file, columns):
                    with _reading(file):
                        writer.write_batch(batch)
        copy.flush()
        mapped = mmap.mmap(copy.fileno(), 0, access=mmap.ACCESS_READ)
    return arrow.ipc.open_stream(arrow.py_buffer(mapped)).read_all()


def _batches(file: Path, columns: list[str]) -> Iterator[Any]:
    """Yield some rows at a time of a file."""
    with _reading(file):
        reader = _open(file)
        if _is_parquet(file):
            batches = reader.iter_batches(ROWS, columns=columns)
        else:
            batches = reader.read_all().select(columns).to_batches()  # nothing is read yet
        for batch in batches:
            yield batch.select(columns).replace_schema_metadata(None)


def _open(file: Path) -> Any:
    if _is_parquet(file):
        return import_extra("pyarrow.parquet", "data", str(file)).ParquetFile(file)
    arrow = import_extra("pyarrow", "data", str(file))
    source = arrow.memory_map(str(file))
    return arrow.ipc.open_file(source) if _starts_with(file, ARROW) else arrow.ipc.open_stream(source)


def _is_parquet(file: Path) -> bool:
    return _starts_with(file, PARQUET)


def _starts_with(file: Path, magic: bytes) -> bool:
    with open(file, "rb") as opened:
        return opened.read(len(magic)) == magic


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Turn what pyarrow raises for broken files into WganError."""
    arrow = import_extra("pyarrow", "data", str(file))
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise WganError(f"cannot read {file}: {error}", "create or copy it again") from None
    except (arrow.ArrowException, KeyError) as error:
        raise WganError(f"cannot read {file}: {error}", "create or copy it again") from None
