"""A server on this machine that answers the Hugging Face Hub's own library."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pytest

Answer = tuple[int, dict[str, str], bytes]
NO_REPOSITORY: Answer = (404, {"X-Error-Code": "RepoNotFound"}, b"")


def as_json(content: object) -> Answer:
    return 200, {"Content-Type": "application/json"}, json.dumps(content).encode()


class HubServer:
    """HTTP server of repositories: name -> revision -> file -> content.

    `gated` has names that need consent, and `requested` the paths of all requests. Uploads need `token`.
    """

    token = "hf_secret"

    def __init__(self) -> None:
        self.datasets: dict[str, dict[str, dict[str, bytes]]] = {}
        self.models: dict[str, dict[str, dict[str, bytes]]] = {}
        self.gated: set[str] = set()
        self.requested: list[str] = []
        self.created: list[dict] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = unquote(urlsplit(self.path).path).strip("/")
                server.requested.append(path)
                self.reply(server.answer(path))

            do_HEAD = do_GET

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = unquote(urlsplit(self.path).path).strip("/")
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                self.reply(server.receive(path, body) if token == server.token else (401, {}, b"{}"))

            def reply(self, answer: Answer) -> None:
                status, headers, body = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *args) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def answer(self, path: str) -> Answer:
        is_dataset = path.removeprefix("api/").startswith("datasets/")
        repositories = self.datasets if is_dataset else self.models
        rest = path.removeprefix("api/").removeprefix("datasets/" if is_dataset else "models/")
        name = "/".join(rest.split("/")[:2])
        if name in self.gated:
            return 403, {"X-Error-Code": "GatedRepo"}, b""
        if name not in repositories:
            return NO_REPOSITORY
        kind, _, rest = rest.removeprefix(name).strip("/").partition("/")
        shas = {hashlib.sha1(f"{name}{revision}".encode()).hexdigest(): revision for revision in repositories[name]}
        known = {revision: sha for sha, revision in shas.items()} | {sha: sha for sha in shas}
        revision = next((each for each in known if f"{rest}/".startswith(f"{each}/")), None)
        if kind and revision is None:
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        sha = known[revision or "main"]
        files = repositories[name][shas[sha]]
        if kind == "resolve":
            content = files[rest.removeprefix(f"{revision}/")]
            return 200, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": sha}, content
        listed = [
            {"type": "file", "path": file, "rfilename": file, "size": len(files[file]), "oid": sha} for file in files
        ]
        return as_json(listed if kind == "tree" else {"id": name, "sha": sha, "siblings": listed})

    def receive(self, path: str, body: bytes) -> Answer:
        """Create a model, or add the files of a commit to it."""
        if path == "api/validate-yaml":
            return as_json({"errors": [], "warnings": []})
        if path == "api/repos/create":
            wanted = json.loads(body)
            name = f"{wanted.get('organization') or 'me'}/{wanted['name']}"
            if name.startswith("other/"):
                return 403, {}, b"{}"
            self.created.append(wanted)
            self.models.setdefault(name, defaultdict(dict))["main"]
            return as_json({"url": f"{self.url}/{name}"})
        name = "/".join(path.removeprefix("api/models/").split("/")[:2])
        if "/preupload/" in path:
            files = [{"path": file["path"], "uploadMode": "regular"} for file in json.loads(body)["files"]]
            return as_json({"files": [{**file, "shouldIgnore": False, "oid": None} for file in files]})
        for line in filter(None, body.splitlines()):
            entry = json.loads(line)
            if entry["key"] == "file":
                self.models[name]["main"][entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
        address = f"{self.url}/{name}/commit/{'0' * 40}"
        return as_json({"success": True, "commitOid": "0" * 40, "commitUrl": address})

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def hub_server(monkeypatch, tmp_path):
    """The Hub, without anything on it, and its library's cache in the test's folder."""
    from huggingface_hub import constants

    from wgan_cli.utils import hub

    running = HubServer()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("HF_ENDPOINT", running.url)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr(hub, "_folders", {})
    yield running
    running.close()
