"""Measure the time and memory of a step against batch size, image size and width.

    python benchmarks/scaling.py                four minutes; --quick for three points of each kind

Each point runs in its own short process, because freed memory stays with a process. One quantity varies at a time, from
a base of 64 images of 28x28 pixels; the networks are those of two recipes with scaled widths. Time is close to linear
in the batch size.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import common
import torch
from rich.console import Console
from rich.table import Table
from scaling_plot import along, draw

from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.recipe import ImageShape, Recipe, load_recipe
from wgan_cli.training.build_state import build_state

RECIPES = {"mlp": "mnist_mlp", "dcgan": "mnist_dcgan"}
ROOT = Path(__file__).resolve().parents[1]
WARM_UP, BLOCKS = 5, 5  # the graph engine captures the fourth step


class Point(NamedTuple):
    """One measurement. width: factor on the recipe's widths."""

    family: str
    batch_size: int = 64
    image_size: int = 28
    width: float = 1.0


AXES: dict[str, tuple[float, ...]] = {
    "batch_size": (4, 16, 64, 256, 1024),
    "image_size": (16, 28, 64, 128),
    "width": (0.25, 0.5, 1, 2, 4),
}
QUICK = {"batch_size": (4, 16, 64), "image_size": (16, 28, 32), "width": (0.25, 0.5, 1)}


def points(axes: dict[str, tuple[float, ...]]) -> list[Point]:
    """Return all points, each once: the base is on every axis."""
    grown = [
        Point(family)._replace(**{axis: value})
        for family in RECIPES
        for axis, values in axes.items()
        for value in values
    ]
    return list(dict.fromkeys(grown))


def recipe_of(point: Point, amp: str) -> Recipe:
    """Return a family's recipe with the given batch size and scaled widths."""
    recipe, settings = load_recipe(RECIPES[point.family]), []
    for role in ("generator", "critic"):
        key = "widths" if point.family == "mlp" else "channels"
        widths = [max(1, round(point.width * width)) for width in getattr(getattr(recipe.model, role), key)]
        settings.append(f"model.{role}.{key}={widths}")
    return load_recipe(RECIPES[point.family], [*settings, f"batch_size={point.batch_size}", f"amp={amp}"])


def measure(point: Point, amp: str, seconds: float, device: torch.device) -> dict[str, Any]:
    """Measure time and memory of a point in this process."""
    torch.ones(2, 2, device=device) @ torch.ones(2, 2, device=device)  # what the first product loads is no network's
    start = peak_bytes(device)
    images = common.made_up_images(ImageShape(point.image_size, point.image_size, 1), max(256, point.batch_size))
    # Eager steps of small networks would measure how fast Python launches kernels; a graph can't capture fp16.
    engine = "graph" if device.type == "cuda" and amp != "fp16" else "eager"
    state = build_state(recipe_of(point, amp).replaced(engine=engine), images, device, tune=False)

    def step() -> None:
        state.engine(state.step)
        state.step += 1

    for _ in range(WARM_UP):
        step()
    common.require_engine(state, engine)
    rates = [common.steps_per_second(step, seconds / BLOCKS, device) for _ in range(BLOCKS)]
    return {
        **point._asdict(),
        "amp": state.recipe.amp,
        "engine": engine,
        "n_critic": state.recipe.objective.n_critic,
        "parameters": sum(weights.numel() for network in state.networks.values() for weights in network.parameters()),
        "seconds_per_step": common.spread(1 / rate for rate in rates),
        "peak_bytes": peak_bytes(device),
        "start_bytes": start,
    }


def peak_bytes(device: torch.device) -> int:
    """Return the peak memory: tensors on a GPU, otherwise the resident set of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:  # what getrusage says on Linux can be the parent's
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measured_apart(point: Point, words: list[str]) -> dict[str, Any]:
    """Run `measure` in a new process.

    Raises: WganError with that process's message if it fails.
    """
    command = [sys.executable, __file__, "--point", json.dumps(point._asdict()), *words]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        messages = done.stderr.splitlines() or ["no message"]
        error = next((line for line in messages if line.startswith("error: ")), messages[-1])
        raise WganError(
            f"{point.family} with batch {point.batch_size}, {point.image_size} pixels and width {point.width:g} "
            f"ended with {done.returncode}: {error.removeprefix('error: ')}",
            "a machine with more memory may manage; --quick stays small",
            ExitStatus.FAILED,
        )
    return json.loads(done.stdout.splitlines()[-1])


def straight_line(sizes: list[float], values: list[float]) -> dict[str, float]:
    """Fit `fixed + each * size` by least relative error. worst: the largest relative error."""
    import numpy

    each, fixed = numpy.polyfit(sizes, values, 1, w=1 / numpy.array(values))
    errors = (abs(fixed + each * size - value) / value for size, value in zip(sizes, values, strict=True))
    return {
        name: common.four_digits(value) for name, value in (("fixed", fixed), ("each", each), ("worst", max(errors)))
    }


def lines(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return time and memory of each family as lines in the batch size."""
    found = []
    for family, recipe in RECIPES.items():
        own = along(result, family, "batch_size")
        sizes = [point["batch_size"] for point in own]
        times = [point["seconds_per_step"]["median"] for point in own]
        memory = [point["peak_bytes"] for point in own]
        line = {"family": family, "recipe": recipe, "n_critic": own[0]["n_critic"], "amp": own[0]["amp"]}
        found.append(line | {"seconds": straight_line(sizes, times), "bytes": straight_line(sizes, memory)})
    return found


def show(result: dict[str, Any], console: Console) -> None:
    """Print every point and the fitted lines."""
    table = Table("networks", "batch", "pixels", "width", "parameters", "ms per step", "us per image", "peak MB")
    for column in table.columns[1:]:
        column.justify = "right"
    for point in sorted(result["points"], key=lambda point: [point[name] for name in Point._fields]):
        seconds = point["seconds_per_step"]["median"]
        cells = (point["batch_size"], point["image_size"], f"{point['width']:g}", f"{point['parameters']:,}")
        cells += (
            f"{1e3 * seconds:.2f}",
            f"{1e6 * seconds / point['batch_size']:.1f}",
            f"{point['peak_bytes'] / 1e6:,.0f}",
        )
        table.add_row(point["family"], *map(str, cells))
    console.print(table)
    for line in result["lines"]:
        console.print(in_words(line), soft_wrap=True)


def in_words(line: dict[str, Any]) -> str:
    """Describe a family's lines in a sentence."""
    time, memory = line["seconds"], line["bytes"]
    return (
        f"{line['recipe']} in {common.FORMATS[line['amp']]}: a step, {common.count(line['n_critic'], 'critic update')} "
        f"and one of the generator, takes about {1e3 * time['fixed']:.1f} ms and {1e6 * time['each']:.0f} us for each "
        f"image of the batch (at most {time['worst']:.0%} off); memory {memory['fixed'] / 1e6:,.0f} MB and "
        f"{memory['each'] / 1e6:.2f} MB for each (at most {memory['worst']:.1%} off)"
    )


def plot_of(device: torch.device) -> Path:
    """Return the path of the plot for docs/performance.md."""
    kind = "" if device.type == "cpu" else f"-{device.type}"
    return ROOT / "docs" / f"scaling_cost{kind}.png"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--amp", default="auto", choices=["auto", "off", "bf16", "fp16"])
    parser.add_argument("--seconds", type=float, default=1.0, help="for the clock of each point")
    parser.add_argument("--plot", type=Path, help="PNG (default docs/scaling_cost.png; of a quick run beside its JSON)")
    parser.add_argument("--point", type=json.loads, help=argparse.SUPPRESS)  # one point, as JSON: a process of its own
    return common.parse(parser, "scaling")


def main() -> None:
    arguments = parse_arguments()
    device, amp, seconds = arguments.device, arguments.amp, arguments.seconds
    if arguments.point:
        print(json.dumps(measure(Point(**arguments.point), amp, seconds, device)))
        return
    console = common.make_console()
    if arguments.quick:
        seconds = min(seconds, 0.2)
    words = [
        "--device",
        str(device),
        "--amp",
        amp,
        "--seconds",
        str(seconds),
        "--threads",
        str(torch.get_num_threads()),
    ]
    base = {name: Point("")._asdict()[name] for name in AXES}
    result = {**common.facts(device), "settings": {"device": str(device), "seconds": seconds, "base": base}}
    result["points"] = [measured_apart(point, words) for point in points(QUICK if arguments.quick else AXES)]
    result["lines"] = lines(result)
    show(result, console)
    plot = arguments.plot or (arguments.out.with_suffix(".png") if arguments.quick else plot_of(device))
    draw(result, plot)
    if plot.resolve().is_relative_to(ROOT):
        result["plot"] = plot.resolve().relative_to(ROOT).as_posix()
    common.finish(result, arguments.out, console)
    console.print(f"drawn to {plot}")


if __name__ == "__main__":
    common.run(main)
