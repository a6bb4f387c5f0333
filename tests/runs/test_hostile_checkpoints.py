"""Damaged and hostile checkpoints."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.hostile_checkpoints import (
    archive_of,
    call,
    laughs,
    overlapping,
    pickled,
    saved,
    summed,
    tensor,
    torch_bytes,
    value,
)

from wgan_cli.errors import WganError
from wgan_cli.outputs.sampling import open_generator
from wgan_cli.outputs.summary import inspect_checkpoint
from wgan_cli.runs import pickle_check
from wgan_cli.runs.checkpoint import VERSION, load_checkpoint

pytestmark = pytest.mark.usefixtures("guarded", "limited_memory")


@pytest.fixture(scope="module")
def content(tiny_run) -> dict[str, Any]:
    return torch.load(tiny_run.generator_file, weights_only=True)


@pytest.fixture
def written(tmp_path) -> Callable[..., Path]:
    """Write bytes to a file and return its path."""

    def call(data: bytes, name: str = "G.pth") -> Path:
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return call


def refusal(path: Path) -> str:
    """Return the message with which all readers of checkpoints refuse a file."""
    messages = set()
    for read in (inspect_checkpoint, lambda file: open_generator(file, torch.device("cpu"))):
        with pytest.raises(WganError) as caught:
            read(path)
        assert caught.value.hint
        messages.add(caught.value.message)
    (message,) = messages
    assert str(path) in message
    return message


@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=pytest.mark.slow)])
def test_any_flipped_bit_is_detected(tiny_run, written, count):
    whole = tiny_run.generator_file.read_bytes()
    chance = random.Random(count)
    for place in [0, len(whole) - 1, *chance.sample(range(len(whole)), count)]:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << chance.randrange(8)
        with pytest.raises(WganError, match="damaged|is not a wgan checkpoint"):
            load_checkpoint(written(flipped))


def test_checksum(tiny_run, content, written):
    assert "damaged: its checksum is missing" in refusal(written(torch_bytes(content)))
    archive = tiny_run.generator_file.read_bytes()[:-78] + b"\0\0"  # without the comment
    assert inspect_checkpoint(tiny_run.generator_file).checksum == f"sha256:{hashlib.sha256(archive).hexdigest()}"


class Trap:
    """Creates a file when its pickle is loaded without care."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("command", ["sample --ckpt", "inspect", "gif", "train --resume"])
def test_no_command_executes_code(wgan, tmp_path, tiny_run, content, command):
    trap = tmp_path / "sprung"
    forms = (
        pickle.dumps(Trap(trap)),
        summed(archive_of(pickle.dumps(Trap(trap), 2))),
        summed(call("builtins", "eval", f"open({str(trap)!r}, 'w')")),
        saved({**content, "versions": Trap(trap)}),
    )
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "recipe.yaml").write_bytes(tiny_run.recipe_file.read_bytes())
    path = tmp_path / "run" / "checkpoints" / "step_00000012.pth"
    for data in forms:
        path.write_bytes(data)
        result = wgan(*command.split(), tmp_path / "run" if "resume" in command else path)
        assert (result.status, "not a wgan checkpoint" in result.error) == (2, True)
    assert not trap.exists()
    pickle.loads(forms[0])
    assert trap.exists()  # the trap works


NUMBER = value(1)
LONG_NAMES = {f"data/{number:01000d}": b"" for number in range(8_000)}
#: Small archives that ask for much memory or time, and words of the error.
GREEDY: dict[str, tuple[Callable[[], bytes], str]] = {
    "compressed": (lambda: archive_of(b".", {"data/0": bytes(10**7)}, zipfile.ZIP_DEFLATED), "compressed"),
    "overlapping": (lambda: overlapping(2000, 10**6), "larger than the file"),
    "huge directory": (lambda: archive_of(b".", LONG_NAMES), "zip directory takes"),
    "false directory": (
        lambda: archive_of(b".")[:-10] + struct.pack("<I", 2**32 - 1) + archive_of(b".")[-6:], "zip directory",
    ),
    "late start": (lambda: b"PK" + archive_of(b"."), "does not start at the first byte"),
    "nested tuples": (lambda: archive_of(pickled(b")\x85q\x00", b"h\x00h\x00\x86q\x00" * 40)), "more than values"),
    "long pickle": (lambda: archive_of(bytes(64_000_001)), "data.pkl takes 64,000,001 bytes"),
    "a billion laughs": (lambda: laughs(100), "too many values"),
    "list in itself": (lambda: archive_of(pickled(b"]q\x00h\x00a")), "nested too deeply"),
    "deep list": (lambda: archive_of(pickled(b"]" * 5000, b"a" * 4999)), "nested too deeply"),
    "repeated text": (
        lambda: archive_of(pickled(b"(", value("x" * 10**6), b"q\x00", b"h\x00" * 10**5, b"t")), "too many values",
    ),
    "bytearray": (lambda: call("builtins", "bytearray", 10**11), "builtins.bytearray"),
    "constructor": (lambda: call("torch", "Tensor", 10**11), "torch.Tensor"),
    "tensor past its storage": (lambda: tensor((10**11,), (1,), 4), "damaged"),
    "storage past its bytes": (lambda: tensor((10**6,), (1,), 10**6), "does not fit its bytes"),
    "expanded tensor": (lambda: tensor((10**6, 10**6), (0, 0), 4), "does not fit its bytes"),
    "tensor before its storage": (lambda: tensor((4,), (-1,), 4), "damaged"),
    "colliding keys": (
        lambda: archive_of(pickled(value({number * (2**61 - 1): 0 for number in range(3000)}))), "more than values",
    ),
    "distant memo": (lambda: archive_of(pickled(NUMBER, b"r\xff\xff\xff\x7f")), "is not a wgan checkpoint"),
}  # fmt: skip


@pytest.mark.parametrize("name", GREEDY)
def test_greedy_file_is_refused(written, name):
    make, words = GREEDY[name]
    data = make()
    assert words in refusal(written(data))
    assert words in refusal(written(summed(data)))  # a correct checksum is no reason to trust it


def test_number_of_opcodes_is_limited(written, monkeypatch):
    monkeypatch.setattr(pickle_check, "MAX_OPCODES", 1000)
    assert "too many values" in refusal(written(archive_of(b"]" * 1001 + b".")))


WIDE = {"name": "mlp", "latent_dim": 4096, "generator": {"widths": [8192] * 32}}
DEEP = {**WIDE, "generator": {"widths": [8192] * 10_000}}
#: Absurd metadata, and recipes that their weights do not fit.
ABSURD: list[dict[str, Any]] = [
    *({"model": model} for model in (WIDE, DEEP, "mlp", {**WIDE, "latent_dim": 10**9})),
    *({"image": {"height": size, "width": 28, "channels": 1, "num_classes": 0}} for size in (2**30, "28", 0)),
    *({"step": step} for step in (-1, 10**30, True)),
    *({"class_names": names} for names in (["x" * 10_000], [1, 2])),
    *({"version": version} for version in ("two", True)),
    *({name: "other"} for name in ("recipe", "image", "training", "networks")),
    {"versions": {"torch": 2}},
    {"networks": [1, 2]},
    {"networks": {"generator": {"weight": 5}}},
]
PARTS = ("format", "version", "recipe", "image", "class_names", "step", "networks", "training", "versions")


def absurd(content: dict[str, Any]) -> list[bytes]:
    """Return checkpoints with absurd metadata, or without a part."""
    made = []
    for change in ABSURD:
        model = {"recipe": {**content["recipe"], "model": change["model"]}} if "model" in change else change
        made.append(saved({**content, "version": VERSION, **model}))
    return made + [saved({name: value for name, value in content.items() if name != part}) for part in PARTS]


def test_absurd_metadata_is_refused(content, written):
    for number, data in enumerate(absurd(content)):
        assert refusal(written(data)), number


def sparse(folder: Path) -> Path:
    """Return a file of a terabyte that takes no space on the disk."""
    path = folder / "sparse.pth"
    path.write_bytes(b"PK\3\4")
    os.truncate(path, 10**12)
    return path


def test_weights_must_match_the_recipe(content, written):
    weights = content["networks"]["generator"]
    name, weight = next((name, tensor) for name, tensor in weights.items() if tensor.ndim > 1)
    cases = [
        ({"generator": {key: each for key, each in weights.items() if key != name}}, f"`{name}` is missing"),
        ({"generator": {**weights, "more": weight}}, "`more`"),
        ({"generator": {**weights, name: weight[:, :-1].clone()}}, f"`{name}` is "),
        ({"generator": {**weights, name: weight.double()}}, "float64"),
        ({"generator": {**weights, name: weight * float("nan")}}, f"`{name}` holds NaN or infinity"),
        ({"generator": {**weights, name: weight / 0}}, f"`{name}` holds NaN or infinity"),
        ({"critic": weights}, "no generator"),
        ({"generator": weights, "spy": weights}, "'spy'"),
    ]
    for networks, words in cases:
        with pytest.raises(WganError, match="is damaged") as caught:
            inspect_checkpoint(written(saved({**content, "networks": networks})))
        assert words in caught.value.message


def test_names_are_escaped_for_the_terminal(wgan, content, written):
    names = ["\x1b[2Jgone", "\u202eleftwards", "\U0001f469\u200d\U0001f52c"]  # folders have such names
    versions = {"torch": "\x1b]0;title\x07"}
    result = wgan("inspect", written(saved({**content, "class_names": names, "versions": versions})))
    assert result.status == 0, result.stderr
    assert "\\x1b[2Jgone, \\u202eleftwards, " in result.stdout
    assert not {"\x1b", "\x07", "\u202e"} & set(result.stdout)
    path = written(saved({**content, "class_names": [*names, "caf\udce9"]}))
    assert json.loads(wgan("inspect", path, "--json").stdout)["class_names"] == [*names, "caf\udce9"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "there is no file"),
        (Path.mkdir, "Is a directory"),
        (os.mkfifo, "pipe or a device"),  # opening it waits for a writer
        (lambda path: path.symlink_to("/dev/zero"), "pipe or a device"),
        (lambda path: path.symlink_to(path), "symbolic links"),
        (lambda path: sparse(path.parent).rename(path), "GB of memory are free"),
    ],
)
def test_not_a_regular_file(tmp_path, make, words):
    make(tmp_path / "G.pth")
    with pytest.raises(WganError, match=words) as caught:
        load_checkpoint(tmp_path / "G.pth")
    assert caught.value.hint
    with pytest.raises(WganError, match="invalid file name"):
        load_checkpoint(tmp_path / "a\0b")
