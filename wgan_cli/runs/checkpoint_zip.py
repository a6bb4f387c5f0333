"""The file around a checkpoint: the zip archive that torch.save writes, with a checksum at its end.

The checksum is the archive's comment, `wgan sha256:...` over the archive as it was without one, so that other programs
read the file as before, and damage shows before anything in the file is interpreted. It finds accidents. Whoever makes
a hostile file computes its checksum too, so every other check here trusts nothing.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zipfile
from collections.abc import Callable
from typing import BinaryIO

_MARK = b"wgan sha256:"
_COMMENT = len(_MARK) + 64
_END, _WIDE_END, _LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_CHUNK = 1 << 20
MOST_DIRECTORY = 8_000_000  # bytes of the list of parts, about a hundred thousand of them
MOST_PICKLE = 2_000_000  # bytes of what is no tensor; a checkpoint of a hundred tensors has ten thousand


class Damaged(Exception):
    """The file is not as it was written."""


class Refused(Exception):
    """The file is whole, and nothing that this program wrote; the text says why, to follow a colon."""


class _Hashing:
    """A file for writing that computes the checksum on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.sum = file, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sum.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def write_summed(file: BinaryIO, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a file with an archive without a comment, and make its checksum the comment."""
    hashing = _Hashing(file)
    write(hashing)
    file.seek(-2, os.SEEK_END)  # the comment's length, zero until now
    file.write(struct.pack("<H", _COMMENT) + _MARK + hashing.sum.hexdigest().encode())


def verified_checksum(file: BinaryIO) -> str | None:
    """The checksum that a file carries, after computing it anew; None where it carries none.

    Raises: Damaged where the two differ.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _COMMENT - 2))
    length, mark, carried = struct.unpack(f"<H{len(_MARK)}s64s", file.read().rjust(_COMMENT + 2, b"\0"))
    if (length, mark) != (_COMMENT, _MARK):
        return None
    computed, left = hashlib.sha256(), size - _COMMENT - 2
    file.seek(0)
    while left > 0 and (chunk := file.read(min(_CHUNK, left))):
        computed.update(chunk)
        left -= len(chunk)
    computed.update(b"\0\0")
    if computed.hexdigest().encode() != carried:
        raise Damaged("its content does not fit its checksum")
    return f"sha256:{carried.decode()}"


def read_parts(file: BinaryIO, summed: bool) -> tuple[bytes, dict[str, int]]:
    """The pickle of an archive, and the bytes of each of its parts by name, without the folder that holds them.

    Every size is checked before anything of that size is read, so that a small file cannot fill the memory.
    Raises: Damaged, Refused, OSError.
    """
    size = file.seek(0, os.SEEK_END)
    _check_end(file, size - (_COMMENT if summed else 0))
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            _check_parts(parts, size)
            pickles = [part for part in parts if part.filename.endswith("/data.pkl")]
            if len(pickles) != 1:
                raise Refused("it holds no data.pkl")
            if pickles[0].file_size > MOST_PICKLE:
                raise Refused(f"its data.pkl takes {pickles[0].file_size:,} bytes")
            folder = pickles[0].filename.removesuffix("data.pkl")
            return archive.read(pickles[0]), {part.filename.removeprefix(folder): part.file_size for part in parts}
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, RuntimeError, struct.error) as error:
        raise Damaged("its list of parts cannot be read") from error


def _check_parts(parts: list[zipfile.ZipInfo], size: int) -> None:
    if len({part.filename for part in parts}) != len(parts):
        raise Refused("two of its parts have one name")
    if any(part.compress_type != zipfile.ZIP_STORED or part.file_size != part.compress_size for part in parts):
        raise Refused("its parts are compressed")
    if sum(part.file_size for part in parts) > size:
        raise Refused("its parts are larger than the whole")
    if any(part.filename.endswith("/constants.pkl") for part in parts):
        raise Refused("it holds a program")


def _check_end(file: BinaryIO, end: int) -> None:
    """Check that the archive ends as torch.save ends one, at byte `end`.

    Python and torch read the list of parts each in its own way; where all its places agree, both find the same one.
    """
    tail = _read_before(file, end, 22)
    if tail[:4] != _END:
        raise Damaged("its end is missing")
    disks, count, length, start = tail[4:8], *struct.unpack("<HII", tail[10:20])
    directory_end = end - 22
    before = _read_before(file, directory_end, 76)  # the same once more in 64 bits, which torch always writes
    if before[56:60] == _LOCATOR:
        directory_end -= 76
        place = struct.unpack("<Q", before[64:72])[0]
        wide_count, wide_length, wide_start = struct.unpack("<QQQ", before[32:56])
        if before[:4] != _WIDE_END or place != directory_end:
            raise Damaged("its end contradicts itself")
        if (count, length, start) != (min(wide_count, 2**16 - 1), wide_length, min(wide_start, 2**32 - 1)):
            raise Damaged("its end contradicts itself")
        start = wide_start
    if disks != b"\0\0\0\0" or start + length != directory_end:
        raise Damaged("its end contradicts itself")
    if length > MOST_DIRECTORY:
        raise Refused(f"the list of its parts takes {length:,} bytes")


def _read_before(file: BinaryIO, end: int, count: int) -> bytes:
    """The bytes before a place, with zeros in front where the file has fewer."""
    start = max(0, end - count)
    file.seek(start)
    return file.read(max(0, end - start)).rjust(count, b"\0")
