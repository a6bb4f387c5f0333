"""Data sets of the Hugging Face Hub, read with its library from a server on this machine."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants
from PIL import Image

from wgan_cli.data.containers import hub
from wgan_cli.data.loading import load_images, native_shape
from wgan_cli.errors import WganError
from wgan_cli.evaluation.real_images import real_images
from wgan_cli.recipe.data_settings import DataSettings


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


class Hub:
    """HTTP server of `repositories`: name -> revision -> file -> content. `requested` has the paths of all requests."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, dict[str, bytes]]] = {}
        self.gated: set[str] = set()
        self.requested: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = urlsplit(self.path).path.strip("/").replace("%2F", "/")
                hub.requested.append(path)
                status, headers, body = hub.answer(path)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, *args) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        api, _, rest = path.removeprefix("api/").partition("datasets/")
        name = "/".join(rest.split("/")[:2])
        if name in self.gated:
            return 403, {"X-Error-Code": "GatedRepo"}, b""
        if api or name not in self.repositories:
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        kind, _, rest = rest.removeprefix(name).strip("/").partition("/")
        shas = {
            hashlib.sha1(f"{name}{revision}".encode()).hexdigest(): revision for revision in self.repositories[name]
        }
        known = {revision: sha for sha, revision in shas.items()} | {sha: sha for sha in shas}
        revision = next((each for each in known if f"{rest}/".startswith(f"{each}/")), None)
        if kind and revision is None:
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        sha = known[revision or "main"]
        files = self.repositories[name][shas[sha]]
        if kind == "resolve":
            content = files[rest.removeprefix(f"{revision}/")]
            return 200, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": sha}, content
        listed = [
            {"type": "file", "path": file, "rfilename": file, "size": len(files[file]), "oid": sha} for file in files
        ]
        found = listed if kind == "tree" else {"id": name, "sha": sha, "siblings": listed}
        return 200, {"Content-Type": "application/json"}, json.dumps(found).encode()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch, tmp_path):
    running = Hub()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("HF_ENDPOINT", running.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(hub, "_folders", {})
    yield running
    running.close()


def load(path: str, root, messages=None, **more):
    settings = DataSettings.model_validate({"source": "folder", "path": path, **more})
    images = load_images(settings, root, [].append if messages is None else messages.append)
    assert native_shape(settings) == images.shape
    return images


def levels(images) -> list[int]:
    return sorted(images.images[:, 0, 0, 0].tolist())


def test_parts_are_downloaded_once(server, tmp_path, capsys):
    files = {"data/train-00000-of-00001.parquet": parquet(1, 2, 3), "data/test-00000-of-00001.parquet": parquet(4)}
    server.repositories["me/set"] = {"main": {**files, "README.md": b"about", "load.py": b"raise SystemExit"}}
    messages = []
    settings = DataSettings(source="folder", path="hf:me/set")
    real = real_images(settings, tmp_path, messages.append)
    assert levels(real.training.dataset) == [1, 2, 3] and levels(real.held_out.dataset) == [4] and not real.seen
    assert any("2 files" in line and "Hub" in line for line in messages) and capsys.readouterr() == ("", "")
    assert not any("load.py" in path for path in server.requested)
    server.requested.clear()
    assert levels(load("hf:me/set", tmp_path)) == [1, 2, 3] and server.requested == []


def test_converted_by_the_hub(server, tmp_path):
    converted = {"default/partial-train/0000.parquet": parquet(1, 2)}
    server.repositories["me/set"] = {"main": {"images.zip": b"zip"}, "refs/convert/parquet": converted}
    messages = []
    assert levels(load("hf:me/set", tmp_path, messages)) == [1, 2]
    assert any("only the first part" in line for line in messages)


def test_revisions_and_folders(server, tmp_path):
    main = {"small/train.parquet": parquet(1), "large/train.parquet": parquet(2, 3)}
    server.repositories["me/set"] = {"main": main, "v1.0": {"train.parquet": parquet(4)}}
    assert levels(load("hf:me/set/large", tmp_path)) == [2, 3]
    assert levels(load("hf:me/set@v1.0", tmp_path)) == [4]
    with pytest.raises(WganError, match="large, small") as caught:
        load("hf:me/set", tmp_path)
    assert "hf:me/set/large" in caught.value.hint
    assert levels(load("hf:me/set/large", tmp_path, limit=1)) == [2]


def test_with_other_images(server, tmp_path):
    server.repositories["me/set"] = {"main": {"train.parquet": parquet(1, 3)}}
    np.savez(tmp_path / "more.npz", images=np.full((1, 8, 8), 5, np.uint8), labels=[1])
    images = load(["hf:me/set", str(tmp_path / "more.npz")], tmp_path)
    assert images.class_names == ("1",) and levels(images) == [1, 3, 5]


def test_cache_is_read_offline(server, tmp_path, monkeypatch):
    server.repositories["me/set"] = {"main": {}, "refs/convert/parquet": {"default/train/0.parquet": parquet(1, 2)}}
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
        ("hf:me/set@v2", "no Parquet files", "path"),
        ("hf:set", "hf:set", "hf:OWNER/NAME"),
        ("hf:me/words", "no column of images", "bytes"),
    ],
)
def test_what_cannot_be_used(server, tmp_path, path, message, hint):
    words = io.BytesIO()
    pq.write_table(pa.table({"text": ["a"]}), words)
    server.gated.add("me/gated")
    server.repositories = {"me/text": {"main": {"a.txt": b"a"}}, "me/set": {"main": {"train.parquet": parquet(1)}}}
    server.repositories["me/words"] = {"main": {"train.parquet": words.getvalue()}}
    with pytest.raises(WganError) as caught:
        load(path, tmp_path)
    assert message in caught.value.message and hint in caught.value.hint


def test_command_line(server, tmp_path, wgan):
    server.repositories["me/set"] = {"main": {"train.parquet": parquet(*range(60))}}
    assert json.loads(wgan("inspect", "hf:me/set", "--json").stdout)["count"] == 60
    result = wgan("train", "hf:me/set", "--dry-run")
    assert result.status == 0 and "hf:me/set" in result.stderr and str(tmp_path / "hub") not in result.stderr


def test_missing_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(WganError, match="hf:me/set needs huggingface_hub") as caught:
        load("hf:me/set", tmp_path)
    assert caught.value.hint == "pip install 'wgan[data]'"
