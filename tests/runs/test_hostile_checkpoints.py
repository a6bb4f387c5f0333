"""Checkpoints that somebody damaged, or made to do harm."""

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
from wgan_cli.utils import memory

CPU = torch.device("cpu")

pytestmark = pytest.mark.usefixtures("guarded")  # to wait for a pipe, or for ever, is to fail


@pytest.fixture
def written(tmp_path):
    """Write bytes as a file and return its path."""

    def call(data: bytes, name: str = "G.pth") -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return call


def refusal(path: Path) -> str:
    """The message with which all that read checkpoints refuse a file."""
    messages = set()
    for read in (inspect_checkpoint, lambda file: open_generator(file, CPU)):
        with pytest.raises(WganError) as caught:
            read(path)
        assert caught.value.hint
        messages.add(caught.value.message)
    (message,) = messages
    assert str(path) in message
    return message


def test_damage_at_any_byte_is_noticed(tiny_run, written):
    whole = tiny_run.generator_file.read_bytes()
    chance = random.Random(0)
    ends = [*range(200), *range(len(whole) - 300, len(whole))]
    places = sorted({*ends, *chance.sample(range(len(whole)), 500)})
    for place in places:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << chance.randrange(8)
        with pytest.raises(WganError, match=r"damaged|is not a wgan checkpoint"):
            load_checkpoint(written(flipped))


def test_damage_inside_a_tensor_is_told_apart_from_a_bug(tiny_run, written):
    whole = bytearray(tiny_run.generator_file.read_bytes())
    weight = load_checkpoint(tiny_run.generator_file).networks["generator"]["to_image.weight"]
    place = whole.index(weight.numpy().tobytes())
    whole[place + 3] ^= 1
    assert "damaged: its content does not match its checksum" in refusal(written(whole))


def test_a_checksum_that_was_cut_off_is_missed(tiny_run, written):
    content = whole_content(tiny_run.generator_file)
    assert "damaged: its checksum is missing" in refusal(written(torch_bytes(content)))


def test_a_file_of_version_1_without_a_checksum_still_loads(tiny_run, written):
    path = written(torch_bytes({**whole_content(tiny_run.generator_file), "version": 1}))
    old, new = load_checkpoint(path), load_checkpoint(tiny_run.generator_file)
    assert (old.checksum, new.checksum[:7]) == (None, "sha256:")
    assert old.recipe == new.recipe
    for name, tensor in new.networks["generator"].items():
        assert torch.equal(old.networks["generator"][name], tensor)
    assert inspect_checkpoint(path).checksum is None


def test_the_checksum_is_of_the_archive_without_it(tiny_run):
    data = tiny_run.generator_file.read_bytes()
    archive = data[:-78] + b"\0\0"
    assert inspect_checkpoint(tiny_run.generator_file).checksum == f"sha256:{hashlib.sha256(archive).hexdigest()}"


@pytest.mark.parametrize("command", ["sample --ckpt", "inspect", "gif", "train --resume"])
def test_no_command_runs_the_code_in_a_file(wgan, tmp_path, tiny_run, command):
    trap = tmp_path / "sprung"
    forms = {
        "pickle": pickle.dumps(Trap(trap)),
        "archive": summed(archive_of(pickle.dumps(Trap(trap), 2))),
        "eval": summed(archive_of(calls("builtins", "eval", f"open({str(trap)!r}, 'w')"))),
        "inside": summed(torch_bytes({**whole_content(tiny_run.generator_file), "versions": Trap(trap)})),
    }
    for data in forms.values():
        (tmp_path / "run" / "checkpoints").mkdir(parents=True, exist_ok=True)
        (tmp_path / "run" / "recipe.yaml").write_bytes(tiny_run.recipe_file.read_bytes())
        path = tmp_path / "run" / "checkpoints" / "step_00000012.pth"
        path.write_bytes(data)
        result = wgan(*command.split(), tmp_path / "run" if "resume" in command else path)
        assert "not a wgan checkpoint" in result.error
        assert result.status == 2
    assert not trap.exists()
    pickle.loads(forms["pickle"])
    assert trap.exists()  # it would have sprung


class Trap:
    """A pickle of it makes a file where it is loaded with trust."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", GREEDY)
def test_a_file_that_asks_for_more_than_it_holds_is_refused(written, name):
    make, words = GREEDY[name]
    assert words in refusal(written(make()))
    assert words in refusal(written(summed(make())))  # a right checksum is no reason to trust it


MEASURED = """
import resource, sys, time
from pathlib import Path
from wgan_cli.errors import WganError
from wgan_cli.outputs.summary import inspect_checkpoint

honest, *hostile = map(Path, sys.argv[1:])
inspect_checkpoint(honest)  # all that is imported and kept for good
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


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's count of a process's memory")
def test_hostile_files_take_little_memory(tiny_run, tmp_path, written):
    content = whole_content(tiny_run.generator_file)
    made = [make() for make, _ in GREEDY.values()]
    made += [summed(torch_bytes(spoilt)) for spoilt in spoilt_facts(content).values()]
    files = [written(data, f"{number}.pth") for number, data in enumerate(made)]
    with open(tmp_path / "sparse.pth", "wb") as sparse:  # a terabyte that takes no room on the disk
        sparse.write(b"PK\3\4")
        sparse.truncate(10**12)
    files += [tmp_path / "sparse.pth", Path("/dev/zero")]
    command = [sys.executable, "-c", MEASURED, tiny_run.generator_file, *files]
    environment = {**os.environ, "PYTHONPATH": str(Path(wgan_cli.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    process = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stderr
    assert "accepted" not in process.stdout
    grown = int(process.stdout.split()[-1])
    assert grown < 300, f"{grown} MB"


@pytest.mark.parametrize("what", ["a missing weight", "an extra weight", "another shape", "another kind", "NaN",
                                  "infinity", "no generator", "an unknown network"])  # fmt: skip
def test_weights_that_do_not_fit_the_recipe_are_refused(tiny_run, written, what):
    content, words = spoilt_weights(whole_content(tiny_run.generator_file))[what]
    message = refusal_of_one(written(summed(torch_bytes(content))))
    assert "is damaged" in message
    assert words in message


def refusal_of_one(path: Path) -> str:
    with pytest.raises(WganError) as caught:
        inspect_checkpoint(path)
    return caught.value.message


def test_absurd_facts_are_refused(tiny_run, written):
    for what, content in spoilt_facts(whole_content(tiny_run.generator_file)).items():
        assert refusal(written(summed(torch_bytes(content)))), what


def test_names_in_a_file_steer_no_terminal(wgan, wgan_process, tiny_run, written):
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


@pytest.mark.parametrize("kind", ["folder", "pipe", "endless", "empty", "link to itself", "no name"])
def test_what_is_no_file_is_refused_at_once(tmp_path, kind):
    path = tmp_path / "G.pth"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)  # to open it waits for a writer, for ever
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "link to itself":
        path.symlink_to(path)
    else:
        path = tmp_path / "a\0b"
    words = {"folder": "Is a directory", "empty": "is not a checkpoint", "link to itself": "symbolic links"}
    with pytest.raises(WganError) as caught:
        load_checkpoint(path)
    assert words.get(kind, "it is a pipe or a device" if kind != "no name" else "no file can have") in str(caught.value)
    assert caught.value.hint


def test_a_file_larger_than_the_free_memory_is_not_read(tiny_run, monkeypatch):
    monkeypatch.setattr(checkpoint_file, "free_memory", lambda device: 10_000)
    with pytest.raises(WganError, match="0.0 GB of memory are free"):
        load_checkpoint(tiny_run.generator_file)
    monkeypatch.setattr(checkpoint_file, "free_memory", lambda device: None)
    assert load_checkpoint(tiny_run.generator_file).step == 12
    assert memory.free_memory(CPU) is None or memory.free_memory(CPU) > 10**6
