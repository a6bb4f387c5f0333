"""Malicious recipes, and recipes that need more memory than a machine has."""

from __future__ import annotations

import os

import pytest

from wgan_cli.errors import WganError
from wgan_cli.recipe import apply_settings, load_recipe
from wgan_cli.recipe.yaml import MAX_LENGTH, parse_yaml

BASE = {"model": "mlp", "steps": 5}
LAUGHS = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\nd: &d [*c, *c, *c]\nmodel: *d\n"
MLP = "model: mlp\nsteps: "
HOSTILE = {
    "aliases": (LAUGHS, "anchors"),
    "deep list": ("a: " + "[" * (MAX_LENGTH // 4), "levels deep"),
    "deep mapping": ("{a: " * (MAX_LENGTH // 4), "levels deep"),
    "deep dashes": ("- " * (MAX_LENGTH // 2), "levels deep"),
    "10 MB of nesting": ("[" * 10_000_000, "longer than"),
    "10 MB in one word": ("model: " + "x" * 10_000_000, "longer than"),
    "longest word": ("model: " + "x" * (MAX_LENGTH - 10), "`model.name`"),
    "50,000 digits": (MLP + "9" * 50_000, "50,000 digits"),
    "50,000 hex digits": (MLP + "0x" + "f" * 50_000, "50,002 digits"),
    "900 digits": (MLP + "9" + "0" * 900, "`steps` 9000"),
    "nan steps": (MLP + ".nan", "`steps` nan"),
    "inf": ("model: mlp\nepochs: .inf", "`epochs` inf"),
    "-inf": (MLP + "5\nobjective: {gp_weight: -1e999}", "`objective.gp_weight` -inf"),
    "nan weight": (MLP + "5\nobjective: {gp_weight: .nan}", "`objective.gp_weight` nan"),
    "version of 5,000 digits": ("%YAML 1." + "9" * 5000 + "\n--- a", "is not YAML"),
    "python tag": ("model: !!python/name:os.system mlp", "tag"),
    "zero byte": (MLP + '5\ndata: {source: folder, path: "a\\0b"}', "zero byte"),
    "surrogate": (MLP + '5\ndata: {source: folder, path: "\\ud800"}', "surrogates"),
    "control characters": ('model: mlp\n"\\e[2J": 5', "unknown setting `\\x1b[2J`"),
    "many layers": (f"model: {{name: mlp, generator: {{widths: [{'8192, ' * 9000}1]}}}}\nsteps: 5", "at most 32"),
}

pytestmark = pytest.mark.usefixtures("guarded")  # a hang is a failure


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_recipe(tmp_path, name):
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
        (b"", "contains no settings"),
        (bytes(5000), "is not YAML"),
    ],
)
def test_binary_files(tmp_path, data, words):
    path = tmp_path / "mine.yaml"
    path.write_bytes(data)
    with pytest.raises(WganError, match=words):
        load_recipe(str(path))


def test_byte_order_mark(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xef\xbb\xbfmodel: mlp\nsteps: 5\n")
    assert load_recipe(str(path)).steps == 5


@pytest.mark.parametrize("kind", ["folder", "pipe", "endless", "sparse"])
def test_special_files(tmp_path, kind):
    path = tmp_path / "mine.yaml"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    else:
        path.touch()
        os.truncate(path, 10**12)  # needs no disk space, but would need that much memory
    with pytest.raises(WganError) as caught:
        load_recipe(str(path))
    if kind == "sparse":
        assert "longer than 100,000 characters" in caught.value.message
    else:
        assert "mine.yaml" in caught.value.message


NOT_KEY_VALUE = ["", "=", "=3", ".a=3", "a..b=1", "a.=3", "steps", "--steps", "a\x1b=1", "\udcff=1"]


@pytest.mark.parametrize("setting", ["a." * 3000 + "a=1", "x" * 5000 + "=1", *NOT_KEY_VALUE])
def test_hostile_setting(setting):
    with pytest.raises(WganError, match="is not KEY=VALUE") as caught:
        apply_settings(BASE, [setting], "file")
    assert repr(setting[:200]) in caught.value.message
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("value", ["[" * 5000, "&a [*a]", "!!python/none", "\0", "\udcff", "9" * 5000])
def test_hostile_value(value):
    with pytest.raises(WganError, match="--set steps"):
        apply_settings(BASE, [f"steps={value}"], "file")


def test_longest_text():
    assert len(parse_yaml("a: " + "x" * (MAX_LENGTH - 3), "file")["a"]) == MAX_LENGTH - 3
