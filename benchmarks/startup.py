"""Time whole commands, from the shell's prompt back to it.

    python benchmarks/startup.py                five minutes; --quick for two rounds

Every round runs all commands once, every second round in reverse, next to Python alone and Python with the packages
that a command can't do without; our share is the difference within a round.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import common
import torch
from rich.console import Console
from rich.table import Table

from wgan_cli.errors import ExitStatus, WganError

ROOT = Path(__file__).parents[1]
RECIPE = "digits_dcgan"
BUNDLED = "mnist_style"  # generator of the package
PYTHON, TYPER, TORCH = "Python alone", "Python with typer and rich", "Python with torch"
EMPTY = "help page of an empty typer app"  # typer imports more of rich to print one
EMPTY_APP = "import typer; app = typer.Typer(); app.command()(lambda: None); app(['--help'])"


class Command(NamedTuple):
    """A command line to time. words: arguments after `python`, by round. beyond: the baseline it can't do without."""

    name: str
    words: Callable[[int], tuple[str, ...]]
    beyond: str | None = None


def commands(run: str, device: str) -> list[Command]:
    """Return the timed commands. `run` is a run folder of the recipe."""

    def wgan(*words: str) -> Callable[[int], tuple[str, ...]]:
        # Each round's training has a folder of its own.
        return lambda number: ("-m", "wgan_cli", *(word.format(number) for word in words))

    train = ("train", "--recipe", RECIPE, "--device", device, "--steps", "1", "--out", "first-step-{}")
    images = ("--device", device, "-n", "64", "--out", "samples.png", "--force")
    film = ("gif", BUNDLED, "--device", device, "--out", "film-{}.gif")
    return [
        Command(PYTHON, lambda number: ("-c", "pass")),
        Command(TYPER, lambda number: ("-c", "import typer, rich.console")),
        Command(EMPTY, lambda number: ("-c", EMPTY_APP)),
        Command(TORCH, lambda number: ("-c", "import torch")),
        Command("wgan --help", wgan("--help"), beyond=EMPTY),
        Command("wgan inspect, a recipe", wgan("inspect", RECIPE), beyond=TORCH),
        Command("wgan inspect, a run", wgan("inspect", run), beyond=TORCH),
        Command("wgan train, one step", wgan(*train), beyond=TORCH),
        Command("wgan sample, 64 images", wgan("sample", "--ckpt", run, *images), beyond=TORCH),
        Command(f"wgan sample {BUNDLED} -n 64", wgan("sample", BUNDLED, *images), beyond=TORCH),
        Command(f"wgan gif {BUNDLED}", wgan(*film), beyond=TORCH),
    ]


def seconds_of(words: tuple[str, ...], folder: Path, threads: int) -> float:
    """Run Python in a folder and return its wall time.

    Raises: WganError with the command's error if it fails.
    """
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": str(threads)}
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise WganError(
            f"`python {' '.join(words)}` ended with {done.returncode}: {done.stderr.strip() or 'no message'}",
            "run it by itself",
            ExitStatus.FAILED,
        )
    return seconds


def measure(timed: list[Command], rounds: int, folder: Path, threads: int) -> dict[str, list[float]]:
    """Return each command's seconds per round, after a warm-up round."""
    for command in timed:
        seconds_of(command.words(0), folder, threads)
    found: dict[str, list[float]] = {command.name: [] for command in timed}
    for command in common.in_turns(timed, rounds):
        number = len(found[command.name]) + 1
        found[command.name].append(seconds_of(command.words(number), folder, threads))
    return found


def summary(timed: list[Command], found: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Return each command's seconds and those beyond its baseline, by round."""
    rows = []
    for command in timed:
        seconds = found[command.name]
        row: dict[str, Any] = {"command": command.name, "seconds": common.spread(seconds)}
        if command.beyond:
            ours = common.spread(a - b for a, b in zip(seconds, found[command.beyond], strict=True))
            row["ours"] = {"beyond": command.beyond, **ours}
        rows.append(row)
    return rows


def benchmark(rounds: int, device: torch.device) -> dict[str, Any]:
    """Train a short run, then time the commands a user runs before and after it."""
    threads = torch.get_num_threads()
    result = {**common.facts(device), "settings": {"device": str(device), "rounds": rounds, "recipe": RECIPE}}
    with tempfile.TemporaryDirectory() as folder:
        words = ("--recipe", RECIPE, "--device", str(device), "--steps", "20", "--set", "log_every=1", "--out", "run")
        seconds_of(("-m", "wgan_cli", "train", *words), Path(folder), threads)
        timed = commands("run", str(device))
        result["commands"] = summary(timed, measure(timed, rounds, Path(folder), threads))
    return result


def show(result: dict[str, Any], console: Console) -> None:
    """Print the seconds of each command and our share."""
    table = Table("seconds as a whole process")
    for heading in ("median", "least", "most", "ours", "beyond"):
        table.add_column(heading, justify="right" if heading != "beyond" else "left", no_wrap=True)
    for row in result["commands"]:
        ours = row.get("ours")
        more = (f"{ours['median']:.2f}", ours["beyond"]) if ours else ("", "")
        table.add_row(row["command"], *common.columns(row["seconds"], ".2f"), *more)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = common.parse(parser, "startup")
    console = common.make_console()
    result = benchmark(2 if arguments.quick else arguments.rounds, arguments.device)
    show(result, console)
    common.finish(result, arguments.out, console)


if __name__ == "__main__":
    common.run(main)
