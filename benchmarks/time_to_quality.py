"""Measure FD against wall-clock time, for recipes and for the textbook loops.

    python benchmarks/time_to_quality.py --data-root data                  about 50 minutes, on an idle machine
    python benchmarks/time_to_quality.py --data-root data --minutes-most 0.2 --only mnist_dcgan     a quick look
    python benchmarks/time_to_quality.py --page            only write docs/time_to_quality.md and .png

For recipes, every budget is one complete `wgan train` process timed by wall clock: start, data, autotuning, training,
grids, checkpoints, curves. The number of steps comes from a short run, corrected if it took too long. The textbook
loops train in this process on the same images and are scored along one run; only the loop and its DataLoader are timed.
All are scored with the same number of images and the same classifier. Existing results are reused.
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
from rich.console import Console

from wgan_cli.data import ImageSet, load_images
from wgan_cli.errors import WganError
from wgan_cli.evaluation.evaluate import Reference, make_reference
from wgan_cli.outputs.sampling import open_generator
from wgan_cli.recipe import Recipe, load_recipe
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.training.build_state import build_state

DATA = DataSettings(source="mnist")
SURE = 0.985  # of the time for which steps are planned, so that a slow moment does not overrun it
SHORT = 600  # steps of the run that says how many fit; enough for the trials of a long one
UNWATCHED = "--set=eval_every=null"  # what measures while it trains has no place on the stopwatch
CPU = ("--engine", "eager")  # the compiler, which long runs try, takes up to a minute of them and gains nothing here
OVERRUN = 1.02  # times the budget from which a run is called too long
TRIES = 3  # to end within it


@dataclass(frozen=True)
class Contestant:
    """A recipe of ours, or a textbook loop with the networks and learning rates of a recipe with settings.

    The textbook's settings are spelled out, so that tuning our recipe leaves them unchanged.
    """

    recipe: str
    minutes: tuple[float, ...]
    textbook: bool = False
    settings: tuple[str, ...] = ()


ALONG = (0.5, 1, 2, 3, 5, 10)
USUAL = (
    "objective.gp_weight=10",
    "objective.n_critic=5",
    "batch_size=64",
    "steps=1000000000",
    "optim.lr_schedule=none",
)
CONTESTANTS = {
    "textbook MLP": Contestant(
        "mnist_mlp",
        ALONG,
        textbook=True,
        settings=(
            *USUAL,
            *("model.name=mlp", "model.latent_dim=100", "model.init=torch"),
            "model.generator={widths: [128, 256, 512, 1024], norm: batch, activation: leaky_relu, slope: 0.2}",
            "model.critic={widths: [512, 256], norm: none, activation: leaky_relu, slope: 0.2}",
            *(f"optim.{role}={{lr: 2e-4, betas: [0.5, 0.999]}}" for role in ("generator", "critic")),
        ),
    ),
    "textbook DCGAN": Contestant(
        "mnist_conv",
        ALONG,
        textbook=True,
        settings=(
            *USUAL,
            *("model.name=dcgan", "model.latent_dim=100", "model.init=normal"),
            "model.generator={channels: [128, 64], kernel: 4, norm: batch, activation: relu}",
            "model.critic={channels: [64, 128], kernel: 5, norm: none, activation: leaky_relu, slope: 0.2}",
            *(f"optim.{role}={{lr: 1e-4, betas: [0.0, 0.9]}}" for role in ("generator", "critic")),
        ),
    ),
    "mnist_dcgan": Contestant("mnist_dcgan", (1, 3, 5, 10)),
    "mnist_mlp": Contestant("mnist_mlp", (1, 3)),
}


def textbook_points(
    contestant: Contestant, dataset: ImageSet, reference: Reference, device: torch.device, keep: page.Keep
) -> None:
    """Train the textbook loop for the longest budget and score it along the way."""
    recipe = load_recipe(contestant.recipe, contestant.settings)
    quiet = recipe.replaced(engine="eager", amp="off", threads=torch.get_num_threads())
    networks = build_state(quiet, dataset, device, tune=False).networks
    generator, critic = (textbook.plain_copy(networks[role]) for role in ("generator", "critic"))
    loader = textbook.make_loader(dataset, recipe.batch_size)
    loop = textbook.train(generator, critic, loader, recipe, device, "off", detach=True)
    seconds, steps = 0.0, 0
    for minutes in contestant.minutes:
        start = time.perf_counter()
        while seconds + time.perf_counter() - start < 60 * minutes:
            next(loop)
            steps += 1
        common.wait(device)
        seconds += time.perf_counter() - start
        shown = copy.deepcopy(generator).eval()  # as `generate` wants it; the one in training keeps its mode
        keep(minutes, seconds, steps, common.figures(shown, recipe, steps, reference))


def our_points(
    contestant: Contestant, data_root: Path, reference: Reference, device: torch.device, keep: page.Keep
) -> None:
    """Train a recipe once per missing budget, as a user would."""
    with tempfile.TemporaryDirectory() as folder:
        train = partial(wgan_train, contestant, data_root, device)
        train(Path(folder, "first"), ["--steps", "1"])  # from the disk, which later ones find in memory
        _, fixed, each = train(Path(folder, "short"), ["--steps", str(SHORT)])
        for minutes in (each for each in contestant.minutes if each not in keep.minutes):
            for number in range(TRIES):
                steps = max(1, int((SURE * 60 * minutes - fixed) / each))
                run = Path(folder, f"{minutes:g}-{number}")
                seconds, fixed, each = train(run, ["--steps", str(steps)])
                if seconds <= OVERRUN * 60 * minutes or steps == 1:
                    break
            generator, checkpoint = open_generator(run / "G.pth", device)
            keep(minutes, seconds, checkpoint.step, common.figures(generator, checkpoint.recipe, steps, reference))


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
    dataset = load_images(DATA, arguments.data_root, console.print)
    reference = make_reference(
        DATA, arguments.data_root, device, console.print, count=arguments.images, dataset=dataset
    )
    facts = {**common.facts(device), "settings": {"device": str(device)}, "what": in_words(contestant)}
    anew = arguments.again or contestant.textbook  # whose points are of one run
    keep = page.Keep(name, facts, results, partial(_say, console, name), anew)
    if contestant.textbook:
        textbook_points(contestant, dataset, reference, device, keep)
    else:
        our_points(contestant, arguments.data_root, reference, device, keep)
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
        f"{name}: {point['seconds']:.1f} s, {point['steps']:,} steps: FD {point['fd']:.3g} "
        f"(real images: {point['real_baseline']:.3g}){entropy}"
    )
    if point["seconds"] > OVERRUN * 60 * point["minutes"]:
        console.print(f"note: that is longer than {point['minutes']:g} minutes; the page gives the seconds")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=Path("data"))
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, metavar="NAME", help="of: " + ", ".join(CONTESTANTS))
    parser.add_argument("--minutes-most", type=float, help="leave out longer budgets; this one, where all are")
    parser.add_argument("--images", type=int, default=10_000, help="generated for each evaluation (default 10000)")
    parser.add_argument("--again", action="store_true", help="also what is there")
    parser.add_argument("--page", action="store_true", help="only write the page and the plot from the results")
    arguments = common.parse(parser, "time_to_quality")
    if arguments.quick:
        arguments.minutes_most, arguments.images = arguments.minutes_most or 0.2, 500
    return arguments


def shortened(contestant: Contestant, most: float | None) -> Contestant:
    """Return a contestant limited to budgets of at most `minutes`."""
    if most is None:
        return contestant
    kept = tuple(minutes for minutes in contestant.minutes if minutes <= most)
    return Contestant(contestant.recipe, kept or (most,), contestant.textbook, contestant.settings)


def main() -> None:
    arguments = parse_arguments()
    results = page.Results(arguments.out)
    if not arguments.page:
        for name in arguments.only or CONTESTANTS:
            contestant = shortened(CONTESTANTS[name], arguments.minutes_most)
            if arguments.again or not results.complete(name, contestant.minutes):
                measure(name, contestant, arguments, results)
    if arguments.out.parent == common.RESULTS:
        page.write(results.contestants)


if __name__ == "__main__":
    common.run(main)
