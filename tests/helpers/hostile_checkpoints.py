"""Hostile checkpoints, built record by record in the layout of torch.save."""

from __future__ import annotations

import io
import pickle
import zipfile
from typing import Any

import torch

from wgan_cli.runs.checkpoint_zip import write_with_checksum


def torch_bytes(value: object) -> bytes:
    """Return what torch.save writes: a checkpoint without a checksum, as in version 1."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def summed(archive: bytes) -> bytes:
    """Return an archive with a correct checksum, which hostile files can have too."""
    buffer = io.BytesIO()
    write_with_checksum(buffer, lambda file: file.write(archive))
    return buffer.getvalue()


def saved(value: Any) -> bytes:
    """Return a checkpoint of any content with a correct checksum."""
    return summed(torch_bytes(value))


def archive_of(pickled: bytes, parts: dict[str, bytes] | None = None, form: int = zipfile.ZIP_STORED) -> bytes:
    """Return a torch archive with any pickle and records."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", form) as archive:
        every = {"data.pkl": pickled, "byteorder": b"little", "version": b"3\n", **(parts or {})}
        for name, data in every.items():
            archive.writestr(f"archive/{name}", data)
    return buffer.getvalue()


def overlapping(times: int, size: int) -> bytes:
    """Return an archive whose directory lists the same bytes many times."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(value({"format": "wgan"})))
        archive.writestr("archive/data/0", bytes(size))
        first = archive.infolist()[1]
        for number in range(1, times):
            again = zipfile.ZipInfo(f"archive/data/{number}")
            again.CRC, again.file_size, again.compress_size = first.CRC, size, size
            again.header_offset = first.header_offset
            archive.filelist.append(again)
    return buffer.getvalue()


def pickled(*opcodes: bytes) -> bytes:
    """Return a pickle of opcodes."""
    return b"\x80\x02" + b"".join(opcodes) + b"."


def value(plain: object) -> bytes:
    """Return the opcodes of a value."""
    return pickle.dumps(plain, 2)[2:-1]


def name(module: str, attribute: str) -> bytes:
    """Return the opcode of a global."""
    return f"c{module}\n{attribute}\n".encode()


def tensor(shape: tuple[int, ...], strides: tuple[int, ...], items: int) -> bytes:
    """Return an archive with a tensor over a storage that claims `items` numbers, and holds four."""
    storage = [b"(", value("storage"), name("torch", "FloatStorage"), value("0"), value("cpu"), value(items), b"tQ"]
    view = [*map(value, (0, shape, strides, False)), name("collections", "OrderedDict"), b")R"]
    opcodes = [name("torch._utils", "_rebuild_tensor_v2"), b"(", *storage, *view, b"tR"]
    return archive_of(pickled(*opcodes), {"data/0": bytes(16)})


def call(module: str, function: str, *arguments: object) -> bytes:
    """Return an archive that calls a function."""
    return archive_of(pickled(name(module, function), value(arguments), b"R"))


def laughs(levels: int) -> bytes:
    """Return nested lists with 10**levels values in a few hundred bytes."""
    each = (b"](" + b"h" + bytes([n]) + (b"h" + bytes([n])) * 9 + b"e" + b"q" + bytes([n + 1]) for n in range(levels))
    return archive_of(pickled(b"]q\x00", *each))
