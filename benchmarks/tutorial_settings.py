"""Train the networks of tutorials for equal times with the tutorials' settings and with ours.

    python benchmarks/tutorial_settings.py --data-root data        about two hours on one thread
    python benchmarks/pages.py                                     write the table from the results

Ours are those of a recipe for similar networks: objective, optimizers, schedule, EMA. Each training's steps come from
a short trial, so that a learning rate schedule ends with the time. Results are written one by one; pairs that have one
with the present settings are not trained again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import family

from wgan_cli.outputs.sampling import open_generator
from wgan_cli.recipe import load_recipe, recipe_from_dict
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.runs.run_dir import RunDir

#: Each tutorial's recipe, and ours whose settings its networks get.
OURS = {
    "tutorial_mlp_gan": "mnist_mlp",
    "tutorial_mlp_wgan": "mnist_mlp",
    "tutorial_mlp_wgan_gp": "mnist_mlp",
    "tutorial_conv_wgan_gp": "mnist_dcgan",
    "tutorial_pool_gan": "mnist_dcgan",
    "tutorial_pool_wgan": "mnist_dcgan",
    "tutorial_pool_wgan_gp": "mnist_dcgan",
    "tutorial_dcgan": "mnist_gan_conv",
    "tutorial_cgan": "mnist_gan_conv",
    "tutorial_cvae_gan": "mnist_cvae_gan",
}
TRIAL_STEPS = 100  # the second half is timed


@dataclass(frozen=True)
class Contestant:
    """Networks with settings. name: of its run and picture."""

    name: str
    recipe: dict[str, Any]

    def write(self, folder: Path) -> Path:
        """Write a recipe file; JSON is YAML."""
        path = folder / f"{self.name}.yaml"
        path.write_text(json.dumps(self.recipe), encoding="utf-8")
        return path


def contestants(tutorial: str) -> dict[str, Contestant]:
    """Return a tutorial's networks with its own settings (`theirs`) and with `ours`."""
    theirs, ours = load_recipe(tutorial).as_dict(), load_recipe(OURS[tutorial]).as_dict()
    mixed = {**ours, "model": theirs["model"]}
    return {"theirs": Contestant(tutorial, theirs), "ours": Contestant(f"{tutorial}-ours", mixed)}


def steps_in(minutes: float, contestant: Contestant, arguments: argparse.Namespace) -> int:
    """Return the number of steps that take this long, from a short trial."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")
        every = ("--set", f"log_every={TRIAL_STEPS // 2}")
        family.train(str(contestant.write(Path(folder))), run, arguments, "--steps", TRIAL_STEPS, *every)
        first, second = read_metrics(RunDir(run).metrics_file)
    seconds_per_step = (second["seconds"] - first["seconds"]) / (second["step"] - first["step"])
    return max(1, round(60 * minutes / seconds_per_step))


def measure(contestant: Contestant, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train for some minutes, score the generator and draw a strip."""
    steps = steps_in(arguments.minutes, contestant, arguments)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, contestant.name)
        spent = family.train(str(contestant.write(Path(folder))), run, arguments, "--steps", steps)
        generator, checkpoint = open_generator(run / "G.pth", arguments.device)
        picture = arguments.pictures / f"{contestant.name}-{arguments.minutes:g}min.png"
        family.draw_strip(run, checkpoint, arguments.data_root.resolve(), picture)
        scores = family.scores(run, generator, checkpoint, arguments)
    spent_on = {"seconds": common.four_digits(spent.seconds), "steps": steps}
    return {"recipe": contestant.recipe, **spent_on, "picture": picture.name, **scores}


def is_current(tutorial: str, result: dict[str, Any]) -> bool:
    """Return True if both trainings of a result have the present settings."""
    sides = contestants(tutorial).items()
    return all(family.is_current(result[side], recipe_from_dict(each.recipe, tutorial)) for side, each in sides)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=Path("data"))
    parser.add_argument("--minutes", type=float, default=5.0, help="for each training, without start-up (default 5)")
    parser.add_argument("--only", nargs="+", metavar="RECIPE", default=OURS, choices=OURS)
    parser.add_argument("--images", type=int, default=family.IMAGES, help="generated for each evaluation")
    arguments = common.parse(parser, "tutorial_settings")
    arguments.settings = []
    if arguments.quick:
        arguments.minutes, arguments.images = 0.1, 500
    folder = family.PICTURES.parent if arguments.out.parent == common.RESULTS else arguments.out.parent
    arguments.pictures = folder / "tutorial_settings"
    return arguments


def main() -> None:
    arguments, console = parse_arguments(), common.make_console()
    found = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out.exists() else {}
    for tutorial in arguments.only:
        known = found.get(tutorial)
        if known and known["minutes"] == arguments.minutes and is_current(tutorial, known):
            continue
        result = {**common.facts(arguments.device), "settings": {"device": str(arguments.device)}}
        result |= {"minutes": arguments.minutes, "our_recipe": OURS[tutorial]}
        result |= {side: measure(each, arguments) for side, each in contestants(tutorial).items()}
        result["cores_used_by_others"].append(common.cores_in_use())
        found[tutorial] = result
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        scored = ", ".join(f"{side} FD {result[side]['fd']:.3g}" for side in ("theirs", "ours"))
        console.print(f"{tutorial}, {arguments.minutes:g} minutes each: {scored}")


if __name__ == "__main__":
    common.run(main)
