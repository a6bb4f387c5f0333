"""Data sets of the Hugging Face Hub, read with its library from a server on this machine."""

from __future__ import annotations

import io
import json
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from wgan_cli.data.loading import load_images, native_shape
from wgan_cli.errors import WganError
from wgan_cli.evaluation.real_images import real_images
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.utils import hub


def parquet(*levels: int) -> bytes:
    """Return a Parquet file of images of one level of gray each."""
    images = []
    for level in levels:
        content = io.BytesIO()
        Image.new("L", (8, 8), level).save(content, "PNG")
        images.append({"bytes": content.getvalue(), "path": f"{level}.png"})
    file = io.BytesIO()
    pq.write_table(pa.table({"image": images, "label": [level % 2 for level in levels]}), file)
    return file.getvalue()


def load(path: str, root, messages=None, **more):
    settings = DataSettings.model_validate({"source": "folder", "path": path, **more})
    images = load_images(settings, root, [].append if messages is None else messages.append)
    assert native_shape(settings) == images.shape
    return images


def levels(images) -> list[int]:
    return sorted(images.images[:, 0, 0, 0].tolist())


def test_parts_are_downloaded_once(hub_server, tmp_path, capsys):
    files = {"data/train-00000-of-00001.parquet": parquet(1, 2, 3), "data/test-00000-of-00001.parquet": parquet(4)}
    hub_server.datasets["me/set"] = {"main": {**files, "README.md": b"about", "load.py": b"raise SystemExit"}}
    messages = []
    settings = DataSettings(source="folder", path="hf:me/set")
    real = real_images(settings, tmp_path, messages.append)
    assert levels(real.training.dataset) == [1, 2, 3] and levels(real.held_out.dataset) == [4] and not real.seen
    assert any("2 files" in line and "Hub" in line for line in messages) and capsys.readouterr() == ("", "")
    assert not any("load.py" in path for path in hub_server.requested)
    hub_server.requested.clear()
    assert levels(load("hf:me/set", tmp_path)) == [1, 2, 3] and hub_server.requested == []


def test_converted_by_the_hub(hub_server, tmp_path):
    converted = {"default/partial-train/0000.parquet": parquet(1, 2)}
    hub_server.datasets["me/set"] = {"main": {"images.zip": b"zip"}, "refs/convert/parquet": converted}
    messages = []
    assert levels(load("hf:me/set", tmp_path, messages)) == [1, 2]
    assert any("only the first part" in line for line in messages)


def test_revisions_and_folders(hub_server, tmp_path):
    main = {"small/train.parquet": parquet(1), "large/train.parquet": parquet(2, 3)}
    hub_server.datasets["me/set"] = {"main": main, "v1.0": {"train.parquet": parquet(4)}}
    assert levels(load("hf:me/set/large", tmp_path)) == [2, 3]
    assert levels(load("hf:me/set@v1.0", tmp_path)) == [4]
    with pytest.raises(WganError, match="large, small") as caught:
        load("hf:me/set", tmp_path)
    assert "hf:me/set/large" in caught.value.hint
    assert levels(load("hf:me/set/large", tmp_path, limit=1)) == [2]


def test_with_other_images(hub_server, tmp_path):
    hub_server.datasets["me/set"] = {"main": {"train.parquet": parquet(1, 3)}}
    np.savez(tmp_path / "more.npz", images=np.full((1, 8, 8), 5, np.uint8), labels=[1])
    images = load(["hf:me/set", str(tmp_path / "more.npz")], tmp_path)
    assert images.class_names == ("1",) and levels(images) == [1, 3, 5]


def test_cache_is_read_offline(hub_server, tmp_path, monkeypatch):
    hub_server.datasets["me/set"] = {
        "main": {}, "refs/convert/parquet": {"README.md": b"about", "default/train/0.parquet": parquet(1, 2)},
    }  # fmt: skip
    load("hf:me/set", tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    hub._folders.clear()
    messages = []
    assert levels(load("hf:me/set", tmp_path, messages)) == [1, 2]
    assert any("can't be reached" in line for line in messages)
    with pytest.raises(WganError, match="cannot download hf:me/other"):
        load("hf:me/other", tmp_path)


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("hf:me/missing", "hf:me/missing", "hf auth login"),
        ("hf:me/gated", "gated", "conditions"),
        ("hf:me/text", "no Parquet files", "path"),
        ("hf:me/set@v2", "no revision v2", "branch"),
        ("hf:set", "hf:set", "hf:OWNER/NAME"),
        ("hf:me/words", "no column of images", "bytes"),
    ],
)
def test_what_cannot_be_used(hub_server, tmp_path, path, message, hint):
    words = io.BytesIO()
    pq.write_table(pa.table({"text": ["a"]}), words)
    hub_server.gated.add("me/gated")
    hub_server.datasets |= {"me/text": {"main": {"a.txt": b"a"}}, "me/set": {"main": {"train.parquet": parquet(1)}}}
    hub_server.datasets["me/words"] = {"main": {"train.parquet": words.getvalue()}}
    with pytest.raises(WganError) as caught:
        load(path, tmp_path)
    assert message in caught.value.message and hint in caught.value.hint


def test_command_line(hub_server, tmp_path, wgan):
    hub_server.datasets["me/set"] = {"main": {"train.parquet": parquet(*range(60))}}
    assert json.loads(wgan("inspect", "hf:me/set", "--json").stdout)["count"] == 60
    hub._folders.clear()
    result = wgan("train", "hf:me/set", "--dry-run")
    assert result.status == 0 and "hf:me/set: 1 file on the Hub" in result.stderr
    assert str(tmp_path / "hub") not in result.stderr


def test_missing_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(WganError, match="hf:me/set needs huggingface_hub") as caught:
        load("hf:me/set", tmp_path)
    assert caught.value.hint == "pip install 'wgan[data]'"
