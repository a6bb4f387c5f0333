"""The app, and the one place where an error becomes an exit status."""

from __future__ import annotations

import os
import sys

import typer

from wgan_cli import __version__
from wgan_cli.commands.evaluate import evaluate
from wgan_cli.commands.gif import gif
from wgan_cli.commands.inspect import inspect
from wgan_cli.commands.recipes import recipes
from wgan_cli.commands.sample import sample
from wgan_cli.commands.train import train
from wgan_cli.errors import ExitStatus, WganError

# Typer keeps its parser's base class private; every error of usage derives from it.
_UsageError = typer.BadParameter.__base__

app = typer.Typer(
    name="wgan",
    help="Train, sample, animate and inspect GANs, WGAN-GP first.",
    epilog="Start with: wgan train   (real digits, about a minute, no download)",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (train, sample, gif, inspect, evaluate, recipes):
    app.command()(command)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"wgan {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    pass


def main() -> None:
    """The `wgan` program."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit status; errors are said in two lines, never as a traceback."""
    try:
        return app(arguments or ["--help"], prog_name="wgan", standalone_mode=False) or ExitStatus.DONE
    except WganError as error:
        return _failed(error.message, error.hint, error.status)
    except _UsageError as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "wgan"
        return _failed(error.format_message(), f"`{command} --help` shows what it takes", ExitStatus.USAGE)
    except (KeyboardInterrupt, typer.Abort):
        return ExitStatus.INTERRUPTED
    except Exception as error:
        if _is_lack_of_memory(error):
            return _failed(
                f"there is not enough memory: {' '.join(str(error).split())}",
                "compute fewer images at once: `sample --batch 16`, or `train --set batch_size=32`",
                ExitStatus.FAILED,
            )
        return _failed(
            f"{type(error).__name__}: {' '.join(str(error).split())}",
            "this is a fault of wgan itself; run again with WGAN_DEBUG=1 and report what it prints",
            ExitStatus.FAILED,
        )


def _is_lack_of_memory(error: Exception) -> bool:
    # PyTorch's allocator for the CPU has no exception of its own.
    return isinstance(error, MemoryError) or "out of memory" in str(error) or "can't allocate memory" in str(error)


def _failed(message: str, hint: str, status: ExitStatus) -> ExitStatus:
    if os.environ.get("WGAN_DEBUG") == "1" and sys.exc_info()[0]:
        raise  # noqa: PLE0704  (the error being handled)
    from wgan_cli.console import complain

    complain(message, hint)
    return status
