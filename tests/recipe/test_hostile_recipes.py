"""Recipes that somebody made to do harm, or that ask for more than a machine has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from wgan_cli.errors import WganError
from wgan_cli.outputs import summary
from wgan_cli.outputs.summary import check_memory
from wgan_cli.recipe import ImageShape, apply_settings, load_recipe, recipe_from_dict
from wgan_cli.recipe.yaml import MAX_LENGTH, parse_yaml

BASE = {"model": "mlp", "steps": 5}
LAUGHS = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\nd: &d [*c, *c, *c]\nmodel: *d\n"
HOSTILE = {
    "a billion laughs": (LAUGHS, "aliases"),
    "nesting without end": ("a: " + "[" * (MAX_LENGTH - 3), "nested too deeply"),
    "mappings without end": ("{a: " * (MAX_LENGTH // 4), "nested too deeply"),
    "dashes without end": ("- " * (MAX_LENGTH // 2), "nested too deeply"),
    "10 MB of nesting": ("[" * 10_000_000, "longer than"),
    "10 MB in one word": ("model: " + "x" * 10_000_000, "longer than"),
    "a word as long as can be": ("model: " + "x" * (MAX_LENGTH - 10), "which is none"),
    "a number of many digits": ("model: mlp\nsteps: " + "9" * 50_000, "a number of 50,000 digits"),
    "a number of many hex digits": ("model: mlp\nsteps: 0x" + "f" * 50_000, "a number of 50,002 digits"),
    "a number past every limit": ("model: mlp\nsteps: 9" + "0" * 900, "`steps` to 9000"),
    "no number": ("model: mlp\nsteps: .nan", "`steps` to nan"),
    "infinity": ("model: mlp\nepochs: .inf", "`epochs` to inf"),
    "minus infinity": ("model: mlp\nsteps: 5\nobjective: {gp_weight: -1e999}", "`objective.gp_weight` to -inf"),
    "a number that is none": ("model: mlp\nsteps: 5\nobjective: {gp_weight: .nan}", "`objective.gp_weight` to nan"),
    "a version of YAML of many digits": ("%YAML 1." + "9" * 5000 + "\n--- a", "is not YAML"),
    "a name that runs code": ("model: !!python/name:os.system mlp", "tag"),
    "a zero byte": ('model: mlp\nsteps: 5\ndata: {source: folder, path: "a\\0b"}', "zero byte"),
    "half a letter": ('model: mlp\nsteps: 5\ndata: {source: folder, path: "\\ud800"}', "half a letter"),
    "a key that steers the terminal": ('model: mlp\n"\\e[2J": 5', "sets `\\x1b[2J`"),
    "layers without end": (
        f"model: {{name: mlp, generator: {{widths: [{'8192, ' * 9000}1]}}}}\nsteps: 5",
        "at most 32",
    ),
}

pytestmark = pytest.mark.usefixtures("guarded")  # to wait for a pipe, or for ever, is to fail


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_recipe_is_refused_in_two_short_lines(tmp_path, name):
    text, words = HOSTILE[name]
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WganError) as caught:
        load_recipe(str(path))
    assert words in caught.value.message
    assert "mine.yaml" in caught.value.message
    assert len(caught.value.message) < 1000
    assert (caught.value.message + caught.value.hint).isprintable()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"model: mlp\nsteps: \xff\xfe", "is not a text file"),
        ("model: mlp\nsteps: 5".encode("utf-16"), "is not a text file"),
        (b"model: mlp\0\nsteps: 5", "is not YAML"),
        (b"", "holds no settings"),
        (bytes(5000), "is not YAML"),
    ],
)
def test_bytes_that_are_no_text_are_called_so(tmp_path, data, words):
    path = tmp_path / "mine.yaml"
    path.write_bytes(data)
    with pytest.raises(WganError, match=words):
        load_recipe(str(path))


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xef\xbb\xbfmodel: mlp\nsteps: 5\n")
    assert load_recipe(str(path)).steps == 5


@pytest.mark.parametrize("kind", ["folder", "pipe", "endless", "sparse"])
def test_what_is_no_recipe_file_is_refused_at_once(tmp_path, kind):
    path = tmp_path / "mine.yaml"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    else:
        path.touch()
        os.truncate(path, 10**12)  # takes no room on the disk, and would take all memory
    with pytest.raises(WganError) as caught:
        load_recipe(str(path))
    words = {"folder": "Is a directory", "sparse": "is longer than 100,000 characters"}
    assert words.get(kind, "it is a pipe or a device") in caught.value.message


@pytest.mark.parametrize("setting", ["a." * 3000 + "a=1", "x" * 5000 + "=1", "a\x1b=1", "\udcff=1", "=", "a..b=1"])
def test_a_hostile_setting_is_refused(setting):
    with pytest.raises(WganError, match="is not KEY=VALUE") as caught:
        apply_settings(BASE, [setting], "file")
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("value", ["[" * 5000, "&a [*a]", "!!python/none", "\0", "\udcff", "9" * 5000])
def test_a_hostile_value_of_a_setting_is_refused(value):
    with pytest.raises(WganError, match="--set steps"):
        apply_settings(BASE, [f"steps={value}"], "file")


def test_the_longest_text_is_still_read():
    assert len(parse_yaml("a: " + "x" * (MAX_LENGTH - 3), "file")["a"]) == MAX_LENGTH - 3


CPU = torch.device("cpu")
WIDE = {"name": "mlp", "generator": {"widths": [8192] * 32}, "critic": {"widths": [8]}}
DEEP = {"name": "dcgan", "critic": {"channels": [8192] * 5, "kernel": 9}, "generator": {"channels": [8] * 5}}


@pytest.mark.parametrize(
    ("model", "batch", "setting"),
    [
        (WIDE, 64, "model.generator.widths"),
        (DEEP, 64, "model.critic.channels"),
        ("dcgan", 65536, "--set batch_size="),
    ],
)
def test_networks_that_no_memory_holds_are_refused_before_they_are_built(monkeypatch, model, batch, setting):
    monkeypatch.setattr(summary, "free_memory", lambda device: 8 * 10**9)
    recipe = recipe_from_dict({"model": model, "steps": 5, "batch_size": batch}, "file")
    with pytest.raises(WganError) as caught:
        check_memory(recipe, ImageShape(128, 3), CPU)
    assert "and 8.0 GB are free on cpu" in caught.value.message
    assert setting in caught.value.hint


def test_the_batch_size_that_the_hint_gives_is_taken(monkeypatch):
    monkeypatch.setattr(summary, "free_memory", lambda device: 8 * 10**9)
    values = {"model": "dcgan", "steps": 5, "batch_size": 65536}
    with pytest.raises(WganError) as caught:
        check_memory(recipe_from_dict(values, "file"), ImageShape(128, 3), CPU)
    fitting = int(caught.value.hint.partition("batch_size=")[2].partition(",")[0])
    check_memory(recipe_from_dict({**values, "batch_size": fitting}, "file"), ImageShape(128, 3), CPU)
    with pytest.raises(WganError):
        check_memory(recipe_from_dict({**values, "batch_size": fitting + 64}, "file"), ImageShape(128, 3), CPU)


def test_training_asks_for_the_memory_first(wgan, monkeypatch, tiny_options):
    monkeypatch.setattr(summary, "free_memory", lambda device: 100_000)
    result = wgan("train", *tiny_options, "--steps", 1, "--device", "cpu", "--out", "mine")
    assert (result.status, "GB are free on cpu" in result.error) == (2, True)
    assert not Path("mine").exists()
    monkeypatch.setattr(summary, "free_memory", lambda device: None)  # a system that does not say
    assert wgan("train", *tiny_options, "--steps", 1, "--device", "cpu", "--out", "mine").status == 0
