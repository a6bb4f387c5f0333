"""Checkpoints: saving, loading and choosing files."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.hostile_checkpoints import archive_of, torch_bytes
from helpers.same_run import assert_same

from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape, load_recipe
from wgan_cli.runs.checkpoint import FORMAT, BestScore, Checkpoint, generator_file, load_checkpoint


def example(**changes) -> Checkpoint:
    torch.manual_seed(0)
    network = {"weight": torch.randn(3, 4), "bias": torch.zeros(3), "count": torch.tensor(7)}
    whole = Checkpoint(
        recipe=load_recipe("digits_dcgan", ["seed=9"]),
        image=ImageShape(28, 28, 1, 10),
        class_names=("zero", "one"),
        step=123,
        networks={"generator": network},
        training={"random": {"cpu": torch.get_rng_state()}, "seconds": 1.5, "none": None, "numbers": [1, 2.5]},
        versions={"torch": "2.0"},
    )
    return replace(whole, **changes)


def content(path: Path) -> dict:
    return torch.load(path, map_location="cpu", weights_only=True)


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("saved") / "G.pth"
    example().save(path)
    return path.read_bytes()


@pytest.mark.parametrize("changes", [{}, {"training": None}, {"class_names": (), "image": ImageShape(64, 64, 4)}])
def test_round_trip(tmp_path, changes):
    before = example(**changes)
    before.save(tmp_path / "G.pth")
    after = load_checkpoint(tmp_path / "G.pth")
    for name in ("recipe", "image", "class_names", "step", "versions"):
        assert getattr(after, name) == getattr(before, name), name
    assert_same(after.networks, before.networks)
    assert_same(after.training, before.training)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_hundred_thousand_classes(tmp_path, suffix):
    names = tuple(f"a species with a long name, number {number}" for number in range(100_000))
    example(class_names=names).save(tmp_path / f"G{suffix}")
    assert load_checkpoint(tmp_path / f"G{suffix}").class_names == names


@pytest.mark.parametrize("name", ["G.pth", "G.safetensors"])
def test_files_are_moved_into_place(tmp_path, monkeypatch, name):
    """A reader finds the old file or the new one."""
    moved, move = [], os.replace
    monkeypatch.setattr(os, "replace", lambda source, target: (moved.append(target), move(source, target)))
    example().save(tmp_path / name)
    assert tmp_path / name in moved


def test_same_content_gives_same_bytes(tmp_path):
    example(score=BestScore("fd", 1.0, "these")).save(tmp_path / "a.pth")
    # Equal strings that are different objects
    example(score=BestScore("".join("fd"), 1.0, "".join("these"))).save(tmp_path / "other.pt")
    assert (tmp_path / "a.pth").read_bytes() == (tmp_path / "other.pt").read_bytes()
    example(step=124).save(tmp_path / "b.pth")
    assert (tmp_path / "a.pth").read_bytes() != (tmp_path / "b.pth").read_bytes()


def test_real_checkpoints_hold_plain_values(tiny_run):
    def kinds(value) -> set[type]:
        if isinstance(value, dict):
            return {type(value)}.union(*(kinds(inner) for pair in value.items() for inner in pair))
        if isinstance(value, list | tuple):
            return {type(value)}.union(*map(kinds, value))
        return {type(value)}

    for path in (tiny_run.generator_file, tiny_run.checkpoint_files()[-1]):
        modules = {kind.__module__.partition(".")[0] for kind in kinds(content(path))}
        assert modules <= {"builtins", "collections", "torch"}
        assert content(path)["recipe"]["name"] == "tiny"


def test_generator_file_and_full_checkpoint(tiny_run):
    generator, full = load_checkpoint(tiny_run.generator_file), load_checkpoint(tiny_run.checkpoint_files()[-1])
    assert (generator.training, set(generator.networks)) == (None, {"generator"})
    assert set(full.networks) == {"generator", "critic"}
    assert_same(generator.networks["generator"], full.networks["generator"])
    assert generator.step == full.step == 12


NO_CHECKPOINTS = {
    "empty": b"",
    "text": b"# wgan train\nmodel: mlp\n",
    "image": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "zip of another program": archive_of(b"hello"),
    "pickle": pickle.dumps({"format": FORMAT}),
    "weights of another program": torch_bytes({"weight": torch.zeros(3)}),
    "a tensor": torch_bytes(torch.zeros(3)),
    "a list": torch_bytes([1, 2]),
    "only the letters of a zip": b"P",
    "no pickle": b"\x80\x02}q\x00.",
    "deep pickle": b"\x80\x02" + b"(" * 50_000 + b"t" * 50_000 + b".",
}


@pytest.mark.parametrize("name", NO_CHECKPOINTS)
def test_not_a_checkpoint(tmp_path, name):
    path = tmp_path / "G.pth"
    path.write_bytes(NO_CHECKPOINTS[name])
    with pytest.raises(WganError) as caught:
        load_checkpoint(path)
    assert caught.value.message.startswith(f"{path} is not a wgan checkpoint")
    assert "G.pth" in caught.value.hint


@pytest.mark.parametrize("part", [0.02, 0.5, 0.9, 0.999])
def test_truncated_file(tmp_path, saved, part):
    path = tmp_path / "G.pth"
    path.write_bytes(saved[: int(part * len(saved))])
    with pytest.raises(WganError) as caught:
        load_checkpoint(path)
    assert caught.value.message.startswith(f"{path} is cut off or damaged: its ")


def test_generator_file(tiny_run, tmp_path):
    assert generator_file(tiny_run.path) == tiny_run.generator_file
    assert generator_file(tiny_run.checkpoint_file(6)) == tiny_run.checkpoint_file(6)
    with pytest.raises(WganError, match="is not a run folder"):
        generator_file(tmp_path)
    (tmp_path / "recipe.yaml").write_text("")
    with pytest.raises(WganError, match="has no G.pth yet"):
        generator_file(tmp_path)
