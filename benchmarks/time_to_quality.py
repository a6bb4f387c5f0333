"""Measure FD against wall-clock time, for recipes, other objectives with their networks, and textbook loops.

    python benchmarks/time_to_quality.py --data-root data                  about ten hours, on an idle machine
    python benchmarks/time_to_quality.py --data-root data --only mnist_dcgan cifar10_dcgan --seeds 1 --minutes 1
    python benchmarks/time_to_quality.py --page            only write docs/time_to_quality.md and .png

For recipes, every budget and seed is one complete `wgan train` process timed by wall clock: start, data, autotuning,
training, grids, checkpoints, curves. The number of steps comes from a short run, corrected if it took too long. The
textbook loops train in this process on the same images and are scored along one run per seed; only the loop and its
DataLoader are timed. All are scored with the same number of images and the same classifier. Results are written one by
one; those measured on another processor or with other settings aren't continued.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import common
import textbook
import time_to_quality_page as page
import torch
from family import is_current, reference_for
from rich.console import Console

from wgan_cli.data import ImageSet, load_images
from wgan_cli.errors import WganError
from wgan_cli.evaluation.evaluate import Reference
from wgan_cli.outputs.sampling import open_generator
from wgan_cli.recipe import Recipe, load_recipe
from wgan_cli.training.build_state import build_state

SURE = 0.985  # of the time for which steps are planned, so that a slow moment does not overrun it
SHORT = 600  # steps of the run that says how many fit; enough for the trials of a long one
MINUTES = (0.5, 1, 3, 10)
UNWATCHED = "--set=eval_every=null"  # what measures while it trains has no place on the stopwatch
CPU = ("--engine", "eager")  # the compiler, which long runs try, takes up to a minute of them and gains nothing here
OVERRUN = 1.02  # times the budget from which a run is called too long
TRIES = 3  # to end within it


@dataclass(frozen=True)
class Contestant:
    """A recipe of ours with settings, or a textbook loop with the networks and learning rates of one.

    The textbook's settings are spelled out, so that tuning our recipe leaves them unchanged.
    """

    recipe: str
    settings: tuple[str, ...] = ()
    textbook: bool = False


RECIPES = ("mnist_dcgan", "fashion_dcgan", "cifar10_dcgan")
RIVALS = {  # with a search's learning rate, as in mnist_r3gan and mnist_r1
    "R3GAN": "objective={name: r3gan, r1_weight: 1.0, r2_weight: 1.0}",
    "cross-entropy, R1": "objective={name: gan, r1_weight: 1.0}",
}
RIVALS_OPTIM = "optim={lr: 0.003, betas: [0.0, 0.99], lr_schedule: linear}"
USUAL = (
    "objective={name: wgan_gp, gp_weight: 10, n_critic: 5}",
    "batch_size=64",
    "steps=1000000000",
    "optim.lr_schedule=none",
    "model.latent_dim=100",
)


def _textbook_mlp(recipe: str) -> Contestant:
    settings = (
        *("model.name=mlp", "model.init=torch"),
        "model.generator={widths: [128, 256, 512, 1024], norm: batch, activation: leaky_relu, slope: 0.2}",
        "model.critic={widths: [512, 256], norm: none, activation: leaky_relu, slope: 0.2}",
        *(f"optim.{role}={{lr: 2e-4, betas: [0.5, 0.999]}}" for role in ("generator", "critic")),
    )
    return Contestant(recipe, (*USUAL, *settings), textbook=True)


def _textbook_dcgan(recipe: str, channels: list[int]) -> Contestant:
    settings = (
        *("model.name=dcgan", "model.init=normal"),
        f"model.generator={{channels: {channels}, kernel: 4, norm: batch, activation: relu}}",
        f"model.critic={{channels: {channels[::-1]}, kernel: 5, norm: none, activation: leaky_relu, slope: 0.2}}",
        *(f"optim.{role}={{lr: 1e-4, betas: [0.0, 0.9]}}" for role in ("generator", "critic")),
    )
    return Contestant(recipe, (*USUAL, *settings), textbook=True)


CONTESTANTS = {
    **{recipe: Contestant(recipe) for recipe in RECIPES},
    "textbook DCGAN, MNIST": _textbook_dcgan("mnist_dcgan", [128, 64]),
    "textbook DCGAN, Fashion-MNIST": _textbook_dcgan("fashion_dcgan", [128, 64]),
    "textbook DCGAN, CIFAR-10": _textbook_dcgan("cifar10_dcgan", [256, 128, 64]),
    **{
        f"{recipe}, {rival}": Contestant(recipe, (objective, RIVALS_OPTIM))
        for rival, objective in RIVALS.items()
        for recipe in RECIPES
    },
    "mnist_mlp": Contestant("mnist_mlp"),
    "textbook MLP, MNIST": _textbook_mlp("mnist_mlp"),
}


def textbook_points(
    contestant: Contestant, dataset: ImageSet, reference: Reference, device: torch.device, keep: page.Keep, seed: int
) -> None:
    """Train the textbook loop for the longest budget and score it along the way."""
    torch.manual_seed(seed)
    recipe = load_recipe(contestant.recipe, contestant.settings)
    quiet = recipe.replaced(engine="eager", amp="off", threads=torch.get_num_threads(), seed=seed)
    networks = build_state(quiet, dataset, device, tune=False).networks
    generator, critic = (textbook.plain_copy(networks[role]) for role in ("generator", "critic"))
    loader = textbook.make_loader(dataset, recipe.batch_size)
    loop = textbook.train(generator, critic, loader, recipe, device, "off", detach=True)
    step = textbook.stepper(loop, recipe, device)
    seconds, steps = 0.0, 0
    for minutes in keep.budgets:
        start = time.perf_counter()
        while seconds + time.perf_counter() - start < 60 * minutes:
            step()
            steps += 1
        common.wait(device)
        seconds += time.perf_counter() - start
        shown = copy.deepcopy(generator).eval()  # as `generate` wants it; the one in training keeps its mode
        keep(page.Point(minutes, seed), seconds, steps, common.figures(shown, recipe, steps, reference))


def our_points(
    contestant: Contestant, data_root: Path, reference: Reference, device: torch.device, keep: page.Keep, seeds: int
) -> None:
    """Train a recipe once per missing budget and seed, as a user would."""
    missing = [page.Point(minutes, seed) for seed in range(seeds) for minutes in keep.budgets]
    missing = [point for point in missing if point not in keep.points]
    with tempfile.TemporaryDirectory() as folder:
        train = partial(wgan_train, contestant, data_root, device)
        train(Path(folder, "first"), ["--steps", "1"])  # from the disk, which later ones find in memory
        _, fixed, each = train(Path(folder, "short"), ["--steps", str(SHORT)])
        for point in missing:
            for number in range(TRIES):
                steps = max(1, int((SURE * 60 * point.minutes - fixed) / each))
                run = Path(folder, f"{point.minutes:g}-{point.seed}-{number}")
                seconds, fixed, each = train(run, ["--steps", str(steps), "--seed", str(point.seed)])
                if seconds <= OVERRUN * 60 * point.minutes or steps == 1:
                    break
            generator, checkpoint = open_generator(run / "G.pth", device)
            keep(point, seconds, checkpoint.step, common.figures(generator, checkpoint.recipe, steps, reference))


def wgan_train(
    contestant: Contestant, data_root: Path, device: torch.device, out: Path, options: list[str]
) -> tuple[float, float, float]:
    """Run `wgan train` and return wall seconds, those not spent on training, and those per step.

    Raises: WganError with its output if it fails.
    """
    words = [UNWATCHED, *(f"--set={setting}" for setting in contestant.settings)]
    if device.type == "cpu":
        words += CPU
        if torch.get_num_threads() != (os.cpu_count() or 1):
            words.append(f"--set=threads={torch.get_num_threads()}")
    command = [sys.executable, "-m", "wgan_cli", "train", "--recipe", contestant.recipe, "--out", str(out), "--quiet"]
    command += ["--data-root", str(data_root.resolve()), "--device", str(device), *words, *options]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise WganError(f"wgan train failed: {done.stderr.strip()[-500:]}", f"try it: {' '.join(command)}")
    last = json.loads((out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    return seconds, max(0.0, seconds - last["seconds"]), last["seconds"] / last["step"]


def measure(name: str, contestant: Contestant, arguments: argparse.Namespace, results: page.Results) -> None:
    """Run a contestant and store its points as they arrive."""
    console, device = common.make_console(), arguments.device
    recipe = load_recipe(contestant.recipe, contestant.settings)
    if not arguments.again and not is_current(results.contestants.get(name, {}), recipe):
        raise WganError(f"the results of {name} are of other settings", "measure all anew with --again")
    data = recipe.data
    reference = reference_for(data, arguments.data_root, device, arguments.images)
    facts = {
        **common.facts(device),
        "settings": {"device": str(device), "instructions": torch.backends.cpu.get_cpu_capability()},
        "recipe": recipe.as_dict(),
        "what": in_words(contestant),
        "data": data.title,
    }
    keep = page.Keep(name, facts, results, partial(_say, console, name), arguments.again, arguments.minutes)
    if contestant.textbook:
        dataset = load_images(data, arguments.data_root, console.print)
        for seed in range(arguments.seeds):
            if not keep.complete([seed]):
                textbook_points(contestant, dataset, reference, device, keep, seed)
    else:
        our_points(contestant, arguments.data_root, reference, device, keep, arguments.seeds)
    keep.finish(common.cores_in_use())


def in_words(contestant: Contestant) -> str:
    """Describe a contestant: `wgan train --recipe X`, or the textbook's networks and learning rates."""
    if not contestant.textbook:
        words = (f"--set {each}" for each in contestant.settings)
        return " ".join(["`wgan train --recipe", contestant.recipe, *words, *CPU, "--steps ...`"])
    recipe: Recipe = load_recipe(contestant.recipe, contestant.settings)
    of_generator, of_critic, model = recipe.optim.generator, recipe.optim.critic, recipe.model
    widths = {role: getattr(settings, "channels", None) or settings.widths for role, settings in
              (("generator", model.generator), ("critic", model.critic))}  # fmt: skip
    sizes = ", ".join(f"{role} {'-'.join(map(str, each))}" for role, each in widths.items())
    return (
        f"{model.name}, {sizes}, lr {of_generator.lr:g} and {of_critic.lr:g}, betas {list(of_critic.betas)}, "
        f"n_critic {recipe.objective.n_critic}, batch {recipe.batch_size}, float32"
    )


def _say(console: Console, name: str, point: dict[str, Any]) -> None:
    entropy = f", entropy {point['class_entropy']:.3f}" if "class_entropy" in point else ""
    console.print(
        f"{name}, seed {point['seed']}: {point['seconds']:.1f} s, {point['steps']:,} steps: FD {point['fd']:.3g} "
        f"(real images: {point['real_baseline']:.3g}){entropy}"
    )
    if point["seconds"] > OVERRUN * 60 * point["minutes"]:
        console.print(f"note: that is longer than {point['minutes']:g} minutes; the page gives the seconds")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=Path("data"))
    parser.add_argument(
        "--only",
        nargs="+",
        choices=CONTESTANTS,
        default=CONTESTANTS,
        metavar="NAME",
        help="of: " + ", ".join(CONTESTANTS),
    )
    parser.add_argument("--minutes", nargs="+", type=float, default=MINUTES, help="budgets (default 0.5, 1, 3 and 10)")
    parser.add_argument("--seeds", type=int, default=3, help="of each (default 3)")
    parser.add_argument("--images", type=int, default=10_000, help="generated for each evaluation (default 10000)")
    parser.add_argument("--again", action="store_true", help="also what is there")
    parser.add_argument("--page", action="store_true", help="only write the page and the plot from the results")
    arguments = common.parse(parser, "time_to_quality")
    if arguments.quick:
        arguments.minutes, arguments.images, arguments.seeds = [0.2], 500, 1
    return arguments


def main() -> None:
    arguments = parse_arguments()
    results = page.Results(arguments.out)
    if not arguments.page:
        for name in arguments.only:
            measure(name, CONTESTANTS[name], arguments, results)
    if arguments.out.parent == common.RESULTS:
        page.write(results.contestants)


if __name__ == "__main__":
    common.run(main)
