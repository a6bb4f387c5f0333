"""Local web server for the page. It contacts no other machine."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI

from wgan_cli.explore.app_page import appearance, build
from wgan_cli.explore.source import Source

MAX_UPLOAD = "50mb"  # of one file
_SHUTDOWN_SECONDS = 1
_DISABLED = {
    "enable_monitoring": False,
    "footer_links": [],
    "mcp_server": False,
    "pwa": False,
    "run_history": False,
    "show_error": False,
    "ssr_mode": False,
}


class Server(uvicorn.Server):
    """Server of an app on an open socket; `should_exit` stops it."""

    def __init__(self, app: FastAPI, on_ready: Callable[[], None]) -> None:
        options: dict[str, Any] = {
            "log_config": None,
            "log_level": "critical",
            "access_log": False,
        }  # the page shows errors
        super().__init__(uvicorn.Config(app, timeout_graceful_shutdown=_SHUTDOWN_SECONDS, **options))
        self.on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_ready()


def application(page: gr.Blocks) -> FastAPI:
    """Return a page as an app."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    return gr.mount_gradio_app(app, page, path="/", max_file_size=MAX_UPLOAD, **_DISABLED, **appearance())


def serve(source: Source | None, run: Path | None, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve the page of a generator or a run until Ctrl-C; `on_ready` is called when a browser can connect."""
    with listener:
        Server(application(build(source, run)), on_ready).run([listener])
