"""Each member of the family by its own recipe: how long it takes, how good it is, and what it looks like.

    python benchmarks/family.py --data-root data                 about an hour and a half on two cores
    python benchmarks/family.py --data-root data --only mnist_gan mnist_hinge
    python benchmarks/readme.py                                  writes the README's table from the results

For each recipe one `wgan train` in a process of its own, by all its steps, and a stopwatch around the whole of it. The
averaged generator is then measured as by `wgan evaluate`, and a strip of its samples drawn into docs/family/. Each
result is kept as it comes; a recipe whose settings are those of its result is not trained again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import common
import torch
from budget import figures
from PIL import Image

from wgan_cli.data import load_images
from wgan_cli.errors import WganError
from wgan_cli.evaluation.evaluate import Reference, make_reference
from wgan_cli.outputs.sampling import load_generator
from wgan_cli.recipe import load_recipe
from wgan_cli.recipe.data_settings import DataSettings

PICTURES = Path(__file__).parents[1] / "docs" / "family"
#: In the table's order, with the paper that the recipe as a whole is after.
MEMBERS = {
    "mnist_gan": "Goodfellow et al. 2014",
    "mnist_gan_conv": "Radford et al. 2016",
    "mnist_wgan": "Arjovsky et al. 2017",
    "mnist_wgan_conv": "Arjovsky et al. 2017",
    "mnist_mlp": "Gulrajani et al. 2017",
    "mnist_dcgan": "Gulrajani et al. 2017",
    "mnist_cgan": "Mirza and Osindero 2014",
    "mnist_cdcgan_gp": "Miyato and Koyama 2018",
    "mnist_lsgan": "Mao et al. 2017",
    "mnist_hinge": "Miyato et al. 2018",
    "mnist_r1": "Mescheder et al. 2018",
    "mnist_r3gan": "Huang et al. 2024",
}
IMAGES = 10_000
IN_A_STRIP = 10
SCALE = 2
UNWATCHED = ("--quiet", "--set=eval_every=null")  # what measures while it trains has no place on the stopwatch


def wgan(*words: object) -> float:
    """Run a command of the program; the seconds that it took. Raises: WganError where it fails, with what it said."""
    command = [sys.executable, "-m", "wgan_cli", *map(str, words)]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise WganError(f"wgan {words[0]} failed: {done.stderr.strip()[-500:]}", f"try it: {' '.join(command)}")
    return time.perf_counter() - start


@cache
def reference_for(data: DataSettings, data_root: Path, device: torch.device, images: int) -> Reference:
    """What generators of a set are measured against; made once, for it takes as long as some trainings."""
    quiet = common.make_console().print
    return make_reference(data, data_root, device, quiet, images, load_images(data, data_root, quiet))


def measure(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train a recipe, measure its generator, and draw its strip."""
    device, more = arguments.device, [f"--set={setting}" for setting in arguments.settings]
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, name)
        where = ("--out", run, "--data-root", arguments.data_root.resolve(), "--device", device)
        seconds = wgan("train", "--recipe", name, *where, *UNWATCHED, *more)
        generator, checkpoint = load_generator(run / "G.pth", device)
        recipe = checkpoint.recipe
        draw_strip(run, arguments.pictures / f"{name}.png")
    reference = reference_for(recipe.data, arguments.data_root, device, arguments.images)
    return {
        **common.facts(device),
        "settings": {"device": str(device)},
        "recipe": load_recipe(name, arguments.settings).as_dict(),
        "paper": MEMBERS.get(name, recipe.objective.paper),
        "seconds": common.four_digits(seconds),
        "steps": checkpoint.step,
        "parameters": sum(parameter.numel() for parameter in generator.parameters()),
        **figures(generator, recipe, checkpoint.step, reference),
    }


def draw_strip(run: Path, path: Path) -> None:
    """A row of samples, enlarged by whole pixels; where they have classes, one of each in turn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wgan("sample", "--ckpt", run / "G.pth", "-n", IN_A_STRIP, "--rows", 1, "--out", path)
    with Image.open(path) as picture:
        width, height = picture.size
        picture.resize((SCALE * width, SCALE * height), Image.Resampling.NEAREST).save(path, optimize=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=Path("data"))
    parser.add_argument("--only", nargs="+", metavar="RECIPE", default=MEMBERS, help="of: " + ", ".join(MEMBERS))
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE", help="for all")
    parser.add_argument("--images", type=int, default=IMAGES, help=f"generated for each evaluation (default {IMAGES})")
    parser.add_argument("--again", action="store_true", help="also recipes that have a result")
    arguments = common.parse(parser, "family")
    if arguments.quick:
        arguments.settings += ["steps=20"]
        arguments.images = 500
    arguments.pictures = PICTURES if arguments.out.parent == common.RESULTS else arguments.out.parent / "family"
    return arguments


def _place(name: str) -> int:
    """Of a recipe in the table; one that is no member comes last."""
    return [*MEMBERS, name].index(name)


def main() -> None:
    arguments, console = parse_arguments(), common.make_console()
    found = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out.exists() else {}
    for name in arguments.only:
        wanted = load_recipe(name, arguments.settings).as_dict()
        if not arguments.again and found.get(name, {}).get("recipe") == wanted:
            continue
        result = measure(name, arguments)
        result["cores_used_by_others"].append(common.cores_in_use())
        found[name] = result
        found = {each: found[each] for each in sorted(found, key=_place)}
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        console.print(
            f"{name}: {result['seconds'] / 60:.1f} min, {result['steps']:,} steps, distance {result['distance']:.3g} "
            f"(real images: {result['real_distance']:.3g})"
        )


if __name__ == "__main__":
    common.run(main)
