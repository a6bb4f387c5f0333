"""The `wgan explore` command: refused arguments, address, and how it ends."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import socket
import urllib.request
import webbrowser
from pathlib import Path
from unittest.mock import Mock

import pytest

import wgan_cli
from wgan_cli.errors import WganError
from wgan_cli.explore import address
from wgan_cli.explore.address import is_local, listen, url_of

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gradio") is None, reason="gradio is not installed: pip install 'wgan[web]'"
)
PACKAGE = str(Path(wgan_cli.__file__).parents[1])


@pytest.fixture
def served(monkeypatch) -> list:
    """Arguments of a patched `serve`."""
    from wgan_cli.explore import server

    calls = []

    def serve(source, run, opened, on_ready) -> None:
        with opened:
            calls.append((source, run))
            on_ready()

    monkeypatch.setattr(server, "serve", serve)
    return calls


def test_without_gradio(wgan, monkeypatch, tiny_run):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    result = wgan("explore", tiny_run.path)
    assert result.status == 1 and "gradio" in result.error and result.hint == "pip install 'wgan[web]'"


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("gone",), "gone"), (("text",), "text"), (("folder",), "recipe.yaml"),
        (("run", "--host", "no such host"), "--host"),
        (("run", "--host", "203.0.113.7"), "--host"),
        (("run", "--port", 0), "port"), (("run", "--port", 65536), "port"), (("run", "--device", "cuda:77"), "device"),
    ],
)  # fmt: skip
def test_refused_arguments(wgan, tmp_path, tiny_run, words, what):
    (tmp_path / "text").write_text("hello")
    (tmp_path / "folder").mkdir()
    (tmp_path / "run").symlink_to(tiny_run.path)
    result = wgan("explore", *words)
    assert result.status == 2 and what in result.error and result.hint


def test_taken_port(wgan, tiny_run, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        result = wgan("explore", tiny_run.path, "--port", taken)
        assert result.status == 2 and f"--port {taken}" in result.error and "--port" in result.hint
        monkeypatch.setattr(address, "DEFAULT_PORT", taken)
        with listen("127.0.0.1", None) as opened:
            assert opened.getsockname()[1] not in (0, taken)


def test_forbidden_port(monkeypatch):
    monkeypatch.setattr(socket, "create_server", Mock(side_effect=PermissionError(13, "Permission denied")))
    with pytest.raises(WganError, match="--port 80"):
        listen("127.0.0.1", 80)


def test_addresses():
    with listen("127.0.0.1", None) as opened:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url_of(opened)) and is_local(opened)
    with listen("0.0.0.0", None) as opened:
        assert url_of(opened).startswith("http://127.0.0.1:") and not is_local(opened)


def test_url_and_browser(wgan, tiny_run, served, monkeypatch):
    shown = []
    monkeypatch.setattr(webbrowser, "open", shown.append)
    for words, opens in (((), 0), (("--no-browser",), 0), (("--open",), 1)):  # here it runs in a pipe
        result = wgan("explore", tiny_run.path, "--device", "cpu", *words)
        assert (result.status, result.stdout, len(shown)) == (0, "", opens)
        (url,) = re.findall(r"http://127\.0\.0\.1:\d+", result.stderr)
        assert "warning" not in result.stderr
    assert shown == [url]
    assert "warning" in wgan("explore", tiny_run.path, "--host", "0.0.0.0").stderr


def test_runs_and_files(wgan, own_run, served):
    for path in (own_run.path, own_run.generator_file):
        assert wgan("explore", path, "--device", "cpu").status == 0
    (source, run), (of_file, nothing) = served
    assert source.file == of_file.file == own_run.generator_file and run == own_run.path and nothing is None
    own_run.generator_file.unlink()
    assert wgan("explore", own_run.path, "--device", "cpu").status == 0
    assert served[-1] == (None, own_run.path)


def test_interrupt_leaves_nothing(wgan_process, tiny_run, tmp_path):
    (tmp_path / "temporary").mkdir()
    own = {"PYTHONPATH": PACKAGE, "TMPDIR": str(tmp_path / "temporary"), "OMP_NUM_THREADS": "1"}
    process = wgan_process.start("explore", tiny_run.path, "--device", "cpu", env={**os.environ, **own})
    line = process.stderr.readline()
    url = re.match(r"(http://127\.0\.0\.1:\d+) .*Ctrl-C", line).group(1)
    plain = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    page = plain.open(url, timeout=30).read().decode()
    assert "tiny - wgan explore" in page
    assert list((tmp_path / "temporary").iterdir())
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    assert (process.stdout.read(), process.stderr.read()) == ("", "")
    assert not list((tmp_path / "temporary").iterdir())


def test_gradio_analytics_are_off(tiny_run, source):
    from gradio import analytics

    from wgan_cli.explore.app_page import appearance, build

    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False" and not analytics.analytics_enabled()
    page = build(source(tiny_run.path), None)
    assert not page.analytics_enabled
    assert "http" not in appearance()["head"] and appearance()["theme"]._stylesheets == []
