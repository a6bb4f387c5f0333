"""Real data where it is at hand, small files in the same formats, and a server to download them from."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.mnist_files import idx, small_set, write_files
from torchvision import datasets

from wgan_cli.data.sources import download

SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def real(path: str) -> Path:
    """A part of the real data beside the checkout; the test is skipped where it is missing."""
    if not (SHARED_DATA / path).exists():
        pytest.skip(f"no real data: {SHARED_DATA / path} is missing")
    return SHARED_DATA / path


@pytest.fixture(scope="session")
def real_data_root(tmp_path_factory) -> Path:
    """A data root with real MNIST and the first 2,500 images of Fashion-MNIST."""
    root = tmp_path_factory.mktemp("real")
    for packed, folder in (("mnist", "MNIST/raw"), ("fashion-mnist-2500", "FashionMNIST/raw")):
        (root / folder).mkdir(parents=True)
        for file in real(packed).glob("*.gz"):
            with gzip.open(file) as source, open(root / folder / file.stem, "wb") as target:
                shutil.copyfileobj(source, target)
    return root


@pytest.fixture(scope="session")
def real_cifar_root(tmp_path_factory) -> Path:
    """A data root with the first three JPEG files of each class and part of CIFAR-10."""
    root = tmp_path_factory.mktemp("real_cifar")
    wanted = ("0000.jpg", "0001.jpg", "0002.jpg")
    with tarfile.open(real("cifar10-jpg.tar.xz"), "r|xz") as tar:
        for member in tar:
            if member.name.endswith(wanted):
                target = root / "cifar10" / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(tar.extractfile(member).read())
    return root


@pytest.fixture(scope="session")
def real_cifar_shards(tmp_path_factory) -> tuple[str, list[tuple[bytes, str]]]:
    """40 WebDataset shards of 25 JPEG files each, 100 of each class of CIFAR-10; and those files with their classes."""
    originals = []
    with tarfile.open(real("cifar10-jpg.tar.xz"), "r|xz") as tar:
        for member in tar:
            part, _, name = member.name.partition("/")
            if part == "train" and name.partition("/")[2].startswith("00") and member.isfile():
                originals.append((tar.extractfile(member).read(), name.partition("/")[0]))
    folder = tmp_path_factory.mktemp("shards")
    for shard in range(40):
        with tarfile.open(folder / f"images-{shard:03d}.tar", "w") as tar:
            for number in range(shard, len(originals), 40):
                for ending, content in zip(
                    ("jpg", "cls"), (originals[number][0], originals[number][1].encode()), strict=True
                ):
                    member = tarfile.TarInfo(f"{number:06d}.{ending}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    return str(folder / "images-{000..039}.tar"), originals


def zipped(files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in files.items()}


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


class Server:
    """Files over HTTP on this machine. `files`: name -> bytes. Those in `cut` end halfway, those in `stuck` stop there
    until `release` is set; `is_stuck` tells when the first did. `asked`: the names asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: set[str] = set()
        self.stuck: set[str] = set()
        self.asked: list[str] = []
        self.is_stuck, self.release = threading.Event(), threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.lstrip("/")
                server.asked.append(name)
                if name not in server.files:
                    return self.send_error(404)
                content = server.files[name]
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.headers.get("Method") == "HEAD":  # torchvision's way to look for redirects
                    return None
                self.wfile.write(content[: len(content) // 2])
                if name in server.stuck:
                    server.is_stuck.set()
                    server.release.wait(timeout=30)  # so that a wrong client fails instead of hanging
                elif name not in server.cut:
                    self.wfile.write(content[len(content) // 2 :])
                return None

            def log_message(self, *args) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.handle_error = lambda *args: None  # a client that goes away is what some tests are about
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.release.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


CLOSED = "http://127.0.0.1:1/"  # nothing answers there


@pytest.fixture(autouse=True)
def never_the_real_network(monkeypatch) -> None:
    """Downloads fail unless a test names a server; local addresses are reached without a proxy."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(datasets.MNIST, "mirrors", [CLOSED])
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", [CLOSED])
    monkeypatch.setattr(datasets.CIFAR10, "url", CLOSED + datasets.CIFAR10.filename)
    monkeypatch.setattr(download, "SILENCE_LIMIT", 10.0)


@pytest.fixture
def server(never_the_real_network):
    running = Server()
    yield running
    running.close()


@pytest.fixture
def files() -> SimpleNamespace:
    """The helpers above, for tests, which cannot import a conftest by name."""
    return SimpleNamespace(idx=idx, small_set=small_set, write=write_files, zipped=zipped, md5=md5, closed=CLOSED)


@pytest.fixture
def told() -> list[str]:
    """What was said through notify: pass `told.append`."""
    return []
