"""Generators on the Hugging Face Hub, uploaded and read with its library from a server on this machine."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from wgan_cli import load_generator
from wgan_cli.errors import WganError
from wgan_cli.recipe import read_recipe_file
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.runs.hub_generator import hub_generator
from wgan_cli.runs.run_dir import EXPORTED_CRITIC, EXPORTED_TENSORS
from wgan_cli.utils import hub

NAME = "hf:me/digits"


@pytest.fixture
def run(tiny_run, tmp_path) -> Path:
    return Path(shutil.copytree(tiny_run.path, tmp_path / "run"))


@pytest.fixture
def pushed(hub_server, monkeypatch, wgan, run):
    """The Hub with the generator of a run, and its files."""
    monkeypatch.setenv("HF_TOKEN", hub_server.token)
    result = wgan("export", run, "--push", NAME)
    assert result.status == 0, result.stderr
    monkeypatch.delenv("HF_TOKEN")
    return hub_server.models["me/digits"]["main"]


def test_what_is_pushed(wgan, pushed, hub_server, run, tmp_path):
    assert sorted(pushed) == [
        "README.md", "config.json", "critic.safetensors", "model.safetensors", "recipe.yaml", "samples.png"
    ]  # fmt: skip
    for name, content in pushed.items():
        (tmp_path / name).write_bytes(content)
    assert read_recipe_file(tmp_path / "recipe.yaml").name == "tiny"
    assert wgan("train", "--recipe", "recipe.yaml", "--dry-run").status == 0
    card = pushed["README.md"].decode()
    front = yaml.safe_load(card.split("---")[1])
    assert front["library_name"] == "wgan" and "onnx" not in front["tags"] and "onnx" not in card
    assert f'load_generator("{NAME}")' in card and f"--init-from {NAME}" in card
    assert "onnx" not in json.loads(pushed["config.json"])
    assert [each.get("private") for each in hub_server.created] == [None]


def test_read_wherever_a_checkpoint_is(wgan, pushed, run, features_root):
    (run / "G_best.pth").unlink(missing_ok=True)
    drawn = wgan("sample", NAME, "-n", 4, "--out", "there.npy", "--device", "cpu")
    assert drawn.status == 0, drawn.stderr
    assert hashlib.sha256(pushed[EXPORTED_TENSORS]).hexdigest() in drawn.stderr
    assert wgan("sample", run, "-n", 4, "--out", "here.npy", "--device", "cpu").status == 0
    np.testing.assert_array_equal(np.load("there.npy"), np.load("here.npy"))
    assert json.loads(wgan("inspect", NAME, "--json").stdout)["recipe"]["name"] == "tiny"
    assert wgan("gif", NAME, "--max-frames", 4, "--device", "cpu").status == 0 and Path("digits.gif").exists()
    assert wgan("gif", NAME, "--match", "*", "--device", "cpu").status == 2
    assert wgan("export", NAME, "--out", "again.safetensors").status == 0
    words = ("-n", 50, "--metrics", "fd", "--data-root", features_root, "--device", "cpu")
    assert wgan("evaluate", NAME, *words).status == 0
    assert torch.equal(load_generator(NAME).sample(2), load_generator(run).sample(2))
    result = wgan("train", "--init-from", NAME, "--steps", 1, "--device", "cpu", "--out", "next")
    assert result.status == 0 and "no critic" not in result.stderr
    critic = load_checkpoint(hub_generator(NAME) / EXPORTED_CRITIC).networks["critic"]
    first = load_checkpoint("next/checkpoints/step_00000000.pth").networks["critic"]
    assert all(torch.equal(first[name], tensor) for name, tensor in critic.items())


def test_only_weights_are_downloaded(pushed, hub_server):
    pushed |= {"code.py": b"raise SystemExit", "G.pth": b"pickle"}
    folder = hub_generator(NAME)
    names = {path.name for path in folder.iterdir()}
    assert names == {"config.json", "critic.safetensors", "model.safetensors"}
    hub_server.requested.clear()
    assert hub_generator(NAME) == folder and hub_server.requested == []


def test_revisions(pushed, hub_server):
    hub_server.models["me/digits"]["v1"] = {**pushed, "config.json": b'{"format": "wgan", "old": 1}'}
    assert json.loads((hub_generator(f"{NAME}@v1") / "config.json").read_text())["old"] == 1
    assert "old" not in json.loads((hub_generator(NAME) / "config.json").read_text())
    with pytest.raises(WganError, match="no revision v2"):
        hub_generator(f"{NAME}@v2")


def test_cache_is_read_offline(pushed, monkeypatch):
    folder = hub_generator(NAME)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    hub._folders.clear()
    messages = []
    assert hub_generator(NAME, messages.append) == folder
    assert len(messages) == 1 and "can't be reached" in messages[0]
    with pytest.raises(hub.Unavailable, match="cannot download hf:me/other"):
        hub_generator("hf:me/other")


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("hf:me/missing", "isn't on the Hub", "hf auth login"),
        ("hf:me/gated", "gated", "conditions"),
        ("hf:me/text", "no generator of wgan", "wgan export"),
        ("hf:me/bert", "no generator of wgan", "wgan export"),
        ("hf:digits", "hf:digits", "hf:OWNER/NAME"),
        ("hf:me/text/folder", "folder", "hf:me/text"),
    ],
)
def test_what_cannot_be_read(wgan, hub_server, name, message, hint):
    hub_server.gated.add("me/gated")
    hub_server.models["me/text"] = {"main": {"README.md": b"text"}}
    hub_server.models["me/bert"] = {"main": {"config.json": b"[]", "model.safetensors": b"x" * 100}}
    refused = wgan("sample", name)
    assert refused.status == 2 and message in refused.error and hint in refused.hint
    assert not any("model.safetensors" in path for path in hub_server.requested)


def test_damaged_weights(wgan, pushed):
    whole = pushed[EXPORTED_TENSORS]
    pushed[EXPORTED_TENSORS] = whole[:-1] + bytes([whole[-1] ^ 1])
    assert "checksum" in wgan("sample", NAME).error


def test_what_cannot_be_pushed(wgan, hub_server, run, monkeypatch):
    refused = wgan("export", run, "--push", NAME)
    assert refused.status == 2 and "token" in refused.error and "HF_TOKEN" in refused.hint
    monkeypatch.setenv("HF_TOKEN", hub_server.token)
    assert "permit" in wgan("export", run, "--push", "hf:other/digits").error
    assert "revision" in wgan("export", run, "--push", f"{NAME}@v1").error
    assert "--push" in wgan("export", run, "--push", NAME, "--out", "a.onnx").error
    assert "--push" in wgan("export", run).error
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    assert "cannot upload" in wgan("export", run, "--push", NAME).error
    assert hub_server.models == {}


def test_missing_package(wgan, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for words in (("sample", NAME), ("export", run, "--push", NAME)):
        refused = wgan(*words)
        assert "needs huggingface_hub" in refused.error and refused.hint == "pip install 'wgan[hub]'"
