"""What all benchmarks share: their options, the facts of the machine, spreads, clocks, and how results are kept."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from rich.console import Console

from wgan_cli.data import ImageSet
from wgan_cli.errors import WganError
from wgan_cli.recipe import ImageShape
from wgan_cli.runs.environment import describe_environment, resolve_device

FORMATS = {"off": "float32", "bf16": "bf16", "fp16": "fp16"}  # what --amp means in words
RESULTS = Path(__file__).parent / "results"
MANY_CORES = 0.3  # in use by others, and figures are doubtful
T = TypeVar("T")


def parse(parser: argparse.ArgumentParser, name: str) -> argparse.Namespace:
    """Read the command line with the options that all benchmarks have, and apply those that can be applied here.

    A quick run's figures have their own folder, so that they never pass for those of a whole one; those of another
    device than the processor have a file beside the first.
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
    """Run a benchmark; what it cannot do becomes two lines and an exit status, as in the program."""
    try:
        main()
    except WganError as error:
        print(f"error: {error}\nhint: {error.hint}", file=sys.stderr)
        raise SystemExit(int(error.status)) from None


def make_console() -> Console:
    """Where tables are printed; a pipe is wide enough for them."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 120)


def facts(device: torch.device) -> dict[str, Any]:
    """Date, machine and versions: where every result begins."""
    environment = describe_environment(device, "")
    return {
        "date": environment["started"],
        "machine": {key: environment[key] for key in ("platform", "processor", "cores", "threads", "device_name")},
        "versions": environment["versions"],
        "cores_used_by_others": [cores_in_use()],
    }


def cores_in_use(seconds: float = 0.25) -> float | None:
    """How many cores others keep busy while this process waits a moment; None where the system does not say.

    The usual load average still counts, a minute later, the benchmark that ran before.
    """
    before = _core_times()
    time.sleep(seconds)
    after = _core_times()
    if before is None or after is None:
        return None
    idle, whole = (now - then for now, then in zip(after, before, strict=True))
    return round((os.cpu_count() or 1) * (1 - idle / whole), 2) if whole else None


def _core_times() -> tuple[int, int] | None:
    """Idle time and all time of all cores since the machine started."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            times = [int(word) for word in file.readline().split()[1:9]]  # the rest, for guests, is counted in these
    except OSError:
        return None
    return times[3] + times[4], sum(times)  # idle, and idle but for the disk


def was_busy(result: dict[str, Any]) -> bool:
    """Whether others kept cores busy when a result's measurement began or ended."""
    return any(cores is not None and cores > MANY_CORES for cores in result["cores_used_by_others"])


def finish(result: dict[str, Any], out: Path, console: Console) -> None:
    """Write a result down, and say so if the machine was busy."""
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
    """Median, least and most, to four digits."""
    values = list(values)
    figures = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: four_digits(value) for name, value in figures.items()}


def four_digits(value: float) -> float:
    """As many as a measured figure deserves."""
    return float(f"{value:.4g}")


def count(number: int, what: str) -> str:
    """1 thread, 2 threads."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def columns(figures: dict[str, Any], form: str) -> list[str]:
    """A spread as three cells of a table."""
    return [f"{figures[key]:{form}}" for key in ("median", "min", "max")]


def in_turns(items: Sequence[T], rounds: int) -> Iterable[T]:
    """All items, `rounds` times, every second time backwards, so that a drift of the machine meets all of them."""
    for number in range(rounds):
        yield from items if number % 2 == 0 else reversed(items)


def wait(device: torch.device) -> None:
    """Until the device has done all that it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def steps_per_second(run: Callable[[], Any], seconds: float, device: torch.device) -> float:
    """Run for about so long, at least once, until the device has done all of it.

    A GPU is not waited for after each step, nor given more than half of what the time left allows: its queue is long.
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
    """Random images, for what a step costs does not depend on what they show."""
    pixels = torch.randint(0, 256, (count, shape.channels, shape.size, shape.size), dtype=torch.uint8)
    names = tuple(str(number) for number in range(shape.num_classes))
    labels = torch.arange(count) % max(1, shape.num_classes)
    return ImageSet(pixels, labels, names, "made up")
