"""Checkpoints as .safetensors files."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from wgan_cli.errors import WganError
from wgan_cli.outputs.sampling import open_generator
from wgan_cli.recipe import load_recipe
from wgan_cli.runs.checkpoint import Checkpoint, load_checkpoint
from wgan_cli.runs.checkpoint_file import read_state_dict

CPU = torch.device("cpu")


@pytest.fixture
def checkpoint(tiny_run) -> Checkpoint:
    return load_checkpoint(tiny_run.checkpoint_file(12))


@pytest.fixture
def written(checkpoint, tmp_path) -> Path:
    path = tmp_path / "G.safetensors"
    checkpoint.to_share().save(path)
    return path


def test_round_trip(checkpoint, written):
    found = load_checkpoint(written)
    assert found == replace(checkpoint.to_share(), networks=found.networks)
    assert found.checksum.startswith("sha256:")
    assert set(found.networks) == {"generator"}
    for name, tensor in checkpoint.networks["generator"].items():
        assert torch.equal(found.networks["generator"][name], tensor)


def test_shared_files_do_not_name_image_folders(checkpoint):
    data = "data={source: folder, path: /home/somebody/photos/, labels: wards/somebody/labels.csv}"
    settings = [data, "eval_every=null"]
    folder = replace(checkpoint, recipe=load_recipe("folder_dcgan", settings))
    shared = folder.to_share().recipe.data
    assert (shared.path, shared.labels) == ("photos", "labels.csv")
    assert checkpoint.to_share().recipe == checkpoint.recipe


def test_memory_layout_is_restored(checkpoint, written, tiny_run):
    ours, _ = open_generator(tiny_run.generator_file, CPU)
    found, _ = open_generator(written, CPU)
    strides = [{name: tensor.stride() for name, tensor in each.state_dict().items()} for each in (ours, found)]
    assert strides[0] == strides[1]
    assert any(tensor.ndim == 4 and not tensor.is_contiguous() for tensor in found.state_dict().values())


def test_other_programs_can_read_it(checkpoint, written):
    with safe_open(written, "pt") as file:
        facts = json.loads(file.metadata()["wgan"])
        names = set(file.keys())
    assert facts["recipe"] == checkpoint.recipe.as_dict()
    assert (facts["format"], facts["step"], facts["image"]["width"]) == ("wgan", 12, 28)
    assert names == {f"generator.{name}" for name in checkpoint.networks["generator"]}


def test_same_content_gives_same_bytes(checkpoint, written, tmp_path):
    again = tmp_path / "again.safetensors"
    load_checkpoint(written).save(again)
    assert again.read_bytes() == written.read_bytes()


def test_damage_is_detected(written):
    whole = written.read_bytes()
    (header,) = struct.unpack("<Q", whole[:8])
    for place in (3, 20, header // 2, header + 8, len(whole) - 1):
        written.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        with pytest.raises(WganError, match="damaged|not a wgan checkpoint|invalid `|unknown"):
            load_checkpoint(written)
    for length in (0, 5, 100, len(whole) - 1):
        written.write_bytes(whole[:length])
        with pytest.raises(WganError, match="damaged|not a wgan checkpoint"):
            load_checkpoint(written)


def test_changed_recipe_is_detected(written):
    whole = written.read_bytes()
    written.write_bytes(whole.replace(b'\\"name\\": \\"tiny\\"', b'\\"name\\": \\"tony\\"'))
    assert written.read_bytes() != whole
    with pytest.raises(WganError, match="does not match its checksum"):
        load_checkpoint(written)


def test_huge_header_is_refused(tmp_path):
    path = tmp_path / "G.safetensors"
    path.write_bytes(struct.pack("<Q", 2**60) + b"{}")
    with pytest.raises(WganError, match="its header takes"):
        load_checkpoint(path)


def test_state_dict_of_another_program(tmp_path):
    names = ["m.10.weight", "m.2.bias", "m.2.weight", "m.2.num_batches_tracked", "m.2.running_mean"]
    save_file({name: torch.zeros(1) for name in names}, tmp_path / "theirs.safetensors")
    with pytest.raises(WganError, match="its metadata holds no recipe"):
        load_checkpoint(tmp_path / "theirs.safetensors")
    assert [name.partition(".")[2] for name in read_state_dict(tmp_path / "theirs.safetensors")] == [
        "2.weight", "2.bias", "2.running_mean", "2.num_batches_tracked", "10.weight",
    ]  # fmt: skip
