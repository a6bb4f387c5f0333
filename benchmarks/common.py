"""Shared parts of the benchmarks: options, machine facts, statistics, timing, results."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from rich.console import Console
from torch import nn

from wgan_cli.data import ImageSet
from wgan_cli.errors import WganError
from wgan_cli.evaluation.evaluate import Reference
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.runs.environment import describe_environment, resolve_device
from wgan_cli.training.state import TrainingState
from wgan_cli.utils.cores import OtherProcesses

FORMATS = {"off": "float32", "bf16": "bf16", "fp16": "fp16"}  # what --amp means in words
RESULTS = Path(__file__).parent / "results"
MANY_CORES = 0.3  # in use by others, and figures are doubtful
KEPT = ("fd", "real_baseline", "precision", "recall", "coverage", "spectrum", "class_entropy", "agreement")
T = TypeVar("T")


def parse(parser: argparse.ArgumentParser, name: str) -> argparse.Namespace:
    """Parse the command line with the options that all benchmarks share, and apply them.

    Quick results go to their own folder; results of a GPU get their own file.
    """
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda, cuda:N (default cpu)")
    parser.add_argument("--threads", type=int, help="of the processor; default what torch takes")
    parser.add_argument("--quick", action="store_true", help="for a glance; written to results/quick/")
    parser.add_argument("--out", type=Path, help=f"JSON (default benchmarks/results/{name}.json, {name}-cuda.json)")
    arguments = parser.parse_args()
    arguments.device = resolve_device(arguments.device)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if arguments.out is None:
        kind = "" if arguments.device.type == "cpu" else f"-{arguments.device.type}"
        arguments.out = RESULTS / ("quick" if arguments.quick else "") / f"{name}{kind}.json"
    return arguments


def run(main: Callable[[], None]) -> None:
    """Run a benchmark; print WganErrors in two lines, as the program does."""
    try:
        main()
    except WganError as error:
        print(f"error: {error}\nhint: {error.hint}", file=sys.stderr)
        raise SystemExit(int(error.status)) from None


def make_console() -> Console:
    """Return a console that is wide enough for tables in a pipe."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 120)


def facts(device: torch.device) -> dict[str, Any]:
    """Return date, machine and versions, the start of every result."""
    environment = describe_environment(device, "")
    return {
        "date": environment["started"],
        "machine": {key: environment[key] for key in ("platform", "processor", "cores", "threads", "device_name")},
        "versions": environment["versions"],
        "cores_used_by_others": [cores_in_use()],
    }


def cores_in_use(seconds: float = 0.25) -> float | None:
    """Return how many of the cores that we may run on other processes use right now, or None if unknown.

    The load average would still include the previous benchmark a minute later.
    """
    others = OtherProcesses()
    time.sleep(seconds)
    used = others()
    return None if used is None else round(used, 2)


def was_busy(result: dict[str, Any]) -> bool:
    """Return True if other processes used the CPU at the start or end of a measurement."""
    return any(cores is not None and cores > MANY_CORES for cores in result["cores_used_by_others"])


def finish(result: dict[str, Any], out: Path, console: Console) -> None:
    """Write a result, and warn if the machine was busy."""
    result["cores_used_by_others"].append(cores_in_use())
    if was_busy(result):
        start, end = result["cores_used_by_others"]
        console.print(
            f"note: others used {start} cores of {result['machine']['cores']} at the start and {end} at the end; "
            "repeat this on an idle machine"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    console.print(f"written to {out}")


def spread(values: Iterable[float]) -> dict[str, float]:
    """Return median, minimum and maximum to four digits."""
    values = list(values)
    figures = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: four_digits(value) for name, value in figures.items()}


def four_digits(value: float) -> float:
    """Round to four significant digits."""
    return float(f"{value:.4g}")


def count(number: int, what: str) -> str:
    """Format a count: 1 thread, 2 threads."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def columns(figures: dict[str, Any], form: str) -> list[str]:
    """Return a spread as three table cells."""
    return [f"{figures[key]:{form}}" for key in ("median", "min", "max")]


def in_turns(items: Sequence[T], rounds: int) -> Iterable[T]:
    """Yield all items `rounds` times, every second time in reverse, so that drift affects all of them."""
    for number in range(rounds):
        yield from items if number % 2 == 0 else reversed(items)


def require_engine(state: TrainingState, engine: str) -> None:
    """Check that steps run on the engine that a result will name. Raises: WganError."""
    if state.recipe.engine != engine or state.engine.notice:
        reason = state.engine.notice or state.autotune_summary
        raise WganError(
            f"{state.recipe.name} runs on the eager engine, not on {engine}: {reason}", "--set engine=eager"
        )


def wait(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def steps_per_second(run: Callable[[], Any], seconds: float, device: torch.device) -> float:
    """Measure the rate over about `seconds`, including the device's work.

    The queue of a GPU is bounded: it is given at most half of what fits in the remaining time.
    """
    wait(device)
    steps, ahead, start = 0, 1, time.perf_counter()
    while True:
        for _ in range(ahead):
            run()
        wait(device)
        steps += ahead
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return steps / elapsed
        ahead = max(1, int(steps * (seconds - elapsed) / elapsed / 2))


def made_up_images(shape: ImageShape, count: int = 4096) -> ImageSet:
    """Return random images: the cost of a step doesn't depend on their content."""
    pixels = torch.randint(0, 256, (count, shape.channels, *shape.size), dtype=torch.uint8)
    names = tuple(str(number) for number in range(shape.num_classes))
    labels = torch.arange(count) % max(1, shape.num_classes)
    return ImageSet(pixels, labels, names, "made up")


def figures(generator: nn.Module, recipe: Recipe, step: int, reference: Reference) -> dict[str, Any]:
    """Return the scores that results keep, to four digits, their features and numbers of images.

    rarest: the share of the least frequent class. seen: the generator was trained on the real images too.
    """
    evaluation = reference.evaluate(generator, recipe, step)
    record, classes = evaluation.record(), evaluation.generated.classes
    measured = {name: four_digits(record[name]) for name in KEPT if name in record}
    if classes:
        measured["rarest"] = four_digits(min(classes.shares))
    counts = {"images": reference.count, "real_images": reference.real_baseline.count, "seen": reference.real.seen}
    return {**measured, **counts, "features": evaluation.features.name}
