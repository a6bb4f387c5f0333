"""The app, and the one place where an error becomes an exit status."""

from __future__ import annotations

import atexit
import codecs
import gc
import io
import os
import sys
from typing import NoReturn

import typer

from wgan_cli import __version__
from wgan_cli.cli.compare import compare
from wgan_cli.cli.evaluate import evaluate
from wgan_cli.cli.explore import explore
from wgan_cli.cli.export import export
from wgan_cli.cli.gif import gif
from wgan_cli.cli.inspect import inspect
from wgan_cli.cli.recipes import recipes
from wgan_cli.cli.report import report
from wgan_cli.cli.sample import sample
from wgan_cli.cli.train import train
from wgan_cli.errors import AlreadyReported, ExitStatus, WganError, describe_os_error, is_lack_of_memory

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
for command in (train, sample, gif, inspect, evaluate, compare, report, explore, export, recipes):
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


_SHOW_ANYHOW = "wgan_show_anyhow"


def _shown_anyhow(error: UnicodeError) -> tuple[bytes, int]:
    """What an output cannot encode: a path's bytes as they are, everything else as an escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    shown = (
        bytes([ord(letter) - 0xDC00]) if "\udc80" <= letter <= "\udcff" else letter.encode("ascii", "backslashreplace")
        for letter in letters
    )
    return b"".join(shown), error.end


codecs.register_error(_SHOW_ANYHOW, _shown_anyhow)


#: New objects until Python looks for cycles among them: importing torch makes a million, and a training step no cycle.
_COLLECT_AFTER = 100_000


def main() -> NoReturn:
    """The `wgan` program."""
    gc.set_threshold(_COLLECT_AFTER)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not where it is closed
            stream.reconfigure(errors=_SHOW_ANYHOW)
    _leave(run(sys.argv[1:]))


def _leave(status: int) -> NoReturn:
    """End the process at once, where the interpreter would take torch's modules apart for one to two seconds."""
    atexit._run_exitfuncs()  # no public name; what os._exit would leave out
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except OSError:  # its reader left, or its disk is full
            status = status or ExitStatus.FAILED
    os._exit(status)


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit status; errors are said in two lines, never as a traceback."""
    try:
        return app(arguments or ["--help"], prog_name="wgan", standalone_mode=False) or ExitStatus.DONE
    except WganError as error:
        return _failed(error.message, error.hint, error.status)
    except AlreadyReported as error:
        return error.status
    except _UsageError as error:
        return _failed(error.format_message(), _how_to_use(getattr(error, "ctx", None)), ExitStatus.USAGE)
    except (KeyboardInterrupt, typer.Abort):
        return ExitStatus.INTERRUPTED
    except Exception as error:
        if is_lack_of_memory(error):
            return _failed(
                f"there is not enough memory: {' '.join(str(error).split())}",
                "compute fewer images at once: `sample --batch 16`, or `train --set batch_size=32`",
                ExitStatus.FAILED,
            )
        if isinstance(error, OSError):
            what = "a file or an output" if error.filename is None else f"{os.fsdecode(error.filename):.200}"
            return _failed(
                f"cannot use {what}: {describe_os_error(error)}",
                "check the path, its length and its permissions, and the space there",
                ExitStatus.USAGE,
            )
        return _failed(
            f"{type(error).__name__}: {' '.join(str(error).split())}",
            "this is a fault of wgan itself; run again with WGAN_DEBUG=1 and report what it prints",
            ExitStatus.FAILED,
        )


def _how_to_use(context: typer.Context | None) -> str:
    """Where to read what a command takes, with the first of its examples that has an argument or an option."""
    command = context.command_path if context else "wgan"
    lines = ((context.command.help if context else None) or "").splitlines()
    shown = next((f", for example: {line}" for line in lines if line.startswith(f"{command} ")), "")
    return f"`{command} --help` shows what it takes{shown}"


def _failed(message: str, hint: str, status: ExitStatus) -> ExitStatus:
    if os.environ.get("WGAN_DEBUG") == "1" and sys.exc_info()[0]:
        raise  # noqa: PLE0704  (the error being handled)
    from wgan_cli.console import complain

    said = WganError(message, hint)  # without what would steer the terminal, also in an error of usage
    complain(said.message, said.hint)
    return status
