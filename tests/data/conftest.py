"""A server of small data sets, and no network beyond it."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from torchvision import datasets

from wgan_cli.data.sources import download

CLOSED = "http://127.0.0.1:1/"  # refuses connections


class Server:
    """HTTP server of `files` (name -> bytes) on this machine.

    Files in `stuck` stop halfway until `release` is set, and set `is_stuck`. `requested` has the names of all requests.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.stuck: set[str] = set()
        self.requested: list[str] = []
        self.is_stuck, self.release = threading.Event(), threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.lstrip("/")
                server.requested.append(name)
                if name not in server.files:
                    return self.send_error(404)
                content = server.files[name]
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.headers.get("Method") == "HEAD":  # torchvision's way to follow redirects
                    return None
                self.wfile.write(content[: len(content) // 2])
                if name in server.stuck:
                    server.is_stuck.set()
                    server.release.wait(timeout=30)
                else:
                    self.wfile.write(content[len(content) // 2 :])
                return None

            def log_message(self, *args) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.handle_error = lambda *args: None  # clients that disconnect are tested
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.release.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture(autouse=True)
def no_network(monkeypatch) -> None:
    """Downloads fail unless a test names a server; local addresses are reached without a proxy."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(datasets.MNIST, "mirrors", [CLOSED])
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", [CLOSED])
    monkeypatch.setattr(datasets.KMNIST, "mirrors", [CLOSED])
    monkeypatch.setattr(datasets.EMNIST, "url", f"{CLOSED}gzip.zip")
    for dataset in (datasets.CIFAR10, datasets.CIFAR100, datasets.STL10):
        monkeypatch.setattr(dataset, "url", CLOSED + dataset.filename)
    monkeypatch.setattr(download, "TIMEOUT", 10.0)


@pytest.fixture
def server(no_network):
    running = Server()
    yield running
    running.close()


@pytest.fixture
def messages() -> list[str]:
    """Logged messages: pass `messages.append` as the log."""
    return []
