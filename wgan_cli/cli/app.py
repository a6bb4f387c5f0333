"""The command line app, and the one place that turns errors into exit statuses."""

import codecs
import gc
import io
import os
import signal
import sys
from typing import Annotated, NoReturn

import typer

from wgan_cli import __version__
from wgan_cli.cli.arguments.usage_errors import explain_usage, refuse_empty
from wgan_cli.cli.augment import augment
from wgan_cli.cli.compare import compare
from wgan_cli.cli.evaluate import evaluate
from wgan_cli.cli.explore import explore
from wgan_cli.cli.export import export
from wgan_cli.cli.gif import gif
from wgan_cli.cli.help_pages import Command, Group, SlowCommand
from wgan_cli.cli.inspect import inspect
from wgan_cli.cli.launch import is_launched
from wgan_cli.cli.project import project
from wgan_cli.cli.recipes import recipes
from wgan_cli.cli.report import report
from wgan_cli.cli.runs import runs
from wgan_cli.cli.sample import sample
from wgan_cli.cli.train import train
from wgan_cli.cli.tune import tune
from wgan_cli.console import end_activity, print_error
from wgan_cli.errors import (
    AlreadyReported,
    ExitStatus,
    Stopped,
    WganError,
    describe_os_error,
    is_out_of_memory,
    one_line,
)
from wgan_cli.utils.malloc import keep_freed_memory

app = typer.Typer(
    name="wgan",
    cls=Group,
    help="Train, sample, animate and inspect GANs: WGAN-GP and its relatives.",
    epilog="Start with: wgan train   (bundled digits, one to three minutes, no download)",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
QUICK = (runs, recipes)  # without torch
COMMANDS = (
    train, sample, gif, project, inspect, evaluate, augment, tune, runs, compare, report, explore, export, recipes
)  # fmt: skip
for command in COMMANDS:
    app.command(cls=Command if command in QUICK else SlowCommand)(command)


def _print_version(requested: bool) -> None:
    if requested:
        print(f"wgan {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def _escape_unencodable(error: UnicodeError) -> tuple[bytes, int]:
    """Encode what an output cannot: undecodable bytes of a path as they are, everything else as an escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    encoded = (
        bytes([ord(char) - 0xDC00]) if "\udc80" <= char <= "\udcff" else char.encode("ascii", "backslashreplace")
        for char in error.object[error.start : error.end]
    )
    return b"".join(encoded), error.end


codecs.register_error("wgan_escape", _escape_unencodable)


def main() -> NoReturn:
    """Run the `wgan` program."""
    gc.set_threshold(100_000)  # importing torch creates a million objects, and a training step no cycles
    keep_freed_memory()
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL and not is_launched():  # a rank may hang, and must end
        signal.signal(signal.SIGTERM, _terminate)
    streams = [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, io.TextIOWrapper)]  # None if closed
    for stream in streams:
        stream.reconfigure(errors="wgan_escape")
    try:
        status = run(sys.argv[1:])
    except SystemExit as end:  # SIGTERM, or shell completion
        status = end.code
    for stream in streams:
        try:
            stream.flush()
        except OSError:  # the reader left, or the disk is full; the interpreter must not flush again
            if stream is sys.stdout:
                status = status or ExitStatus.FAILED
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    gc.freeze()  # otherwise the interpreter searches torch's modules for cycles for seconds before it exits
    sys.exit(status)


def _terminate(number: int, frame: object) -> NoReturn:
    """Unwind, so that unfinished files are removed; more signals, as `timeout` sends two, don't interrupt that."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(ExitStatus.TERMINATED)


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit status; errors are printed as two lines, never as a traceback."""
    try:
        refuse_empty(arguments)
        return app(arguments or ["--help"], prog_name="wgan", standalone_mode=False) or ExitStatus.DONE
    except WganError as error:
        return _fail(error.message, error.hint, error.status)
    except (AlreadyReported, Stopped) as error:
        return error.status
    except typer.TyperException as error:
        return _fail(*explain_usage(error, arguments), ExitStatus.USAGE)
    except (KeyboardInterrupt, typer.Abort):
        return ExitStatus.INTERRUPTED
    except Exception as error:
        if isinstance(error.__cause__, KeyboardInterrupt):  # within an import: Python 3.11 wraps it
            return ExitStatus.INTERRUPTED
        if is_out_of_memory(error):
            hint = "use a smaller batch: `sample --batch 16`, `project --starts 1`, or `train --set batch_size=32`"
            return _fail(f"out of memory: {error}", hint, ExitStatus.FAILED)
        if isinstance(error, OSError):
            what = "a file or an output" if error.filename is None else f"{os.fsdecode(error.filename):.200}"
            hint = "check the path, its permissions and the free space"
            return _fail(f"cannot use {what}: {describe_os_error(error)}", hint, ExitStatus.USAGE)
        hint = "this is a bug in wgan; run again with WGAN_DEBUG=1 and report the traceback"
        return _fail(f"{type(error).__name__}: {error}", hint, ExitStatus.FAILED)
    finally:
        end_activity()


def _fail(message: str, hint: str, status: ExitStatus) -> ExitStatus:
    if os.environ.get("WGAN_DEBUG") == "1" and sys.exc_info()[0]:
        raise  # noqa: PLE0704  (the error being handled)
    print_error(one_line(message), one_line(hint))
    return status
