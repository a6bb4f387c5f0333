"""`wgan explore`."""

import importlib.util
import os
import sys
import webbrowser
from functools import partial
from typing import Annotated

import typer

from wgan_cli.cli.arguments.named_generator import locate
from wgan_cli.cli.arguments.open_checkpoint import ImportEntry, ImportRecipe, ImportSettings, open_checkpoint
from wgan_cli.cli.arguments.options import Device, RunOrCkpt, command_device, examples
from wgan_cli.console import print_message
from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.runs.run_dir import RunDir, is_run


@examples(
    "wgan explore runs/digits_dcgan",
    "wgan explore runs/mnist_style/G.pth --port 8000",
    "wgan explore runs/folder_cyclegan --no-browser",
)
def explore(
    source: RunOrCkpt,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on; 0.0.0.0 admits other machines.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help=r"Port. \[default: 7860, or any free one]")
    ] = None,
    open_: Annotated[
        bool | None, typer.Option("--open/--no-browser", help=r"Open a browser. \[default: on a desktop]")
    ] = None,
    device: Device = "auto",
    recipe: ImportRecipe = None,
    settings: ImportSettings = None,
    entry: ImportEntry = None,
) -> None:
    """Explore a generator, or the progress of its run, in the browser."""
    if importlib.util.find_spec("gradio") is None:
        raise WganError("wgan explore needs gradio", "pip install 'wgan[web]'", ExitStatus.FAILED)
    from wgan_cli.explore.address import is_local, listen, url_of
    from wgan_cli.explore.live import has_generator
    from wgan_cli.explore.source import Source
    from wgan_cli.explore.temp_folder import gradio_temp_folder

    source = locate(source)
    run = source if is_run(source) else None
    waiting = run is not None and not has_generator(RunDir(run))
    load = partial(open_checkpoint, recipe=recipe, settings=settings, entry=entry)
    generator = None if waiting else Source(source, command_device(device), load)
    listener = listen(host, port)

    def on_ready() -> None:
        url = url_of(listener)
        print_message(f"{url}  (stop with Ctrl-C)")
        if not is_local(listener):
            print_message("warning: anyone on this network can use the page")
        on_desktop = sys.platform in ("darwin", "win32") or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys()
        if open_ or (open_ is None and on_desktop and sys.stderr.isatty()):
            webbrowser.open(url)

    with gradio_temp_folder():
        from wgan_cli.explore.server import serve  # gradio takes seconds to import; errors above come first

        serve(generator, run, listener, on_ready)
