"""The page's own small server: as long as the command runs, and asking nobody for anything."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import gradio as gr
import uvicorn
from fastapi import FastAPI

from wgan_cli.explore.app_page import build, look
from wgan_cli.explore.source import Source

MOST_UPLOADED = "50mb"  # of one file
_PATIENCE = 1  # seconds that pages have to say goodbye
#: What gradio would else offer, ask for or show: monitoring, an app to install, a store of past calls, its own links.
_NOTHING_MORE = {
    "enable_monitoring": False,
    "footer_links": [],
    "mcp_server": False,
    "pwa": False,
    "run_history": False,
    "show_error": False,
    "ssr_mode": False,
}


class Server(uvicorn.Server):
    """Serves an app on a socket; `should_exit` ends it."""

    def __init__(self, app: FastAPI, ready: Callable[[], None]) -> None:
        quiet = {"log_config": None, "log_level": "critical", "access_log": False}  # the page says what goes wrong
        config = uvicorn.Config(app, timeout_graceful_shutdown=_PATIENCE, **quiet)
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready()


def application(page: gr.Blocks) -> FastAPI:
    """A page as an app for a server."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    return gr.mount_gradio_app(app, page, path="/", max_file_size=MOST_UPLOADED, **_NOTHING_MORE, **look())


def serve(source: Source | None, run: Path | None, opened: socket.socket, ready: Callable[[], None]) -> None:
    """Serve the page of a generator or a run until it is interrupted.

    Args:
        ready: called when a browser can come.
    Raises: WganError where there is no page for such a generator; KeyboardInterrupt at Ctrl-C.
    """
    with opened:
        Server(application(build(source, run)), ready).run([opened])
