"""Compare training speed with the textbook loop on the same networks and data.

    python benchmarks/train_speed.py --data-root data       ten minutes; --quick takes two short rounds

All programs train in one process, in turns of a second whose order changes every round. Ratios are taken within a
round; the median over the rounds counts.

    wgan        the complete loop: loader, phases, EMA, learning rates, means for the log
    textbook    textbook.py: Gulrajani et al. 2017, Algorithm 1, as public scripts write it
    script      the same without detaching the fakes in the critic's loss, as in many public scripts
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import common
import textbook
import torch
from rich.console import Console
from rich.table import Table

from wgan_cli.data import ImageSet, load_images
from wgan_cli.recipe import Recipe, load_recipe
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.training.build_state import build_state
from wgan_cli.training.divergence import checked_means
from wgan_cli.training.numerics.amp import resolve_amp
from wgan_cli.training.optim import set_learning_rates

ENDLESS = 10**9  # steps, so that no learning rate falls while the clock runs
#: The recipe of each case, and settings.
CASES: dict[str, tuple[str, ...]] = {
    "mnist_mlp": ("mnist_mlp",),
    "mnist_mlp, n_critic 5": ("mnist_mlp", "objective.n_critic=5"),
    **{name: (name,) for name in ("mnist_dcgan", "mnist_conv", "cifar10_dcgan", "digits_dcgan")},
}


def recipes() -> dict[str, Recipe]:
    """Return the recipes of the cases, by name."""
    endless = ("epochs=null", f"steps={ENDLESS}")
    return {case: load_recipe(name, [*endless, *settings]) for case, (name, *settings) in CASES.items()}


def images_of(recipe: Recipe, data_root: Path | None, say: Callable[[str], None]) -> ImageSet | None:
    """Return a recipe's images, or the bundled digits for grayscale recipes without a data root."""
    if data_root is not None or recipe.data.source == "digits":
        return load_images(recipe.data, data_root or Path(), say)
    if recipe.data.source != "mnist":
        return None
    return load_images(DataSettings(source="digits", split="all"), Path(), say)


class Side(NamedTuple):
    """One program in one precision; `run` is one generator step with its critic steps."""

    program: str
    amp: str
    run: Callable[[], None]

    @property
    def name(self) -> str:
        return f"{self.program} {self.amp}"


def make_sides(recipe: Recipe, images: ImageSet, device: torch.device) -> list[Side]:
    """Build all programs from the same initial weights and threads, in bf16 too where supported."""
    engine = "graph" if device.type == "cuda" else "eager"
    recipe = recipe.replaced(engine="eager", amp="off", threads=torch.get_num_threads())
    sides = []
    for amp in ("off", "bf16") if resolve_amp("auto", device) == "bf16" else ("off",):
        sides += [
            Side("wgan", amp, our_loop(recipe.replaced(amp=amp, engine=engine), images, device)),
            Side("textbook", amp, textbook_loop(recipe, images, device, amp, detach=True)),
        ]
    return [*sides, Side("script", "off", textbook_loop(recipe, images, device, "off", detach=False))]


def our_loop(recipe: Recipe, images: ImageSet, device: torch.device) -> Callable[[], None]:
    """Return the body of training/loop.py without writes."""
    state = build_state(recipe, images, device, tune=False)

    def run() -> None:
        set_learning_rates(recipe, state.optimizers, state.step)
        state.engine(state.step)
        common.require_engine(state, recipe.engine)
        state.step += 1
        if state.step % recipe.log_every == 0:
            assert checked_means(state)[1] is None
            state.training_step.metrics.reset()

    return run


def textbook_loop(recipe: Recipe, images: ImageSet, device: torch.device, amp: str, detach: bool) -> Callable[[], None]:
    """Return the textbook's training of our initial networks."""
    networks = build_state(recipe, images, device, tune=False).networks
    generator, critic = (textbook.plain_copy(networks[role]) for role in ("generator", "critic"))
    loader = textbook.make_loader(images, recipe.batch_size)
    steps = textbook.train(generator, critic, loader, recipe, device, amp, detach)
    return textbook.stepper(steps, recipe, device)


def measure(sides: list[Side], rounds: int, seconds: float, device: torch.device) -> dict[str, list[float]]:
    """Return generator steps per second of every side in every round."""
    for side in sides:  # first calls choose kernels and take memory
        common.steps_per_second(side.run, seconds / 2, device)
    rates: dict[str, list[float]] = {side.name: [] for side in sides}
    for side in common.in_turns(sides, rounds):
        rates[side.name].append(common.steps_per_second(side.run, seconds, device))
    return rates


def compare(name: str, recipe: Recipe, rates: dict[str, list[float]]) -> dict[str, Any]:
    """Return the figures of one case: rates, and ratios by round."""
    n_critic = recipe.objective.n_critic
    pairs = [("wgan off", "textbook off"), ("wgan off", "script off")]
    if "wgan bf16" in rates:
        pairs += [("wgan bf16", "textbook bf16"), ("wgan bf16", "textbook off"), ("wgan bf16", "script off")]
    return {
        "case": name,
        "recipe": recipe.as_dict(),
        "n_critic": n_critic,
        "batch_size": recipe.batch_size,
        "sides": {
            side: {
                "critic_iterations_per_second": common.spread(n_critic * rate for rate in each),
                "generator_steps_per_second": common.spread(each),
            }
            for side, each in rates.items()
        },
        "ratios": [
            {
                "ours": ours,
                "theirs": theirs,
                **common.spread(a / b for a, b in zip(rates[ours], rates[theirs], strict=True)),
            }
            for ours, theirs in pairs
        ],
    }


def benchmark(
    cases: dict[str, tuple[Recipe, ImageSet]], device: torch.device, rounds: int, seconds: float
) -> dict[str, Any]:
    """Measure every case."""
    settings = {"device": str(device), "rounds": rounds, "seconds": seconds, "same_tf32": True}
    result = {**common.facts(device), "settings": settings, "cases": []}
    for name, (recipe, images) in cases.items():
        rates = measure(make_sides(recipe, images, device), rounds, seconds, device)
        result["cases"].append({**compare(name, recipe, rates), "images": len(images), "data": recipe.data.source})
    return result


def show(result: dict[str, Any], console: Console) -> None:
    """Print rates and ratios."""
    rates = Table("networks", "side", title="critic iterations per second", title_justify="left")
    ratios = Table("networks", "ours", "theirs", title="times faster, round by round", title_justify="left")
    for table in (rates, ratios):
        for heading in ("median", "least", "most"):
            table.add_column(heading, justify="right")
    for case in result["cases"]:
        for side, figures in case["sides"].items():
            rates.add_row(case["case"], side, *common.columns(figures["critic_iterations_per_second"], ".1f"))
        for ratio in case["ratios"]:
            ratios.add_row(case["case"], ratio["ours"], ratio["theirs"], *common.columns(ratio, ".2f"))
        for table in (rates, ratios):
            table.add_section()
    console.print(rates, ratios)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, help="train on the real sets here; default the digits in the package")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each side in each round")
    parser.add_argument("--label", help="words above the table, such as 'Without AMX'")
    return common.parse(parser, "train_speed")


def main() -> None:
    arguments = parse_arguments()
    console = common.make_console()
    if arguments.quick:
        arguments.rounds, arguments.seconds, arguments.cases = 2, 0.25, ["mnist_mlp", "digits_dcgan"]
    chosen = {name: recipe for name, recipe in recipes().items() if name in arguments.cases}
    found = {name: (recipe, images_of(recipe, arguments.data_root, console.print)) for name, recipe in chosen.items()}
    cases = {name: case for name, case in found.items() if case[1] is not None}
    result = benchmark(cases, arguments.device, arguments.rounds, arguments.seconds)
    if arguments.label:
        result["settings"]["label"] = arguments.label
    show(result, console)
    common.finish(result, arguments.out, console)


if __name__ == "__main__":
    common.run(main)
