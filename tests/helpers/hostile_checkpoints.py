"""Hostile checkpoints, built record by record in the layout of torch.save."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from wgan_cli.runs.checkpoint import FORMAT, VERSION
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


def whole_content(path: Path) -> dict[str, Any]:
    """Return the content of a real checkpoint."""
    return torch.load(path, map_location="cpu", weights_only=True)


def archive_of(pickled: bytes, parts: dict[str, bytes] | None = None, form: int = zipfile.ZIP_STORED) -> bytes:
    """Return a torch archive with any pickle and records."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", form) as archive:
        every = {"data.pkl": pickled, "byteorder": b"little", "version": b"3\n", **(parts or {})}
        for name, data in every.items():
            archive.writestr(f"archive/{name}", data)
    return buffer.getvalue()


class Steps:
    """A pickle, written opcode by opcode."""

    def __init__(self) -> None:
        self.data = b"\x80\x02"

    def __add__(self, step: bytes) -> Steps:
        grown = Steps()
        grown.data = self.data + step
        return grown

    def value(self, value: object) -> Steps:
        return self + pickle.dumps(value, 2)[2:-1]

    def name(self, module: str, name: str) -> Steps:
        return self + f"c{module}\n{name}\n".encode()

    def storage(self, kind: str, key: str, items: int) -> Steps:
        """Append a storage in the record data/KEY."""
        named = (self + b"(").value("storage").name("torch", kind)
        return named.value(key).value("cpu").value(items) + b"tQ"

    def tensor(self, shape: tuple[int, ...], strides: tuple[int, ...], items: int, kind: str = "FloatStorage") -> Steps:
        """Append a tensor over the record data/0."""
        start = self.name("torch._utils", "_rebuild_tensor_v2") + b"("
        body = start.storage(kind, "0", items).value(0).value(shape).value(strides).value(False)
        return (body.name("collections", "OrderedDict") + b")R") + b"tR"

    def end(self) -> bytes:
        return self.data + b"."


def laughs(levels: int) -> bytes:
    """Return nested lists with 10**levels values in a few hundred bytes."""
    data = Steps() + b"]q\x00"
    for level in range(levels):
        data = data + b"](" + b"h" + bytes([level]) + (b"h" + bytes([level])) * 9 + b"e" + b"q" + bytes([level + 1])
    return data.end()


def with_directory_of(length: int) -> bytes:
    """Return an archive that claims a zip directory of `length` bytes."""
    archive = bytearray(archive_of(b"."))
    archive[-10:-6] = struct.pack("<I", length)
    return bytes(archive)


def overlapping(times: int, size: int) -> bytes:
    """Return an archive whose directory lists the same bytes many times."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", Steps().value({"format": FORMAT}).end())
        archive.writestr("archive/data/0", bytes(size))
        first = archive.infolist()[1]
        for number in range(1, times):
            again = zipfile.ZipInfo(f"archive/data/{number}")
            again.CRC, again.file_size, again.compress_size = first.CRC, size, size
            again.header_offset = first.header_offset
            archive.filelist.append(again)
            archive.NameToInfo[again.filename] = again
    return buffer.getvalue()


def big_directory(parts: int) -> bytes:
    """Return an archive of empty records with long names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b".")
        for number in range(parts):
            archive.writestr(f"archive/data/{number:01000d}", b"")
    return buffer.getvalue()


def calls(module: str, name: str, *arguments: object) -> bytes:
    """Return a pickle that calls a function."""
    return (Steps().name(module, name).value(arguments) + b"R").end()


#: Small archives that ask for much memory or time, and words of the error.
GREEDY: dict[str, tuple[Callable[[], bytes], str]] = {
    "compressed records": (lambda: archive_of(b".", {"data/0": bytes(10**7)}, zipfile.ZIP_DEFLATED), "compressed"),
    "overlapping records": (lambda: overlapping(2000, 10**6), "larger than the file"),
    "a huge zip directory": (lambda: big_directory(8_000), "zip directory takes"),
    "a zip directory larger than the file": (lambda: with_directory_of(2**32 - 1), "zip directory"),
    "a directory before the file": (lambda: b"PK" + archive_of(b"."), "does not start at the first byte"),
    "a tuple in a tuple by reference": (
        lambda: archive_of((Steps() + b")\x85q\x00" + b"h\x00h\x00\x86q\x00" * 40).end()),
        "more than values",
    ),
    "a long pickle": (lambda: archive_of(b"]" * 2_999_999 + b"."), "data.pkl takes 3,000,000 bytes"),
    "a billion laughs": (lambda: archive_of(laughs(100)), "too many values"),
    "a list in itself": (lambda: archive_of((Steps() + b"]q\x00h\x00a").end()), "nested too deeply"),
    "a deep list": (lambda: archive_of((Steps() + b"]" * 5000 + b"a" * 4999).end()), "nested too deeply"),
    "a long text many times": (
        lambda: archive_of(((Steps() + b"(").value("x" * 10**6) + b"q\x00" + b"h\x00" * 10**5 + b"t").end()),
        "too many values",
    ),
    "bytes to be made": (lambda: archive_of(calls("builtins", "bytearray", 10**11)), "builtins.bytearray"),
    "a tensor to be made": (lambda: archive_of(calls("torch", "Tensor", 10**11)), "torch.Tensor"),
    "a tensor past its storage": (
        lambda: archive_of(Steps().tensor((10**11,), (1,), 4).end(), {"data/0": bytes(16)}),
        "damaged",
    ),
    "a storage past its bytes": (
        lambda: archive_of(Steps().tensor((10**6,), (1,), 10**6).end(), {"data/0": bytes(16)}),
        "does not fit its bytes",
    ),
    "a tensor of one number many times": (
        lambda: archive_of(Steps().tensor((10**6, 10**6), (0, 0), 4).end(), {"data/0": bytes(16)}),
        "does not fit its bytes",
    ),
    "a tensor before its storage": (
        lambda: archive_of(Steps().tensor((4,), (-1,), 4).end(), {"data/0": bytes(16)}),
        "damaged",
    ),
    "keys that collide": (
        lambda: archive_of(Steps().value({number * (2**61 - 1): 0 for number in range(3000)}).end()),
        "more than values",
    ),
    "a far memory": (lambda: archive_of((Steps().value(1) + b"r\xff\xff\xff\x7f").end()), "is not a wgan checkpoint"),
}


def spoilt_weights(content: dict[str, Any]) -> dict[str, tuple[dict[str, Any], str]]:
    """Return checkpoints whose weights do not match their recipe, with words of the error."""
    weights = content["networks"]["generator"]
    name, weight = next((name, tensor) for name, tensor in weights.items() if tensor.ndim > 1)
    missing = {key: value for key, value in weights.items() if key != name}
    networks = {
        "a missing weight": ({"generator": missing}, f"`{name}` is missing"),
        "an extra weight": ({"generator": {**weights, "more": weight}}, "`more` has no place in it"),
        "another shape": ({"generator": {**weights, name: weight[:, :-1].clone()}}, f"`{name}` is "),
        "another kind": ({"generator": {**weights, name: weight.double()}}, "of float64, and should be "),
        "NaN": ({"generator": {**weights, name: weight * float("nan")}}, f"`{name}` holds NaN or infinity"),
        "infinity": ({"generator": {**weights, name: weight / 0}}, f"`{name}` holds NaN or infinity"),
        "no generator": ({"critic": weights}, "holds no generator"),
        "an unknown network": ({"generator": weights, "spy": weights}, "names a network 'spy'"),
    }
    return {what: ({**content, "networks": changed}, words) for what, (changed, words) in networks.items()}


def spoilt_facts(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return checkpoints with absurd metadata."""
    recipe = content["recipe"]
    wide = {"name": "mlp", "latent_dim": 4096, "generator": {"widths": [8192] * 32}}
    changes = {
        "huge networks": {"recipe": {**recipe, "model": wide}},
        "a network of another kind": {"recipe": {**recipe, "model": "mlp"}},
        "endless layers": {"recipe": {**recipe, "model": {**wide, "generator": {"widths": [8192] * 10_000}}}},
        "a huge latent": {"recipe": {**recipe, "model": {**recipe["model"], "latent_dim": 10**9}}},
        "huge images": {"image": {"size": 2**30, "channels": 3, "num_classes": 0}},
        "images of text": {"image": {"size": "28", "channels": 1, "num_classes": 0}},
        "images of no size": {"image": {"size": 0, "channels": 1, "num_classes": 0}},
        "a step before the first": {"step": -1},
        "a step after the last": {"step": 10**30},
        "a step that is true": {"step": True},
        "a name as long as a book": {"class_names": ["x" * 10_000]},
        "names that are numbers": {"class_names": [1, 2]},
        "a version that is a number": {"versions": {"torch": 2}},
        "networks in a list": {"networks": [1, 2]},
        "weights that are numbers": {"networks": {"generator": {"weight": 5}}},
        "training in words": {"training": "all of it"},
        "a version in words": {"version": "two"},
        "a version that is true": {"version": True},
    }
    return {what: {**content, "version": VERSION, **change} for what, change in changes.items()}
