"""How much faster does this project train than the textbook loop, on the same networks and data?

    python benchmarks/train_speed.py            five minutes; --quick for a glance

All train in one process, in turns of a second whose order changes every round, so that whatever else the machine does
meets all of them. A ratio is taken within each round, and the median over the rounds is what counts. Compared are:

    wgan        the whole training loop: feed, phases, average of the weights, learning rates, means for the log
    textbook    textbook.py: Gulrajani et al. 2017, Algorithm 1, as a public script writes it
    script      the same, but the critic's loss is also followed back through the generator, for nothing, since the
                fakes are not detached; many of the public scripts do that
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import textbook
import torch
from rich.console import Console
from rich.table import Table

from wgan_cli.data import ImageSet, load_images
from wgan_cli.recipe import Recipe, load_recipe, recipe_from_dict
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.runs.environment import describe_environment, resolve_device
from wgan_cli.training.guard import find_illness
from wgan_cli.training.optim import set_learning_rates
from wgan_cli.training.precision import resolve_amp
from wgan_cli.training.state import prepare

RESULTS = Path(__file__).parent / "results" / "train_speed.json"
ENDLESS = 10**9  # steps, so that no learning rate falls while the clock runs
SETTINGS = f"steps={ENDLESS}"
WIDE = ("model.generator.channels=[128,64]", "model.critic.channels=[64,128]")


def recipes() -> dict[str, Recipe]:
    """What is trained: the common fully connected networks, the default recipe, and a wide one of its kind."""
    mlp = {
        "name": "mlp",
        "latent_dim": 100,
        "generator": {"widths": [128, 256, 512, 1024], "norm": "batch"},
        "critic": {"widths": [512, 256]},
    }
    objective = {"name": "wgan_gp", "n_critic": 5}
    return {
        "mlp": recipe_from_dict({"model": mlp, "objective": objective, "batch_size": 64, "steps": ENDLESS}, "mlp"),
        "dcgan": load_recipe("digits_dcgan", [SETTINGS]),
        "dcgan wide": load_recipe("digits_dcgan", [SETTINGS, *WIDE]),
    }


class Side(NamedTuple):
    """One of the programs in one number format; `run` does one generator step with the critic steps before it."""

    program: str
    amp: str
    run: Callable[[], None]

    @property
    def name(self) -> str:
        return f"{self.program} {self.amp}"


def make_sides(recipe: Recipe, images: ImageSet, device: torch.device) -> list[Side]:
    """All programs from the same first weights; bf16 too, where the device multiplies it."""
    sides = []
    for amp in ("off", "bf16") if resolve_amp("auto", device) == "bf16" else ("off",):
        sides += [
            Side("wgan", amp, our_loop(recipe.replaced(amp=amp), images, device)),
            Side("textbook", amp, textbook_loop(recipe, images, device, amp, detach=True)),
        ]
    return [*sides, Side("script", "off", textbook_loop(recipe, images, device, "off", detach=False))]


def our_loop(recipe: Recipe, images: ImageSet, device: torch.device) -> Callable[[], None]:
    """The body of training/loop.py, without what is written to disk."""
    state = prepare(recipe, images, device)

    def run() -> None:
        set_learning_rates(recipe, state.optimizers, state.step)
        state.iterate(state.step)
        state.step += 1
        if state.step % recipe.log_every == 0:
            sums = state.iterate.terms.state_dict()["sums"]
            assert find_illness(sums, state.networks, state.optimizers) is None
            state.iterate.terms.means()

    return run


def textbook_loop(recipe: Recipe, images: ImageSet, device: torch.device, amp: str, detach: bool) -> Callable[[], None]:
    """The textbook's training of the networks with which ours starts."""
    networks = prepare(recipe, images, device).networks
    generator, critic = (textbook.plain_copy(networks[role]) for role in ("generator", "critic"))
    loader = textbook.make_loader(images, recipe.batch_size)
    steps = textbook.train(generator, critic, loader, recipe, device, amp, detach)
    return lambda: next(steps)


def steps_per_second(run: Callable[[], None], seconds: float, device: torch.device) -> float:
    """Run for a while, at least once, until the device has done all of it."""
    steps, start = 0, time.perf_counter()
    while steps == 0 or time.perf_counter() - start < seconds:
        run()
        steps += 1
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return steps / (time.perf_counter() - start)


def measure(sides: list[Side], rounds: int, seconds: float, device: torch.device) -> dict[str, list[float]]:
    """Generator steps per second of every side in every round."""
    for side in sides:  # first calls choose kernels and take memory
        steps_per_second(side.run, seconds / 2, device)
    rates: dict[str, list[float]] = {side.name: [] for side in sides}
    for number in range(rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            rates[side.name].append(steps_per_second(side.run, seconds, device))
    return rates


def spread(values: Iterable[float]) -> dict[str, float]:
    """Median, least and most, to four digits."""
    values = list(values)
    figures = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: float(f"{value:.4g}") for name, value in figures.items()}


def compare(name: str, recipe: Recipe, rates: dict[str, list[float]]) -> dict[str, Any]:
    """The figures of one case: every side's rates, and how many times faster ours is, round by round."""
    n_critic = recipe.objective.n_critic
    pairs = [("wgan off", "textbook off"), ("wgan off", "script off")]
    if "wgan bf16" in rates:
        pairs += [("wgan bf16", "textbook bf16"), ("wgan bf16", "textbook off")]
    return {
        "case": name,
        "n_critic": n_critic,
        "batch_size": recipe.batch_size,
        "sides": {
            side: {
                "critic_iterations_per_second": spread(n_critic * rate for rate in each),
                "generator_steps_per_second": spread(each),
            }
            for side, each in rates.items()
        },
        "ratios": [
            {"ours": ours, "theirs": theirs, **spread(a / b for a, b in zip(rates[ours], rates[theirs], strict=True))}
            for ours, theirs in pairs
        ],
    }


def benchmark(
    cases: dict[str, Recipe], images: ImageSet, device: torch.device, rounds: int, seconds: float
) -> dict[str, Any]:
    """Measure every case and say on what."""
    machine = describe_environment(device, "")
    versions = machine["versions"]
    result = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {key: machine[key] for key in ("platform", "processor", "cores", "threads", "device_name")},
        "versions": versions,
        "settings": {"device": str(device), "rounds": rounds, "seconds": seconds, "images": len(images)},
        "load_average": [load()],
        "cases": [],
    }
    for name, recipe in cases.items():
        rates = measure(make_sides(recipe, images, device), rounds, seconds, device)
        result["cases"].append(compare(name, recipe, rates))
    result["load_average"].append(load())
    return result


def load() -> float | None:
    """How many processes want a core, over the last minute; more than there are cores makes all figures doubtful."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def show(result: dict[str, Any], console: Console) -> None:
    """Print the rates of every side, and the ratios."""
    rates = Table("networks", "side", title="critic iterations per second", title_justify="left")
    ratios = Table("networks", "ours", "theirs", title="times faster, round by round", title_justify="left")
    for table in (rates, ratios):
        for heading in ("median", "least", "most"):
            table.add_column(heading, justify="right")
    for case in result["cases"]:
        for side, figures in case["sides"].items():
            rates.add_row(case["case"], side, *columns(figures["critic_iterations_per_second"], ".1f"))
        for ratio in case["ratios"]:
            ratios.add_row(case["case"], ratio["ours"], ratio["theirs"], *columns(ratio, ".2f"))
        for table in (rates, ratios):
            table.add_section()
    console.print(rates, ratios)
    busy, cores = result["load_average"][0], result["machine"]["cores"]
    if busy is not None and busy > 0.5 * cores:
        console.print(
            f"note: the load average was {busy} on {cores} cores at the start; repeat this on an idle machine"
        )


def columns(figures: dict[str, Any], form: str) -> list[str]:
    return [f"{figures[key]:{form}}" for key in ("median", "min", "max")]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, help="train on MNIST from here; default the digits in the package")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda, cuda:N (default cpu)")
    parser.add_argument("--threads", type=int, help="of the processor; default what torch takes")
    parser.add_argument("--cases", nargs="+", choices=list(recipes()), default=list(recipes()))
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each side in each round")
    parser.add_argument("--quick", action="store_true", help="two short rounds without the wide networks")
    parser.add_argument("--out", type=Path, default=RESULTS, help="JSON (default benchmarks/results/train_speed.json)")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    console = Console()
    if arguments.quick:
        arguments.rounds, arguments.seconds, arguments.cases = 2, 0.25, ["mlp", "dcgan"]
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    settings = DataSettings(source="mnist") if arguments.data_root else DataSettings(source="digits", split="all")
    images = load_images(settings, arguments.data_root or Path(), console.print)
    cases = {name: recipe for name, recipe in recipes().items() if name in arguments.cases}
    result = benchmark(cases, images, resolve_device(arguments.device), arguments.rounds, arguments.seconds)
    result["settings"]["data"] = settings.source
    show(result, console)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    console.print(f"written to {arguments.out}")


if __name__ == "__main__":
    main()
