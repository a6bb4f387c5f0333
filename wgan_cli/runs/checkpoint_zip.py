"""The zip archive around a checkpoint: `torch.save`'s, with a SHA-256 checksum in its comment.

The comment is `wgan sha256:...` over the archive without it, so other programs still read the file. It detects
accidental damage only: a hostile file can carry a correct checksum, so every other check ignores it.
"""

import hashlib
import os
import struct
import zipfile
from collections.abc import Callable
from typing import BinaryIO

_MARK = b"wgan sha256:"
_COMMENT = len(_MARK) + 64
_CHUNK = 1 << 20
MAX_DIRECTORY = 8_000_000  # bytes of the zip directory, about a hundred thousand records
MAX_PICKLE = 64_000_000  # bytes of data.pkl: ten thousand for a hundred tensors, and the names of all classes


class Damaged(Exception):
    """The file differs from what was written; the text says how, or is empty."""

    problem = "is cut off or damaged"
    hint = "use another file"


class Refused(Exception):
    """The file is intact but was not written by this program; the text says why, or is empty."""

    problem = "is not a wgan checkpoint"
    hint = "give a run folder, its G.pth or a file in its checkpoints/; state_dicts of other programs need --recipe"


class NotOnlyTensors(Refused):
    """The file of another program holds code or objects; the text says which."""

    hint = (
        "save the weights alone, in the program that wrote them: torch.save(model.state_dict(), 'weights.pth'), and "
        "add --recipe; or give a run folder or its G.pth"
    )


class _HashingFile:
    def __init__(self, file: BinaryIO) -> None:
        self._file, self.flush, self.hash = file, file.flush, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        return self._file.write(data)


def write_with_checksum(file: BinaryIO, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill `file` with a zip archive without a comment, then add its checksum as the comment."""
    hashing = _HashingFile(file)
    write(hashing)  # type: ignore[arg-type]
    file.seek(-2, os.SEEK_END)  # the comment length, zero until now
    file.write(struct.pack("<H", _COMMENT) + _MARK + hashing.hash.hexdigest().encode())


def verify_checksum(file: BinaryIO) -> str | None:
    """Return the checksum that a file carries, if any. Raises: Damaged if the content does not match it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _COMMENT - 2))
    length, mark, expected = struct.unpack(f"<H{len(_MARK)}s64s", file.read().rjust(_COMMENT + 2, b"\0"))
    if (length, mark) != (_COMMENT, _MARK):
        return None
    computed, left = hashlib.sha256(), size - _COMMENT - 2
    file.seek(0)
    while left > 0 and (chunk := file.read(min(_CHUNK, left))):
        computed.update(chunk)
        left -= len(chunk)
    computed.update(b"\0\0")
    if computed.hexdigest().encode() != expected:
        raise Damaged("its content does not match its checksum")
    return f"sha256:{expected.decode()}"


class _CappedFile:
    """Readable file without reads over MAX_DIRECTORY, so that zipfile cannot be made to load a huge directory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.seek, self.tell, self.seekable = file, file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > MAX_DIRECTORY:
            raise Refused(f"its zip directory takes {size:,} bytes")
        return self._file.read(size)


def read_records(file: BinaryIO) -> tuple[bytes, dict[str, int]]:
    """Return the pickle of a torch archive, and the size in bytes of each of its records by name.

    All sizes are checked before anything of that size is read, so a small file cannot fill the memory.
    Raises: Damaged, Refused, OSError.
    """
    size = file.seek(0, os.SEEK_END)
    try:
        with zipfile.ZipFile(_CappedFile(file)) as archive:  # type: ignore[arg-type]
            records = archive.infolist()
            _check_records(records, size, archive.comment)
            pickles = [record for record in records if record.filename.lower().endswith("/data.pkl")]
            if len(pickles) != 1:
                raise Refused("it holds no data.pkl")
            if pickles[0].file_size > MAX_PICKLE:
                raise Refused(f"its data.pkl takes {pickles[0].file_size:,} bytes")
            folder = pickles[0].filename[: -len("data.pkl")]
            return archive.read(pickles[0]), {each.filename.removeprefix(folder): each.file_size for each in records}
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, RuntimeError, struct.error) as error:
        raise Damaged("its zip directory is missing or unreadable") from error


def _check_records(records: list[zipfile.ZipInfo], size: int, comment: bytes) -> None:
    """Refuse archives that torch.save does not write, or that torch's reader could read differently from zipfile."""
    if len({record.filename.lower() for record in records}) != len(records):
        raise Refused("two of its records have the same name")
    if any(record.filename.endswith("/constants.pkl") for record in records):
        raise NotOnlyTensors("it holds TorchScript code")
    if any(each.compress_type != zipfile.ZIP_STORED or each.file_size != each.compress_size for each in records):
        raise Refused("its records are compressed")
    if sum(record.file_size for record in records) > size:
        raise Refused("its records are larger than the file")
    if min((record.header_offset for record in records), default=0) or len(comment) > _COMMENT:
        raise Refused("its zip archive does not start at the first byte")
