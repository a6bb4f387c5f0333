"""Compare the loaders with torchvision's ImageFolder and DataLoader on the same JPEG files.

    python benchmarks/feeds.py --data-root DIR [--quick]

DIR contains cifar10/train/CLASS/*.jpg, with --quick cifar10/test/CLASS/*.jpg; without them nothing is measured. Each
round runs all candidates in a rotating order and ratios are taken within a round, so that other load affects both
sides. A batch counts once it is on the device as float32 in [-1, 1].
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import common
import torch
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from wgan_cli.data import ImageSet, load_images
from wgan_cli.data.loaders.device import DeviceLoader
from wgan_cli.data.loaders.streaming import StreamingLoader
from wgan_cli.recipe.data_settings import DataSettings

BATCH = 64
LOADER_2, LOADER_0 = "loader, 2 workers", "loader, 0 workers"
WARM_UP = 4  # batches that do not count: what was read ahead while others ran
GOALS = {"resident": 50.0, "streamed": 10.0}  # times the loader with 2 workers
GOAL_SECONDS = 1.0  # to the first batch of a second run

Next = Callable[[], Any]

FIRST_BATCH = """
import time
started = time.perf_counter()
from pathlib import Path
import sys, torch
from wgan_cli.data import load_images
from wgan_cli.data.loaders.make_loader import make_loader
from wgan_cli.recipe.data_settings import DataSettings
imported = time.perf_counter()
folder, cache, device, limit = sys.argv[1:]
settings = DataSettings(source="folder", path=folder, memory_limit=limit or None)
images = load_images(settings, Path(cache), lambda text: None)
feed = make_loader(images, settings, 64, 0, torch.device(device))
feed.next()[0].sum().item()
print(len(feed), time.perf_counter() - imported, time.perf_counter() - started)
feed.close()
"""


def loader_batches(folder: Path, workers: int, device: torch.device) -> Iterator[Any]:
    """Yield batches as the usual script makes them, forever."""
    normalise = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)])
    loader = DataLoader(
        ImageFolder(folder, normalise),
        batch_size=BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device.type == "cuda",
    )
    while True:
        for images, labels in loader:
            yield images.to(device, non_blocking=True), labels.to(device, non_blocking=True)


def candidates(images: ImageSet, folder: Path, device: torch.device) -> dict[str, Next]:
    """Return the compared loaders, each as a function that returns the next batch."""
    return {
        "resident": DeviceLoader(images, BATCH, 0, device).next,
        "streamed": StreamingLoader(images, BATCH, 0, device).next,
        LOADER_2: loader_batches(folder, 2, device).__next__,
        LOADER_0: loader_batches(folder, 0, device).__next__,
    }


def rate(following: Next, seconds: float, device: torch.device) -> float:
    """Return images per second over about `seconds`."""
    for _ in range(WARM_UP):
        following()
    common.wait(device)
    batches, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        for _ in range(8):
            following()
        batches += 8
    common.wait(device)
    return batches * BATCH / (time.perf_counter() - started)


def measure(compared: dict[str, Next], rounds: int, seconds: float, device: torch.device) -> list[dict[str, float]]:
    """Return each candidate's rate in each round."""
    names = list(compared)
    results = []
    for number in range(rounds):
        turned = names[number % len(names) :] + names[: number % len(names)]
        measured = {name: rate(compared[name], seconds, device) for name in turned}
        results.append({name: measured[name] for name in names})
    return results


def first_batches(folder: Path, cache: Path, device: torch.device, starts: int) -> dict[str, Any]:
    """Return seconds to the first batch in new processes with a warm cache, without and with Python's imports."""
    found: dict[str, Any] = {}
    for name, limit in (("resident", ""), ("streamed", "1KB")):
        runs = []
        for _ in range(starts):
            words = [sys.executable, "-c", FIRST_BATCH, str(folder), str(cache), str(device), limit]
            count, seconds, whole = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
            runs.append((float(seconds), float(whole)))
        found[name] = {"images": int(count), "seconds": common.spread(seconds for seconds, _ in runs)}
        found[name]["seconds_with_imports"] = common.spread(whole for _, whole in runs)
    return found


def summary(results: list[dict[str, float]]) -> dict[str, Any]:
    """Return the spread of each candidate's rate and of its ratio to both DataLoaders."""
    whole: dict[str, Any] = {}
    for name in results[0]:
        whole[name] = {"images_per_second": common.spread(result[name] for result in results)}
        for other in (LOADER_2, LOADER_0):
            whole[name][f"times {other}"] = common.spread(result[name] / result[other] for result in results)
    return whole


def show(report: dict[str, Any], console: Console) -> None:
    """Print the tables and whether the goals are met."""
    settings = report["settings"]
    title = f"{settings['images']:,} JPEG files, batch {settings['batch_size']}, {settings['device']}"
    table = Table("candidate", title=title, box=None)
    columns = {"images_per_second": "images/s", f"times {LOADER_2}": "x 2 workers", f"times {LOADER_0}": "x 0 workers"}
    for heading in columns.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for name, row in report["feeds"].items():
        table.add_row(name, *(_in_words(row[column]) for column in columns))
    console.print(table)
    console.print(f"pack made in {report['pack_seconds']:.1f} s, once")
    for name, row in report["first_batch"].items():
        console.print(
            f"first batch of a second run, {name}: {_in_words(row['seconds'])} s, "
            f"with imports {_in_words(row['seconds_with_imports'])} s"
        )
    for goal, (value, wanted, met) in report["goals"].items():
        console.print(f"{'met   ' if met else 'MISSED'}  {goal}: {value:.3g}, wanted {wanted:g}")


def _in_words(spread: dict[str, float]) -> str:
    values = (spread[key] for key in ("median", "min", "max"))
    middle, least, most = (f"{value:,.0f}" if value >= 100 else f"{value:.2f}" for value in values)
    return f"{middle} ({least} to {most})"


def goals(report: dict[str, Any]) -> dict[str, tuple[float, float, bool]]:
    """Return each goal: value, goal, met."""
    found = {}
    for name, wanted in GOALS.items():
        value = report["feeds"][name][f"times {LOADER_2}"]["median"]
        found[f"{name}, times the loader with 2 workers"] = (value, wanted, value >= wanted)
    for name, row in report["first_batch"].items():
        value = row["seconds"]["median"]
        found[f"{name}, seconds to the first batch of {row['images']:,}"] = (value, GOAL_SECONDS, value < GOAL_SECONDS)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, required=True, help="holds cifar10/{train,test}/CLASS/*.jpg")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each candidate in each round")
    options = common.parse(parser, "feeds")

    folder = options.data_root / "cifar10" / ("test" if options.quick else "train")
    if not folder.is_dir():  # torchvision's batch files hold no JPEG files to decode
        print(f"loaders: skipped, because there is no folder {folder} of images")
        return
    rounds, seconds, starts = (3, 0.2, 1) if options.quick else (options.rounds, options.seconds, 3)
    device = options.device
    torch.set_num_threads(1)  # on a CPU, batches this small gain nothing from more, and the loader's workers have one
    with tempfile.TemporaryDirectory() as cache:
        started = time.perf_counter()
        settings = DataSettings(source="folder", path=str(folder))
        images = load_images(settings, Path(cache), lambda text: print(text, file=sys.stderr))
        pack_seconds = time.perf_counter() - started
        report = {
            **common.facts(device),
            "settings": {"device": str(device), "rounds": rounds, "seconds": seconds, "images": len(images)},
            "pack_seconds": common.four_digits(pack_seconds),
            "first_batch": first_batches(folder, Path(cache), device, starts),
        }
        report["settings"]["batch_size"] = BATCH
        results = measure(candidates(images, folder, device), rounds, seconds, device)
    report |= {"feeds": summary(results)}
    report["goals"] = goals(report)
    console = common.make_console()
    show(report, console)
    common.finish(report, options.out, console)


if __name__ == "__main__":
    common.run(main)
