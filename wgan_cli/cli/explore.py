"""`wgan explore`."""

from __future__ import annotations

import importlib.util
import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from wgan_cli.cli.completion import complete_checkpoint
from wgan_cli.cli.options import Device, example
from wgan_cli.errors import ExitStatus, WganError


def explore(
    source: Annotated[
        Path, typer.Argument(metavar="RUN|CKPT", help="What to play with.", autocompletion=complete_checkpoint)
    ],
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; 0.0.0.0 lets your network in.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help=r"\[default: 7860, or one that is free]")
    ] = None,
    open_: Annotated[
        bool | None, typer.Option("--open/--no-browser", help=r"Open it in a browser. \[default: on a desktop]")
    ] = None,
    device: Device = "auto",
) -> None:
    """Play with a trained generator in a browser: samples, sliders, walks; and watch a run that trains."""
    if importlib.util.find_spec("gradio") is None:
        raise WganError(
            "wgan explore needs the package gradio, which is not installed", "pip install 'wgan[web]'",
            ExitStatus.FAILED,
        )  # fmt: skip
    from wgan_cli.console import print_message
    from wgan_cli.explore.address import is_local, listen, url_of
    from wgan_cli.explore.live import has_generator
    from wgan_cli.explore.source import Source
    from wgan_cli.explore.temp_folder import own_folder
    from wgan_cli.runs.environment import resolve_device
    from wgan_cli.runs.run_dir import RunDir, is_run

    run = source if is_run(source) else None
    waits = run is not None and not has_generator(RunDir(run))
    generator = None if waits else Source(source, resolve_device(device))
    opened = listen(host, port)
    url = url_of(opened)

    def ready() -> None:
        print_message(f"{url}  (Ctrl-C ends it)")
        if not is_local(opened):
            print_message("warning: whoever reaches this machine over its network can use the page")
        if open_ or (open_ is None and _on_a_desktop()):
            webbrowser.open(url)

    with own_folder():
        from wgan_cli.explore.server import serve  # gradio takes seconds; what is wrong with the words is said by now

        serve(generator, run, opened, ready)


explore.__doc__ += "\n\n" + example(
    "wgan explore runs/digits_dcgan",
    "wgan explore runs/mnist_style/G.pth --port 8000",
    "wgan explore runs/folder_cyclegan --no-browser",
)


def _on_a_desktop() -> bool:
    """Whether there is somebody at a terminal, and a screen for a window."""
    screen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(screen) and sys.stderr.isatty()
