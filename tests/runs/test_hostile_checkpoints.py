"""Damaged and hostile checkpoints."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.hostile_checkpoints import (
    GREEDY,
    archive_of,
    calls,
    spoilt_facts,
    spoilt_weights,
    summed,
    torch_bytes,
    whole_content,
)

import wgan_cli
from wgan_cli.errors import WganError
from wgan_cli.outputs.sampling import open_generator
from wgan_cli.outputs.summary import inspect_checkpoint
from wgan_cli.runs import checkpoint_file
from wgan_cli.runs.checkpoint import load_checkpoint

CPU = torch.device("cpu")

pytestmark = pytest.mark.usefixtures("guarded", "limited_memory")


@pytest.fixture
def written(tmp_path):
    """Write bytes to a file and return its path."""

    def call(data: bytes, name: str = "G.pth") -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return call


def refusal(path: Path) -> str:
    """Return the message with which all readers of checkpoints refuse a file."""
    messages = set()
    for read in (inspect_checkpoint, lambda file: open_generator(file, CPU)):
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


def test_damaged_tensor(tiny_run, written):
    whole = bytearray(tiny_run.generator_file.read_bytes())
    weight = load_checkpoint(tiny_run.generator_file).networks["generator"]["to_image.weight"]
    whole[whole.index(weight.numpy().tobytes()) + 3] ^= 1
    assert "damaged: its content does not match its checksum" in refusal(written(whole))


def test_missing_checksum(tiny_run, written):
    content = whole_content(tiny_run.generator_file)
    assert "damaged: its checksum is missing" in refusal(written(torch_bytes(content)))


def test_version_1_has_no_checksum(tiny_run, written):
    path = written(torch_bytes({**whole_content(tiny_run.generator_file), "version": 1}))
    old, new = load_checkpoint(path), load_checkpoint(tiny_run.generator_file)
    assert (old.checksum, new.checksum[:7]) == (None, "sha256:")
    assert old.recipe == new.recipe
    for name, tensor in new.networks["generator"].items():
        assert torch.equal(old.networks["generator"][name], tensor)
    assert inspect_checkpoint(path).checksum is None


def test_checksum_covers_the_archive_without_comment(tiny_run):
    archive = tiny_run.generator_file.read_bytes()[:-78] + b"\0\0"
    assert inspect_checkpoint(tiny_run.generator_file).checksum == f"sha256:{hashlib.sha256(archive).hexdigest()}"


class Trap:
    """Creates a file when its pickle is loaded without care."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("command", ["sample --ckpt", "inspect", "gif", "train --resume"])
def test_no_command_executes_code(wgan, tmp_path, tiny_run, command):
    trap = tmp_path / "sprung"
    forms = (
        pickle.dumps(Trap(trap)),
        summed(archive_of(pickle.dumps(Trap(trap), 2))),
        summed(archive_of(calls("builtins", "eval", f"open({str(trap)!r}, 'w')"))),
        summed(torch_bytes({**whole_content(tiny_run.generator_file), "versions": Trap(trap)})),
    )
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "recipe.yaml").write_bytes(tiny_run.recipe_file.read_bytes())
    path = tmp_path / "run" / "checkpoints" / "step_00000012.pth"
    for data in forms:
        path.write_bytes(data)
        result = wgan(*command.split(), tmp_path / "run" if "resume" in command else path)
        assert "not a wgan checkpoint" in result.error
        assert result.status == 2
    assert not trap.exists()
    pickle.loads(forms[0])
    assert trap.exists()  # the trap works


@pytest.mark.parametrize("name", GREEDY)
def test_greedy_file_is_refused(written, name):
    make, words = GREEDY[name]
    data = make()
    assert words in refusal(written(data))
    assert words in refusal(written(summed(data)))  # a correct checksum is no reason to trust it


MEASURED = """
import resource, sys
from pathlib import Path
from wgan_cli.errors import WganError
from wgan_cli.outputs.summary import inspect_checkpoint

honest, *hostile = map(Path, sys.argv[1:])
inspect_checkpoint(honest)  # everything that is imported and kept
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
pages = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (pages + 600_000_000,) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
for path in hostile:
    try:
        inspect_checkpoint(path)
        print("accepted", path)
    except WganError:
        pass
print("grown", (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_hostile_files_take_little_memory(tiny_run, tmp_path, written):
    content = whole_content(tiny_run.generator_file)
    made = [make() for make, _ in GREEDY.values()]
    made += [summed(torch_bytes(spoilt)) for spoilt in spoilt_facts(content).values()]
    files = [written(data, f"{number}.pth") for number, data in enumerate(made)]
    command = [sys.executable, "-c", MEASURED, tiny_run.generator_file, *files, sparse(tmp_path), Path("/dev/zero")]
    environment = {**os.environ, "PYTHONPATH": str(Path(wgan_cli.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    process = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert process.returncode == 0, process.stderr
    assert "accepted" not in process.stdout
    assert int(process.stdout.split()[-1]) < 300  # MB


def sparse(folder: Path) -> Path:
    """Return a file of a terabyte that takes no space on the disk."""
    path = folder / "sparse.pth"
    path.write_bytes(b"PK\3\4")
    os.truncate(path, 10**12)
    return path


@pytest.mark.parametrize("what", ["a missing weight", "an extra weight", "another shape", "another kind", "NaN",
                                  "infinity", "no generator", "an unknown network"])  # fmt: skip
def test_weights_must_match_the_recipe(tiny_run, written, what):
    content, words = spoilt_weights(whole_content(tiny_run.generator_file))[what]
    with pytest.raises(WganError, match="is damaged") as caught:
        inspect_checkpoint(written(summed(torch_bytes(content))))
    assert words in caught.value.message


def test_absurd_metadata_is_refused(tiny_run, written):
    for what, content in spoilt_facts(whole_content(tiny_run.generator_file)).items():
        assert refusal(written(summed(torch_bytes(content)))), what


def test_names_are_escaped_for_the_terminal(wgan, wgan_process, tiny_run, written):
    names = ["\x1b[2Jgone", "\u202eleftwards", "\U0001f469\u200d\U0001f52c", "caf\udce9"]  # folders have such names
    versions = {"torch": "\x1b]0;title\x07"}
    content = {**whole_content(tiny_run.generator_file), "class_names": names, "versions": versions}
    path = written(summed(torch_bytes(content)))
    assert load_checkpoint(path).class_names == tuple(names)
    result = wgan_process("inspect", path, errors="surrogateescape")
    assert result.status == 0, result.stderr
    assert "\\x1b[2Jgone, \\u202eleftwards, " in result.stdout
    assert "caf\udce9" in result.stdout
    assert not {"\x1b", "\x07", "\u202e"} & set(result.stdout)
    assert json.loads(wgan("inspect", path, "--json").stdout)["class_names"] == names


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("folder", "Is a directory"),
        ("pipe", "pipe or a device"),
        ("endless", "pipe or a device"),
        ("empty", "is not a wgan checkpoint"),
        ("link to itself", "symbolic links"),
        ("null byte", "invalid file name"),
        ("sparse", "GB of memory are free"),
    ],
)
def test_not_a_regular_file(tmp_path, kind, words):
    path = tmp_path / "G.pth"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)  # opening it would wait for a writer
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "link to itself":
        path.symlink_to(path)
    elif kind == "sparse":
        path = sparse(tmp_path)
    else:
        path = tmp_path / "a\0b"
    with pytest.raises(WganError) as caught:
        load_checkpoint(path)
    assert words in str(caught.value)
    assert caught.value.hint


def test_file_larger_than_free_memory(tiny_run, monkeypatch):
    monkeypatch.setattr(checkpoint_file, "free_memory", lambda device: 10_000)
    with pytest.raises(WganError, match="GB of memory are free"):
        load_checkpoint(tiny_run.generator_file)
    monkeypatch.setattr(checkpoint_file, "free_memory", lambda device: None)
    assert load_checkpoint(tiny_run.generator_file).step == 12
