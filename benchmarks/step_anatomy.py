"""Break a training step down by kind of work and compare its rate with the machine's peak.

    python benchmarks/step_anatomy.py                                       two minutes; --quick for less
    python benchmarks/step_anatomy.py --device cuda --batch 64 256 1024     on a GPU

A step is one generator update with its critic updates, on random images. Kernels are timed by torch.profiler: operators
without their children on a CPU, kernels on a GPU; the rest of the wall time is Python and launches. The roofline is the
best rate of large matrix products in the same run with the same threads. A step's rate counts the multiplications and
additions of its matrix products and convolutions, including needless ones, so a higher share doesn't mean a faster
step.

The products alone, run again with the same inputs, are the limit of what a faster step can reach with the same
networks. "Times the textbook" compares a step, and this limit, with the textbook loop in float32.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import common
import torch
from anatomy import Kernel, busy_seconds, group_rows, kernel_rows, kernels_of
from products import Products, count_flops, products_of
from rich.console import Console
from rich.table import Table
from torch.profiler import ProfilerActivity, profile
from train_speed import CASES, ENDLESS, textbook_loop

from wgan_cli.data import ImageSet, native_shape
from wgan_cli.recipe import Recipe, load_recipe
from wgan_cli.training.build_state import build_state
from wgan_cli.training.numerics.amp import resolve_amp

DTYPES = {"off": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
SIZES = {"cpu": (512, 1024, 2048), "cuda": (2048, 4096, 8192)}
WARM_UP, BLOCKS = 5, 5
TEXTBOOK_FITS = {recipe for recipe, *_ in CASES.values()}


def images_for(recipe: Recipe) -> ImageSet:
    """Return random images in the recipe's shape, enough for long epochs."""
    return common.made_up_images(native_shape(recipe.data), max(4096, 50 * recipe.batch_size))


def step_of(recipe: Recipe, device: torch.device) -> Callable[[], None]:
    """Return a function that runs one training step of a recipe."""
    usual = "graph" if device.type == "cuda" else "eager"  # what training chooses for long runs
    engine = usual if recipe.engine == "auto" else recipe.engine
    state = build_state(recipe.replaced(engine=engine), images_for(recipe), device, tune=False)

    def step() -> None:
        state.engine(state.step)
        common.require_engine(state, engine)
        state.step += 1

    return step


def products_of_step(recipe: Recipe, device: torch.device) -> Products:
    """Return the products of one step with every penalty, in eager mode."""
    eager = recipe.replaced(engine="eager")
    step_of(eager, device)()  # the first of a process also compares libraries for products
    return products_of(step_of(eager, device))


def sides_of(recipe: Recipe, products: Products, device: torch.device) -> dict[str, Callable[[], Any]]:
    """Return what is timed in turns: our step, its products alone and, where its script fits, the textbook's step.

    On a GPU only our step: the time of products that Python launches one by one would be that of the launches.
    """
    sides = {"step": step_of(recipe, device)}
    if device.type == "cpu":
        sides["products"] = products.run
    if device.type == "cpu" and recipe.name in TEXTBOOK_FITS:
        plain = recipe.replaced(engine="eager", amp="off", epochs=None, steps=ENDLESS)
        sides["textbook"] = textbook_loop(plain, images_for(recipe), device, "off", detach=True)
    return sides


def roofline(dtype: torch.dtype, seconds: float, device: torch.device) -> dict[str, Any]:
    """Return the best rate of large square products in FLOP/s, and each of them.

    On CPUs a large direct convolution is included: another library, which can be twice as fast.
    """
    calls = {}
    for size in SIZES.get(device.type, SIZES["cpu"]):
        a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
        calls[f"product {size}"] = (2 * size**3, partial(torch.mm, a, b, out=torch.empty_like(a)))
    if device.type == "cpu":
        images, weights = torch.randn(64, 64, 16, 16, dtype=dtype), torch.randn(64, 64, 5, 5, dtype=dtype)
        convolve = partial(torch.conv2d, images, weights, padding=2)
        calls["convolution 5x5"] = (count_flops(convolve), convolve)
    rates = {}
    for name, (flops, call) in calls.items():
        common.steps_per_second(call, seconds / 4, device)
        best = max(common.steps_per_second(call, seconds / 4, device) for _ in range(3))
        rates[name] = common.four_digits(flops * best)
    return {"flop_per_second": max(rates.values()), "calls": rates}


def profiled(step: Callable[[], None], steps: int, device: torch.device) -> tuple[list[Kernel], float]:
    """Profile some steps: return kernels with time and calls per step, and the busy seconds per step."""
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device.type == "cuda")
    common.wait(device)
    with profile(activities=activities) as profiler:
        for _ in range(steps):
            step()
        common.wait(device)
    events = profiler.events()
    return kernels_of(events, steps, device.type), busy_seconds(events, device.type) / steps


def anatomy(recipe: Recipe, peak: float, seconds: float, device: torch.device) -> dict[str, Any]:
    """Measure one case: wall time of a step, its operations and breakdown, and what its products alone would take."""
    products = products_of_step(recipe, device)
    sides = sides_of(recipe, products, device)
    step = sides["step"]
    for run in sides.values():
        for _ in range(WARM_UP):
            run()
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for name in common.in_turns(list(sides), BLOCKS):
        rates[name].append(common.steps_per_second(sides[name], seconds / BLOCKS, device))
    wall = common.spread(1 / rate for rate in rates["step"])
    kernels, busy = profiled(step, max(1, min(20, round(seconds / wall["median"]))), device)
    flops = products.flops
    ratios = {
        name: common.spread(a / b for a, b in zip(rates[name], rates["textbook"], strict=True))
        for name in ("step", "products")
        if "textbook" in rates
    }
    return {
        "recipe": recipe.name,
        "amp": recipe.amp,
        "batch_size": recipe.batch_size,
        "seconds_per_step": wall,
        "products_seconds": common.spread(1 / rate for rate in rates["products"]) if "products" in rates else None,
        "times_textbook": ratios,
        "flop_per_step": flops,
        "flop_per_second": common.four_digits(flops / wall["median"]),
        "share_of_peak": common.four_digits(flops / wall["median"] / peak),
        # On a processor the profiler's own work lies between the operators, so there is no such share.
        "busy_share": None if device.type == "cpu" else common.four_digits(busy / wall["median"]),
        "groups": group_rows(kernels),
        "kernels": kernel_rows(kernels, 20),
    }


def benchmark(cases: list[tuple[str, Recipe]], seconds: float, device: torch.device) -> dict[str, Any]:
    """Measure the rooflines and every case, a name and its recipe."""
    result = {**common.facts(device), "settings": {"device": str(device), "seconds": seconds}}
    formats = dict.fromkeys(recipe.amp for _, recipe in cases)
    result["roofline"] = {amp: roofline(DTYPES[amp], seconds / 4, device) for amp in formats}
    peaks = {amp: found["flop_per_second"] for amp, found in result["roofline"].items()}
    result["cases"] = [{"case": name, **anatomy(recipe, peaks[recipe.amp], seconds, device)} for name, recipe in cases]
    return result


def show(result: dict[str, Any], console: Console, most: int = 12) -> None:
    """Print the rooflines and the breakdown by groups and kernels."""
    for amp, found in result["roofline"].items():
        rates = ", ".join(f"{name} {rate / 1e9:,.0f}" for name, rate in found["calls"].items())
        console.print(f"GFLOP/s in {amp}: {rates}", soft_wrap=True)
    for case in result["cases"]:
        title = f"{case['case']}, {case['amp']}, batch {case['batch_size']}"
        for name, rows in (("groups", case["groups"]), ("kernels", case["kernels"][:most])):
            table = Table(name, title=title, title_justify="left", min_width=len(title))
            for heading in ("ms per step", "calls", "share"):
                table.add_column(heading, justify="right", no_wrap=True)
            for row in rows:
                cells = (f"{1000 * row['seconds']:.3f}", f"{row['calls']:.1f}", f"{row['share']:.1%}")
                table.add_row(row["name"][:80], *cells)
            console.print(table)
        console.print(in_words(case, result["roofline"][case["amp"]]["flop_per_second"]), "\n")


def in_words(case: dict[str, Any], peak: float) -> str:
    """Summarize a step: time, rate relative to the peak, busy share, and its products alone."""
    products = case["products_seconds"]
    alone = "" if products is None else f"; its products alone {1000 * products['median']:.2f} ms"
    if ratios := case["times_textbook"]:
        whole, limit = (ratios[name]["median"] for name in ("step", "products"))
        alone += f", {limit:.2f} times the textbook (the step: {whole:.2f})"
    busy = "" if case["busy_share"] is None else f"; kernels run {case['busy_share']:.0%} of the time"
    return (
        f"{1000 * case['seconds_per_step']['median']:.2f} ms a step, {case['flop_per_step'] / 1e9:.2f} GFLOP: "
        f"{case['flop_per_second'] / 1e9:,.0f} of {peak / 1e9:,.0f} GFLOP/s, {case['share_of_peak']:.1%}{busy}{alone}"
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--recipe",
        nargs="+",
        default=["mnist_mlp", "mnist_mlp, n_critic 5", "mnist_dcgan", "cifar10_dcgan"],
        help="names or files, or cases of train_speed.py",
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of all recipes")
    parser.add_argument("--amp", nargs="+", choices=list(DTYPES), help="default off, and bf16 where the device has it")
    parser.add_argument("--batch", nargs="+", type=int, default=[64], help="batch sizes (default 64)")
    parser.add_argument("--seconds", type=float, default=4.0, help="for the wall clock of each case")
    return common.parse(parser, "step_anatomy")


def main() -> None:
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler's messages are about itself
    arguments = parse_arguments()
    device = arguments.device
    formats = arguments.amp or ["off"] + ["bf16"] * (resolve_amp("auto", device) == "bf16")
    cases = [
        (case, load_recipe(recipe, [*settings, *arguments.set, f"batch_size={batch}", f"amp={amp}"]))
        for case in arguments.recipe
        for recipe, *settings in [CASES.get(case, (case,))]
        for amp in formats
        for batch in arguments.batch
    ]
    result = benchmark(cases, 0.5 if arguments.quick else arguments.seconds, device)
    result["settings"]["set"] = arguments.set
    console = common.make_console()
    show(result, console)
    common.finish(result, arguments.out, console)


if __name__ == "__main__":
    common.run(main)
